"""Slots over candles through the machine: bars once, signals once, the kernel once. No statistics, files or database.

One slot on one symbol is the common case and takes the short way; several slots and symbols are merged into frames.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.machine import Frames, Machine, Reports
from engine.core.types import DECISION, EXEC_BAR, FUNDING, TF_BAR, AccountSpec, BreakerSpec, Instrument, Rows, SlotSpec
from engine.ledger.advised import Utterance
from engine.ledger.names import SignalFacts
from engine.market.candles import Candles
from engine.research.own_record import LESSONS, Known, Lessons, Teller, hear
from engine.research.recorded import Recorded, utterances, with_answers
from engine.strategies.base import Bars, Signals, Strategy, StrategyError
from engine.strategies.decisions import check_signals, decisions_of

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class PlayedSlot:
    """What one slot saw and said: `decisions` DECISION[k] with their signal numbers."""

    bars: Bars
    signals: Signals
    decisions: Rows
    said: tuple[Utterance, ...] | None = None
    """Where a model's recorded answers are replayed: each of `decisions` with its facts, those that the kernel never sees too."""

    def facts(self) -> dict[int, SignalFacts]:
        """By signal number, what the kernel's log does not carry."""
        if self.said is not None:
            return {
                int(row["signal_id"]): replace(one.facts, decision=row.copy())
                for row, one in zip(self.decisions, self.said, strict=True)
            }
        at = np.searchsorted(self.bars.ts + self.bars.timeframe_ms, self.decisions["decided_at"]).tolist()
        tags, codes = self.signals.tags, self.decisions["tag"].tolist()
        return {
            int(row["signal_id"]): SignalFacts(
                row,
                str(tags[codes[n]]) if self.signals.tag is not None and 0 <= codes[n] < len(tags) else "",
                {name: bool(values[at[n]]) for name, values in self.signals.checks.items()},
            )
            for n, row in enumerate(self.decisions)
        }


@dataclass(frozen=True)
class Played:
    """A whole batch: the machine as it stands at `end` (ms UTC, end of the last candle), its reports, its slots."""

    machine: Machine
    reports: Reports
    slots: tuple[PlayedSlot, ...]
    start: int
    end: int
    known: Known | None = None
    """What strategies were told of their own record, by source; None where none asked (engine.research.own_record)."""

    @property
    def told_of_record(self) -> dict[str, Any]:
        """What a result says where a strategy read its own record: how often each source was told of it."""
        return (
            {} if self.known is None else {"own_record": {name: len(rows) for name, rows in self.known.items() if rows}}
        )

    @cached_property
    def facts(self) -> dict[int, SignalFacts]:
        return {number: fact for slot in self.slots for number, fact in slot.facts().items()}


def ticks_of(candles: Candles, instrument: Instrument) -> Rows:
    """TF_BAR[n]: candles on the instrument's grid. ValueError for prices that do not fit it."""
    rows = np.zeros(len(candles), TF_BAR)
    rows["ts"], rows["volume"] = candles.ts, candles.volume
    for name in _PRICES:
        rows[name] = instrument.to_ticks(getattr(candles, name))
    if rows.size and rows["low"].min() <= 0:
        raise ValueError(f"{instrument.symbol}: a price is below half its tick of {instrument.tick}; use a finer tick")
    return rows


def longer(rows: Rows, from_ms: int, to_ms: int) -> Rows:
    """TF_BAR[n] of one timeframe as whole bars of a longer one; a last bar that has not ended is left out."""
    if from_ms == to_ms or not rows.size:
        return rows
    if to_ms % from_ms:
        raise ValueError(f"bars of {to_ms} ms cannot be made of candles of {from_ms} ms")
    group = rows["ts"] // to_ms
    first = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    out = np.zeros(first.size, TF_BAR)
    out["ts"], out["open"] = group[first] * to_ms, rows["open"][first]
    out["high"], out["low"] = np.maximum.reduceat(rows["high"], first), np.minimum.reduceat(rows["low"], first)
    out["close"] = rows["close"][np.append(first[1:], rows.size) - 1]
    out["volume"] = np.add.reduceat(rows["volume"], first)
    ended: Rows = out[out["ts"] + to_ms <= rows["ts"][-1] + from_ms]
    return ended


@dataclass(frozen=True)
class Seen:
    """What costs, sizes, delays and limits do not touch, kept so that another account can act on it: TF_BAR[n] by symbol,
    the frames, each slot's bars and signals, and the span [start, end) in ms UTC."""

    ticks: Mapping[str, Rows]
    frames: Frames
    slots: tuple[tuple[Bars, Signals], ...]
    start: int
    end: int
    known: Known | None = None
    """What strategies were told of their own record, by source; None where none asked."""


def play(
    account: AccountSpec,
    instruments: Sequence[Instrument],
    slots: Sequence[tuple[SlotSpec, Strategy]],
    candles: Mapping[str, Candles],
    breakers: Sequence[BreakerSpec] = (),
    funding: Rows | None = None,
    recorded: Mapping[int, Recorded] | None = None,
    lessons: Lessons = LESSONS,
) -> Played:
    """Run slots over the candles of their symbols; funding FUNDING[k] sorted by ts, its symbols numbered as `instruments`.

    Candles of all symbols share one timeframe, of which a slot's own is a multiple. StrategyError for signals that cannot
    be used, ValueError for prices or amounts out of range. `recorded`: models' answers by slot, replayed. `lessons`: how
    strategies that read `bars.record` are told of it.
    """
    seen = see(instruments, slots, candles, recorded, lessons, account.slippage_bps)
    models = {i: (slots[i][1], given) for i, given in (recorded or {}).items()}
    return act(account, instruments, [spec for spec, _ in slots], seen, breakers, funding, models)


def see(
    instruments: Sequence[Instrument],
    slots: Sequence[tuple[SlotSpec, Strategy]],
    candles: Mapping[str, Candles],
    recorded: Mapping[int, Recorded] | None = None,
    lessons: Lessons = LESSONS,
    slippage_bps: float = 0.0,
) -> Seen:
    """The slow half of `play`: bars, what the strategies say about them, and the frames. What a record costs (`slippage_bps`, the
    instruments' fees) and the slots' exits matter only where a strategy reads its own."""
    ticks = {one.symbol: ticks_of(candles[one.symbol], one) for one in instruments}
    grid = {one.symbol: one for one in instruments}
    tellers = []
    for i, (spec, strategy) in enumerate(slots):
        rows = longer(ticks[spec.symbol], candles[spec.symbol].timeframe_ms, spec.timeframe_ms)
        bars = Bars.from_ticks(grid[spec.symbol], spec.timeframe_ms, rows)
        if recorded and i in recorded:
            bars = with_answers(strategy, bars, recorded[i])
        tellers.append(Teller(spec, grid[spec.symbol], bars, rows))

    def decided(i: int, bars: Bars, signals: Signals) -> Rows:
        instrument = tellers[i].instrument
        if recorded and i in recorded:
            said = utterances(i, slots[i][1], bars, signals, instrument, recorded[i])
            return np.concatenate([one.row for one in said]) if said else np.zeros(0, DECISION)
        return decisions_of(i, bars, signals, instrument)

    heard = hear(tellers, lambda i, bars: signals_of(slots[i][1], bars), decided, slippage_bps, lessons, candles)
    start = min(int(one.ts[0]) for one in candles.values())
    end = max(int(one.ts[-1]) + one.timeframe_ms for one in candles.values())
    frames = frames_of([ticks[one.symbol] for one in instruments])
    return Seen(ticks, frames, tuple(heard.slots), start, end, heard.known)


def act(
    account: AccountSpec,
    instruments: Sequence[Instrument],
    slots: Sequence[SlotSpec],
    seen: Seen,
    breakers: Sequence[BreakerSpec] = (),
    funding: Rows | None = None,
    models: Mapping[int, tuple[Strategy, Recorded]] | None = None,
) -> Played:
    """The quick half of `play`. The instruments may differ from those seen in their fees, the slots in sizes and exits."""
    grid = {one.symbol: one for one in instruments}
    played = [
        _advised(i, *models[i], bars, signals, grid[spec.symbol], account.delay_ms)
        if models and i in models
        else PlayedSlot(bars, signals, decisions_of(i, bars, signals, grid[spec.symbol], delay_ms=account.delay_ms))
        for i, (spec, (bars, signals)) in enumerate(zip(slots, seen.slots, strict=True))
    ]
    decisions = _numbered(played)
    machine = Machine(account, instruments, slots, breakers)
    paid = np.zeros(0, FUNDING) if funding is None else funding
    reports = machine.run(seen.frames, decisions, paid, until=seen.end)
    return Played(machine, reports, tuple(played), seen.start, seen.end, seen.known)


def _advised(
    i: int, strategy: Strategy, given: Recorded, bars: Bars, signals: Signals, instrument: Instrument, delay_ms: int
) -> PlayedSlot:
    """A slot with a model at its side, as its recorded answers have it."""
    said = utterances(i, strategy, bars, signals, instrument, given)
    for one in said:
        if one.facts.unsent is None:
            one.row["known_at"] = one.row["decided_at"] + delay_ms
    rows = np.concatenate([one.row for one in said]) if said else np.zeros(0, DECISION)
    return PlayedSlot(bars, signals, rows, tuple(said))


def signals_of(strategy: Strategy, bars: Bars) -> Signals:
    """What the strategy says, checked. Its own code may raise anything: it becomes a StrategyError that names file and line."""
    file, begins = _written(strategy)
    try:
        signals = strategy.signals(bars)
    except Exception as error:
        step = _step_in(file, error)
        place = f"{Path(file).name}, " + (f"line {step.lineno}" if step else f"signals(bars) at line {begins}")
        if isinstance(error, StrategyError):
            raise StrategyError(f"{error} ({place})") from error
        line = f", in `{step.line}`" if step and step.line else ""
        raise StrategyError(
            f"{strategy.name}: signals(bars) failed in {place}: {type(error).__name__}: {error}{line}"
        ) from error
    try:
        check_signals(bars, signals)
    except StrategyError as error:
        raise StrategyError(f"{error} ({Path(file).name}, signals(bars) at line {begins})") from error
    return signals


def _step_in(file: str, error: BaseException) -> traceback.FrameSummary | None:
    """The last line of `file` that the error, or what it came of, passed through."""
    found, seen = None, error
    while found is None and seen is not None:
        own = [step for step in traceback.extract_tb(seen.__traceback__) if step.filename == file]
        found, seen = (own[-1] if own else None), seen.__cause__  # type: ignore[assignment]  # None ends it
    return found


def _written(strategy: Strategy) -> tuple[str, int]:
    """File and first line of the class's own `signals`."""
    function = type(strategy).signals
    code = getattr(function, "__wrapped__", function).__code__
    return code.co_filename, code.co_firstlineno


def _numbered(played: Sequence[PlayedSlot]) -> Rows:
    """All slots' decisions in order of (decided_at, slot), numbered from 1; each slot's own rows get their numbers too."""
    parts = [slot.decisions for slot in played]
    rows: Rows = np.concatenate(parts) if parts else np.zeros(0, DECISION)
    order = np.lexsort((rows["slot"], rows["decided_at"]))
    rows["signal_id"][order] = np.arange(1, rows.size + 1)
    ends = np.cumsum([part.size for part in parts])
    for part, stop in zip(parts, ends, strict=True):
        part["signal_id"] = rows["signal_id"][stop - part.size : stop]
    sent = np.concatenate([_sent(slot) for slot in played]) if parts else np.zeros(0, bool)
    kept: Rows = rows[order[sent[order]]]
    return kept


def _sent(slot: PlayedSlot) -> npt.NDArray[np.bool_]:
    """bool[k]: which of the slot's decisions the machine sees."""
    if slot.said is None:
        return np.ones(slot.decisions.size, bool)
    return np.array([one.facts.unsent is None for one in slot.said], bool)


def frames_of(ticks: Sequence[Rows]) -> Frames:
    """TF_BAR rows of each symbol, in the instruments' order, as frames."""
    if len(ticks) == 1:
        bars = np.stack([ticks[0][name] for name in _PRICES], axis=1)
        return Frames.of_candles(ticks[0]["ts"], bars)
    ts = np.concatenate([rows["ts"] for rows in ticks])
    merged: Any = np.zeros(ts.size, EXEC_BAR)
    merged["symbol"] = np.repeat(np.arange(len(ticks)), [rows.size for rows in ticks])
    for name in (*_PRICES, "volume"):
        merged[name] = np.concatenate([rows[name] for rows in ticks])
    order = np.lexsort((merged["symbol"], ts))
    return Frames.of_rows(ts[order], merged[order])
