"""The exchange's stream without a socket: messages as the exchange words them, through the real feed's own reader, with faults.

What is lost here is asked for by REST; nothing of a fault changes what the market was.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.core.types import Instrument
from engine.market.events import Connected, Disconnected, Event
from engine.market.feeds import coinbase
from engine.market.feeds._socket import Continuity, StreamFeed
from engine.market.wire import listing
from engine.sandbox.wire import rfc3339
from tests.simulation.market import SECOND, Market, Print, price_text, size_text

BEAT_EVERY = 2
BATCHED_MS = 200
GARBAGE = (
    b"", b"{", b"null", b"[]", b"\xff\xfe\x00", b"<html>502</html>", b'{"channel":7}', b'{"type":"error","message":"slow down"}',
    b'{"channel":"market_trades","timestamp":"yesterday","events":[]}',
    b'{"channel":"market_trades","timestamp":"2026-01-01T00:00:00Z","events":[{"trades":[{}]}]}',
)  # fmt: skip
BAD_QUOTE = (
    b'{"channel":"ticker","timestamp":"2026-01-01T00:00:00Z","events":[{"tickers":'
    b'[{"product_id":"BTC-USD","best_bid":"-1","best_ask":"NaN"}]}]}'
)
WRONG = {
    "price": ("0", "-1", "NaN", "1e308", "Infinity", "", "50,000", None, [], "9" * 40),
    "size": ("-1", "NaN", "inf", "", None, {}),
    "time": ("", "soon", None, "2026-13-45T99:00:00Z", "9999-01-01T00:00:00Z"),
    "product_id": ("DOGE-USD", "", None),
    "trade_id": (None, ""),
}


@dataclass
class Faults:
    """Chances per message, and what is going on: `silent_until` and `gone_until` are ms of exchange time."""

    twice: float = 0.0
    swapped: float = 0.0
    lost: float = 0.0
    garbage: float = 0.0
    silent_until: int = 0
    gone_until: int = 0


class SimulatedFeed:
    """A stream of the run's symbols. `deliver` is the market going on; all of it reaches the assembler on the caller's thread."""

    polling = False

    def __init__(
        self, market: Market, listed: Sequence[Instrument], on_event: Callable[[Event], None], dice: random.Random,
        faults: Faults, grace_ms: int = 1000,
    ) -> None:  # fmt: skip
        self.market, self.on_event, self.dice, self.faults, self.grace_ms = market, on_event, dice, faults, grace_ms
        self.symbols = [one.symbol for one in listed]
        self.reader = StreamFeed(coinbase, listing(listed, coinbase.native), on_event)
        self.connected, self.started, self.last_error = False, False, ""
        self.cursor = 0
        self._held: list[bytes] = []

    @property
    def counters(self) -> Counter[str]:
        return self.reader.counters

    def start(self) -> None:
        self.started = True

    def stop(self, timeout: float = 3.0) -> None:
        self.started = self.connected = False

    def deliver(self, now: int) -> None:
        """Everything that the exchange says up to `now`, as far as it reaches us."""
        if not self.started:
            return
        if now < self.faults.gone_until:
            self._lose("reset by the simulation")
            return
        if not self.connected:
            self._connect(now)
        while self.cursor + SECOND <= now:
            self._second(self.cursor)
            self.cursor += SECOND

    def _connect(self, now: int) -> None:
        self.connected, self.number, self.cursor = True, 0, now // SECOND * SECOND
        self.continuity = Continuity(coinbase.SILENCE_MS, grace_ms=self.grace_ms)
        self._held = []
        self.reader.counters["connects"] += 1
        self.on_event(Connected(0))

    def _lose(self, reason: str) -> None:
        if self.connected:
            self.connected, self.last_error = False, reason
            self.reader.counters["disconnects"] += 1
            self.on_event(Disconnected(self.cursor, reason))

    def _second(self, ts: int) -> None:
        prints = [(one, symbol.replace("/", "-")) for symbol in self.symbols for one in self.market.second(symbol, ts)]
        batch: list[tuple[Print, str]] = []
        for one in sorted(prints, key=lambda told: (told[0].ts, told[1])):
            if batch and one[0].ts - batch[0][0].ts > BATCHED_MS:
                self._tell(batch)
                batch = []
            batch.append(one)
        if batch:
            self._tell(batch)
        if ts // SECOND % BEAT_EVERY == 0:
            events = [{"current_time": "", "heartbeat_counter": self.number}]
            self._send(self._message("heartbeats", ts + SECOND, events))

    def _tell(self, batch: list[tuple[Print, str]]) -> None:
        """Prints that lie so close together go out as one message, and the quote behind them."""
        trades = [
            {"trade_id": str(one.id), "product_id": product, "price": price_text(one.cents),
             "size": size_text(one.lots), "time": rfc3339(one.ts), "side": "BUY"}
            for one, product in batch
        ]  # fmt: skip
        ts = batch[-1][0].ts
        self._send(self._message("market_trades", ts, [{"type": "update", "trades": trades}]))
        if self.number % 3 == 0:
            self._send(self._message("ticker", ts, [{"type": "update", "tickers": [self._quote(trades[-1])]}]))

    def _quote(self, trade: dict[str, Any]) -> dict[str, Any]:
        cents = round(float(trade["price"]) * 100)
        spread = max(cents // 20_000, 1)
        return {
            "product_id": trade["product_id"],
            "best_bid": price_text(cents - spread),
            "best_ask": price_text(cents + spread),
        }

    def _message(self, channel: str, ts: int, events: list[dict[str, Any]]) -> bytes:
        message = {"channel": channel, "timestamp": rfc3339(ts), "sequence_num": self.number, "events": events}
        self.number += 1
        return orjson.dumps(message)

    def _send(self, text: bytes) -> None:
        """One message on its way: lost, twice, behind the next one, or beside garbage."""
        faults, dice = self.faults, self.dice
        if self.cursor < faults.silent_until or dice.random() < faults.lost:
            return
        if dice.random() < faults.garbage:
            self._take(self._garbage(text))
        if dice.random() < faults.swapped and not self._held:
            self._held.append(text)
            return
        self._take(text)
        if dice.random() < faults.twice:
            self._take(text)
        while self._held:
            self._take(self._held.pop())

    def _garbage(self, text: bytes) -> bytes:
        if self.dice.random() < 0.4:
            return self.dice.choice(GARBAGE)
        if self.dice.random() < 0.3:
            return text[: self.dice.randrange(len(text))]
        message = orjson.loads(text)
        if message["channel"] != "market_trades":
            return BAD_QUOTE
        field = self.dice.choice(sorted(WRONG))
        trade = self.dice.choice(message["events"][0]["trades"])
        trade[field] = self.dice.choice(WRONG[field])
        message["events"][0]["trades"] = [trade]
        del message["sequence_num"]
        return orjson.dumps(message)

    def _take(self, text: bytes) -> None:
        self.reader.take(text, self.continuity)
