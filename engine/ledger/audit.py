"""The audit: a run's cash, fees, positions and trades derived again from its fills alone, compared to the last digit.

Reads one consistent state of SQLite or PostgreSQL and writes nothing. The arithmetic is in engine.ledger.books.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from sqlalchemy import Connection, Engine, text

from db.models import Run
from engine.ledger.books import RATE, ZERO, Books, DecimalGrid, Fill, Holding, exact, rounded
from engine.ledger.flows import cash_flow

SHOWN = 50
DIGITS = 60
Row = Mapping[str, Any]


@dataclass
class AuditReport:
    """`problems` are sentences, the first 50; `cash` is what the fills leave."""

    ok: bool = True
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0
    orders: int = 0
    fills: int = 0
    trades: int = 0
    open_positions: int = 0
    signals: int = 0
    cash: Decimal | None = None

    def find(self, problem: str) -> None:
        self.ok = False
        if len(self.problems) < SHOWN:
            self.problems.append(problem)
        else:
            self.more_problems += 1


class NoSuchRun(Exception):
    """The run that was named is not in the database."""

    exit_code = 2


def audit(engine: Engine, run_id: int) -> AuditReport:
    """Audit the run with this id. NoSuchRun if there is none."""
    with engine.connect() as connection, localcontext(prec=DIGITS):
        return _Audit(connection, run_id).done()


class _Audit:
    """One audit: what is stored, and the report on it."""

    def __init__(self, connection: Connection, run_id: int) -> None:
        self.connection, self.run_id = connection, run_id
        run = connection.execute(Run.__table__.select().where(Run.__table__.c.id == run_id)).mappings().first()  # type: ignore[attr-defined]
        if run is None:
            raise NoSuchRun(f"no run {run_id} in this database; `run_engine.py status` names them")
        self.run: Row = dict(run)
        self.report = AuditReport()
        self.orders = {row["seq"]: row for row in self._rows("orders")}
        self.fills = [_fill(row, self.orders.get(row["order_seq"])) for row in self._rows("fill")]
        self.trades = {row["seq"]: row for row in self._rows("trade")}
        self.slots = {row["key"]: row["id"] for row in self._rows("slot", "id")}
        self.grids = self._grids()
        self.flows = self._flows()
        self.books = Books(exact(run["cash_start"]))

    def _rows(self, table: str, order: str = "seq") -> list[Row]:
        query = f"SELECT * FROM {table} WHERE run_id = :run ORDER BY {order}"
        return [dict(row) for row in self.connection.execute(text(query), {"run": self.run_id}).mappings()]

    def _grids(self) -> dict[str, DecimalGrid]:
        """The run's own instruments where it kept them, else those of its exchange, with every rate it was configured for."""
        own = (self.run["params"] or {}).get("instruments")
        if own:
            return {row["symbol"]: DecimalGrid.of(row) for row in own}
        query = text("SELECT * FROM instrument WHERE exchange = :exchange")
        found = self.connection.execute(query, {"exchange": self.run["exchange"]}).mappings()
        maker, taker = _configured_rates(row["text"] for row in self._rows("config_version", "id"))
        return {row["symbol"]: DecimalGrid.of(dict(row)).with_rates(maker, taker) for row in found}

    def _flows(self) -> list[tuple[int, Decimal, int | None]]:
        """Deposits, withdrawals and funding as (ts, amount, slot)."""
        flows = []
        for row in self._rows("run_marker", "ts, id"):
            found = cash_flow(row["text"]) if row["kind"] == "command" else None
            if found is not None:
                flows.append((row["ts"], found[0], self.slots.get(found[1] or "")))
        return flows

    # ---- the checks ------------------------------------------------------------------------------------------------------
    def done(self) -> AuditReport:
        report = self.report
        if self.run["kind"] == "imported":  # trades without fills: there are no books to do again
            report.trades = len(self.trades)
            return report
        signals = self._rows("signal")
        report.orders, report.fills = len(self.orders), len(self.fills)
        report.trades, report.signals = len(self.trades), len(signals)
        self._count("orders", self.orders)
        self._count("fills", (fill.seq for fill in self.fills))
        self._count("signals", (row["seq"] for row in signals))
        curve = self._walk()
        self._check_orders()
        self._check_trades()
        self._check_positions()
        self._check_signals(signals)
        self._check_curve(curve)
        report.cash, report.open_positions = self.books.cash, len(self.books.open)
        return report

    def _count(self, name: str, seqs: Iterable[int]) -> None:
        """Numbers run from 1 without holes; doubles the schema refuses."""
        expected = 1
        for seq in seqs:
            if seq != expected:
                self.report.find(f"{name}: number {expected} is missing; {seq} comes next")
            expected = seq + 1

    def _walk(self) -> list[tuple[int, Decimal]]:
        """Every fill against grid, order and cash; the cash after each as (ts, cash)."""
        waiting = list(reversed(self.flows))
        curve = []
        for fill in self.fills:
            while waiting and self._before(waiting[-1], fill):
                ts, amount, slot = waiting.pop()
                self.books.flow(amount, slot)
                curve.append((ts, self.books.cash))
            grid = self.grids.get(fill.symbol)
            if grid is None:
                self.report.find(
                    f"fill {fill.seq}: no instrument {fill.symbol} of {self.run['exchange']!r} to audit by"
                )
                continue
            self._check_fill(fill, grid)
            if (wrong := self.books.take(fill, grid)) is not None:
                self.report.find(f"fill {fill.seq} {wrong}")
            self._same(f"fill {fill.seq}", "cash_after", fill.cash_after, self.books.cash)
            curve.append((fill.ts, self.books.cash))
        for ts, amount, slot in reversed(waiting):
            self.books.flow(amount, slot)
            curve.append((ts, self.books.cash))
        return curve

    def _before(self, flow: tuple[int, Decimal, int | None], fill: Fill) -> bool:
        """Whether the flow was booked before the fill. Of one instant, the cash behind the fill says which of the two came first;
        funding comes before what ends a position."""
        ts, _, slot = flow
        if ts != fill.ts or slot is not None:
            return ts <= fill.ts
        return self.books.cash - fill.direction * fill.notional - fill.fee != fill.cash_after

    def _check_fill(self, fill: Fill, grid: DecimalGrid) -> None:
        name, order = f"fill {fill.seq}", self.orders.get(fill.order_seq)
        if order is None:
            self.report.find(f"{name}: there is no order {fill.order_seq}")
        elif (order["slot_id"], order["symbol"], _sign(order["side"])) != (fill.slot_id, fill.symbol, fill.direction):
            self.report.find(f"{name}: its slot, symbol or side is not that of order {fill.order_seq}")
        for what, value, step in (("price", fill.price, grid.tick), ("qty", fill.qty, grid.lot)):
            if value % step:
                self.report.find(f"{name}: {what} {value:f} is no multiple of {step:f}")
        self._same(name, "notional", fill.notional, grid.notional(fill.price, fill.qty))
        fees = grid.fees(fill.notional, fill.maker)
        if self.run["kind"] != "live" and fill.fee not in fees:
            wanted = " or ".join(f"{fee:f}" for fee in sorted(fees))
            self.report.find(f"{name}: fee is {fill.fee:f}, the rate makes it {wanted}")

    def _check_orders(self) -> None:
        filled: defaultdict[int, Decimal] = defaultdict(lambda: ZERO)
        for fill in self.fills:
            filled[fill.order_seq] += fill.qty
        for seq, order in self.orders.items():
            self._same(f"order {seq}", "filled_qty", exact(order["filled_qty"]), filled[seq])
            if (order["state"] == "filled") != (filled[seq] == exact(order["qty"]) and filled[seq] > 0):
                self.report.find(f"order {seq} is {order['state']} with {filled[seq]:f} of {order['qty']} filled")

    def _check_trades(self) -> None:
        for seq in self.books.closed.keys() - self.trades.keys():
            self.report.find(f"trade {seq} is missing: its fills close it")
        for seq, row in self.trades.items():
            holding = self.books.closed.get(seq)
            if holding is None:
                self.report.find(f"trade {seq}: no fills close it")
            else:
                self._check_trade(f"trade {seq}", row, holding)

    def _check_trade(self, name: str, row: Row, holding: Holding) -> None:
        for column in ("slot_id", "symbol", "direction", "entry_ts", "exit_ts", "entry_order_seq", "exit_order_seq"):
            if row[column] != getattr(holding, column):
                self.report.find(f"{name}: {column} is {row[column]}, its fills make it {getattr(holding, column)}")
        for column in (*_MONEY, "exit_price", "exit_notional", "pnl"):
            self._same(name, column, exact(row[column]), getattr(holding, column))
        share = float(holding.pnl / holding.entry_notional) if holding.entry_notional else 0.0
        if row["pnl_pct"] != share:
            self.report.find(f"{name}: pnl_pct is {row['pnl_pct']}, its pnl makes it {share}")

    def _check_positions(self) -> None:
        stored = {row["slot_id"]: row for row in self._rows("position", "slot_id")}
        for slot_id in stored.keys() | self.books.open.keys():
            row, holding = stored.get(slot_id), self.books.open.get(slot_id)
            if row is None or holding is None:
                words = "a position is stored that no fills hold" if row else "its fills hold what is not stored"
                self.report.find(f"slot {slot_id}: {words}")
                continue
            name = f"position of slot {slot_id}"
            self._same(name, "qty", exact(row["qty"]), holding.held)
            for column in _MONEY[1:]:
                self._same(name, column, exact(row[column]), getattr(holding, column))

    def _check_signals(self, signals: list[Row]) -> None:
        for row in signals:
            if row["status"] == "taken" and row["order_seq"] not in self.orders:
                self.report.find(f"signal {row['seq']} was taken, but its order {row['order_seq']} is not there")

    def _check_curve(self, curve: list[tuple[int, Decimal]]) -> None:
        """The account's cash at every stored point; where a venue fills, a point may fall between two fills of an instant."""
        if self.run["kind"] == "live":
            return
        moments = [ts for ts, _ in curve]
        start = exact(self.run["cash_start"])
        query = text("SELECT ts, cash FROM equity WHERE run_id = :run AND slot_id = 0 ORDER BY ts")
        flows = {ts for ts, _, _ in self.flows}
        for ts, cash in self.connection.execute(query, {"run": self.run_id}):
            at = bisect_left(moments, ts)
            expected = curve[at - 1][1] if at else start
            if ts not in flows and cash != float(expected):
                self.report.find(f"equity at {ts}: cash is {exact(cash):f}, the fills make it {expected:f}")

    def _same(self, name: str, column: str, stored: Decimal, derived: Decimal) -> None:
        if stored != derived:
            self.report.find(f"{name}: {column} is {stored:f}, the fills make it {derived:f}")


_MONEY = ("qty", "entry_price", "entry_notional", "fees", "funding")


def _sign(side: str) -> int:
    return 1 if side == "buy" else -1


def _fill(row: Row, order: Row | None) -> Fill:
    qty, price, notional, fee, cash = (exact(row[n]) for n in ("qty", "price", "notional", "fee", "cash_after"))
    return Fill(
        seq=row["seq"],
        order_seq=row["order_seq"],
        slot_id=row["slot_id"],
        symbol=row["symbol"],
        direction=_sign(row["side"]),
        entry=order is not None and order["purpose"] == "entry",
        maker=row["liquidity"] == "maker",
        qty=qty,
        price=price,
        notional=notional,
        fee=fee,
        cash_after=cash,
        ts=row["ts"],
    )


def _configured_rates(texts: Iterable[str]) -> tuple[set[Decimal], set[Decimal]]:
    """Maker and taker rates that the run's configurations name, kept to 1e-9."""
    rates: tuple[set[Decimal], set[Decimal]] = set(), set()
    for written in texts:
        try:
            costs = tomllib.loads(written, parse_float=Decimal).get("costs", {})
            for found, name in zip(rates, ("maker", "taker"), strict=True):
                if costs.get(name) is not None:
                    found.add(rounded(Decimal(costs[name]), RATE))
        except (tomllib.TOMLDecodeError, AttributeError, TypeError, InvalidOperation):
            continue  # a text that is no configuration names no rate
    return rates
