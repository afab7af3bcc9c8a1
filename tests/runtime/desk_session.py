"""A living run without a database or a feed: a desk over a random walk, and what the backtester makes of its tape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.machine import Reports
from engine.core.setup import Setup
from engine.core.types import AccountSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.barbook import BarBook
from engine.market.tape import START, Tape
from engine.research.replay import replay_tape
from engine.runtime.budget import SlotBudget
from engine.runtime.desk import Desk
from engine.runtime.trader import Step, Trader

BEGUN = 1_767_312_000_000  # 2026-01-02 00:00 UTC
STEP_MS = 20_000
CENT = Decimal("0.01")


def setup_of(*slots: SlotSpec, params: tuple[dict[str, Any], ...]) -> Setup:
    """An account of 10,000 with small fees, trading the slots' symbols."""
    symbols = list(dict.fromkeys(slot.symbol for slot in slots))
    grid = tuple(
        Instrument(
            symbol,
            symbol.split("/")[0],
            "USD",
            CENT,
            Decimal("1e-6"),
            Decimal("1e-6"),
            maker=CENT / 10,
            taker=CENT / 10,
        )
        for symbol in symbols
    )
    account = AccountSpec(Decimal(10_000), "USD", Decimal("1e-6"), symbol_cap=0.0)
    return Setup(account, grid, slots, params, (), 1000, 250)


def slot(strategy: str, symbol: str = "BTC/USD", label: str = "") -> SlotSpec:
    return SlotSpec(label, strategy, symbol, 60_000, Sizing("share", 0.2), Protection(stop=0.004, target=0.006))


def frames(seed: int, count: int, symbols: int) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """One second of market every 20 s: (ts, rows of a frame event)."""
    dice = np.random.default_rng(seed)
    price = np.full(symbols, 50_000.0)
    for k in range(count):
        opened = np.rint(price).astype(int)
        price *= np.exp(dice.normal(0, 0.0006, symbols))
        closed = np.rint(price).astype(int)
        high, low = np.maximum(opened, closed) + 2, np.minimum(opened, closed) - 2
        bars = zip(opened.tolist(), high.tolist(), low.tolist(), closed.tolist(), strict=True)
        yield BEGUN + k * STEP_MS, [(s, 0, *bar, 1.0, 0, 0, 0, 0) for s, bar in enumerate(bars)]


@dataclass
class Life:
    """A run being lived."""

    folder: Path
    desk: Desk
    lived: list[Reports]

    @staticmethod
    def begin(folder: Path, setup: Setup, stopwatch: Any = None, budget_ms: int = 1000) -> Life:
        names = tuple(one.symbol for one in setup.instruments)
        trader = Trader(setup, BarBook(folder / "bars", names), *([stopwatch] if stopwatch else []))
        tape = Tape(folder / "tape")
        tape.open(START)
        desk = Desk(tape, trader, Step(), SlotBudget(budget_ms))
        desk.event(BEGUN, ["warm", BEGUN, trader.book.counts(), setup.to_json()])
        return Life(folder, desk, [])

    def go(self, market: Iterator[tuple[int, list[tuple[Any, ...]]]]) -> None:
        for ts, rows in market:
            self.desk.event(ts, ["frame", ts, rows, ts + 1000])
        self.lived += self.desk.step.reports
        self.desk.step.reports = []

    def command(self, kind: str, **args: Any) -> None:
        now = self.desk.trader.now
        self.desk.event(now, ["command", now, kind, args, 1])

    def die_and_recover(self) -> None:
        """Another process: the bars saved, the state from a snapshot, the tape gone on with where it ends."""
        old = self.desk
        old.tape.sync()
        old.trader.book.save()
        state, layout, extra = old.trader.machine.snapshot(), old.trader.machine.layout(), old.trader.extra()
        trader = Trader(old.trader.setup, BarBook(self.folder / "bars", old.trader.book.names))
        trader.book.load(extra["bars"])
        trader.book.cut(extra["first_bars"])
        trader.restore(state, layout, extra)
        tape = Tape(self.folder / "tape")
        tape.open(old.tape.position)
        old.tape.close()
        self.desk = Desk(tape, trader, Step(), SlotBudget(old.budget.budget_ms))

    def tape(self, kind: str) -> list[Any]:
        self.desk.tape.sync()
        return [event for event, _ in Tape(self.folder / "tape").read() if event[0] == kind]

    def same_as_replayed(self) -> dict[str, int]:
        """Every report the run lived equals the batch replay's, to the last bit; how many there were."""
        self.desk.tape.sync()
        self.desk.trader.book.save()
        replayed = Reports.concatenate([reports for _, reports, _ in replay_tape(self.folder).parts])
        lived = Reports.concatenate(self.lived)
        counts = {}
        for name in Reports.__dataclass_fields__:
            mine, theirs = getattr(lived, name), getattr(replayed, name)
            assert mine.tolist() == theirs.tolist(), name
            counts[name] = mine.size
        return counts
