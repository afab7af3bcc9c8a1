"""The audit agrees with whatever the machine booked, and finds every single thing that is changed afterwards."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine, text

from engine.core.types import DECISION, EXEC_BAR, AccountSpec, Instrument, Protection, Sizing, SlotSpec
from engine.ledger.audit import AuditReport, NoSuchRun, audit
from tests.ledger.written import begun, facts_of, store, written
from tests.oracles.agree import Scene
from tests.oracles.markets import scenes

MINUTE = 60_000
RUNS = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@RUNS
@given(scene=scenes())
def test_whatever_the_machine_books_passes(engine: Engine, scene: Scene) -> None:
    context, machine, reports = written(engine, scene)
    report = audit(engine, context.run_id)
    assert report.problems == []
    assert (report.fills, report.trades) == (reports.fills.size, reports.trades.size)
    assert report.open_positions == int((machine.slots["qty"] > 0).sum())
    quanta = int(machine.account["cash"][0])
    assert report.cash == quanta * scene.account.quantum


def market() -> Scene:
    """Sixty minutes of one coin, eight entries and exits, the last one still open."""
    ts = 1_700_006_400_000 + np.arange(60) * MINUTE
    rows = np.zeros(60, EXEC_BAR)
    close = 3_000_000 + (np.sin(np.arange(60) / 4) * 60_000).astype(np.int64)
    rows["open"], rows["close"] = np.roll(close, 1), close
    rows["open"][0] = close[0]
    rows["high"], rows["low"] = np.maximum(rows["open"], close) + 500, np.minimum(rows["open"], close) - 500
    decisions = np.zeros(15, DECISION)
    at = np.arange(15) * 3 + 2
    decisions["entry"], decisions["exit"] = np.arange(15) % 2 == 0, np.arange(15) % 2
    decisions["decided_at"] = decisions["known_at"] = ts[at] + MINUTE
    decisions["signal_id"] = np.arange(1, 16)
    decisions["volatility"] = decisions["strength"] = np.nan
    coin = Instrument("BTC/USD", "BTC", "USD", Decimal("0.01"), Decimal("1e-5"), Decimal("1e-6"))
    slot = SlotSpec("", "any", "BTC/USD", MINUTE, Sizing("share", 0.9), Protection(stop=0.03))
    account = AccountSpec(Decimal(1000), "USD", Decimal("1e-6"), symbol_cap=0.0)
    return Scene(account, [coin], [slot], ts, rows, decisions, until=int(ts[-1]) + MINUTE)


CORRUPTIONS = {
    "a changed fee": ("UPDATE fill SET fee = fee + 0.000001 WHERE seq = 3", "fill 3: fee"),
    "a missing fill": ("DELETE FROM fill WHERE seq = 4", "number 4 is missing"),
    "a missing last fill": ("DELETE FROM fill WHERE seq = 15", "order 15: filled_qty"),
    "a changed price": ("UPDATE fill SET price = price + 0.01 WHERE seq = 2", "fill 2: notional"),
    "a price off the grid": ("UPDATE fill SET price = price + 0.001 WHERE seq = 2", "no multiple of 0.01"),
    "a changed quantity": ("UPDATE fill SET qty = qty + 0.00001 WHERE seq = 5", "order 5: filled_qty"),
    "another side": ("UPDATE fill SET side = 'buy' WHERE seq = 2", "side is not that of order 2"),
    "a wrong result": ("UPDATE trade SET pnl = pnl + 0.000001 WHERE seq = 2", "trade 2: pnl is"),
    "a wrong share": ("UPDATE trade SET pnl_pct = pnl_pct * 1.0001 WHERE seq = 2", "trade 2: pnl_pct"),
    "a wrong entry price": ("UPDATE trade SET entry_price = entry_price - 0.01 WHERE seq = 1", "trade 1: entry_price"),
    "another moment": ("UPDATE trade SET exit_ts = exit_ts + 60000 WHERE seq = 1", "trade 1: exit_ts"),
    "a missing trade": ("DELETE FROM trade WHERE seq = 3", "trade 3 is missing"),
    "an invented trade": ("UPDATE trade SET seq = 99 WHERE seq = 3", "trade 99: no fills close it"),
    "cash off by a quantum": ("UPDATE fill SET cash_after = cash_after - 0.000001 WHERE seq = 6", "fill 6: cash_after"),
    "other starting cash": ("UPDATE run SET cash_start = cash_start + 0.000001 WHERE id = :run", "fill 1: cash_after"),
    "a curve off by a quantum": (
        "UPDATE equity SET cash = cash + 0.000001 WHERE slot_id = 0 AND ts = 1700007000000",
        "equity at 1700007000000",
    ),
    "an order said to be open": ("UPDATE orders SET state = 'queued' WHERE seq = 1", "order 1 is queued"),
    "a missing order": ("UPDATE orders SET seq = 900 WHERE seq = 9", "orders: number 9 is missing"),
    "a forgotten position": ("DELETE FROM position", "hold what is not stored"),
    "a wrong position": ("UPDATE position SET qty = qty * 2", "position of slot"),
    "a missing signal": ("DELETE FROM signal WHERE seq = 7", "signals: number 7 is missing"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_what_is_changed_afterwards_is_found(engine: Engine, kind: str) -> None:
    context, _, reports = written(engine, market())
    assert (reports.fills.size, reports.trades.size) == (15, 7)
    sql, words = CORRUPTIONS[kind]
    report = _after(engine, context.run_id, sql)
    assert not report.ok
    assert any(words in problem for problem in report.problems), report.problems


def _after(engine: Engine, run_id: int, sql: str) -> AuditReport:
    """The audit of the run after `sql` has been done to it alone."""
    own = "" if ":run" in sql else (" AND" if "WHERE" in sql else " WHERE") + " run_id = :run"
    raw = engine.raw_connection()  # foreign keys would refuse some of this: a damaged file does not ask
    try:
        raw.cursor().execute("PRAGMA foreign_keys=OFF")
        changed = raw.cursor().execute(sql + own, {"run": run_id})
        assert changed.rowcount == 1
        raw.commit()
        raw.cursor().execute("PRAGMA foreign_keys=ON")
    finally:
        raw.close()
    return audit(engine, run_id)


def test_a_fill_booked_twice_is_found(engine: Engine) -> None:
    context, *_ = written(engine, market())
    names = "run_id, order_seq, slot_id, symbol, side, qty, price, base_price, notional, fee, liquidity, ts, cash_after"
    with engine.begin() as connection:
        connection.execute(
            text(f"INSERT INTO fill (seq, {names}) SELECT 16, {names} FROM fill WHERE run_id = :run AND seq = 15"),
            {"run": context.run_id},
        )
    report = audit(engine, context.run_id)
    assert any("order 15: filled_qty" in problem for problem in report.problems)
    assert any("fill 16: cash_after" in problem for problem in report.problems)


def test_many_problems_are_counted_and_the_first_are_shown(engine: Engine) -> None:
    context, *_ = written(engine, market())
    with engine.begin() as connection:
        connection.execute(text("UPDATE equity SET cash = 5 WHERE run_id = :run"), {"run": context.run_id})
        connection.execute(text("UPDATE fill SET fee = 5 WHERE run_id = :run"), {"run": context.run_id})
    report = audit(engine, context.run_id)
    assert len(report.problems) == 50
    assert report.more_problems > 0


def test_deposits_and_withdrawals_are_followed(engine: Engine) -> None:
    scene = market()
    context, machine = begun(engine, scene), scene.machine()
    frames, said = scene.frames(), scene.decisions
    middle = int(scene.ts[30])
    first = machine.run(frames.slice(0, 30), said[said["decided_at"] <= middle], until=middle)
    money = [machine.command("cash", middle, quanta=quanta) for quanta in (123_456_789, -23_456_788)]
    rest = machine.run(frames.slice(30, 60), said[said["decided_at"] > middle], until=scene.until)
    for reports in (first, *money, rest):
        store(engine, context, machine, reports, facts_of(scene), scene.until)
    report = audit(engine, context.run_id)
    assert report.problems == []
    assert report.cash == int(machine.account["cash"][0]) * Decimal("1e-6")
    found = _after(engine, context.run_id, "UPDATE run_marker SET text = 'deposit 1 USD' WHERE text LIKE 'deposit %'")
    assert not found.ok


def test_money_that_comes_in_the_instant_of_a_fill_and_after_it_is_followed(engine: Engine) -> None:
    """As on a live account while the market stands still: fills and transfers share the engine's time."""
    scene = market()
    instant = int(scene.machine().run(scene.frames(), scene.decisions, until=scene.until).fills["ts"][4])
    context, machine = begun(engine, scene), scene.machine()
    frames, said = scene.frames(), scene.decisions
    k = int(np.searchsorted(scene.ts, instant)) + 1
    first = machine.run(frames.slice(0, k), said[said["decided_at"] <= instant])
    assert int(first.fills["ts"][-1]) == instant
    money = machine.command("cash", instant, quanta=123_456_789)
    rest = machine.run(frames.slice(k, 60), said[said["decided_at"] > instant], until=scene.until)
    for reports in (first, money, rest):
        store(engine, context, machine, reports, facts_of(scene), scene.until)
    report = audit(engine, context.run_id)
    assert report.problems == []
    assert report.cash == int(machine.account["cash"][0]) * Decimal("1e-6")
    found = _after(engine, context.run_id, "UPDATE run_marker SET text = 'deposit 1 USD' WHERE text LIKE 'deposit %'")
    assert not found.ok


def test_fees_of_each_configuration_are_known_without_the_run_s_own_list(engine: Engine) -> None:
    """A paper run has no list of instruments: the table's row, and the rates its configurations name."""
    context, *_ = written(engine, market())
    with engine.begin() as connection:
        connection.execute(text("UPDATE run SET params = '{}' WHERE id = :run"), {"run": context.run_id})
        connection.execute(text("UPDATE instrument SET taker = '0.5' WHERE symbol = 'BTC/USD'"))
    assert not audit(engine, context.run_id).ok
    with engine.begin() as connection:
        words = {"run": context.run_id, "text": "[costs]\ntaker = 0.012\n"}
        connection.execute(
            text("INSERT INTO config_version (run_id, created_ts, hash, text) VALUES (:run, 0, '', :text)"), words
        )
    assert audit(engine, context.run_id).problems == []


def test_nothing_traded_is_in_order(engine: Engine) -> None:
    context, *_ = written(engine, replace(market(), decisions=np.zeros(0, DECISION)))
    report = audit(engine, context.run_id)
    assert report.ok
    assert report.cash == 1000


def test_a_run_that_is_not_there_is_named(engine: Engine) -> None:
    with pytest.raises(NoSuchRun, match="no run 987654"):
        audit(engine, 987654)
