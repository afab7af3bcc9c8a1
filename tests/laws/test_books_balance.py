"""What must hold of any run, in exact integers: money is conserved, orders and positions add up, limits are kept."""

from collections import defaultdict
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings

from engine.core import codes
from engine.core.machine import Machine, Reports
from engine.core.types import FLAG_GAP
from tests.oracles.agree import Scene
from tests.oracles.markets import scenes

RUNS = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def played(scene: Scene) -> tuple[Machine, Reports]:
    machine = scene.machine()
    return machine, machine.run(scene.frames(), scene.decisions, scene.payments(), scene.until)


def paid(reports: Reports) -> int:
    """Funding paid, in quanta."""
    return sum(int(row["amount"]) for row in reports.events if row["kind"] == codes.E_FUNDING)


@RUNS
@given(scenes())
def test_cash_is_the_start_less_what_every_fill_cost(scene: Scene) -> None:
    machine, reports = played(scene)
    cash = scene.account.cash_quanta
    for fill in reports.fills:
        cash -= int(fill["side"]) * int(fill["notional"]) + int(fill["fee"])
    assert machine.account["cash"][0] == cash - paid(reports)


@RUNS
@given(scenes())
def test_cash_and_positions_are_the_start_and_what_was_earned(scene: Scene) -> None:
    machine, reports = played(scene)
    earned = sum(int(row["pnl"]) for row in reports.trades)
    held = 0
    for slot in machine.slots[machine.slots["qty"] > 0]:
        held += int(slot["direction"]) * int(slot["entry_notional"])
        earned -= int(slot["fees"]) + int(slot["funding"])
    assert int(machine.account["cash"][0]) + held == scene.account.cash_quanta + earned


@RUNS
@given(scenes())
def test_a_trade_is_its_fills(scene: Scene) -> None:
    _, reports = played(scene)
    fills: dict[int, list[Any]] = defaultdict(list)
    for fill in reports.fills:
        fills[int(fill["order"])].append(fill)
    for trade in reports.trades:
        entry, leave = fills[int(trade["entry_order"])], fills[int(trade["exit_order"])]
        assert sum(int(f["qty"]) for f in entry) == sum(int(f["qty"]) for f in leave) == trade["qty"] > 0
        assert sum(int(f["fee"]) for f in entry + leave) == trade["fees"]
        value = sum(int(f["notional"]) for f in leave) - sum(int(f["notional"]) for f in entry)
        assert trade["pnl"] == trade["direction"] * value - trade["fees"] - trade["funding"]
        assert trade["low"] <= min(trade["entry_price"], trade["exit_price"])
        assert trade["high"] >= max(trade["entry_price"], trade["exit_price"])
        assert trade["entry_ts"] <= trade["exit_ts"]
        assert trade["bars_held"] >= 0


@RUNS
@given(scenes())
def test_orders_end_once_and_never_fill_before_they_are_known(scene: Scene) -> None:
    _, reports = played(scene)
    gaps = {int(ts) for ts, row in zip(scene.ts, scene.rows, strict=True) if row["flags"] & FLAG_GAP}
    ended: set[int] = set()
    known: dict[int, int] = {}
    for row in reports.orders:
        seq, state = int(row["seq"]), codes.ORDER_STATES[row["state"]]
        assert seq not in ended, "an order that was over changed"
        known[seq] = int(row["known_at"])
        if state in ("filled", "cancelled"):
            ended.add(seq)
            assert (row["filled"] == row["qty"] > 0) == (state == "filled")
    for fill in reports.fills:
        assert fill["ts"] >= known[int(fill["order"])]
        assert int(fill["ts"]) not in gaps, "a fill on a back-filled bar"
    assert [int(row["seq"]) for row in reports.fills] == list(range(1, reports.fills.size + 1))


@RUNS
@given(scenes())
def test_counters_are_what_they_count(scene: Scene) -> None:
    machine, reports = played(scene)
    account, slots = machine.account[0], machine.slots
    assert account["reserved"] == slots["q_reserved"].sum() >= 0
    assert account["n_open"] == (slots["qty"] > 0).sum()
    assert account["n_queued"] == (slots["q_entry"] != 0).sum() + (slots["x_purpose"] > 0).sum()
    assert (slots["qty"] >= 0).all()
    assert (slots["direction"][slots["qty"] == 0] == 0).all()
    assert slots["realized"].sum() == reports.trades["pnl"].sum()
    assert account["fills"] == reports.fills.size


@RUNS
@given(scenes())
def test_never_more_positions_than_allowed_and_no_short_without_leave(scene: Scene) -> None:
    _, reports = played(scene)
    held: set[int] = set()
    for fill in reports.fills:
        slot = int(fill["slot"])
        if codes.PURPOSES[fill["purpose"]] == "entry":
            held.add(slot)
            spec = scene.slots[slot]
            perpetual = next(i for i in scene.instruments if i.symbol == spec.symbol).kind == "perp"
            assert fill["side"] > 0 or spec.allow_short or perpetual
        else:
            held.discard(slot)
        assert len(held) <= scene.account.max_positions


@RUNS
@given(scenes())
def test_no_entry_fills_while_the_account_is_paused(scene: Scene) -> None:
    _, reports = played(scene)
    levels = [(int(row["ts"]), int(row["level"])) for row in reports.events if row["kind"] == codes.E_LEVEL]
    for fill in reports.fills[reports.fills["purpose"] == codes.ENTRY]:
        before = [level for ts, level in levels if ts < fill["ts"]]
        assert not before or before[-1] == codes.RUNNING


@RUNS
@given(scenes())
def test_nothing_is_ever_nan(scene: Scene) -> None:
    machine, reports = played(scene)
    for name in ("equity", "exposure", "peak", "day_start"):
        assert np.isfinite(machine.account[name]).all()
    for name in ("equity", "cash", "exposure"):
        assert np.isfinite(reports.equity[name]).all()
