"""Money that banks move to and from a Binance account: told once it is there, asked for as seldom as its weight wants."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.sandbox.trading.terms import atoms
from engine.venues.adapters import _binance_flows as flows
from engine.venues.port import Flow, Unknown
from tests.venues.benches import Bench
from tests.venues.live.life import LOT
from tests.venues.played import NOW, opened
from tests.venues.test_lives_on_exchanges import begun

MINUTE = 60_000


def told(found: Any) -> list[tuple[str, Decimal]]:
    assert not isinstance(found, Unknown), found
    return [(one.currency, one.amount) for one in found]


def test_fiat_comes_and_goes_and_is_asked_for_seldom() -> None:
    b = Bench("binance", begin={"USD": "1000"})
    b.wait(MINUTE)
    b.opened.venue.transfer("USD", atoms("250"), b.now)
    seen: dict[str, Decimal] = {}
    for n in range(90):  # three quarters of an hour of the engine's rounds, each from two minutes before the last
        if n == 50:
            b.opened.venue.transfer("USD", -atoms("40.5"), b.now)
        found = b.port.flows_since(b.now - 2 * MINUTE, ["USD"])
        assert isinstance(found, list)
        seen |= {one.flow_id: one.amount for one in found}
        b.wait(30_000)
    assert list(seen.values()) == [Decimal(250), Decimal("-40.5")], "whenever it was completed"
    asked = [one for one in b.asked if one.endswith("fiat/orders")]
    assert 6 <= len(asked) <= 10, "two directions, every ten minutes"
    b.port.flows_since(b.now, ["USDT", "BTC"])
    assert len([one for one in b.asked if one.endswith("fiat/orders")]) == len(asked), "coins need no bank"


def answering(*orders: dict[str, Any], total: int | None = None) -> Any:
    def say(_method: str, path: str, _asked: Any) -> Any:
        if path.endswith("fiat/orders"):
            count = len(orders) if total is None else total
            return 200, {"code": "000000", "message": "success", "data": list(orders), "total": count, "success": True}
        return 200, []

    return opened("binance", say)[0]


def order(number: str, status: str, **more: Any) -> dict[str, Any]:
    made = {"orderNo": number, "fiatCurrency": "EUR", "indicatedAmount": "29.99", "amount": "28.49", "totalFee": "1.50"}
    times = {"createTime": NOW - 10_000_000, "updateTime": NOW - 10_000}
    return {**made, "method": "bank transfer", "status": status, **times, **more}


def test_only_what_is_done_counts_from_when_it_was_done_and_a_fee_leaves_too() -> None:
    states = ("Successful", "Finished", "Processing", "Failed", "Refunded", "Order Partial credit Stopped", "Expired")
    port = answering(*(order(f"n{i}", state) for i, state in enumerate(states)))
    assert told(port.flows_since(NOW - 20_000, ["EUR"])) == [("EUR", Decimal("28.49"))] * 2
    assert told(port.flows_since(NOW - 20_000, ["USDT"])) == []
    gone = flows._fiat(order("n", "Successful"), 1)
    assert gone == Flow("fwn", "EUR", Decimal("-29.99"), NOW - 10_000, "withdrawal")


def test_a_list_that_is_not_whole_says_nothing() -> None:
    assert isinstance(answering(order("n", "Successful"), total=2).flows_since(NOW - 5, ["EUR"]), Unknown)
    assert isinstance(answering(order("n", "Successful", updateTime="soon")).flows_since(NOW - 5, ["EUR"]), Unknown)


def test_a_coin_that_waited_for_its_confirmations_counts_from_when_they_were_there() -> None:
    row = {"id": "9", "amount": "5", "coin": "USDT", "status": 1, "insertTime": NOW - 10_000_000,
           "completeTime": NOW - 10_000}  # fmt: skip
    port, _ = opened("binance", lambda _m, path, _a: (200, [row] if path.endswith("hisrec") else []))
    assert told(port.flows_since(NOW - 20_000, ["USDT"])) == [("USDT", Decimal(5))]


def test_capital_moves_with_the_banks_money(tmp_path: Path) -> None:
    life, port = begun(tmp_path, "binance")
    before = life.trader.machine.account["cash"][0]
    for _ in range(3):
        life.second(life.price)
        life.pump(4, 10_000)
    port.bench.opened.venue.transfer("USD", atoms("250"), port.bench.now)
    for _ in range(16):
        life.second(life.price)
        life.pump(4, 10_000)
    assert LOT * int(life.trader.machine.account["cash"][0] - before) == 250
    (row,) = life.rows("SELECT * FROM cash_flow")
    assert (row.amount, row.currency, bool(row.taken)) == (250.0, "USD", True)
    life.audited()
