"""Orders lived from the decision to the last fill, each through one trouble."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from engine.research.parity import replay
from engine.venues.live import proof
from engine.venues.port import Flow, Request
from tests.venues.live import invariants
from tests.venues.live.exchange import Faults, MemoryPort, Order
from tests.venues.live.life import SYMBOL, LiveLife, setup_of


@pytest.fixture
def life(tmp_path: Path) -> LiveLife:
    made = LiveLife(tmp_path / "data", MemoryPort(seed=1))
    made.pump(12, 100)
    assert made.lane.started
    return made


def test_an_entry_is_committed_sent_filled_and_protected(life: LiveLife) -> None:
    life.enter()
    life.pump(10, 200)
    entry, stop = life.intents()
    assert (entry.role, entry.state, entry.filled) == ("entry", "filled", entry.qty)
    assert (stop.role, stop.state, stop.kind) == ("stop", "acked", "stop")
    assert life.held() == Decimal(entry.qty) == life.port.base
    assert Decimal(stop.stop_price) == Decimal(int(life.slot["stop"])) / 100
    assert [request.client_id for _, request in life.port.came] == [entry.client_order_id, stop.client_order_id]
    fills = life.rows("SELECT * FROM fill")
    assert [(one.venue_trade_id, one.client_order_id) for one in fills] == [("t1", entry.client_order_id)]
    protection = life.rows("SELECT * FROM protection")[0]
    assert (protection.state, protection.stop, protection.bare_ts) == ("live", float(stop.stop_price), None)
    life.audited()


def test_a_lost_answer_is_found_and_a_lost_request_is_proven(life: LiveLife) -> None:
    life.port.script = ["answer"]
    life.enter()
    life.settle(1)
    first = life.intents("entry")[0]
    assert first.state == "filled"
    assert [row.state for row in life.rows("SELECT state FROM order_event WHERE intent_id = 1 ORDER BY seq")][:2] == [
        "sending", "unknown",
    ]  # fmt: skip
    invariants.converged(life)


def test_a_lost_request_becomes_not_placed_once_it_cannot_come_any_more(life: LiveLife) -> None:
    life.port.script = ["lost"]
    life.enter()
    sent = life.intents()[0].sent_ts
    while life.states() == ["unknown"] and life.now < sent + 60_000:
        life.pump(1, 250)
    one = life.intents()[0]
    assert one.state == "not_placed"
    assert one.done_ts > one.expires_ts + proof.MARGIN_MS
    assert one.done_ts < one.expires_ts + 10_000
    assert one.not_found >= 2
    assert one.reserved == 0
    assert life.slot["q_entry"] == 0
    assert life.trader.machine.account["reserved"][0] == 0
    assert len(life.port.came) == 1


def test_where_requests_never_expire_a_person_decides_and_the_funds_stay_reserved(tmp_path: Path) -> None:
    life = LiveLife(tmp_path / "data", MemoryPort(seed=1, expiry_ms=0))
    life.pump(12, 100)
    life.port.script = ["lost"]
    life.enter()
    reserved = int(life.trader.machine.account["reserved"][0])
    for _ in range(16):
        life.minute(life.price, pumps=6)
    one = life.intents("entry")[0]
    assert one.state == "quarantined"
    assert life.port.asked[one.client_order_id] <= proof.MOST_LOOK_UPS
    assert life.trader.machine.account["reserved"][0] == reserved > 0
    assert one.reserved > 0
    assert [row.title for row in life.rows("SELECT title FROM alert WHERE kind = 'venue'")] == [
        "BTC/USD: an order nobody can tell about"
    ]
    life.port._take(life.port.came[0][1])  # and then it comes after all: booked as ever
    life.settle(2)
    assert life.intents("entry")[0].state == "filled"
    invariants.converged(life)


def test_silence_ends_nothing_and_holds_up_nobody(life: LiveLife) -> None:
    life.enter()
    life.pump(8, 200)
    life.port.down = True
    for _ in range(8):
        life.minute(life.price - 5, pumps=3)
    assert life.states("entry")[0] == "filled"
    assert set(life.states()) <= {"filled", "acked", "canceling", "unknown", "quarantined", "ready", "canceled"}
    assert not life.rows(
        "SELECT 1 FROM order_event WHERE said LIKE '%no answer%' AND state IN ('canceled', 'rejected')"
    )
    life.port.down = False
    life.settle(3)
    invariants.converged(life)


def test_a_refusal_frees_the_slot_at_once(life: LiveLife) -> None:
    life.port.script = ["refused"]
    life.enter()
    life.pump(4, 100)
    one = life.intents()[0]
    assert (one.state, one.reason) == ("rejected", "INSUFFICIENT_FUND: insufficient funds")
    assert life.slot["q_entry"] == 0
    assert [row.state for row in life.rows("SELECT state FROM orders")] == ["rejected"]


def test_killed_before_the_send_an_entry_is_never_sent(life: LiveLife, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life.lane.gate, "take_room", lambda: False)  # the lane is busy: it is committed as ready
    life.enter(pumps=0)
    assert life.states() == ["ready"]
    life.die()
    life.begin()
    life.pump(20, 200)
    one = life.intents()[0]
    assert (one.state, one.reason) == ("canceled", "crash_before_send: it was never sent")
    assert life.port.came == []
    assert life.slot["q_entry"] == 0


def test_a_busy_lane_sends_it_after_a_commit_of_its_own(life: LiveLife, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life.lane.gate, "take_room", lambda: False)
    life.enter()
    assert life.states("entry") == ["filled"]
    said = life.rows("SELECT state FROM order_event WHERE intent_id = 1 ORDER BY seq")
    assert [row.state for row in said][:3] == ["ready", "sending", "acked"]


def test_killed_between_commit_and_socket_it_is_proven_not_placed(life: LiveLife) -> None:
    life.enter(pumps=0)
    assert life.states() == ["sending"]
    life.die()
    life.begin()
    life.pump(80, 250)
    assert life.states() == ["not_placed"]
    assert life.port.came == []
    assert life.slot["q_entry"] == 0


def test_killed_after_the_venue_took_it_it_is_adopted_with_its_fills(life: LiveLife) -> None:
    life.port.script = ["answer"]
    life.enter(pumps=1)
    life.die()
    life.now += 30_000
    life.port.advance(life.now)
    life.begin()
    life.settle(1)
    assert life.states("entry")[0] == "filled"
    invariants.converged(life)


# ---- stops -------------------------------------------------------------------------------------------------------------
def test_the_stop_follows_the_position(tmp_path: Path) -> None:
    life = LiveLife(tmp_path / "data", MemoryPort(seed=1), setup_of(stop=0.01))
    life.pump(12, 100)
    life.enter()
    life.pump(12, 500)
    level = int(life.slot["stop"]) + 5_000
    life.desk.event(
        life.trader.now, ["command", life.trader.now, "tighten_stop", {"slot": "all", "price": level / 100}, 0]
    )
    life.turn()
    life.pump(30, 500)
    first, second = life.intents("stop")
    assert (first.state, second.state) == ("canceled", "acked")
    assert Decimal(second.stop_price) == Decimal(level) / 100
    assert [row.state for row in life.rows("SELECT state FROM protection ORDER BY id")] == ["ended", "live"]
    invariants.converged(life)


def test_a_stop_that_the_venue_fills_closes_the_position(life: LiveLife) -> None:
    life.enter()
    life.pump(10, 200)
    life.second(life.price * Decimal("0.98"))
    life.pump(12, 500)
    assert life.slot["qty"] == 0
    assert life.port.base == 0
    trade = life.rows("SELECT * FROM trade")[0]
    assert trade.exit_reason == "stop"
    assert life.states() == ["filled", "filled"]
    invariants.converged(life)


def test_a_stop_limit_that_does_not_fill_in_five_seconds_is_left_at_market(tmp_path: Path) -> None:
    life = LiveLife(tmp_path / "data", MemoryPort(seed=1, native_stop="stop_limit"))
    life.pump(12, 100)
    life.enter()
    life.pump(10, 200)
    stop = life.intents("stop")[0]
    assert Decimal(stop.limit_price) < Decimal(stop.stop_price)
    low = (life.price * Decimal("0.95")).quantize(Decimal("0.01"))  # through trigger and limit at once
    for _ in range(10):
        life.second(low)
        life.pump(4, 250)
    assert life.slot["qty"] == 0
    exits = life.intents("exit")
    assert [one.state for one in exits] == ["filled"]
    touched = life.rows("SELECT ts FROM alert WHERE title LIKE '%has not filled%'")
    assert touched
    assert exits[0].sent_ts - touched[0].ts < 3_000
    assert life.rows("SELECT exit_reason FROM trade")[0].exit_reason == "stop"
    invariants.converged(life)


def test_a_refused_stop_takes_the_position_out(life: LiveLife) -> None:
    life.port.script = ["ok", "refused"]
    life.enter()
    for _ in range(6):
        life.second(life.price)
        life.pump(4, 250)
    assert life.states("stop") == ["rejected"]
    assert life.states("exit") == ["filled"]
    assert life.slot["qty"] == 0
    invariants.converged(life)


# ---- kill --------------------------------------------------------------------------------------------------------------
def test_a_kill_sends_nothing_more_and_leaves_the_stop(life: LiveLife) -> None:
    life.enter()
    life.pump(10, 200)
    came = len(life.port.came)
    life.killed = True
    life.desk.event(life.trader.now, ["command", life.trader.now, "kill", {}, 0])
    for _ in range(6):
        life.minute(life.price - 30)
    assert len(life.port.came) == came
    assert life.states("stop") == ["acked"]
    assert life.held() == life.port.base > 0
    life.desk.event(life.trader.now, ["command", life.trader.now, "kill", {"flatten": True}, 0])
    life.turn()
    for _ in range(6):
        life.second(life.price)
        life.pump(4, 250)
    assert life.port.base == 0
    assert life.states("stop") == ["canceled"]
    invariants.converged(life)


def test_a_kill_right_before_the_socket_keeps_it_back(life: LiveLife) -> None:
    life.enter(pumps=0)
    assert life.states() == ["sending"]
    life.killed = True  # the latch alone; the machine has not heard of it yet
    life.pump(3, 50)
    assert life.port.came == []
    one = life.intents()[0]
    assert (one.state, one.reason) == ("canceled", "guard: the account is killed")


def test_a_kill_cancels_what_rests_with_the_database_locked(life: LiveLife) -> None:
    life.port.hold = True
    life.enter()
    assert life.states("entry") == ["acked"]
    with sqlite3.connect(life.folder / "evenkeel.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        life.killed = True
        life.now += 100
        life.port.advance(life.now)
        life.lane.pump(life.now)
        assert life.port.cancels == [life.port.came[0][1].client_id]
        other.execute("ROLLBACK")


# ---- others on the account -----------------------------------------------------------------------------------------------
def test_what_a_person_trades_is_shown_and_touches_nothing(life: LiveLife) -> None:
    life.port.base += Decimal(3)
    life.enter()
    life.pump(10, 200)
    foreign = Order(Request("person-1", SYMBOL, "sell", Decimal(1), "market"), "v99", life.now)
    life.port.orders["v99"] = foreign
    life.port.fill(foreign, Decimal(1), life.price)
    foreign.state = "filled"
    life.settle(2)
    shown = life.rows("SELECT * FROM external_trade")
    assert [(one.side, one.qty, bool(one.touched)) for one in shown] == [("sell", "1", False)]
    assert life.trader.machine.slots["state"][0] == 0
    assert life.trader.machine.level == "running"


def test_somebody_who_sells_what_the_engine_holds_halts_that_symbol_alone(life: LiveLife) -> None:
    life.enter()
    life.pump(10, 200)
    qty = life.held() / 2
    foreign = Order(Request("person-1", SYMBOL, "sell", qty, "market"), "v99", life.now)
    life.port.orders["v99"] = foreign
    life.port.fill(foreign, qty, life.price)
    foreign.state = "filled"
    life.settle(2)
    assert [bool(one.touched) for one in life.rows("SELECT touched FROM external_trade")] == [True]
    assert life.trader.machine.slots["state"][0] == 1  # exits only
    assert life.trader.machine.level == "running"


def test_a_shortfall_that_nobody_explains_leaves_the_account_reducing(life: LiveLife) -> None:
    life.enter()
    life.pump(10, 200)
    life.port.base -= Decimal("0.01")
    life.settle(2)
    assert life.trader.machine.level == "reduce_only"
    life.desk.event(life.trader.now, ["command", life.trader.now, "resume", {}, 0])
    assert life.trader.machine.level == "running"


def test_money_that_is_not_there_keeps_entries_back_until_it_is(life: LiveLife) -> None:
    there, life.port.quote = life.port.quote, Decimal(9_990)  # the ledger trades 10,000
    life.settle(2)
    assert "of what the ledger would spend" in life.live.gate.unfunded
    assert life.trader.machine.level == "running"
    life.enter()
    life.pump(10, 200)
    assert [one.state for one in life.rows("SELECT state FROM intent")] == ["canceled"]
    assert not life.port.orders
    life.port.quote = there
    life.settle(1)
    assert not life.live.gate.unfunded
    titles = [one.title for one in life.rows("SELECT title FROM alert ORDER BY id") if one.title.startswith("USD")]
    assert titles == [
        "USD: the exchange has less than the ledger takes for granted", "USD: the exchange has the money again"
    ]  # fmt: skip


def test_money_that_comes_moves_capital_and_peak_and_is_no_return(life: LiveLife) -> None:
    account = life.trader.machine.account
    equity, peak = float(account["equity"][0]) or 10_000.0, float(account["peak"][0])
    life.second(life.price)
    life.port.moved.append(Flow("f1", "USD", Decimal(500), life.now, "deposit"))
    life.settle(1)
    account = life.trader.machine.account
    assert float(account["cash"][0]) == 10_500 * 10**6
    assert float(account["peak"][0]) - peak in (500.0, 10_500.0)
    assert float(account["equity"][0]) == equity + 500
    rows = life.rows("SELECT flow_id, amount, taken FROM cash_flow")
    assert [(one.flow_id, one.amount, bool(one.taken)) for one in rows] == [("f1", 500.0, True)]
    life.die()
    life.begin()
    life.settle(1)
    assert float(life.trader.machine.account["cash"][0]) == 10_500 * 10**6
    life.audited()


def test_a_fill_after_the_end_is_booked_and_halts_the_symbol(life: LiveLife) -> None:
    life.port.script = ["refused"]
    life.enter()
    life.pump(4, 100)
    request = life.port.came[0][1]
    order = Order(request, "v77", life.now)
    life.port.orders["v77"] = order
    life.port._execute(order, life.price)
    life.settle(2)
    one = life.intents("entry")[0]
    assert (one.state, one.anomaly) == ("rejected", "filled after it was rejected")
    assert life.held() == life.port.base == request.qty
    assert life.trader.machine.slots["state"][0] == 1
    assert life.states("stop") == ["acked"]  # and it is protected
    life.audited()


def test_the_tape_of_a_live_run_gives_its_ledger(tmp_path: Path) -> None:
    port = MemoryPort(seed=3)
    port.faults = Faults(answer=0.2, lost=0.1, pieces=3, lag_ms=2_000)
    life = LiveLife(tmp_path / "data", port)
    for number in range(12):
        life.minute(life.price + (-1) ** number * 90 + 20)
        if number == 6:
            life.die()
            life.begin()
    life.settle(2)
    invariants.converged(life)
    report = replay("live", life.engine, life.folder / "runs")
    assert report.ok, report.differences
    assert report.counts["fills"] > 2


def test_a_start_on_a_machine_whose_clock_is_an_hour_fast(life: LiveLife) -> None:
    """Nothing is proven, given up or waited for by that clock: the venue's time is asked for first, until it is told."""
    life.port.script = ["answer"]
    life.enter(pumps=0)
    life.pump(2, 50)
    assert life.states("entry") == ["unknown"]
    life.die()
    life.begin()
    life.port.down = True
    for _ in range(3):
        life.lane.pump(life.now + 3_600_000)
        life.turn()
    assert life.states("entry") == ["unknown"]
    life.port.down = False
    life.pump(40, 250)
    life.settle(1)
    assert life.states("entry") == ["filled"]
    assert life.states("stop") == ["acked"]
    invariants.converged(life)


def test_an_exit_does_not_wait_for_a_stop_that_is_nowhere(life: LiveLife) -> None:
    """Where requests have no expiry a lost stop is never proven lost; the position can be left all the same, by a kill too."""
    life.lane.gate.expiry_ms = 0
    life.port.script = ["ok", "lost"]
    life.enter()
    life.pump(40, 500)
    assert life.states("stop") == ["unknown"]
    assert life.held() > 0
    life.desk.event(life.trader.now, ["command", life.trader.now, "kill", {"flatten": True}, 0])
    life.turn()
    life.pump(20, 500)
    assert life.states("exit") == ["filled"]
    assert life.held() == life.port.base == 0
    life.audited()
