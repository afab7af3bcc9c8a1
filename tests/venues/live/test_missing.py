"""Fills whose trades the exchange does not show: booked by its own figures where the account agrees to the last unit, else a
person's; and shown late, they are booked no second time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from db.models import Command
from db.session import write_session
from engine.venues.live.booker import SHOWN_LATE
from engine.venues.live.mirror import STANDS
from engine.venues.live.missing import Figures, proven
from engine.venues.port import Balance, Trade, Unknown
from tests.venues.benches import SPECS
from tests.venues.live.exchange import MemoryPort
from tests.venues.live.life import GRID, LOT, LiveLife
from tests.venues.test_lives_on_exchanges import OnExchange, agree

MINUTE = 60_000


class Hiding(MemoryPort):
    """Trades are not shown while `hidden`, and `borrowed` coins are missing in the account."""

    hidden = False
    borrowed = Decimal(0)

    def trades_since(self, symbol: str, ts: int) -> list[Trade] | Unknown:
        return [] if self.hidden else super().trades_since(symbol, ts)

    def balances(self) -> dict[str, Balance] | Unknown:
        found = super().balances()
        if not isinstance(found, Unknown):
            found["BTC"] = Balance(self.base - self.borrowed, self.base - self.borrowed)
        return found


class HidingExchange(OnExchange):
    """The same of an exchange of the sandbox behind its adapter."""

    hidden = False

    def trades_since(self, symbol: str, ts: int) -> Any:
        return [] if self.hidden else self.bench.port.trades_since(symbol, ts)


def wait(life: LiveLife, minutes: int, until: Sequence[str] = ()) -> None:
    """The price stands still for so long, or until the entry's state is one of those."""
    for _ in range(minutes * 6):
        life.second(life.price)
        life.now += 9_000
        life.pump(8, 100)
        if until and life.states("entry")[-1] in until:
            return


def entered(folder: Path, port: Any) -> Any:
    """An entry that the exchange calls filled, and whose trades it hides; its intent."""
    life = LiveLife(folder / "data", port)
    life.pump(16, 100)
    port.hidden = True
    life.enter()
    wait(life, 1)
    (intent,) = life.intents("entry")
    assert (intent.state, intent.filled) == ("acked", "0")
    assert intent.reserved > 0
    return life


@pytest.mark.parametrize("venue", sorted(SPECS))
def test_figures_that_the_account_bears_out_are_booked(tmp_path: Path, venue: str) -> None:
    port = HidingExchange(venue)
    life = entered(tmp_path, port)
    cash, before = life.trader.machine.account["cash"][0], port.balances()
    wait(life, 6, ("filled", "canceled"))
    life.pump(10, 200)
    (intent,) = life.intents("entry")
    assert intent.done_ts is not None
    assert intent.reserved == 0
    assert intent.anomaly.startswith("booked by the order's own figures")
    (fill,) = life.rows("SELECT * FROM fill")
    assert fill.venue_trade_id.startswith(STANDS)
    spent = LOT * int(cash - life.trader.machine.account["cash"][0])
    assert abs(spent - (50_000 - before["USD"].total)) < LOT, "the money that left the account, to the last quantum"
    assert 0 <= before["BTC"].total - life.held() < LOT, "the coins that came, down to the lot"
    port.hidden = False
    life.die()
    life.begin()  # a start looks back a day
    life.pump(16, 100)
    wait(life, 1)
    assert len(life.rows("SELECT * FROM fill")) == 1, "shown late, nothing is booked again"
    assert {one.reason for one in life.rows("SELECT reason FROM external_trade")} == {SHOWN_LATE}
    assert life.slot["state"] == 0, "the slot goes on"
    agree(life, port)


def test_what_the_account_does_not_bear_out_is_set_aside_and_told_with_what_to_do(tmp_path: Path) -> None:
    port = Hiding(seed=1)
    life = entered(tmp_path, port)
    port.borrowed = LOT
    wait(life, 13)
    told = [one.title for one in life.rows("SELECT title FROM alert WHERE severity = 'warning'")]
    assert any("fills without trades" in title for title in told), "a person hears early"
    assert life.states("entry") == ["acked"]
    wait(life, 6)
    (intent,) = life.intents("entry")
    assert intent.state == "quarantined"
    assert intent.reserved > 0
    assert intent.reason.startswith("fills without trades: ")
    (alert,) = life.rows("SELECT body FROM alert WHERE title LIKE '%shows no trades%'")
    assert f"live settle {intent.client_order_id} --filled" in alert.body
    assert life.rows("SELECT * FROM fill") == []
    asked = port.asked[intent.client_order_id]
    wait(life, 10)
    assert port.asked[intent.client_order_id] - asked <= 15, "asked seldom"
    life.die()
    life.begin()
    life.pump(16, 100)
    wait(life, 2)
    assert life.states("entry") == ["quarantined"]
    port.hidden = False
    wait(life, 2)
    (intent,) = life.intents("entry")
    assert (intent.state, intent.reserved, intent.anomaly) == ("filled", 0, "")
    assert [one.venue_trade_id for one in life.rows("SELECT * FROM fill")] == ["t1"]
    life.audited()


def test_after_a_restart_nothing_is_measured_and_a_person_accepts_the_figures(tmp_path: Path) -> None:
    port = Hiding(seed=1)
    life = entered(tmp_path, port)
    life.die()
    life.begin()
    wait(life, 18, ("quarantined",))
    (intent,) = life.intents("entry")
    assert intent.state == "quarantined"
    settle(life, intent.client_order_id, filled=False)
    assert "--filled" in answer(life, 1)[1]
    settle(life, intent.client_order_id, filled=True)
    state, words = answer(life, 2)
    assert state == "done", words
    assert words.startswith(f"taken into the books: {intent.qty} for ")
    (intent,) = life.intents("entry")
    assert (intent.state, intent.reserved) == ("filled", 0)
    assert life.held() == port.base
    off = LOT * int(life.trader.machine.account["cash"][0]) - (port.quote - 40_000)
    assert abs(off) < LOT, "the fee is the market's, here the true one"
    life.audited()


def test_an_order_that_turns_out_smaller_is_over_once_the_account_says_so_too(tmp_path: Path) -> None:
    port = Hiding(seed=1)
    life = LiveLife(tmp_path / "data", port)
    life.pump(16, 100)
    port.hold = True
    life.enter()
    (order,) = port.orders.values()
    order.state, order.filled = "cancelled", order.request.qty  # a word that it takes back
    wait(life, 1)
    order.filled = Decimal(0)
    wait(life, 2)
    assert life.states("entry") == ["acked"], "what was once said is filled stays reserved"
    wait(life, 4)
    (intent,) = life.intents("entry")
    assert (intent.state, intent.reserved, intent.filled) == ("canceled", 0, "0")
    assert life.rows("SELECT * FROM fill") == []


def settle(life: LiveLife, order: str, filled: bool) -> None:
    args = {"order": order, "reason": "looked", "filled": filled}
    row = {"uuid": f"{order}{filled}", "run_id": life.run_id, "kind": "settle", "args": args, "source": "cli"}
    with write_session(life.engine) as session:
        session.execute(insert(Command), {**row, "created_ts": life.now})
    wait(life, 1)


def answer(life: LiveLife, number: int) -> tuple[str, str]:
    (row,) = life.rows("SELECT state, result FROM command WHERE id = :number", number=number)
    return row.state, row.result or ""


AMOUNTS = st.integers(1_000, 10**9).map(lambda n: LOT * n)


@settings(max_examples=60, deadline=None)
@given(
    buys=st.booleans(), qty=AMOUNTS, price=st.integers(10, 10**6), share=st.integers(1, 1_000), named=st.booleans(),
    off=st.sampled_from(["", "coins", "money"]), by=st.integers(11, 10**6).flatmap(lambda n: st.sampled_from([n, -n])),
)  # fmt: skip
def test_figures_stand_for_trades_only_where_nothing_else_moved(
    buys: bool, qty: Decimal, price: int, share: int, named: bool, off: str, by: int
) -> None:
    """Of any fill and fee in either coin, the account's moves give back just that fee; any other move of coins, and one of money
    where the order names its fee, proves nothing."""
    cost = qty * price
    fee = (cost * share / 1_000_000).quantize(LOT)
    coins, money = (qty, -cost - fee) if buys else (-qty, cost - fee)
    of = Figures("buy" if buys else "sell", qty, cost, fee if named else None)
    if off == "coins":
        coins += LOT * by
    elif off == "money":
        money += LOT * by
    found = proven(of, coins, money, GRID)
    if off == "":
        assert found == (fee, "USD") or (fee == 0 and not named)
    elif off == "coins" or named:
        assert isinstance(found, str)
    elif not isinstance(found, str):
        assert 0 < found[0] <= 2 * GRID.taker * cost + 10 * LOT, "never more than a fee can be"
