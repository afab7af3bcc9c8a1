"""Fills by a venue's reports. A scripted venue that answers as the model would gives the model's ledger; and partial
fills.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core import codes, reported
from engine.core.machine import Machine, Reports
from engine.core.types import DECISION, EXEC_BAR, Protection
from tests.core.picture import ACCOUNT, DAY0, MINUTE, SLOT, X
from tests.oracles.agree import Scene, fills
from tests.oracles.markets import scenes

VENUE = replace(ACCOUNT, fills="venue")


def plain(scene: Scene) -> Scene:
    """Market orders without delay on live bars, each meeting a frame of its symbol: what waits, waits one frame at
    most.
    """
    decisions = scene.decisions.copy()
    decisions["limit_offset"] = decisions["limit_bars"] = 0
    decisions["known_at"] = decisions["decided_at"]
    decisions["exit"] &= decisions["entry"] == 0  # a flip enters a frame later at a venue
    decisions["missed"] = 0
    rows = scene.rows.copy()
    rows["flags"] = 0
    names = [instrument.symbol for instrument in scene.instruments]
    last = {}  # type: dict[int, Any]
    full_ts, full_rows = [], []
    for ts in np.unique(scene.ts):
        for row in rows[scene.ts == ts]:
            last[int(row["symbol"])] = row
        for symbol in range(len(names)):
            if symbol in last:
                row = last[symbol].copy()
                row["symbol"] = symbol
                full_ts.append(ts)
                full_rows.append(row)
    account = replace(scene.account, delay_ms=0, research=False)
    slots = [replace(slot, protection=replace(slot.protection, time_stop=None)) for slot in scene.slots]
    return replace(
        scene,
        account=account,
        slots=slots,
        ts=np.array(full_ts),
        rows=np.array(full_rows, EXEC_BAR),
        decisions=decisions,
        breakers=(),
        funding=(),
    )


def play(scene: Scene) -> tuple[list[Reports], list[Reports], Machine, Machine]:
    """The model's run, and beside it a venue's run whose fills and cancellations are the model's own, reported."""
    model, live = scene.machine(), replace(scene, account=replace(scene.account, fills="venue")).machine()
    ours, theirs, waiting = [], [], list(range(scene.decisions.size))
    for ts in np.unique(scene.ts).tolist():
        while waiting and scene.decisions["decided_at"][waiting[0]] <= ts:
            n = waiting.pop(0)
            ours.append(model.decide(scene.decisions[n : n + 1]))
            theirs.append(live.decide(scene.decisions[n : n + 1]))
        rows = scene.rows[scene.ts == ts]
        step = model.frame(ts, rows)
        ours.append(step)
        theirs += [_report(live, fill) for fill in step.fills if _at_open(fill)]
        theirs += [
            _cancel(live, row)
            for row in step.orders
            if row["state"] == codes.CANCELLED and row["purpose"] == codes.ENTRY
        ]
        theirs.append(live.frame(ts, rows))
        theirs += [_report(live, fill) for fill in step.fills if not _at_open(fill)]
    return ours, theirs, model, live


def _at_open(fill: Any) -> bool:
    return codes.PURPOSES[fill["purpose"]] in ("entry", "exit", "time", "flatten")


def _report(live: Machine, fill: Any) -> Reports:
    entry = bool(fill["purpose"] == codes.ENTRY)
    maker = bool(fill["maker"])
    return live.venue_fill(
        int(fill["slot"]), entry, int(fill["qty"]), int(fill["price"]), int(fill["fee"]), int(fill["ts"]), maker
    )


def _cancel(live: Machine, row: Any) -> Reports:
    return live.venue_done(int(row["slot"]), True, "cancelled", int(row["ts"]))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes())
def test_a_venue_that_answers_as_the_model_gives_the_models_ledger(scene: Scene) -> None:
    scene = plain(scene)
    ours, theirs, model, live = play(scene)
    mine, others = Reports.concatenate(ours), Reports.concatenate(theirs)
    without = (1, 6)  # the order's number and the price before slippage, which a venue does not tell

    def bare(reports: Reports) -> list[tuple[int, ...]]:
        return [tuple(v for n, v in enumerate(row) if n not in without) for row in fills(reports)]

    assert bare(mine) == bare(others)
    names = ("slot", "direction", "qty", "entry_ts", "exit_ts", "entry_price", "exit_price", "fees", "pnl", "reason")
    for name in names:
        assert mine.trades[name].tolist() == others.trades[name].tolist(), name
    assert model.account["cash"][0] == live.account["cash"][0]
    assert model.account["reserved"][0] == live.account["reserved"][0]


def bar(price: int, high: int = 0, low: int = 0) -> Any:
    row = np.zeros(1, EXEC_BAR)
    row["open"], row["close"], row["high"], row["low"] = price, price, high or price, low or price
    return row


def decision(at: int, **fields: Any) -> Any:
    row = np.zeros(1, DECISION)
    row["decided_at"] = row["known_at"] = at
    row["volatility"] = np.nan
    for name, value in fields.items():
        row[name] = value
    return row


def entering(**protection: Any) -> Machine:
    """A machine whose buy of 5.000 at about 100 is at the venue."""
    machine = Machine(VENUE, [X], [replace(SLOT, protection=Protection(**protection))])
    machine.frame(DAY0, bar(100))
    states = [codes.ORDER_STATES[row["state"]] for row in machine.decide(decision(DAY0 + MINUTE, entry=1)).orders]
    assert states == ["queued", "sent"]
    assert codes.STATUSES[machine.slots["status"][0]] == "entering"
    return machine


def test_an_entry_in_parts_is_one_position_at_the_average_price() -> None:
    machine = entering(stop=0.1)
    reserved = int(machine.account["reserved"][0])
    first = machine.venue_fill(0, True, 2_000, 100, -20_000, DAY0 + MINUTE + 10)
    assert codes.ORDER_STATES[first.orders["state"][0]] == "partial"
    assert machine.slots["stop"][0] == 90
    assert codes.STATUSES[machine.slots["status"][0]] == "entering"
    assert machine.account["reserved"][0] == reserved > 0  # what is still to come stays reserved
    last = machine.venue_fill(0, True, 3_000, 105, 315_000, DAY0 + MINUTE + 20)
    assert codes.ORDER_STATES[last.orders["state"][0]] == "filled"
    row = machine.slots[0]
    assert (row["qty"], row["entry_price"], row["entry_notional"], row["fees"]) == (5_000, 103, 515_000_000, 295_000)
    assert row["stop"] == 93  # 103 less ten per cent, to the nearest tick
    assert machine.account["reserved"][0] == 0
    assert machine.account["cash"][0] == 1_000_000_000 - 515_000_000 - 295_000  # the first part paid a rebate


def test_while_an_order_is_out_the_slot_takes_no_decision() -> None:
    machine = entering()
    machine.frame(DAY0 + MINUTE, bar(100))
    for fields in ({"entry": 1}, {"exit": 1}, {"entry": -1, "exit": 1}):
        signals = machine.decide(decision(DAY0 + 2 * MINUTE, **fields)).signals
        assert codes.SIGNAL_STATUSES[signals["status"][0]] == "ignored"
    assert machine.slots["q_sent"][0] == 1


def test_a_rejected_entry_leaves_the_slot_flat_and_the_money_free() -> None:
    machine = entering()
    reports = machine.venue_done(0, True, "rejected", DAY0 + MINUTE + 5)
    assert codes.ORDER_STATES[reports.orders["state"][-1]] == "rejected"
    assert codes.STATUSES[machine.slots["status"][0]] == "flat"
    assert machine.account["reserved"][0] == 0
    again = machine.decide(decision(DAY0 + 2 * MINUTE, entry=1))
    assert codes.ORDER_STATES[again.orders["state"][-1]] == "sent"


def test_a_part_that_stays_is_a_position_when_the_rest_is_cancelled() -> None:
    machine = entering(stop=0.1)
    machine.venue_fill(0, True, 2_000, 100, 0, DAY0 + MINUTE + 10)
    machine.venue_done(0, True, "cancelled", DAY0 + MINUTE + 20)
    assert codes.STATUSES[machine.slots["status"][0]] == "open"
    assert (machine.slots["qty"][0], machine.slots["stop"][0], machine.account["reserved"][0]) == (2_000, 90, 0)


def test_a_stop_is_sent_and_the_venue_says_what_it_got() -> None:
    machine = entering(stop=0.1)
    machine.venue_fill(0, True, 5_000, 100, 0, DAY0 + MINUTE)
    reports = machine.frame(DAY0 + MINUTE, bar(95, low=89))
    assert [codes.ORDER_STATES[row["state"]] for row in reports.orders] == ["queued", "sent"]
    assert codes.STATUSES[machine.slots["status"][0]] == "exiting"
    assert machine.frame(DAY0 + 2 * MINUTE, bar(85)).orders.size == 0  # it is out already: not asked for twice
    machine.venue_fill(0, False, 1_000, 88, 0, DAY0 + 2 * MINUTE + 1)
    reports = machine.venue_fill(0, False, 4_000, 86, 0, DAY0 + 2 * MINUTE + 2)
    trade = reports.trades[0]
    assert codes.PURPOSES[trade["reason"]] == "stop"
    assert trade["pnl"] == 88_000_000 + 344_000_000 - 500_000_000
    assert codes.STATUSES[machine.slots["status"][0]] == "flat"
    assert machine.account["cash"][0] == 1_000_000_000 + int(trade["pnl"])


def test_an_exit_the_venue_gave_up_is_asked_for_again_with_a_new_number() -> None:
    machine = entering()
    machine.venue_fill(0, True, 5_000, 100, 0, DAY0 + MINUTE)
    machine.frame(DAY0 + MINUTE, bar(100))
    first = machine.decide(decision(DAY0 + 2 * MINUTE, exit=1)).orders["seq"][-1]
    machine.venue_fill(0, False, 1_000, 100, 0, DAY0 + 2 * MINUTE + 1)
    machine.venue_done(0, False, "cancelled", DAY0 + 2 * MINUTE + 2)
    again = machine.frame(DAY0 + 2 * MINUTE + 3_000, bar(100)).orders
    assert codes.ORDER_STATES[again["state"][-1]] == "sent"
    assert again["seq"][-1] > first
    assert again["qty"][-1] == 4_000


def test_an_exit_that_got_all_it_asked_for_is_filled_though_the_position_grew_meanwhile() -> None:
    machine = entering(stop=0.1)
    key, entry = SLOT.key, int(machine.slots["q_order"][0])

    def told(is_entry: int, lots: int, last: int) -> list[Any]:
        side, order = (1, entry) if is_entry else (-1, int(machine.slots["x_order"][0]))
        event = ["venue_fill", DAY0 + MINUTE + 9, key, is_entry, lots, 100, 0, 0, "t", "c", side, order, last, ""]
        reports = reported.take(machine, event).reports
        return [codes.ORDER_STATES[row["state"]] for row in reports.orders if row["seq"] == order]

    assert told(1, 2_000, 0) == ["partial"]
    reported.take(machine, ["venue_stop", DAY0 + MINUTE + 9, key, "s"])
    assert told(1, 3_000, 0)[-1] == "filled"
    assert told(0, 2_000, 1)[-1] == "filled"
    assert (machine.slots["qty"][0], machine.slots["x_qty"][0], machine.slots["x_filled"][0]) == (3_000, 3_000, 0)


def test_a_stop_kept_at_the_venue_is_the_venues_to_fill() -> None:
    account = replace(VENUE, venue_stops=True)
    machine = Machine(account, [X], [replace(SLOT, protection=Protection(stop=0.1))])
    machine.frame(DAY0, bar(100))
    machine.decide(decision(DAY0 + MINUTE, entry=1))
    machine.venue_fill(0, True, 5_000, 100, 0, DAY0 + MINUTE)
    assert machine.frame(DAY0 + MINUTE, bar(95, low=80)).orders.size == 0


@pytest.mark.parametrize("parts", [(5_000,), (1, 4_999), (1_234, 2_345, 1_421)])
def test_parts_cost_what_the_whole_costs(parts: tuple[int, ...]) -> None:
    machine = entering()
    for number, qty in enumerate(parts):
        machine.venue_fill(0, True, qty, 100, 0, DAY0 + MINUTE + number)
    assert machine.slots["entry_notional"][0] == 500_000_000
    assert machine.account["cash"][0] == 500_000_000
    assert Decimal(int(machine.slots["entry_price"][0])) == 100


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 3_000), st.integers(90, 110)), min_size=1, max_size=8))
def test_an_average_price_lies_between_its_parts(parts: list[tuple[int, int]]) -> None:
    machine = entering()
    total = 0
    for number, (wanted, price) in enumerate(parts):
        qty = min(wanted, 5_000 - total)
        if qty == 0:
            break
        machine.venue_fill(0, True, qty, price, 0, DAY0 + MINUTE + number)
        total += qty
    prices = [price for _, price in parts]
    assert min(prices) <= machine.slots["entry_price"][0] <= max(prices)
    assert machine.account["cash"][0] == 1_000_000_000 - int(machine.slots["entry_notional"][0])
