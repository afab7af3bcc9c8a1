# mypy: allow-untyped-calls
"""One parameter set through strategy and kernel into a tally: the general way for any study, the short one where it fits.

Memory is reused from set to set. Which sets to run, and in which threads, is in engine.research.sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.core import kernel, lean
from engine.core.layout import LOG_KINDS
from engine.core.lean_tally import STACK, TALLY, begin, finish, take_logs
from engine.core.log import rows_of_an_instant
from engine.core.machine import Machine
from engine.core.reports import Logs
from engine.core.setup import Setup
from engine.core.types import DECISION, FUNDING, Rows
from engine.research.play import signals_of
from engine.research.sweep_ground import Ground, no_rows
from engine.strategies.base import Bars, Signals, Strategy
from engine.strategies.decisions import decisions_of, volatility_at

_ROWS, _POINTS = (4096, 2048, 1024, 2048, 4096), 16_384


class Tallies:
    """What is kept of `count` sets: `tallies` TALLY[count] and `days` f8[count, days + 1], levels at each UTC day's end."""

    def __init__(self, count: int, days: int, start: float) -> None:
        self.tallies: Rows = np.zeros(count, TALLY)
        self.days = np.empty((count, days + 1))
        self.start = start
        begin(self.tallies, start, self.days[:, 0])

    def again(self, k: int) -> None:
        """Set k from the start."""
        begin(self.tallies[k : k + 1], self.start, self.days[k : k + 1, 0])


class Sets:
    """Runs sets over one ground, one at a time; every thread has its own. `short` False: always by the kernel."""

    def __init__(self, ground: Ground, *, short: bool = True, hashed: bool = False) -> None:
        self.ground, self._short, self._hashed = ground, short, hashed
        self._frames = ground.frames.as_tuple()
        self._results = np.empty(1024, np.int64)
        self._money = np.empty(1024)
        self._frames_of_sum, self._sums = np.empty(STACK, np.int64), np.empty(STACK)
        self._logs: dict[tuple[int, int], tuple[Logs, Any]] = {}
        self._states: dict[Any, Rows] = {}
        self._lean_ground: tuple[Any, ...] | None = None
        self._events: tuple[Any, Any, Any] = _events(4096)

    def run(self, setup: Setup, strategies: Sequence[Strategy], into: Tallies, k: int) -> None:
        """Set k of `into`. StrategyError for signals that cannot be used, ValueError and OverflowError for amounts."""
        said = [
            self._signals(slot.symbol, slot.timeframe_ms, one)
            for slot, one in zip(setup.slots, strategies, strict=True)
        ]
        if self._short and fits(setup, self.ground) and plain_entries(said[0]):
            if self._run_short(setup, said[0], into, k):
                return
            into.again(k)
        self._run_kernel(setup, said, into, k)

    def _signals(self, symbol: str, timeframe_ms: int, strategy: Strategy) -> Signals:
        """On the shared bars; on bars of its own for a strategy that fails on those, which are read-only."""
        try:
            return signals_of(strategy, self.ground.bars(symbol, timeframe_ms))
        except Exception:
            return signals_of(strategy, self.ground.own_bars(symbol, timeframe_ms))

    # ---- the kernel ------------------------------------------------------------------------------------------------------
    def _run_kernel(self, setup: Setup, said: Sequence[Signals], into: Tallies, k: int) -> None:
        decisions = self._decisions(setup, said)
        machine = setup.machine()
        state = (machine.account, machine.slots, machine.symbols, machine.breakers)
        logs, starts = self._buffers(machine)
        cursor, complete, scale = np.zeros(3, np.int64), False, float(machine.account[0]["quantum_scale"])
        nothing = no_rows(FUNDING)
        while not complete:
            complete = kernel.run(
                *state, self._frames, decisions, nothing, self.ground.end, cursor, logs.words, logs.curve
            )
            self._room(int(into.tallies[k]["trades"]) + (logs.words.size >> 4))
            points = int(machine.account[0]["n_curve"])
            first_day = self.ground.first_day
            take_logs(into.tallies, k, into.days, self._results, logs.words, starts, logs.curve, points, first_day)
            logs.words[:LOG_KINDS] = starts
            machine.account["n_curve"] = 0
        into.tallies[k]["open"] = int((machine.slots["qty"] > 0).sum())
        self._finish(into, k, scale)

    def _decisions(self, setup: Setup, said: Sequence[Signals]) -> Rows:
        grid = {one.symbol: one for one in setup.instruments}
        parts = [
            decisions_of(i, self._bars(setup, i), signals, grid[slot.symbol], delay_ms=setup.account.delay_ms)
            for i, (slot, signals) in enumerate(zip(setup.slots, said, strict=True))
        ]
        rows: Rows = np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else no_rows(DECISION)
        return rows[np.lexsort((rows["slot"], rows["decided_at"]))] if len(parts) > 1 else rows

    def _bars(self, setup: Setup, i: int) -> Bars:
        return self.ground.bars(setup.slots[i].symbol, setup.slots[i].timeframe_ms)

    def _buffers(self, machine: Machine) -> tuple[Logs, Any]:
        shape = (len(machine.slots), len(machine.breakers))
        if shape not in self._logs:
            logs = Logs(_ROWS, rows_of_an_instant(*shape), _POINTS)
            self._logs[shape] = logs, logs.words[:LOG_KINDS].copy()
        return self._logs[shape]

    # ---- the short way ---------------------------------------------------------------------------------------------------
    def _run_short(self, setup: Setup, signals: Signals, into: Tallies, k: int) -> bool:
        """False when the set must go through the kernel after all."""
        states = self._state(setup).copy()
        events, volatility = self._decided(setup, signals)
        stop, target = (self._distance(setup, values, events) for values in (signals.stop, signals.target))
        self._room(int(np.count_nonzero(events[1])) + 1)
        ts, prices, day_last = self._columns()
        lean.run_events(
            states, into.tallies[k : k + 1], into.days[k : k + 1], 0, self._results, ts, prices, day_last, events,
            (stop, target), volatility,
        )  # fmt: skip
        if states[0]["status"] == lean.LEFT:
            return False
        into.tallies[k]["open"] = int(states[0]["qty"] > 0)
        self._finish(into, k, float(states[0]["quantum_scale"]))
        return True

    def _state(self, setup: Setup) -> Rows:
        key = (setup.account, setup.instruments, setup.slots)
        if key not in self._states:
            if len(self._states) > 1024:
                self._states.clear()
            machine = setup.machine()
            self._states[key] = lean.lean_state(machine.account[0], machine.slots[0], machine.symbols[0])
            self._states[key]["hashed"] = int(self._hashed)
        return self._states[key]

    def _columns(self) -> tuple[Any, ...]:
        if self._lean_ground is None:
            ground = self.ground
            self._lean_ground = (ground.frames.ts, ground.columns(), ground.day_last())
        return self._lean_ground

    def _decided(self, setup: Setup, signals: Signals) -> tuple[tuple[Any, Any, Any], Any]:
        entries, exits = (_small(values) for values in (signals.entry, signals.exit))
        count = lean.changes(entries, exits, *self._events)
        if count > self._events[0].size:
            self._events = _events(2 * count)
            lean.changes(entries, exits, *self._events)
        bars, enter, leave = (part[:count] for part in self._events)
        if setup.slots[0].sizing.kind != "volatility":
            return (bars, enter, leave), _NO_FLOATS
        return (bars, enter, leave), volatility_at(self._bars(setup, 0), bars)

    def _distance(self, setup: Setup, values: Any, events: tuple[Any, Any, Any]) -> Any:
        """Ticks at each event, as `decisions_of` has them."""
        if values is None:
            return _NO_INTS
        scale = setup.instruments[0].tick_ratio[1] / setup.instruments[0].tick_ratio[0]
        distance = np.where(events[1] != 0, np.asarray(values, np.float64)[events[0]], 0.0)
        return np.where(distance > 0.0, np.maximum(np.rint(distance * scale), 1.0), 0.0).astype(np.int64)

    # ---- both ------------------------------------------------------------------------------------------------------------
    def _room(self, trades: int) -> None:
        if trades > self._results.size:
            grown = np.empty(2 * trades, np.int64)
            grown[: self._results.size] = self._results
            self._results = grown

    def _finish(self, into: Tallies, k: int, scale: float) -> None:
        if self._money.size < self._results.size:
            self._money = np.empty(self._results.size)
        finish(into.tallies, k, into.days, self._results, self._money, self._frames_of_sum, self._sums, scale)


def _events(room: int) -> tuple[Any, Any, Any]:
    return np.empty(room, np.int64), np.empty(room, np.int8), np.empty(room, np.int8)


_NO_FLOATS, _NO_INTS = np.zeros(0), np.zeros(0, np.int64)


def fits(setup: Setup, ground: Ground) -> bool:
    """Whether the short way may be taken, as far as the settings tell: see engine.core.lean."""
    account = setup.account
    if len(setup.slots) != 1 or len(setup.instruments) != 1 or setup.breakers or account.delay_ms:
        return False
    slot = setup.slots[0]
    guard = slot.protection
    if guard.trail or guard.breakeven or guard.time_stop or account.max_positions < 1 or account.fills != "model":
        return False
    return slot.timeframe_ms == ground.candles[slot.symbol].timeframe_ms and len(ground.frames.ts) == len(ground.points)


def plain_entries(signals: Signals) -> bool:
    """Whether they are market entries without a trailing stop."""
    return signals.trail is None and signals.limit_offset is None


def _small(values: Any) -> Any:
    """int8[n], contiguous and writable, of entries or exits."""
    array = np.ascontiguousarray(values)
    array = array.view(np.int8) if array.dtype == np.bool_ else array.astype(np.int8, copy=False)
    return array if array.flags.writeable else array.copy()
