"""An exchange that answers anything: each answer of the one in memory may be replaced, by the dice of a seed, by what no exchange
should say. What it did stays true (`executed`, `orders`); what it says need not be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from engine.venues.live import ids
from engine.venues.port import Accepted, Balance, Clock, Flow, NotFound, Refused, Request, Rules, Seen, Trade, Unknown
from tests.venues.live.exchange import MemoryPort

HOUR = 3_600_000
NUMBERS: tuple[Any, ...] = (
    Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal(-1), Decimal(0), Decimal("1e30"), Decimal("1e-30"),
    Decimal("12345.678901"), None, "1.0", 1.5, float("nan"), [],
)  # fmt: skip
TIMES: tuple[Any, ...] = (0, -1, 1_700_000_000, 10**15, 10**30, None, "2026-01-01", 1.5)
JUNK: tuple[Any, ...] = (None, "", "<html>", b"", 0, -1, [], [None], {}, {"a": 1}, [[]], object, ["x"] * 30_000, True)
WAITS: tuple[Any, ...] = (-5, 10**12, None, "soon", float("inf"), 1_000, 3_600_000)


@dataclass
class HostilePort(MemoryPort):
    """`lies`: the chance that an answer is one; `skew` what its clock is off by, ms; `calls` what was asked of it."""

    lies: float = 0.0
    skew: int = 0
    calls: int = 0
    tag: str = ""
    watch: Callable[[Request], None] = field(default=lambda request: None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.liar = Random(f"lies {self.seed}")

    def _said(self, truth: Any, *lies: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.liar.random() >= self.lies:
            return truth
        lie = self.liar.choice([self._junk, *lies, *lies])()
        if lie is Raised:
            raise ValueError("a fault in an adapter")
        return lie

    def _junk(self) -> Any:
        pick = self.liar.choice
        return pick(
            [pick(JUNK), Raised, Unknown("no answer", pick(WAITS)), NotFound(), Refused("guard", "no", "other")]
        )

    def _one(self, known: Sequence[Any]) -> Any:
        return self.liar.choice(known) if known else None

    # ---- orders ------------------------------------------------------------------------------------------------------------
    def place(self, request: Request) -> Any:
        self.watch(request)
        return self._said(
            super().place(request),
            lambda: Accepted(self.liar.choice(["", None, 7, "v1", "x" * 10_000, "new"]), 0),  # type: ignore[arg-type]
            lambda: Refused(self.liar.choice(["guard", "", None, "NEW_CODE"]), "", self.liar.choice(["x", "funds"])),  # type: ignore[arg-type]
        )

    def cancel(self, symbol: str, client_id: str, venue_id: str) -> Any:
        return self._said(
            super().cancel(symbol, client_id, venue_id), lambda: Accepted("", 0), lambda: Refused("x", "", "auth")
        )

    def look_up(self, symbol: str, client_id: str, venue_id: str, since: int = 0) -> Any:
        truth = super().look_up(symbol, client_id, venue_id)
        others = [self._seen(order) for order in self.orders.values()]
        of = truth if isinstance(truth, Seen) else self._one(others)
        return self._said(truth, NotFound, lambda: self._bent(of), lambda: self._bent(of), lambda: self._one(others))

    def open_orders(self, symbols: Sequence[str]) -> Any:
        return self._list_of_orders(super().open_orders(symbols))

    def orders_since(self, symbol: str, ts: int) -> Any:
        return self._list_of_orders(super().orders_since(symbol, ts))

    def _list_of_orders(self, truth: Any) -> Any:
        rows = truth if isinstance(truth, list) else []
        every = [self._seen(order) for order in self.orders.values()]
        return self._said(
            truth, list, lambda: [self._bent(one) for one in every], lambda: every[::-1], lambda: [*rows, self._ours()],
            lambda: [self._ours() for _ in range(300)], lambda: rows + rows, lambda: [None, *rows],
        )  # fmt: skip

    def _ours(self) -> Seen:
        """An order by an id of this installation that it never sent."""
        client = ids.client_id(self.tag, f"invented {self.liar.random()}") if self.tag else "0" * 32
        return Seen(client, f"i{self.liar.random()}", "BTC/USD", "sell", "open", Decimal(1), Decimal(0), self.now_ms)

    def _bent(self, one: Seen | None) -> Any:
        """An order with one or two words changed."""
        pick = self.liar.choice
        if one is None:
            return None
        changes: tuple[Callable[[], dict[str, Any]], ...] = (
            lambda: {"filled": pick([one.qty, one.qty * 2, one.qty / 2, *NUMBERS])}, lambda: {"qty": pick(NUMBERS)},
            lambda: {"state": pick(["open", "filled", "cancelled", "expired", "rejected", "gone", None])},
            lambda: {"state": "cancelled", "filled": Decimal(0)}, lambda: {"side": pick(["buy", "sell", "SELL", None])},
            lambda: {"symbol": pick(["ETH/USD", "BTC/USD", "XBT/USD", "", None])}, lambda: {"ts": pick(TIMES)},
            lambda: {"venue_id": pick(["", None, "v1", "v2"])}, lambda: {"client_id": pick(["", None, "somebody"])},
        )  # fmt: skip
        return replace(one, **(pick(changes)() | pick(changes)()))

    # ---- executions ----------------------------------------------------------------------------------------------------------
    def trades_since(self, symbol: str, ts: int) -> Any:
        truth = super().trades_since(symbol, ts)
        rows = truth if isinstance(truth, list) else []
        every = [trade for _, trade in self.executed] or [self._invented()]
        return self._said(
            truth, list, lambda: rows[::-1], lambda: rows + rows, lambda: [*rows, self._wrong(self._one(every))],
            lambda: [*rows, self._wrong(self._invented())], lambda: [self._wrong(one) for one in every],
            lambda: [*rows, self._invented()], lambda: [*rows, replace(self._one(every), qty=Decimal("0.5"))],
            lambda: [replace(self._invented(), client_id="", venue_id=f"w{n}", trade_id=f"w{n}") for n in range(400)],
            lambda: [replace(self._invented(), client_id="somebody", trade_id=f"s{n}") for n in range(900)],
        )  # fmt: skip

    def _invented(self) -> Trade:
        """An execution that never was, of an order of ours where there is one."""
        order = self._one(list(self.orders.values()))
        client, venue_id = (order.request.client_id, order.venue_id) if order else ("0" * 32, "v0")
        qty = Decimal(self.liar.choice(["0.01", "0.04", "1", "1000"]))
        return Trade(
            f"z{self.liar.random()}", venue_id, client, "BTC/USD", self.liar.choice(["buy", "sell"]), qty,
            self.price.get("BTC/USD", Decimal(1)), Decimal(0), "USD", False, self.now_ms,
        )  # fmt: skip

    def _wrong(self, one: Trade) -> Any:
        pick = self.liar.choice
        changes: tuple[Callable[[], dict[str, Any]], ...] = (
            lambda: {"qty": pick([one.qty * 1_000, one.qty / 3, *NUMBERS])}, lambda: {"ts": pick(TIMES)},
            lambda: {"price": pick([one.price * 1_000, one.price / 1_000, *NUMBERS])},
            lambda: {"fee": pick([one.qty * one.price * 9, *NUMBERS])}, lambda: {"fee_currency": pick(["BTC", None, "DOGE"])},
            lambda: {"side": pick(["buy", "sell", None])}, lambda: {"symbol": pick(["ETH/USD", None])},
            lambda: {"trade_id": pick(["", None, "t1", f"n{self.liar.random()}"])}, lambda: {"maker": None},
            lambda: {"client_id": pick(["", None, "somebody"])}, lambda: {"venue_id": pick(["", None, "v1", "v2"])},
        )  # fmt: skip
        return replace(one, **(pick(changes)() | pick(changes)()))

    # ---- the account ---------------------------------------------------------------------------------------------------------
    def balances(self) -> Any:
        pick = self.liar.choice
        return self._said(
            super().balances(), dict, lambda: {"BTC": Balance(pick(NUMBERS), pick(NUMBERS))},
            lambda: {"BTC": Balance(Decimal(0), Decimal(0))},
        )  # fmt: skip

    def flows_since(self, ts: int, currencies: Sequence[str] = ()) -> Any:
        pick = self.liar.choice
        return self._said(
            super().flows_since(ts, currencies),
            lambda: [Flow(pick(["f", "", None, self._name()]), "USD", pick(NUMBERS), self.now_ms, "")],
            lambda: [Flow(self._name(), "USD", Decimal(pick(["-999999", "1e15"])), self.now_ms, "")],
        )  # fmt: skip

    def _name(self) -> str:
        return f"f{self.liar.random()}"

    def rules(self, symbol: str) -> Any:
        pick = self.liar.choice
        good = super().rules(symbol)
        assert isinstance(good, Rules)
        return self._said(
            good, lambda: replace(good, tick=pick(NUMBERS)), lambda: replace(good, lot=pick(NUMBERS)),
            lambda: replace(good, symbol="XBT/USD"), lambda: replace(good, tick=Decimal(10**9)),
        )  # fmt: skip

    def sync(self) -> Any:
        def jump() -> Clock:
            self.skew = self.liar.choice([0, HOUR, -HOUR, 5 * HOUR, -5 * HOUR])
            return Clock(self.skew, 20)

        return self._said(super().sync(), jump, jump, lambda: Clock(None, -1))  # type: ignore[arg-type]

    def now(self) -> int:
        return self.now_ms + self.skew


class Raised:
    """Says that the answer is an exception."""
