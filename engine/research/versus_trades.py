"""The trades of a paper run and of its candle backtest in one form, with the fills, signals and orders behind them.

Both sides are read here; what their difference means is in engine.research.versus_causes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db import queries
from engine.core import codes
from engine.core.machine import Machine, Reports
from engine.core.setup import Setup
from engine.ledger.names import Grid
from engine.research.play import PlayedSlot

_TRADES = """SELECT s.key AS slot, t.symbol, t.direction, t.qty, t.entry_ts, t.exit_ts, t.entry_price, t.exit_price, t.fees,
    t.funding, t.pnl, t.exit_reason, g.decided_ts, e.base_price AS entry_base, x.base_price AS exit_base
    FROM trade t JOIN slot s ON s.id = t.slot_id
    LEFT JOIN signal g ON g.run_id = t.run_id AND g.seq = t.signal_seq
    LEFT JOIN fill e ON e.run_id = t.run_id AND e.order_seq = t.entry_order_seq
    LEFT JOIN fill x ON x.run_id = t.run_id AND x.order_seq = t.exit_order_seq
    WHERE t.run_id = :run ORDER BY t.entry_ts, t.seq"""
_OPEN = """SELECT s.key AS slot, p.symbol, p.direction, p.qty, p.entry_ts, p.mark_ts AS exit_ts, p.entry_price,
    p.mark AS exit_price, p.fees, p.funding, p.unrealized, g.decided_ts, e.base_price AS entry_base
    FROM position p JOIN slot s ON s.id = p.slot_id
    LEFT JOIN signal g ON g.run_id = p.run_id AND g.seq = p.signal_seq
    LEFT JOIN orders o ON o.run_id = p.run_id AND o.signal_seq = p.signal_seq AND o.purpose = 'entry'
    LEFT JOIN fill e ON e.run_id = p.run_id AND e.order_seq = o.seq
    WHERE p.run_id = :run AND p.qty > 0"""
_SIGNALS = """SELECT s.key AS slot, g.decided_ts, g.direction, g.status, g.reason, o.state, o.reason AS order_reason
    FROM signal g JOIN slot s ON s.id = g.slot_id
    LEFT JOIN orders o ON o.run_id = g.run_id AND o.seq = g.order_seq WHERE g.run_id = :run"""


@dataclass(frozen=True)
class Deal:
    """One trade of either side; prices in quote currency, times ms UTC. `reason` is `open` for one still held at the end, which
    is valued at its last mark. `entry_base` and `exit_base` are prices before slippage, None where not known."""

    slot: str
    symbol: str
    direction: int
    qty: float
    decided_ts: int
    entry_ts: int
    exit_ts: int
    entry_price: float
    exit_price: float
    entry_base: float | None
    exit_base: float | None
    fees: float
    funding: float
    pnl: float
    reason: str


@dataclass(frozen=True)
class Heard:
    """What became of a signal: its status and reason, and of its order, if one was made; `direction` 0 for a mere exit."""

    direction: int
    status: str
    reason: str
    order_state: str | None = None
    order_reason: str | None = None


@dataclass(frozen=True)
class Account:
    """One side: its deals in order of entry, and what became of every signal by (slot key, when decided)."""

    deals: tuple[Deal, ...]
    heard: Mapping[tuple[str, int], Heard]

    @property
    def pnl(self) -> float:
        return sum(deal.pnl for deal in self.deals)


def of_run(engine: Engine, run_id: int) -> Account:
    """The run as its ledger has it."""
    closed = [_deal(row, row["exit_reason"], row["pnl"]) for row in queries.rows(engine, _TRADES, {"run": run_id})]
    held = [
        _deal(row, "open", row["unrealized"] - row["fees"] - row["funding"])
        for row in queries.rows(engine, _OPEN, {"run": run_id})
        if row["exit_price"] is not None
    ]
    heard = {
        (row["slot"], int(row["decided_ts"])): Heard(
            int(row["direction"]), row["status"], row["reason"], row["state"], row["order_reason"]
        )
        for row in queries.rows(engine, _SIGNALS, {"run": run_id})
    }
    return Account(tuple(sorted(closed + held, key=lambda deal: deal.entry_ts)), heard)


def _deal(row: Mapping[str, Any], reason: str, pnl: float) -> Deal:
    return Deal(
        row["slot"], row["symbol"], int(row["direction"]), row["qty"], int(row["decided_ts"] or row["entry_ts"]),
        int(row["entry_ts"]), int(row["exit_ts"]), row["entry_price"], row["exit_price"], row["entry_base"],
        row.get("exit_base"), row["fees"], row["funding"], pnl, reason,
    )  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A stretch of the candle backtest under one setup."""

    setup: Setup
    slots: tuple[PlayedSlot, ...]
    reports: Reports


def of_candles(parts: Sequence[Part], machine: Machine, end_ts: int) -> Account:
    """The backtest; `machine` as it stands at `end_ts`, under the last part's setup."""
    decided: dict[int, int] = {}
    sides: dict[int, int] = {}
    fills: dict[int, float] = {}
    deals: list[Deal] = []
    heard: dict[tuple[str, int], Heard] = {}
    orders: dict[int, tuple[str, str]] = {}
    for part in parts:
        grids = _grids(part.setup)
        for slot in part.slots:
            decided |= dict(
                zip(slot.decisions["signal_id"].tolist(), slot.decisions["decided_at"].tolist(), strict=True)
            )
            sides |= dict(zip(slot.decisions["signal_id"].tolist(), slot.decisions["entry"].tolist(), strict=True))
        for fill in part.reports.fills:
            fills[int(fill["order"])] = grids[int(fill["slot"])].price(int(fill["base"]))
        for order in part.reports.orders:
            orders[int(order["seq"])] = (codes.ORDER_STATES[int(order["state"])], codes.REASONS[int(order["reason"])])
        for trade in part.reports.trades:
            key = part.setup.slots[int(trade["slot"])].key
            deals.append(_closed(trade, key, grids[int(trade["slot"])], part.setup, decided, fills))
        for said in part.reports.signals:
            order = orders.get(int(said["order"]), (None, None))
            key = part.setup.slots[int(said["slot"])].key
            status, reason = codes.SIGNAL_STATUSES[int(said["status"])], codes.REASONS[int(said["reason"])]
            number = int(said["signal"])
            heard[key, decided[number]] = Heard(sides[number], status, reason, *order)
    deals += _still_open(parts[-1].setup, machine, decided, fills, end_ts)
    return Account(tuple(sorted(deals, key=lambda deal: deal.entry_ts)), heard)


def _grids(setup: Setup) -> list[Grid]:
    of = {one.symbol: Grid(one) for one in setup.instruments}
    return [of[slot.symbol] for slot in setup.slots]


def _closed(
    row: np.void, key: str, grid: Grid, setup: Setup, decided: Mapping[int, int], fills: Mapping[int, float]
) -> Deal:
    return Deal(
        key, setup.slots[int(row["slot"])].symbol, int(row["direction"]), grid.qty(int(row["qty"])),
        decided.get(int(row["signal"]), int(row["entry_ts"])), int(row["entry_ts"]), int(row["exit_ts"]),
        grid.price(int(row["entry_price"])), grid.price(int(row["exit_price"])), fills.get(int(row["entry_order"])),
        fills.get(int(row["exit_order"])), grid.money(int(row["fees"])), grid.money(int(row["funding"])),
        grid.money(int(row["pnl"])), codes.PURPOSES[int(row["reason"])],
    )  # fmt: skip


def _still_open(
    setup: Setup, machine: Machine, decided: Mapping[int, int], fills: Mapping[int, float], end_ts: int
) -> list[Deal]:
    found = []
    for i, grid in enumerate(_grids(setup)):
        slot = machine.slots[i]
        if slot["qty"] > 0:
            mark, entry = int(machine.symbols[int(slot["symbol"])]["mark"]), int(slot["entry_price"])
            direction, costs = int(slot["direction"]), int(slot["fees"]) + int(slot["funding"])
            pnl = grid.money(grid.notional((mark - entry) * direction, int(slot["qty"])) - costs)
            found.append(Deal(
                setup.slots[i].key, setup.slots[i].symbol, direction, grid.qty(int(slot["qty"])),
                decided.get(int(slot["signal"]), int(slot["entry_ts"])), int(slot["entry_ts"]), end_ts, grid.price(entry),
                grid.price(mark), fills.get(int(slot["entry_order"])), None, grid.money(int(slot["fees"])),
                grid.money(int(slot["funding"])), pnl, "open",
            ))  # fmt: skip
    return found
