"""Every entry signal as a trade of its own, taken whatever stood in its way: by the kernel, with the slot's own exits.

The kernel holds one position a slot, so signals that overlap are laid side by side in lanes, slots that differ in nothing else;
the account has money for all of them, no limit, no breaker and no minimum. Nothing is read or written here.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Ints
from engine.core.codes import PURPOSES
from engine.core.machine import Frames, Machine
from engine.core.types import DECISION, AccountSpec, Instrument, Rows, Sizing, SlotSpec

MOST_BARS = 500
"""A signal without an exit of its own is followed so long: `horizon`."""
_CASH, _SHARE = Decimal("1e15"), Decimal("1e-5")
"""In quanta, and of it: a trade's size, small enough that all losses together leave money for the next."""


@dataclass(frozen=True, eq=False)
class Said:
    """One slot's signals in order: `seq`, `decided` int64[n] ms UTC, `entry` int64[n] -1, 0, 1, `exits` bool[n], and what each
    brought along as float64[n] in price units, 0 where nothing: `stop`, `target`, `trail`."""

    seq: Ints
    decided: Ints
    entry: Ints
    exits: npt.NDArray[np.bool_]
    stop: Floats
    target: Floats
    trail: Floats


@dataclass(frozen=True, eq=False)
class Followed:
    """By entry signal of `wanted`: `result` float64[k] of the entry's notional, net of fees and slippage, NaN while open or never
    filled; `exit_ts` int64[k] (0), `reason` object[k] (empty), `bars` int64[k]. `waits` bool[k]: still open."""

    result: Floats
    exit_ts: Ints
    reason: npt.NDArray[np.object_]
    bars: Ints
    waits: npt.NDArray[np.bool_]


def follow(
    said: Said, wanted: Ints, bars: Rows, slot: SlotSpec, instrument: Instrument, slippage_bps: float
) -> Followed:
    """Follow the entries at rows `wanted` int64[k] of `said` over TF_BAR[b] of the slot's timeframe.

    Each enters at the open of the bar after it, with its own stop, target and trail or else the slot's, and leaves by them, by
    the slot's next exit signal, or after 500 bars. Where a bar holds stop and target the stop counts. Entries are market orders.
    """
    ends, forced = _ends(said, wanted, slot.timeframe_ms)
    lane = _lanes(said.decided[wanted], ends, slot.timeframe_ms)
    rows = _decisions(said, wanted, ends, lane, instrument)
    machine = _machine(int(lane.max(initial=0)) + 1, slot, instrument, slippage_bps)
    prices = np.stack([bars[name] for name in ("open", "high", "low", "close")], axis=1)
    until = int(bars["ts"][-1]) + slot.timeframe_ms
    trades = machine.run(Frames.of_candles(bars["ts"], prices), rows[rows["decided_at"] <= until], until=until).trades
    return _read(trades, wanted.size, forced, ends, machine)


def _ends(said: Said, wanted: Ints, step_ms: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """(when each entry leaves at the latest, whether only because 500 bars are over)."""
    exits = said.decided[said.exits]
    last = said.decided[wanted] + MOST_BARS * step_ms
    at = np.searchsorted(exits, said.decided[wanted], "right")
    own = np.append(exits, np.int64(2**62))[at]
    return np.minimum(own, last), own > last


def _lanes(begins: Ints, ends: Ints, step_ms: int) -> Ints:
    """int64[k]: the first lane that is free again, a bar after its last entry has left."""
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    lanes = np.zeros(begins.size, np.int64)
    for k, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        while busy and busy[0][0] + step_ms <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lanes[k] = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, int(lanes[k])))
    return lanes


def _decisions(said: Said, wanted: Ints, ends: Ints, lane: Ints, instrument: Instrument) -> Rows:
    """DECISION[2k]: each entry and its exit, in order of time; signal numbers count `wanted` from 1."""
    k = wanted.size
    rows = np.zeros(2 * k, DECISION)
    enter, leave = rows[:k], rows[k:]
    scale = instrument.tick_ratio[1] / instrument.tick_ratio[0]
    enter["entry"], enter["decided_at"] = said.entry[wanted], said.decided[wanted]
    for name in ("stop", "target", "trail"):
        distance = getattr(said, name)[wanted]
        enter[name] = np.where(distance > 0, np.maximum(np.rint(distance * scale), 1), 0)
    leave["exit"], leave["decided_at"] = 1, ends
    for part in (enter, leave):
        part["slot"], part["signal_id"] = lane, np.arange(1, k + 1)
    rows["known_at"] = rows["decided_at"]
    rows["strength"], rows["volatility"] = np.nan, np.nan
    return rows[np.lexsort((rows["slot"], rows["decided_at"]))]


def _machine(lanes: int, slot: SlotSpec, instrument: Instrument, slippage_bps: float) -> Machine:
    cash = _CASH * instrument.quantum
    account = AccountSpec(
        cash, instrument.quote, instrument.quantum, max_gross=1.0, max_positions=lanes, symbol_cap=0.0,
        slippage_bps=slippage_bps, research=True,
    )  # fmt: skip
    free = replace(instrument, min_qty=Decimal(0), min_notional=Decimal(0))
    one = replace(slot, sizing=Sizing("fixed", float(cash * _SHARE)), allow_short=True, cooldown_ms=0)
    return Machine(account, [free], [replace(one, label=f"lane {n}") for n in range(lanes)])


def _read(trades: Rows, k: int, forced: npt.NDArray[np.bool_], ends: Ints, machine: Machine) -> Followed:
    result, when, held = np.full(k, np.nan), np.zeros(k, np.int64), np.zeros(k, np.int64)
    reason = np.full(k, "", object)
    at = trades["signal"] - 1
    result[at] = trades["pnl"] / trades["entry_notional"]
    when[at], held[at] = trades["exit_ts"], trades["bars_held"]
    reason[at] = np.array(PURPOSES, object)[trades["reason"]]
    late = forced & (reason == "exit") & (when >= ends)
    reason[late] = "horizon"
    waits = np.zeros(k, bool)
    open_ = machine.slots[(machine.slots["qty"] > 0) | (machine.slots["q_entry"] != 0)]
    for name, flag in (("signal", "qty"), ("q_signal", "q_entry")):
        some = open_[name][open_[flag] != 0].astype(np.int64) - 1
        waits[some[some >= 0]] = True
    return Followed(result, when, reason, held, waits)
