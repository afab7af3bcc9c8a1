"""What a machine holds at this moment, as rows: open positions, breakers, the equity of each slot. Pure."""

from __future__ import annotations

from typing import Any

from db.base import Table
from db.models import Breaker, Equity
from engine.core import codes
from engine.core.machine import Machine
from engine.core.types import NEVER
from engine.ledger.names import Context

Row = dict[str, object]
STALE_MS = 60_000


def position_rows(context: Context, machine: Machine, now_ts: int) -> list[Row]:
    """One row for each slot that holds something; `unrealized` is price alone, fees stand beside it."""
    return [_position(context, machine, i, now_ts) for i in range(len(context.slots)) if machine.slots["qty"][i] > 0]


def _position(context: Context, machine: Machine, i: int, now_ts: int) -> Row:
    slot = _plain(machine.slots, i)
    symbol = _plain(machine.symbols, slot["symbol"])
    grid, direction, entry = context.grids[i], slot["direction"], slot["entry_price"]
    worst, best = (slot["low"], slot["high"]) if direction > 0 else (slot["high"], slot["low"])
    at_stop = max(0, (entry - slot["stop"]) * direction)
    frame = slot["timeframe_ms"]
    quiet = max(STALE_MS, int(machine.account["bucket_ms"][0]))
    return {
        "run_id": context.run_id,
        "slot_id": context.slot_ids[i],
        "symbol": context.slots[i].symbol,
        "direction": direction,
        "qty": grid.qty(slot["qty"]),
        "entry_ts": slot["entry_ts"],
        "entry_price": grid.price(entry),
        "entry_notional": grid.money(slot["entry_notional"]),
        "fees": grid.money(slot["fees"]),
        "funding": grid.money(slot["funding"]),
        "stop": grid.price_or_none(slot["stop"]),
        "stop_initial": grid.price_or_none(slot["stop_initial"]),
        "target": grid.price_or_none(slot["target"]),
        "trail": grid.price_or_none(slot["trail"]),
        "mark": grid.price_or_none(symbol["mark"]),
        "mark_ts": symbol["ts"],
        "unrealized": grid.money(_unrealized(context, slot, symbol, i)),
        "mae": max(0, (entry - worst) * direction) / entry,
        "mfe": max(0, (best - entry) * direction) / entry,
        "risk": grid.money(grid.notional(at_stop, slot["qty"])) if slot["stop"] else None,
        "bars_held": max(0, now_ts // frame - slot["entry_ts"] // frame),
        "signal_seq": slot["signal"] or None,
        "status": codes.STATUSES[slot["status"]],
        "trade_seq": slot["trade"],
        "stale": now_ts - symbol["ts"] > quiet,
        "updated_ts": now_ts,
    }


def _plain(records: Any, i: int) -> dict[str, Any]:
    return dict(zip(records.dtype.names, records[i].item(), strict=True))


def _unrealized(context: Context, slot: dict[str, Any], symbol: dict[str, Any], i: int) -> int:
    """Quanta that price alone has made of what is held now."""
    return context.grids[i].notional((symbol["mark"] - slot["entry_price"]) * slot["direction"], slot["qty"])


def breaker_rows(context: Context, machine: Machine) -> dict[type[Table], list[Row]]:
    """Every breaker as it stands: what it measures now, or measured when it tripped."""
    rows: list[Row] = []
    watched = machine.watched().tolist()
    for i, name in enumerate(context.breaker_names):
        row, now = _plain(machine.breakers, i), watched[i]
        tripped = bool(row["tripped"])
        counts = codes.BREAKER_KINDS[row["kind"]] in ("consecutive_losses", "feed_errors", "venue_errors", "storage")
        rows.append(
            {
                "run_id": context.run_id,
                "name": name,
                "slot_id": context.slot_id(row["slot"]) or 0,
                "state": "tripped" if tripped else "armed",
                "level": codes.LEVELS[row["level"]],
                "count": int(now) if counts else 0,
                "value": row["value"] if tripped else now,
                "threshold": row["threshold"],
                "since_ts": row["since"] if tripped else None,
                "until_ts": row["until"] if tripped and row["until"] < NEVER else None,
            }
        )
    return {Breaker: rows}


def slot_equity_rows(context: Context, machine: Machine, ts: int) -> dict[type[Table], list[Row]]:
    """What each slot has made by `ts`: closed trades, and the open one at its mark, net of fees and funding.

    `cash` is the closed part, `exposure` what is held at its mark.
    """
    rows: list[Row] = []
    for i, slot_id in enumerate(context.slot_ids):
        slot = _plain(machine.slots, i)
        symbol = _plain(machine.symbols, slot["symbol"])
        grid = context.grids[i]
        closed = slot["realized"]
        held = _unrealized(context, slot, symbol, i) - slot["fees"] - slot["funding"] if slot["qty"] > 0 else 0
        rows.append(
            {
                "run_id": context.run_id,
                "slot_id": slot_id,
                "ts": ts,
                "equity": grid.money(closed + held),
                "cash": grid.money(closed),
                "exposure": grid.money(grid.notional(symbol["mark"], slot["qty"])),
            }
        )
    return {Equity: rows}
