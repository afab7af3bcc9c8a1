"""Adapters under an exchange that answers anything over the wire, with a whole live run above: nothing crashes, no order goes out
twice, the books owe nothing, and what never ends ends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.venues import adapters
from engine.venues.adapters import _ccxt
from engine.venues.adapters._ccxt import CALL_MS
from engine.venues.adapters._wire import Incoming, NoAnswer, Outgoing
from engine.venues.port import Clock, Unknown
from tests.venues.test_lives_on_exchanges import OnExchange

from .benches import SPECS, START, Bench
from .live.life import LiveLife

WAITS = ("-1", "1e12", "99999999", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "", "2")
VALUES: tuple[Any, ...] = (
    None, "", "NaN", "Infinity", "-1", "1e400", "-0.5", 0, -1, 10**30, 1.5, True, [], {}, [None], {"a": []}, "x" * 5_000,
    "BTC-EUR", "FILLED", "CANCELLED", "OPEN", "1700000000", 1_700_000_000, "2031-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
)  # fmt: skip
BODIES = (
    b"",
    b"<html>busy</html>",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b"NaN",
    b'{"a":NaN}',
    b"\xff\xfe",
    b"[" * 5_000,
    b'""',
    b"0",
)


class Liar:
    """Answers of a bench's exchange, with a chance of `lies` replaced or bent. `orders` counts what went out by client id."""

    def __init__(self, bench: Bench, seed: int, lies: float) -> None:
        self.bench, self.dice, self.lies = bench, Random(f"wire {seed}"), lies
        self.orders: Counter[str] = Counter()

    def __call__(self, out: Outgoing) -> Incoming:
        if out.method == "POST" and (client := client_of(out)):
            self.orders[client] += 1
        told = self.bench.transport(out)
        if self.dice.random() >= self.lies:
            return told
        return self.dice.choice([self._bent, self._bent, self._bent, self._other, self._status])(told)

    def _other(self, told: Incoming) -> Incoming:
        if self.dice.random() < 0.2:
            raise NoAnswer("reset")
        body = self.dice.choice([*BODIES, b'{"a":"' + b"x" * 2_000_000 + b'"}', told.body[: len(told.body) // 2]])
        return Incoming(told.status, told.headers, body)

    def _status(self, told: Incoming) -> Incoming:
        status = self.dice.choice([204, 301, 302, 307, 400, 401, 403, 404, 409, 418, 429, 500, 502, 503])
        return Incoming(status, {"Retry-After": self.dice.choice(WAITS), "Location": "http://10.0.0.1/"}, told.body)

    def _bent(self, told: Incoming) -> Incoming:
        try:
            data = json.loads(told.body)
        except ValueError:
            return told
        for _ in range(self.dice.randint(1, 3)):
            data = self._changed(data)
        return Incoming(told.status, told.headers, json.dumps(data).encode())

    def _changed(self, data: Any) -> Any:
        """One value of it, somewhere, becomes another; a list may lose, double or turn its rows."""
        if isinstance(data, dict) and data and self.dice.random() < 0.95:
            key = self.dice.choice(sorted(data))
            return {**data, key: self._changed(data[key])}
        if isinstance(data, list) and data and self.dice.random() < 0.9:
            at = self.dice.randrange(len(data))
            more = (lambda: data[::-1], lambda: data + data, lambda: data[:at], lambda: data * 300)
            if self.dice.random() < 0.3:
                return self.dice.choice(more)()
            return [*data[:at], self._changed(data[at]), *data[at + 1 :]]
        return self.dice.choice(VALUES)


def client_of(out: Outgoing) -> str:
    """The client id of an order that goes out; "" for another request."""
    asked = urlsplit(out.url)
    if asked.path.endswith("/brokerage/orders"):
        return str(json.loads(out.body).get("client_order_id"))
    if asked.path.endswith("/v3/order"):
        words = parse_qs(asked.query) | parse_qs(out.body.decode())
        return words["newClientOrderId"][0]
    return ""


def lived(folder: Path, venue: str, seed: int, minutes: int) -> None:
    port = OnExchange(venue)
    liar = Liar(port.bench, seed, 0.0)
    port.bench.port.client.wire.transport = liar  # type: ignore[attr-defined]
    life = LiveLife(folder / "data", port)  # type: ignore[arg-type]
    life.pump(16, 100)
    liar.lies = 0.25
    dice = Random(seed)
    for _ in range(minutes):
        life.minute(life.price + dice.choice([-80, -40, 30, 30, 60]), pumps=6)
        account = life.trader.machine.account[0]
        assert all(count == 1 for count in liar.orders.values()), "an order was sent twice"
        assert account["cash"] >= 0
        assert life.slot["qty"] >= 0
        assert life.slot["direction"] >= 0
        filled = {one.client_order_id: (Decimal(one.filled), Decimal(one.qty)) for one in life.intents()}
        assert all(done <= asked for done, asked in filled.values())
    asked = set(liar.orders)
    life.killed = True
    life.pump(6, 200)
    assert set(liar.orders) == asked, "sent after a kill"
    life.audited()


@pytest.mark.parametrize("venue", sorted(SPECS))
def test_a_life_on_an_exchange_that_answers_anything(tmp_path: Path, venue: str) -> None:
    lived(tmp_path, venue, 1, 4)


@pytest.mark.long
@pytest.mark.parametrize("venue", sorted(SPECS))
@pytest.mark.parametrize("seed", range(2, 42))
def test_lives_on_exchanges_that_answer_anything(tmp_path: Path, venue: str, seed: int) -> None:
    lived(tmp_path, venue, seed, 15)


class Endless:
    """Each page names another one. A request takes `ms` of its clock and says `size` bytes more than it should."""

    def __init__(self, ms: int, size: int = 0) -> None:
        self.now, self.ms, self.size, self.asked = START, ms, size, 0

    def __call__(self, out: Outgoing) -> Incoming:
        self.asked, self.now = self.asked + 1, self.now + self.ms
        page = {
            "fills": [],
            "orders": [],
            "accounts": [],
            "cursor": f"c{self.asked}",
            "has_next": True,
            "x": "x" * self.size,
        }
        return Incoming(200, {}, json.dumps(page).encode())


@pytest.mark.parametrize(
    ("ms", "size", "most"), [(1, 0, 200), (25_000, 0, CALL_MS // 25_000 + 1), (1, 1 << 18, 6)]
)  # fmt: skip
def test_lists_that_never_end_are_left(ms: int, size: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ccxt, "CALL_BYTES", 1 << 20)
    exchange = Endless(ms, size)
    key = Bench("coinbase").key
    port = adapters.make(
        "coinbase", key.name, key.secret, transport=exchange, clock=lambda: exchange.now, steady=lambda: exchange.now
    )
    asks: list[Callable[[], Any]] = [lambda: port.trades_since("BTC/USD", START)]
    if ms > 1:
        asks += [port.balances, lambda: port.look_up("BTC/USD", "0" * 32, "")]
    for ask in asks:
        before = exchange.asked
        assert isinstance(ask(), Unknown)
        assert exchange.asked - before <= most
    before = exchange.asked
    port.trades_since("BTC/USD", START)
    assert exchange.asked > before, "the next call has its own share"


@pytest.mark.parametrize("venue", sorted(SPECS))
def test_a_clock_that_jumps_is_believed_once_it_has_said_so_three_times(venue: str) -> None:
    b, off = Bench(venue), 0

    def telling(out: Outgoing) -> Incoming:
        told = b.transport(out)
        data = json.loads(told.body)
        moved = {key: type(data[key])(int(data[key]) + off) for key in ("serverTime", "epochMillis") if key in data}
        return Incoming(told.status, told.headers, json.dumps(data | moved).encode())

    b.port.client.wire.transport = telling  # type: ignore[attr-defined]
    assert isinstance(b.port.sync(), Clock)
    before = b.port.now()
    off = 5 * 3_600_000
    assert isinstance(b.port.sync(), Unknown)
    off = 0
    assert isinstance(b.port.sync(), Clock)
    assert b.port.now() == before, "one wrong answer moves nothing"
    off = -5 * 3_600_000
    assert [type(b.port.sync()) for _ in range(3)] == [Unknown, Unknown, Clock]
    assert b.port.now() == before + off
