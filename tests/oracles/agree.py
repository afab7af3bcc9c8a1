"""Runs one input through the compiled machine and through the naive engine, and says the first place where they
differ.

Orders, fills, trades and signals must be equal in every integer; the account's equity, a float64 view, to 1e-12 of
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np

from engine.core import codes
from engine.core.machine import Frames, Machine, Reports
from engine.core.types import FUNDING, AccountSpec, BreakerSpec, Instrument, SlotSpec
from tests.oracles.naive import Naive
from tests.oracles.naive_rows import Result


@dataclass(frozen=True)
class Scene:
    """A whole input: `ts` i8[N] and EXEC_BAR `rows`[N] sorted by ts (equal ts = one frame), decisions, funding."""

    account: AccountSpec
    instruments: Sequence[Instrument]
    slots: Sequence[SlotSpec]
    ts: Any
    rows: Any
    decisions: Any
    breakers: Sequence[BreakerSpec] = ()
    funding: Any = ()
    until: int = -1
    faults: Sequence[tuple[int, str, float]] = ()
    """Recorded failures: (ts that is no frame's, source, count or share of the budget)."""

    def machine(self) -> Machine:
        return Machine(self.account, self.instruments, self.slots, self.breakers)

    def frames(self) -> Frames:
        """As a feed gives them; without the columns for quotes where there is none, as from candles."""
        frames = Frames.of_rows(self.ts, self.rows)
        return frames if frames.quotes.any() else replace(frames, quotes=np.zeros((0, 4), np.int64))

    def payments(self) -> Any:
        return np.array([tuple(row) for row in self.funding], dtype=FUNDING)

    def compiled(self) -> Reports:
        return self.play(self.machine())

    def play(self, machine: Machine) -> Reports:
        """The whole input as a batch, in segments between recorded failures."""
        frames, payments = self.frames(), self.payments()
        parts, done = [], (0, 0, 0)
        for at, source, value in [*sorted(self.faults), (self.until, "", 0.0)]:
            ends = (frames.ts.size, self.decisions.size, payments.size)
            if source:
                times = (frames.ts, self.decisions["decided_at"], payments["ts"])
                ends = tuple(int(np.searchsorted(one, at, "right")) for one in times)
            (f, d, k), (f2, d2, k2) = done, ends
            parts.append(machine.run(frames.slice(f, f2), self.decisions[d:d2], payments[k:k2], at))
            if source:
                parts.append(machine.command("fault", at, source=source, **fault_words(source, value)))
            done = ends
        return Reports.concatenate(parts)

    def naive(self) -> Result:
        engine = Naive(self.account, list(self.instruments), list(self.slots), self.breakers)
        stamps, first = np.unique(self.ts, return_index=True)
        ends = [*first[1:].tolist(), self.ts.size]
        frames = ((int(t), self.rows[a:b]) for t, a, b in zip(stamps, first.tolist(), ends, strict=True))
        return engine.run(frames, list(self.decisions), list(self.payments()), self.until, self.faults)


def fault_words(source: str, value: float) -> dict[str, float]:
    return {"used" if source == "ai" else "count": value}


def final_orders(reports: Reports) -> list[tuple[Any, ...]]:
    """The last word on each order, by number."""
    last = {int(row["seq"]): row for row in reports.orders}
    return [
        (
            seq,
            int(row["slot"]),
            int(row["side"]),
            codes.PURPOSES[row["purpose"]],
            int(row["qty"]),
            int(row["created"]),
            int(row["known_at"]),
            codes.ORDER_STATES[row["state"]],
            codes.REASONS[row["reason"]],
        )
        for seq, row in sorted(last.items())
    ]


def fills(reports: Reports) -> list[tuple[int, ...]]:
    names = ("seq", "order", "slot", "side", "qty", "price", "base", "notional", "fee", "maker", "ts", "cash")
    return [tuple(int(row[name]) for name in names) for row in reports.fills]


def trades(reports: Reports) -> list[tuple[Any, ...]]:
    names = (
        "slot",
        "direction",
        "qty",
        "entry_ts",
        "exit_ts",
        "entry_price",
        "exit_price",
        "fees",
        "funding",
        "pnl",
        "kind_pnl",
    )
    tail = ("high", "low", "bars_held")
    return [
        (
            *(int(row[name]) for name in names),
            codes.PURPOSES[row["reason"]],
            bool(row["ambiguous"]),
            *(int(row[name]) for name in tail),
        )
        for row in reports.trades
    ]


def signals(reports: Reports) -> list[tuple[int, str, str]]:
    return [
        (int(row["signal"]), codes.SIGNAL_STATUSES[row["status"]], codes.REASONS[row["reason"]])
        for row in reports.signals
    ]


def naive_rows(out: Result, quantum: Decimal) -> dict[str, list[tuple[Any, ...]]]:
    """The naive engine's answer in the compiled one's units."""

    def quanta(money: Decimal) -> int:
        whole = money / quantum
        assert whole == int(whole), f"{money} is not a whole number of quanta"
        return int(whole)

    return {
        "orders": [
            (o.seq, o.slot, o.side, o.purpose, o.lots, o.created, o.known, o.state, o.reason) for o in out.orders
        ],
        "fills": [
            (
                f.seq,
                f.order,
                f.slot,
                f.side,
                f.lots,
                f.price,
                f.base,
                quanta(f.notional),
                quanta(f.fee),
                int(f.maker),
                f.ts,
                quanta(f.cash),
            )
            for f in out.fills
        ],
        "trades": [
            (
                t.slot,
                t.direction,
                t.lots,
                t.entry_ts,
                t.exit_ts,
                t.entry_price,
                t.exit_price,
                quanta(t.fees),
                quanta(t.funding),
                quanta(t.pnl),
                quanta(t.kind_pnl),
                t.reason,
                t.ambiguous,
                t.high,
                t.low,
                t.bars_held,
            )
            for t in out.trades
        ],
        "signals": list(out.signals),
    }


def assert_agree(scene: Scene) -> tuple[Reports, Result]:
    reports, out = scene.compiled(), scene.naive()
    theirs = {
        "signals": signals(reports),
        "fills": fills(reports),
        "orders": final_orders(reports),
        "trades": trades(reports),
    }
    ours = naive_rows(out, scene.account.quantum)
    for name, rows in theirs.items():
        for n, (compiled, naive) in enumerate(zip(rows, ours[name], strict=False)):
            assert compiled == naive, f"{name}[{n}]: compiled {compiled}, naive {naive}"
        assert len(rows) == len(ours[name]), f"{name}: {len(rows)} compiled, {len(ours[name])} naive"
    assert reports.equity["ts"].tolist() == [ts for ts, _ in out.equity]
    for row, (ts, value) in zip(reports.equity, out.equity, strict=True):
        slack = float(scene.account.quantum) * len(scene.slots) + 1e-12 * float(scene.account.cash)
        assert abs(float(row["equity"]) - float(value)) <= slack, f"equity at {ts}: {row['equity']} and {value}"
    return reports, out
