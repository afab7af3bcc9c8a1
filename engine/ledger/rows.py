"""What the kernel reported, as rows of the database. Pure: records in, plain values out.

Reals are k / 10**d through the instrument's own grid, so that each equals its decimal exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from db.models import Equity, Fill, Order, Signal, Trade
from engine.core import codes
from engine.core.machine import Reports
from engine.core.types import Rows
from engine.ledger.events import event_rows, first_stops
from engine.ledger.names import Context, Grid, SignalFacts
from engine.ledger.standing import breaker_rows, position_rows, slot_equity_rows

__all__ = ["Context", "SignalFacts", "breaker_rows", "position_rows", "rows_of", "slot_equity_rows"]

Row = dict[str, Any]
Tables = dict[Any, list[Row]]


def rows_of(context: Context, reports: Reports, facts: Mapping[int, SignalFacts]) -> Tables:
    """Every report as rows, by table."""
    tables: Tables = {
        Signal: _signals(context, reports, facts),
        Order: _orders(context, reports.orders),
        Fill: [_fill(context, row) for row in _named(reports.fills)],
        Trade: [_trade(context, row) for row in _named(reports.trades)],
        Equity: _equity(context, reports.equity),
    }
    for part in (first_stops(context, reports.trades), event_rows(context, reports)):
        for table, rows in part.items():
            tables.setdefault(table, []).extend(rows)
    return {table: rows for table, rows in tables.items() if rows}


def _orders(context: Context, log: Rows) -> list[Row]:
    """The last state of each order."""
    latest = {row["seq"]: row for row in _named(log)}
    return [_order(context, row) for row in latest.values()]


def _named(rows: Rows) -> list[Row]:
    """Records as dictionaries of Python's own numbers: ten times faster to read than fields of a record."""
    names = rows.dtype.names or ()
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


def _order(context: Context, row: Row) -> Row:
    slot = row["slot"]
    grid = context.grids[slot]
    state = codes.ORDER_STATES[row["state"]]
    return {
        "run_id": context.run_id,
        "seq": row["seq"],
        "slot_id": context.slot_ids[slot],
        "signal_seq": row["signal"] or None,
        "symbol": context.slots[slot].symbol,
        "side": "buy" if row["side"] > 0 else "sell",
        "purpose": codes.PURPOSES[row["purpose"]],
        "type": codes.ORDER_TYPES[row["type"]],
        "qty": grid.qty(row["qty"]),
        "filled_qty": grid.qty(row["filled"]),
        "price_ref": grid.price(row["ref"]) if row["ref"] else None,
        "limit_price": grid.price(row["limit"]) if row["limit"] else None,
        "reserved": grid.money(row["reserved"]),
        "state": state,
        "reason": codes.REASONS[row["reason"]],
        "created_ts": row["created"],
        "known_ts": row["known_at"],
        "done_ts": row["ts"] if state in ("filled", "cancelled", "refused", "rejected") else None,
        "config_version_id": context.config_version_id,
    }


def _fill(context: Context, row: Row) -> Row:
    slot = row["slot"]
    grid = context.grids[slot]
    return {
        "run_id": context.run_id,
        "seq": row["seq"],
        "order_seq": row["order"],
        "slot_id": context.slot_ids[slot],
        "symbol": context.slots[slot].symbol,
        "side": "buy" if row["side"] > 0 else "sell",
        "qty": grid.qty(row["qty"]),
        "price": grid.price(row["price"]),
        "base_price": grid.price(row["base"]),
        "notional": grid.money(row["notional"]),
        "fee": grid.money(row["fee"]),
        "liquidity": "maker" if row["maker"] else "taker",
        "ts": row["ts"],
        "cash_after": grid.money(row["cash"]),
    }


def excursions(direction: int, entry: int, high: int, low: int) -> tuple[float, float]:
    """(MAE, MFE) as fractions of the entry price, both at least 0."""
    if not entry:
        return 0.0, 0.0
    down, up = (entry - low) / entry, (high - entry) / entry
    return (max(down, 0.0), max(up, 0.0)) if direction > 0 else (max(up, 0.0), max(down, 0.0))


def _trade(context: Context, row: Row) -> Row:
    slot = row["slot"]
    grid = context.grids[slot]
    direction, entry = row["direction"], row["entry_price"]
    mae, mfe = excursions(direction, entry, row["high"], row["low"])
    risk = _risk(grid, entry, row["stop_initial"], row["qty"])
    pnl = grid.money(row["pnl"])
    return {
        "run_id": context.run_id,
        "seq": row["seq"],
        "slot_id": context.slot_ids[slot],
        "symbol": context.slots[slot].symbol,
        "direction": direction,
        "qty": grid.qty(row["qty"]),
        "entry_ts": row["entry_ts"],
        "exit_ts": row["exit_ts"],
        "entry_price": grid.price(entry),
        "exit_price": grid.price(row["exit_price"]),
        "entry_notional": grid.money(row["entry_notional"]),
        "exit_notional": grid.money(row["exit_notional"]),
        "fees": grid.money(row["fees"]),
        "funding": grid.money(row["funding"]),
        "pnl": pnl,
        "pnl_pct": row["pnl"] / row["entry_notional"] if row["entry_notional"] else 0.0,
        "exit_reason": codes.PURPOSES[row["reason"]],
        "mae": mae,
        "mfe": mfe,
        "bars_held": row["bars_held"],
        "ambiguous": bool(row["ambiguous"]),
        "kind_pnl": grid.money(row["kind_pnl"]),
        "stop_initial": grid.price(row["stop_initial"]) if row["stop_initial"] else None,
        "risk": risk,
        "r_multiple": pnl / risk if risk else None,
        "signal_seq": row["signal"] or None,
        "entry_order_seq": row["entry_order"],
        "exit_order_seq": row["exit_order"],
        "config_version_id": context.config_version_id,
        "source_hash": context.source_hashes[slot],
    }


def _risk(grid: Grid, entry: int, stop: int, qty: int) -> float | None:
    """Money lost between entry and first stop; None without a stop."""
    return grid.money(grid.notional(abs(entry - stop), qty)) if stop else None


def _signals(context: Context, reports: Reports, facts: Mapping[int, SignalFacts]) -> list[Row]:
    """What the machine made of each, and the signals that it never saw."""
    sent = [_signal(context, row, facts[row["signal"]]) for row in _named(reports.signals)]
    return sent + [_unsent(context, one) for one in facts.values() if one.unsent is not None]


def _unsent(context: Context, facts: SignalFacts) -> Row:
    assert facts.unsent is not None
    decision = facts.decision
    row = {"slot": int(decision["slot"]), "signal": int(decision["signal_id"]), "mark": facts.unsent.mark}
    told = {"status": facts.unsent.status, "reason": facts.unsent.reason}
    return {**_signal(context, {**row, "status": 0, "reason": 0, "order": 0}, facts), **told}


def _signal(context: Context, row: Row, facts: SignalFacts) -> Row:
    slot = row["slot"]
    grid = context.grids[slot]
    decision = dict(zip(facts.decision.dtype.names or (), facts.decision.item(), strict=True))

    def distance(name: str) -> float | None:
        return grid.price(decision[name]) if decision[name] else None

    entry = decision["entry"]
    kind = "entry" if not decision["exit"] else "flip" if entry else "exit"
    return {
        "run_id": context.run_id,
        "seq": row["signal"],
        "slot_id": context.slot_ids[slot],
        "decided_ts": decision["decided_at"],
        "known_ts": decision["known_at"],
        "kind": kind,
        "direction": entry,
        "stop_distance": distance("stop"),
        "target_distance": distance("target"),
        "trail_distance": distance("trail"),
        "limit_offset": distance("limit_offset"),
        "strength": _number(decision["strength"]),
        "volatility": _number(decision["volatility"]),
        "tag": facts.tag,
        "status": codes.SIGNAL_STATUSES[row["status"]],
        "reason": codes.REASONS[row["reason"]],
        "price": grid.price(row["mark"]) if row["mark"] else None,
        "order_seq": row["order"] or None,
        "config_version_id": context.config_version_id,
        "source_hash": context.source_hashes[slot],
        "checks": facts.checks,
        "source": facts.source,
        "model": facts.model,
        "prompt": facts.prompt,
    }


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _equity(context: Context, points: Rows) -> list[Row]:
    return [
        {"run_id": context.run_id, "slot_id": 0, "ts": ts, "equity": equity, "cash": cash, "exposure": exposure}
        for ts, equity, cash, exposure in points.tolist()
    ]
