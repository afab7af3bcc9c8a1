"""A study's candles, from the store or from files, and sentences on what of its period they lack. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from engine.core.types import MS_DAY
from engine.market.candles import Candles, DataError, iso
from engine.market.files import Repair, read_candles
from engine.market.store import Store
from engine.market.symbols import timeframe_ms, timeframe_name
from engine.research.study import Source, Study

PERIODS = {"30": 30, "60": 60, "90": 90, "all": 0}
"""Presets of a period, in days up to the newest candle; 0 is all there is."""
_REPAIRS: Mapping[str, Repair | None] = {"": None, "drop": "drop", "fill": "fill"}


def load(study: Study, store: Store) -> dict[str, Candles]:
    """The candles of the study's span by symbol, all of one timeframe: the one asked for, or the finest stored that divides
    every slot's. DataError says what is missing and what to do about it."""
    filed = {source.symbol: _from_file(source) for source in study.sources if source.file}
    step = _step(study, store, filed)
    for slot in study.setup.slots:
        if slot.timeframe_ms % step:
            name = timeframe_name(step)
            raise DataError(
                f"{slot.strategy} decides on {timeframe_name(slot.timeframe_ms)} bars, which {name} candles do not make: "
                "orders must fill on candles that divide them"
            )
    return {source.symbol: _of(study, source, filed, store, timeframe_name(step)) for source in study.sources}


def step_of(study: Study, store: Store) -> int:
    """The timeframe (ms) that orders are filled on: the one asked for, or the finest that every symbol has and that fits."""
    slots = {slot.timeframe_ms for slot in study.setup.slots}
    asked = {source.timeframe for source in study.sources if source.timeframe}
    if asked:
        return timeframe_ms(min(asked, key=timeframe_ms))
    stored = store.list()
    have: set[int] | None = None
    for source in study.sources:
        mine = {timeframe_ms(s.timeframe) for s in stored if (s.exchange, s.symbol) == (source.exchange, source.symbol)}
        fit = {step for step in mine if all(timeframe % step == 0 for timeframe in slots)}
        if not fit:
            name = timeframe_name(min(slots))
            raise DataError(
                f"no candles of {source.symbol} from {source.exchange} are stored that make {name} bars: fetch them"
            )
        have = fit if have is None else have & fit
    if not have:
        raise DataError("the symbols have no timeframe in common: fetch the same one for each")
    return min(have)


def last_days(study: Study, store: Store, days: float) -> Study:
    """The study over the last `days` up to the newest stored candle; 0 days is everything stored. DataError where none is."""
    if days < 0:
        raise ValueError(f"a period of {days:g} days has no end after its beginning: give 30, 60 or 90")
    if not days:
        return replace(study, from_ts=0, to_ts=0)
    end = newest(study, store).to_ts
    return replace(study, from_ts=end - round(days * MS_DAY), to_ts=end)


def newest(study: Study, store: Store) -> Study:
    """The same study over as long a span that ends with the newest stored candle. DataError where none is stored."""
    name = timeframe_name(step_of(study, store))
    series = [store.find(source.exchange, source.symbol, name) for source in study.sources]
    end = max((one.quality.end or 0) + one.quality.timeframe_ms for one in series if one is not None)
    length = study.to_ts - study.from_ts if study.to_ts and study.from_ts else 0
    return replace(study, from_ts=end - length if length else study.from_ts, to_ts=end)


def lowest(source: Source, store: Store) -> float | None:
    """The lowest price of all that is there, for a grid that is fine enough; None where nothing is."""
    if source.file:
        return float(_from_file(source).low.min())
    found = [one for one in store.list() if (one.exchange, one.symbol) == (source.exchange, source.symbol)]
    lows = [store.read(source.exchange, source.symbol, one.timeframe).low for one in found]
    return min((float(low.min()) for low in lows if low.size), default=None)


def coverage_notes(study: Study, candles: Mapping[str, Candles]) -> tuple[str, ...]:
    """A sentence for each symbol whose candles begin late or end early, measured against the period asked for and the other
    symbols: listed or delisted meanwhile, or not fetched."""
    begins = min(int(one.ts[0]) for one in candles.values())
    ends = max(_end(one) for one in candles.values())
    first, last = study.from_ts or begins, study.to_ts or ends
    slack = max(slot.timeframe_ms for slot in study.setup.slots)
    found = []
    for symbol, one in candles.items():
        if int(one.ts[0]) - first > slack:
            found.append(
                f"{symbol} begins only on {iso(one.ts[0])}, {_days(int(one.ts[0]) - first)} into the period: it was not listed "
                "before, or is not fetched"
            )
        if last - _end(one) > slack:
            found.append(
                f"{symbol} ends on {iso(_end(one))}, {_days(last - _end(one))} before the period does: it was delisted, or is "
                "not fetched"
            )
    return tuple(found)


def _end(candles: Candles) -> int:
    return int(candles.ts[-1]) + candles.timeframe_ms


def _days(ms: int) -> str:
    return f"{ms / MS_DAY:,.1f} days" if ms >= MS_DAY else f"{ms / 3_600_000:,.1f} hours"


def _from_file(source: Source) -> Candles:
    if source.repair not in _REPAIRS:
        raise DataError(
            f"repair {source.repair!r} is not known: drop takes defects out, fill also puts bars into holes"
        )
    found = read_candles(Path(source.file), source.rows or None, _REPAIRS[source.repair])
    return replace(found, symbol=source.symbol)


def _step(study: Study, store: Store, filed: Mapping[str, Candles]) -> int:
    """The timeframe (ms) that orders fill on. A file has one; what the store has must then be had in it too."""
    if not filed:
        return step_of(study, store)
    steps = {one.timeframe_ms for one in filed.values()}
    asked = {timeframe_ms(source.timeframe) for source in study.sources if source.timeframe}
    if len(steps | asked) > 1:
        names = ", ".join(timeframe_name(step) for step in sorted(steps | asked))
        raise DataError(f"the files hold candles of different timeframes ({names}): give all of them in one")
    return steps.pop()


def _of(study: Study, source: Source, filed: Mapping[str, Candles], store: Store, name: str) -> Candles:
    start, end = study.from_ts or None, study.to_ts or None
    whole = filed[source.symbol] if source.file else store.read(source.exchange, source.symbol, name)
    found = whole.between(start, end)
    if len(found) > 1:
        return found
    where = source.file or f"the store ({source.exchange})"
    if not len(whole):
        raise DataError(f"{where} holds no {name} candles of {source.symbol}: fetch them first")
    asked = f"{iso(start) if start else 'the beginning'} to {iso(end) if end else 'the end'}"
    days = max(1, round(((end or _end(whole)) - (start or int(whole.ts[0]))) / MS_DAY))
    remedy = (
        "choose another period"
        if source.file
        else f"choose another period, or fetch it with `run_engine.py fetch --exchange {source.exchange} --symbol "
        f"{source.symbol} --timeframe {name} --days {days}`"
    )
    raise DataError(
        f"{source.symbol} has {'one' if len(found) else 'no'} {name} candle from {asked}: {where} has it from "
        f"{iso(whole.ts[0])} to {iso(_end(whole))}; {remedy}"
    )
