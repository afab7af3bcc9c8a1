"""A market made from a seed: every print of every symbol, the messages that tell of it, and the exchange's REST answers.

What happened is decided here once; how it is told (late, twice, not at all) is decided in feed.py. No clock: callers say up to
when they may look.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.crash.session import Truth

SECOND, MINUTE = 1000, 60_000
LOTS = 1_000_000


@dataclass(frozen=True)
class Listing:
    """One symbol: its prices are whole cents, its sizes millionths; `cents` is the price it begins with."""

    symbol: str
    cents: int

    @property
    def id(self) -> str:
        return self.symbol.replace("/", "-")


LISTED = (Listing("BTC/USD", 5_000_000), Listing("ETH/USD", 300_000), Listing("SOL/USD", 15_000))


@dataclass(frozen=True)
class Print:
    """One trade of the market: ms UTC, cents, millionths, id."""

    ts: int
    cents: int
    lots: int
    id: int


def price_text(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def size_text(lots: int) -> str:
    return f"{lots // LOTS}.{lots % LOTS:06d}"


@dataclass
class Market:
    """The symbols of one seed. `busy` is the share of seconds with prints, `swing` the deviation of a second's log return."""

    seed: int
    busy: float = 0.4
    swing: float = 0.0006
    begin_ms: int = 0
    """Minutes before this are candles alone: nobody asks for their prints."""
    _walks: dict[str, _Walk] = field(default_factory=dict)

    def prints(self, symbol: str, start: int, end: int) -> list[Print]:
        """Every print with start <= ts < end, in order."""
        return list(self._walk(symbol).between(start, end))

    def second(self, symbol: str, ts: int) -> list[Print]:
        return self._walk(symbol).at(ts)

    def candles(self, symbol: str, start: int, end: int) -> list[list[Any]]:
        """[ts, open, high, low, close, volume] of each minute in [start, end) that had prints, numbers as text; a running one
        as it stands at `end`."""
        rows = []
        for minute in range(start // MINUTE * MINUTE, end, MINUTE):
            row = (
                self._walk(symbol).minute(minute)
                if minute + MINUTE <= end
                else _row(minute, self.prints(symbol, minute, end))
            )
            if minute >= start and row:
                ts, opened, high, low, close, lots = row
                rows.append([ts, *map(price_text, (opened, high, low, close)), size_text(lots)])
        return rows

    def standing(self, symbol: str, ts: int) -> int:
        """The price in cents at `ts`."""
        return self._walk(symbol).price(ts)

    def truth(self, symbols: list[str], start: int, end: int) -> Truth:
        """Every second of the market, as tests/crash/proofs.py wants it."""
        seconds = {}
        for i, symbol in enumerate(symbols):
            for ts in range(start // SECOND * SECOND, end, SECOND):
                if found := self.second(symbol, ts):
                    cents = [one.cents for one in found]
                    volume = sum(one.lots for one in found) / LOTS
                    seconds[i, ts] = (cents[0], max(cents), min(cents), cents[-1], volume)
        return Truth(seconds)

    def _walk(self, symbol: str) -> _Walk:
        if symbol not in self._walks:
            listed = next(one for one in LISTED if one.symbol == symbol)
            self._walks[symbol] = _Walk(f"{self.seed}:{symbol}", listed.cents, self.busy, self.swing, self.begin_ms)
        return self._walks[symbol]


class _Walk:
    """One symbol's prices: a walk over minutes, made minute by minute in any order from the seed alone."""

    def __init__(self, name: str, cents: int, busy: float, swing: float, begin_ms: int) -> None:
        self.name, self.cents, self.busy, self.swing, self.begin_ms = name, cents, busy, swing, begin_ms
        self._minutes: dict[int, dict[int, list[Print]]] = {}
        self._rows: dict[int, tuple[int, ...]] = {}
        self._edges: dict[int, int] = {}

    def at(self, ts: int) -> list[Print]:
        return self._minute(ts // MINUTE * MINUTE).get(ts // SECOND * SECOND, [])

    def between(self, start: int, end: int) -> Iterator[Print]:
        for second in range(start // SECOND * SECOND, end, SECOND):
            for one in self.at(second):
                if start <= one.ts < end:
                    yield one

    def minute(self, ts: int) -> tuple[int, ...] | None:
        if ts + MINUTE <= self.begin_ms:
            first, last = self._edge(ts), self._edge(ts + MINUTE)
            return (ts, first, max(first, last) + 3, max(min(first, last) - 3, 1), last, LOTS)
        self._minute(ts)
        return self._rows.get(ts)

    def price(self, ts: int) -> int:
        last = [one.cents for one in self.between(ts // MINUTE * MINUTE, ts + 1)]
        return last[-1] if last else self._edge(ts // MINUTE * MINUTE)

    def _edge(self, minute: int) -> int:
        """The price at the beginning of a minute: waves of several lengths, so that any minute can be made alone."""
        if minute not in self._edges:
            group = minute // (8 * MINUTE)
            dice = random.Random(f"{self.name}:{group}")
            for here in range(8):
                knot = dice.gauss(0, self.swing * 25)
                self._edges[group * 8 * MINUTE + here * MINUTE] = max(int(self.cents * (1 + knot)), 100)
        return self._edges[minute]

    def _minute(self, minute: int) -> dict[int, list[Print]]:
        if minute not in self._minutes:
            self._minutes[minute] = self._made(minute)
            row = _row(minute, [one for second in self._minutes[minute].values() for one in second])
            if row:
                self._rows[minute] = row
        return self._minutes[minute]

    def _made(self, minute: int) -> dict[int, list[Print]]:
        dice = random.Random(f"{self.name}:prints:{minute}")
        begin, end = self._edge(minute), self._edge(minute + MINUTE)
        made: dict[int, list[Print]] = {}
        number = minute // SECOND * 8
        for second in range(60):
            if dice.random() >= self.busy:
                continue
            ts = minute + second * SECOND
            base = begin + (end - begin) * second / 60
            rows = []
            for at in sorted(dice.randrange(SECOND) for _ in range(dice.choice((1, 1, 1, 2, 3)))):
                number += 1
                cents = max(int(base * (1 + dice.gauss(0, self.swing))), 1)
                rows.append(Print(ts + at, cents, dice.randrange(1, 3 * LOTS), number))
            made[ts] = rows
        return made


def _row(minute: int, found: list[Print]) -> tuple[int, ...] | None:
    """A minute's candle; None without a print."""
    if not found:
        return None
    cents = [one.cents for one in found]
    return (minute, cents[0], max(cents), min(cents), cents[-1], sum(one.lots for one in found))
