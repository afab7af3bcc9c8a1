"""The same exits, sizes and number of trades, entered at random times, a thousand times over: what the entries are worth.

A random run keeps of every trade its side, its stop and target (scaled with the price), the way it is sized and how long it
was meant to be held: from its entry to the strategy's next word to leave. The trades come in random order with random pauses,
through the same kernel with the same costs. Same seed, same runs, however many threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from engine.analytics import chance
from engine.analytics.values import Floats, Ints, Undefined
from engine.core.machine import Frames, Machine
from engine.core.setup import Setup
from engine.core.types import DECISION, MS_DAY, Rows
from engine.market.candles import Candles
from engine.research.play import Played, PlayedSlot, frames_of, ticks_of
from engine.strategies import catalog
from engine.strategies.base import Bars
from engine.strategies.decisions import volatility_at

RUNS = 1_000
_WORDS = DECISION.itemsize // 8
_DISTANCES = ("stop", "target", "trail", "limit_offset")


@dataclass(frozen=True, eq=False)
class RandomEntries:
    """`returns` float64[runs] total returns of the random runs and `trades` int64[runs] how many they closed; `own` is the
    strategy's, and `beaten` the share of random runs that were not as good (ties count half)."""

    returns: Floats
    trades: Ints
    own: float
    beaten: float


@dataclass(frozen=True, eq=False)
class _Plan:
    """What one slot's random runs are made of: the entry rows of its N trades, where (bar) and for how many bars."""

    slot: int
    rows: Rows
    at: Ints
    held: Ints
    leaves: Ints
    """1 where the strategy said when to leave, 0 where only stops and targets end the trade."""
    ends: Ints
    """End of each bar, ms UTC."""
    close: Floats
    volatility: Floats | None
    warm: int
    apart: int
    delay_ms: int

    @property
    def pauses(self) -> int:
        """Bars that are left over for pauses."""
        return int(self.ends.size - 1 - self.warm - self.held.sum() - self.apart * self.rows.size)


def random_entries(
    setup: Setup,
    played: Played,
    candles: Mapping[str, Candles],
    runs: int = RUNS,
    seed: int = 0,
    workers: int = 0,
    progress: Callable[[float], None] | None = None,
) -> RandomEntries:
    """Weigh what `played` made of `setup` over `candles`. `workers` 0 = one a core; `progress` is told the share done; what it
    raises ends the weighing at once.

    Undefined where no trade was made, or where there are too few bars for as many trades.
    """
    plans = [plan for i, slot in enumerate(played.slots) if (plan := _plan(setup, played, slot, i)) is not None]
    if not plans:
        raise Undefined("no trade was made: there is nothing to weigh")
    frames = frames_of([ticks_of(candles[one.symbol], one) for one in setup.instruments])
    workers = workers or os.cpu_count() or 1
    parts = [range(start, min(start + 25, runs)) for start in range(0, runs, 25)]
    made: list[tuple[Floats, Ints]] = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for done in pool.map(lambda part: _runs(setup, plans, frames, played.end, part, seed), parts):
                made.append(done)
                if progress is not None:
                    progress(len(made) / len(parts))
        finally:
            pool.shutdown(cancel_futures=True)
    returns = np.concatenate([part[0] for part in made])
    own = _grown(played.machine)
    return RandomEntries(
        returns, np.concatenate([part[1] for part in made]), own, chance.beaten(own, returns) if runs else 0.0
    )


def _grown(machine: Machine) -> float:
    row = machine.account[0]
    return float(row["equity"]) / (float(row["start"]) / float(row["quantum_scale"])) - 1


def _runs(setup: Setup, plans: list[_Plan], frames: Frames, end: int, numbers: range, seed: int) -> tuple[Floats, Ints]:
    machine = setup.machine()
    machine.account["bucket_ms"] = MS_DAY  # an equity point a day is enough: nobody looks at these curves
    state = (machine.account, machine.slots, machine.symbols, machine.breakers)
    fresh = [records.copy() for records in state]
    returns, trades = np.zeros(len(numbers)), np.zeros(len(numbers), np.int64)
    for k, number in enumerate(numbers):
        for records, first in zip(state, fresh, strict=True):
            records[:] = first
        rng = np.random.default_rng([seed, number])
        reports = machine.run(frames, _decisions(plans, rng), until=end)
        returns[k], trades[k] = _grown(machine), reports.trades.size
    return returns, trades


# ---- one slot's trades -------------------------------------------------------------------------------------------------
def _plan(setup: Setup, played: Played, slot: PlayedSlot, i: int) -> _Plan | None:
    """The slot's trades as they were meant; None where it made none."""
    rows, bars = slot.decisions, slot.bars
    chosen = np.flatnonzero(np.isin(rows["signal_id"], _entered(played, i)))
    if not chosen.size:
        return None
    ends = np.asarray(bars.ts + bars.timeframe_ms, np.int64)
    where = np.searchsorted(ends, rows["decided_at"])
    last = ends.size - 1
    leave_rows = np.flatnonzero(rows["exit"] == 1)
    nxt = np.searchsorted(leave_rows, chosen, side="right")
    leaves = nxt < leave_rows.size
    until = np.where(leaves, where[leave_rows[np.minimum(nxt, leave_rows.size - 1)]] if leave_rows.size else last, last)
    until = np.minimum(until, np.append(where[chosen[1:]], last))
    spec, params = setup.slots[i], setup.params[i]
    warm = min(catalog.make(spec.strategy, dict(params)).warmup(), max(ends.size // 2, 0))
    delay = setup.account.delay_ms
    plan = _Plan(
        i, rows[chosen].copy(), where[chosen].astype(np.int64), np.maximum(until - where[chosen], 1).astype(np.int64),
        leaves.astype(np.int64), ends, np.asarray(bars.close, np.float64).view(np.ndarray),
        _volatility(bars) if spec.sizing.kind == "volatility" else None,
        warm, 1 + -(-delay // spec.timeframe_ms), delay,
    )  # fmt: skip
    return _squeezed(plan)


def _entered(played: Played, i: int) -> Ints:
    """Numbers of the signals that became trades of slot i, the one still open among them."""
    trades, slots = played.reports.trades, played.machine.slots
    closed = trades["signal"][trades["slot"] == i]
    return np.append(closed, slots["signal"][i]) if slots["qty"][i] > 0 else closed


def _volatility(bars: Bars) -> Floats:
    return volatility_at(bars, np.arange(len(bars)))


def _squeezed(plan: _Plan) -> _Plan:
    """Shorter trades, where a slot was so busy that nothing is left for pauses."""
    if plan.pauses >= 0:
        return plan
    room = plan.ends.size - 1 - plan.warm - plan.apart * plan.rows.size
    if room < plan.rows.size:
        raise Undefined(f"{plan.rows.size} trades in {plan.ends.size} bars: too few bars to enter at random")
    held = np.maximum(1, (plan.held * (room / plan.held.sum()) * 0.98).astype(np.int64))
    over = int(held.sum()) - room
    if over > 0:  # so many of one bar that rounding up was too much
        longest = np.argsort(held)[::-1]
        held[longest[:over]] = np.maximum(1, held[longest[:over]] - 1)
    return _Plan(**{**vars(plan), "held": held})


# ---- one random run ----------------------------------------------------------------------------------------------------
def _decisions(plans: list[_Plan], rng: np.random.Generator) -> Rows:
    """DECISION[k] of one random run over all slots, in order of (decided_at, slot)."""
    parts = [_drawn(plan, rng) for plan in plans]
    rows: Rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if len(parts) > 1:
        rows = rows[np.lexsort((rows["slot"], rows["decided_at"]))]
    rows["signal_id"] = np.arange(1, rows.size + 1)
    return rows


def _drawn(plan: _Plan, rng: np.random.Generator) -> Rows:
    """One slot's trades in random order, each entry followed by its exit."""
    n = plan.rows.size
    order = rng.permutation(n)
    held = plan.held[order]
    pauses = np.sort(rng.integers(0, max(plan.pauses, 0) + 1, n))
    taken = np.concatenate([[0], np.cumsum(held + plan.apart)[:-1]])
    at = np.minimum(plan.warm + pauses + taken, plan.ends.size - 1)
    words = np.zeros((2 * n, _WORDS), np.int64)  # plain words: numpy copies structured rows field by field
    words[0::2] = plan.rows.view(np.int64).reshape(n, _WORDS)[order]
    rows: Rows = words.view(DECISION).reshape(-1)
    entries, exits = rows[0::2], rows[1::2]
    entries["exit"], entries["missed"] = 0, 0
    ratio = plan.close[at] / plan.close[plan.at[order]]
    for name in _DISTANCES:
        old = entries[name]
        if old.any():
            entries[name] = np.where(old > 0, np.maximum(np.rint(old * ratio), 1.0), 0.0)
    if plan.volatility is not None:
        entries["volatility"] = plan.volatility[at]
    entries["decided_at"] = plan.ends[at]
    exits["slot"], exits["exit"] = plan.slot, 1
    until = at + held
    exits["decided_at"] = plan.ends[np.minimum(until, plan.ends.size - 1)]
    keep = np.ones(2 * n, np.bool_)
    keep[1::2] = (plan.leaves[order] == 1) & (until < plan.ends.size)
    rows["known_at"] = rows["decided_at"] + plan.delay_ms
    left: Rows = words[keep].view(DECISION).reshape(-1)
    return left
