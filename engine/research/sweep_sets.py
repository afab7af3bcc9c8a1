# mypy: allow-untyped-calls
"""One parameter set through strategy and kernel into a tally: the general way for any study, the short one where it fits.

Memory is reused from set to set. Which sets to run, and in which threads, is in engine.research.sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.core import kernel, lean, lean_plan, lean_run
from engine.core.layout import LOG_KINDS
from engine.core.lean_levels import levels_of
from engine.core.lean_tally import STACK, TALLY, begin, finish, take_logs
from engine.core.log import rows_of_an_instant
from engine.core.machine import Machine
from engine.core.reports import Logs
from engine.core.setup import Setup
from engine.core.types import DECISION, FUNDING, Rows
from engine.research.play import signals_of
from engine.research.sweep_ground import Ground, no_rows, own
from engine.strategies._plan import MeanAbove
from engine.strategies.base import Bars, Signals, Strategy
from engine.strategies.decisions import check_signals, decisions_of, volatility_at

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
        if self.ground.asked():
            heard = self.ground.heard(setup, lambda i, bars: _on(bars, strategies[i]))
            said = [signals for _, signals in heard.slots]
        if self._short and fits(setup, self.ground) and plain_entries(said[0]):
            if self._run_short(setup, said[0], into, k):
                return
            into.again(k)
        self._run_kernel(setup, said, into, k)

    def _signals(self, symbol: str, timeframe_ms: int, strategy: Strategy) -> Signals:
        return _on(self.ground.bars(symbol, timeframe_ms), strategy)

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
        bars, day_last, _ = self._columns()
        lean_run.run_events(
            states, into.tallies[k : k + 1], into.days[k : k + 1], 0, self._results, bars, day_last, events,
            (stop, target), volatility, _NO_LEVELS,
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
            bars = ground.columns()
            self._lean_ground = (bars, ground.day_last(), lean_plan.sums_of(bars[4]))
        return self._lean_ground

    def _decided(self, setup: Setup, signals: Signals) -> tuple[tuple[Any, Any, Any], Any]:
        entries, exits = (_small(values) for values in (signals.entry, signals.exit))
        whole = entries.size // 8 * 8
        words = (entries[:whole].view(np.int64), exits[:whole].view(np.int64))
        count = lean_run.changes(entries, exits, *words, *self._events)
        if count < 0:  # says which bar
            check_signals(self._bars(setup, 0), signals)
        if count > self._events[0].size:
            self._events = _events(2 * count)
            lean_run.changes(entries, exits, *words, *self._events)
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

    # ---- plans ----------------------------------------------------------------------------------------------------------
    def run_plans(self, setups: Sequence[Setup], plans: Sequence[MeanAbove], into: Tallies) -> list[int]:
        """All sets of `into`, each a plan; the numbers of those that must be run on their own after all."""
        bars, day_last, sums = self._columns()
        windows = sorted({n for plan in plans for n in (plan.upper, plan.lower)})
        by_volatility = any(setup.slots[0].sizing.kind == "volatility" for setup in setups)  # needs each decision's own
        scale = float(self._bars(setups[0], 0).close.scale) if setups else 0.0
        if not plans or by_volatility or not lean_plan.exact(bars[4], sums, windows[-1], scale):
            return list(range(len(plans)))
        states = self._all_states(setups)
        try:
            results = self._through(states, plans, windows, into, bars, day_last, sums.astype(np.float64))
        except OverflowError:  # one of them is out of range: which one shows when each is run alone
            for k in range(len(plans)):
                into.again(k)
            return list(range(len(plans)))
        left = []
        for k in range(len(plans)):
            if states[k]["status"] == lean.LEFT:
                into.again(k)
                left.append(k)
                continue
            into.tallies[k]["open"] = int(states[k]["qty"] > 0)
            self._sum_up(into, k, results[k], float(states[k]["quantum_scale"]))
        return left

    def _all_states(self, setups: Sequence[Setup]) -> Rows:
        """LEAN[k]. As plain bytes: numpy joins structured rows field by field."""
        states: Rows = np.empty(len(setups), lean.LEAN)
        plain = states.view(np.uint8).reshape(len(setups), -1)
        for k, setup in enumerate(setups):
            plain[k] = self._state(setup).view(np.uint8)
        return states

    def _through(
        self,
        states: Rows,
        plans: Sequence[MeanAbove],
        windows: list[int],
        into: Tallies,
        bars: Any,
        day_last: Any,
        sums: Any,
    ) -> Any:
        """Results i8[k, room] of all sets over all bars; room is made as it is needed."""
        row = {n: w for w, n in enumerate(windows)}
        upper, lower = (np.array([row[n] for n in ns]) for ns in zip(*((p.upper, p.lower) for p in plans), strict=True))
        sets = (np.array(windows), upper, lower, np.array([plan.warmup for plan in plans]))
        signs = np.zeros(lean_plan.BLOCK, np.uint8)
        work = (
            np.zeros((len(windows), lean_plan.BLOCK)),
            signs,
            signs.view(np.uint64),
            _events(lean_plan.BLOCK),
            *levels_of(lean_plan.BLOCK),
        )
        before, at, n = np.zeros(len(plans), np.uint8), 0, bars.shape[1]
        results = np.empty((len(plans), _ROOM), np.int64)
        while True:
            at = lean_plan.run_plans(
                states, into.tallies, into.days, results, bars, day_last, sums, sets, before, work, _NOTHING, at
            )
            if at >= n:
                return results
            wider = np.empty((len(plans), 2 * results.shape[1] + 8), np.int64)
            wider[:, : results.shape[1]] = results
            results = wider

    # ---- both ------------------------------------------------------------------------------------------------------------
    def _room(self, trades: int) -> None:
        if trades > self._results.size:
            grown = np.empty(2 * trades, np.int64)
            grown[: self._results.size] = self._results
            self._results = grown

    def _finish(self, into: Tallies, k: int, scale: float) -> None:
        self._sum_up(into, k, self._results, scale)

    def _sum_up(self, into: Tallies, k: int, results: Any, scale: float) -> None:
        if self._money.size < results.size:
            self._money = np.empty(results.size)
        finish(into.tallies, k, into.days, results, self._money, self._frames_of_sum, self._sums, scale)


def _on(bars: Bars, strategy: Strategy) -> Signals:
    """What it says on shared bars; on bars of its own where it fails on those, which are read-only."""
    try:
        said = strategy.signals(bars)
        if not simple(said, len(bars)):
            check_signals(bars, said)
        return said
    except Exception:  # asked once more below, where whatever it raises comes through in words
        return signals_of(strategy, own(bars))


def _events(room: int) -> tuple[Any, Any, Any]:
    return np.empty(room, np.int64), np.empty(room, np.int8), np.empty(room, np.int8)


_NO_FLOATS, _NO_INTS = np.zeros(0), np.zeros(0, np.int64)
_NO_LEVELS = (np.zeros((4, 0, 0), np.int64), _NO_INTS)
_NOTHING = ((_NO_INTS, _NO_INTS), _NO_FLOATS)
_ROOM = 2 * lean_plan.BLOCK + 40  # no power of two: rows would fall onto each other in the cache


def fits(setup: Setup, ground: Ground) -> bool:
    """Whether the short way may be taken, as far as the settings tell: see engine.core.lean."""
    account = setup.account
    if len(setup.slots) != 1 or len(setup.instruments) != 1 or setup.breakers or account.delay_ms:
        return False
    slot = setup.slots[0]
    guard = slot.protection
    if guard.trail or guard.breakeven or guard.time_stop or account.max_positions < 1 or account.fills != "model":
        return False
    if (
        account.sector_cap
        or account.collar
        or account.orders_symbol_minute
        or account.orders_minute
        or account.orders_day
        or account.order_most
        or account.symbol_most
        or account.gross_most
        or account.first_trades
    ):
        return False
    return slot.timeframe_ms == ground.candles[slot.symbol].timeframe_ms and len(ground.frames.ts) == len(ground.points)


def simple(said: Any, n: int) -> bool:
    """Whether nothing can be wrong with these signals but an entry that is none of -1, 0 and 1, which is seen later."""
    if (
        not isinstance(said, Signals)
        or said.tag is not None
        or said.strength is not None
        or said.limit_bars is not None
    ):
        return False
    if any(getattr(said, name) is not None for name in ("stop", "target", "trail", "limit_offset")):
        return False
    entry, leave = np.asarray(said.entry), np.asarray(said.exit)
    named = (*said.plot.values(), *said.checks.values())
    return (
        entry.dtype == np.int8
        and leave.dtype == np.bool_
        and entry.shape == leave.shape == (n,)
        and all(np.shape(values) == (n,) and np.asarray(values).dtype.kind in "biuf" for values in named)
    )


def plan_of(strategy: Strategy) -> MeanAbove | None:
    """The strategy's condition as a plan, where it declares one."""
    declared = getattr(strategy, "plan", None)
    found = declared() if callable(declared) else None
    return found if isinstance(found, MeanAbove) else None


def plain_entries(signals: Signals) -> bool:
    """Whether they are market entries without a trailing stop."""
    return signals.trail is None and signals.limit_offset is None


def _small(values: Any) -> Any:
    """int8[n], contiguous and writable, of entries or exits."""
    array = np.ascontiguousarray(values)
    array = array.view(np.int8) if array.dtype == np.bool_ else array.astype(np.int8, copy=False)
    return array if array.flags.writeable else array.copy()
