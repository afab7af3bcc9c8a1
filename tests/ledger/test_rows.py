"""Reports become rows whose REALs equal their decimals, and whose words the database knows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from db.models import BreakerEvent, Fill, Order, RunMarker, Signal, Slot, StopMove, Trade
from engine.core.types import DECISION, BreakerSpec, Instrument, Protection
from engine.ledger.flows import cash_flow
from engine.ledger.rows import Context, position_rows, rows_of, slot_equity_rows
from tests.ledger.test_audit import MINUTE, market
from tests.ledger.written import begun, facts_of, store, written
from tests.oracles.agree import Scene


def named(scene: Scene) -> Context:
    names = tuple(scene.machine().breaker_names)
    n = len(scene.slots)
    return Context(7, tuple(scene.instruments), tuple(scene.slots), tuple(range(1, n + 1)), names, 5, ("h",) * n)


def rows(scene: Scene) -> dict[Any, list[dict[str, Any]]]:
    return rows_of(named(scene), scene.compiled(), facts_of(scene))


def test_every_real_is_its_decimal() -> None:
    scene = market()
    reports, stored = scene.compiled(), rows(scene)
    for fill, row in zip(reports.fills, stored[Fill], strict=True):
        assert Decimal(repr(row["price"])) == int(fill["price"]) * Decimal("0.01")
        assert Decimal(repr(row["qty"])) == int(fill["qty"]) * Decimal("1e-5")
        assert Decimal(repr(row["cash_after"])) == int(fill["cash"]) * Decimal("1e-6")


def test_an_order_has_one_row_its_last_state() -> None:
    stored = rows(market())[Order]
    assert [row["seq"] for row in stored] == list(range(1, 16))
    assert {row["state"] for row in stored} == {"filled"}
    assert all(row["done_ts"] == row["created_ts"] and row["filled_qty"] == row["qty"] for row in stored)
    assert [row["purpose"] for row in stored[:3]] == ["entry", "exit", "entry"]
    assert [row["side"] for row in stored[:3]] == ["buy", "sell", "buy"]


@pytest.mark.parametrize("direction", [1, -1])
def test_a_trade_s_excursions_and_risk(direction: int) -> None:
    scene = market()
    said = scene.decisions.copy()
    said["entry"] *= direction
    scene = replace(scene, decisions=said, slots=[replace(scene.slots[0], allow_short=True)])
    log = scene.compiled().trades
    for trade, row in zip(log, rows(scene)[Trade], strict=True):
        entry = int(trade["entry_price"])
        against, along = entry - int(trade["low"]), int(trade["high"]) - entry
        if direction < 0:
            against, along = along, against
        assert (row["mae"], row["mfe"]) == (against / entry, along / entry)
        assert row["mae"] >= 0 <= row["mfe"]
        risk = abs(Decimal(repr(row["entry_price"])) - Decimal(repr(row["stop_initial"]))) * Decimal(repr(row["qty"]))
        assert abs(Decimal(repr(row["risk"])) - risk) <= Decimal("5e-7")
        assert row["r_multiple"] == pytest.approx(row["pnl"] / float(risk), rel=1e-6)
        assert row["pnl_pct"] == int(trade["pnl"]) / int(trade["entry_notional"])


def test_signals_say_what_became_of_them() -> None:
    scene = market()
    said = np.concatenate([scene.decisions, np.zeros(1, DECISION)])
    said[15] = said[14]
    said[15]["signal_id"], said[15]["decided_at"] = 16, said[14]["decided_at"] + MINUTE
    said[15]["known_at"], said[15]["stop"], said[15]["volatility"] = said[15]["decided_at"], 250, 0.5
    stored = rows(replace(scene, decisions=said))[Signal]
    assert [row["status"] for row in stored] == ["taken"] * 15 + ["ignored"]
    last = stored[15]
    assert (last["kind"], last["reason"], last["order_seq"], last["direction"]) == ("entry", "in_position", None, 1)
    assert (last["stop_distance"], last["volatility"], last["strength"]) == (2.5, 0.5, None)
    assert (last["tag"], last["checks"]) == ("tag", {"up": True})
    assert stored[1]["kind"] == "exit"


def test_a_trailing_stop_leaves_its_trail() -> None:
    scene = market()
    scene = replace(scene, slots=[replace(scene.slots[0], protection=Protection(trail=0.02))])
    moves = rows(scene)[StopMove]
    assert {row["reason"] for row in moves} == {"first", ""}
    for trade in rows(scene)[Trade]:
        mine = [row for row in moves if row["trade_seq"] == trade["seq"]]
        stops = [row["stop"] for row in sorted(mine, key=lambda row: row["ts"])]
        assert stops == sorted(stops)
        assert stops[0] == trade["stop_initial"]


def test_a_trip_carries_its_numbers() -> None:
    scene = replace(market(), breakers=[BreakerSpec("losses", "consecutive_losses", "account", 2.0, "paused")])
    [event] = rows(scene)[BreakerEvent]
    assert (event["breaker"], event["action"], event["level"], event["scope"]) == (
        "losses",
        "trip",
        "paused",
        "account",
    )
    assert (event["value"], event["threshold"], event["until_ts"]) == (2.0, 2.0, None)
    assert "the account is paused; it was running" in [row["text"] for row in rows(scene)[RunMarker]]


def test_money_in_words_is_read_back() -> None:
    scene = market()
    context, machine, at = named(scene), scene.machine(), int(scene.ts[0])
    for quanta in (1, 123_456_789, -123):
        [marker] = rows_of(context, machine.command("cash", at, quanta=quanta), {})[RunMarker]
        assert cash_flow(str(marker["text"])) == (quanta * Decimal("1e-6"), None)
    assert cash_flow("deposit of trust") is None


def test_a_slot_s_state_follows_the_command(engine: Engine) -> None:
    scene = market()
    context, machine = begun(engine, scene), scene.machine()
    for state in ("failed", "exit_only", "enabled"):
        reports = machine.command("slot_state", int(scene.ts[0]), slot="all", state=state)
        assert rows_of(context, reports, {})[Slot] == [{"id": context.slot_ids[0], "state": state}]
        store(engine, context, machine, reports, {}, scene.until)
        with engine.connect() as connection:
            where = {"id": context.slot_ids[0]}
            assert connection.execute(text("SELECT state FROM slot WHERE id = :id"), where).scalar() == state


def test_what_is_held_at_the_end(engine: Engine) -> None:
    scene = market()
    context, machine, reports = written(engine, scene)
    [row] = position_rows(context, machine, scene.until)
    fill = reports.fills[-1]
    grid = context.grids[0]
    assert (row["qty"], row["entry_price"]) == (grid.qty(int(fill["qty"])), grid.price(int(fill["price"])))
    assert row["mark"] == grid.price(int(scene.rows["close"][-1]))
    assert row["stale"] is False
    assert position_rows(context, machine, scene.until + 10 * MINUTE)[0]["stale"] is True
    [slot] = next(iter(slot_equity_rows(context, machine, scene.until).values()))
    assert 1000 + slot["equity"] == pytest.approx(float(machine.account["equity"][0]), abs=1e-6)


def test_rows_written_twice_replace_orders_and_refuse_fills(engine: Engine) -> None:
    scene = market()
    context, machine, reports = written(engine, scene)
    nothing = reports.fills[:0]
    orders = replace(reports, fills=nothing, trades=reports.trades[:0], signals=reports.signals[:0])
    store(engine, context, machine, orders, {}, scene.until)
    with pytest.raises(Exception, match="UNIQUE"):
        store(engine, context, machine, reports, facts_of(scene), scene.until)


def test_a_lot_of_thirds_is_exact() -> None:
    """A tick that is no power of ten."""
    coin = Instrument("BTC/USD", "BTC", "USD", Decimal("0.05"), Decimal("0.003"), Decimal("1e-6"))
    context = Context(1, (coin,), (market().slots[0],), (1,), (), None, ("",))
    grid = context.grids[0]
    assert grid.price(3) == 0.15
    assert grid.qty(7) == 0.021
    assert grid.notional(1, 1) == 150
    assert grid.notional(-1, 1) == -150
