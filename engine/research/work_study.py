"""A study done whole, for the app and the worker: candles from the store, played, and everything that its results are made of.

Fetching, storing and drawing are elsewhere. What the machine does is in engine.research.play, what a statistic is in
engine.analytics.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import Engine, select, update
from sqlmodel import col

from db.models import Run
from db.session import write_session
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.table import figures, plain
from engine.analytics.values import Figure
from engine.core import codes
from engine.core.machine import Frames
from engine.core.setup import Setup
from engine.market.candles import Candles, DataError
from engine.market.quality import Quality, assess
from engine.market.store import Store
from engine.market.symbols import timeframe_ms, timeframe_name
from engine.research.figures import account_of
from engine.research.lookahead import sample
from engine.research.play import Played, play
from engine.research.save import save_played
from engine.research.study import Study
from engine.strategies import catalog


@dataclass(frozen=True)
class Done:
    """What came of a study. `candles` are those that orders were filled on, `quality` their judgement, both by symbol."""

    study: Study
    candles: Mapping[str, Candles]
    quality: Mapping[str, Quality]
    played: Played
    seconds: float

    @property
    def setup(self) -> Setup:
        return self.study.setup

    @property
    def data_hash(self) -> str:
        """The candles' content hash; of several symbols the hash of theirs."""
        found = [one.content_hash for one in self.quality.values()]
        return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()

    @property
    def grade(self) -> str:
        """The worst of the symbols'."""
        return max(one.grade for one in self.quality.values())

    @cached_property
    def holds(self) -> dict[str, Curve]:
        """What buying and holding would have made of the same cash, by symbol: bought whole at the first open, fee paid."""
        return {one.symbol: _held(self, one.symbol, float(one.taker)) for one in self.setup.instruments}

    @cached_property
    def market(self) -> Curve:
        """Holding the one symbol, or all in equal parts."""
        curves = list(self.holds.values())
        if len(curves) == 1:
            return curves[0]
        ts = np.unique(np.concatenate([curve.ts for curve in curves]))
        start = curves[0].start
        parts = [np.concatenate([[start], c.equity])[np.searchsorted(c.ts, ts, side="right")] for c in curves]
        return Curve(ts, np.mean(parts, axis=0), start, self.played.start, self.played.end)

    @cached_property
    def account(self) -> Account:
        """The account as statistics take it."""
        return replace(account_of(self.played), market=self.market)

    @cached_property
    def figures(self) -> dict[str, Figure]:
        return figures(self.account)

    @cached_property
    def look_ahead(self) -> list[str]:
        """What gave a strategy away where its data was cut at a dozen bars, a sentence each; empty where nothing did."""
        grid = {one.symbol: one for one in self.setup.instruments}
        found = []
        for spec, params, slot in zip(self.setup.slots, self.setup.params, self.played.slots, strict=True):
            sentences = sample(catalog.make(spec.strategy, params), slot.bars, grid[spec.symbol])
            found += [f"{spec.strategy} on {spec.symbol} {text}" for text in sentences]
        return found

    @cached_property
    def silence(self) -> str:
        """Why no trade was closed; "" where one was."""
        if self.played.reports.trades.size:
            return ""
        if self.account.open_trades:
            return "One entry was made, and it is open to the end: nothing was closed."
        return _why_silent(self.played)


def _held(done: Done, symbol: str, fee: float) -> Curve:
    candles, cash = done.candles[symbol], float(done.setup.account.cash)
    units = cash / (float(candles.open[0]) * (1 + fee))
    return Curve(candles.ts + candles.timeframe_ms, candles.close * units, cash, done.played.start, done.played.end)


def _why_silent(played: Played) -> str:
    said = sum(slot.decisions.size for slot in played.slots)
    if not said:
        bars = sum(len(slot.bars.ts) for slot in played.slots)
        return f"No signal in {bars:,} bars: the strategy's condition never turned. Try other parameters or a longer period."
    log = played.reports.signals
    refused = log["status"] == codes.S_REFUSED
    reasons = Counter(codes.REASONS[code].replace("_", " ") for code in log["reason"][refused].tolist())
    if not reasons:
        return (
            f"The strategy signalled {said:,} times, and none became a trade: every one was an exit with nothing held."
        )
    most = ", ".join(f"{count:,} by {name}" for name, count in reasons.most_common(3))
    return f"All {int(refused.sum()):,} entries were refused: {most}. Loosen that limit, or give more cash or a smaller size."


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


def load(study: Study, store: Store) -> dict[str, Candles]:
    """The candles of the study's span by symbol. DataError says what is missing and what to do."""
    name = timeframe_name(step_of(study, store))
    found = {}
    for source in study.sources:
        candles = store.read(source.exchange, source.symbol, name, study.from_ts or None, study.to_ts or None)
        if len(candles) < 2:
            raise DataError(f"no {name} candles of {source.symbol} lie in this period: choose another, or fetch them")
        found[source.symbol] = candles
    return found


def run(study: Study, store: Store) -> Done:
    """DataError, StrategyError or ValueError, each in a sentence."""
    candles = load(study, store)
    setup = study.setup
    slots = [
        (slot, catalog.make(slot.strategy, params)) for slot, params in zip(setup.slots, setup.params, strict=True)
    ]
    setup.machine().run(Frames.none())  # compiled or loaded before the clock runs
    begun = time.perf_counter()
    played = play(setup.account, setup.instruments, slots, candles, setup.breakers)
    seconds = time.perf_counter() - begun
    return Done(
        study, candles, {name: _judged(study, store, name, one) for name, one in candles.items()}, played, seconds
    )


_JUDGED: OrderedDict[tuple[Any, ...], Quality] = OrderedDict()
"""The last judgements, by file, version and span: a slider asks about the same candles over and over."""


def _judged(study: Study, store: Store, symbol: str, candles: Candles) -> Quality:
    exchange = next(source.exchange for source in study.sources if source.symbol == symbol)
    path = store.path(exchange, symbol, timeframe_name(candles.timeframe_ms))
    key = (str(path), path.stat().st_mtime_ns, study.from_ts, study.to_ts)
    found = _JUDGED.get(key)
    if found is None or found.rows != len(candles):
        found = _JUDGED[key] = assess(candles.ts, candles.ohlcv, candles.timeframe_ms)
        while len(_JUDGED) > 64:
            _JUDGED.popitem(last=False)
    return found


def save(engine: Engine, done: Done) -> tuple[int, str]:
    """(id, name) of the stored run, with every statistic and the study it came of. The database must be migrated."""
    setup = done.setup
    facts = {"data_hash": done.data_hash, "data_grade": done.grade, "look_ahead": done.look_ahead}
    stats = {**plain(done.figures), **facts}
    number, name = save_played(
        engine, done.played, account=setup.account, instruments=setup.instruments, slots=setup.slots, params=setup.params,
        exchange=done.study.sources[0].exchange or "file", stats=stats, data_hash=done.data_hash, data_grade=done.grade,
    )  # fmt: skip
    with write_session(engine) as session:
        params = session.execute(select(col(Run.params)).where(col(Run.id) == number)).scalar_one()
        told = {**params, "study": done.study.to_json()}
        session.execute(update(Run).where(col(Run.id) == number).values(params=told))
    return number, name


def newest(study: Study, store: Store) -> Study:
    """The same study over as long a span that ends with the newest stored candle. DataError where none is stored."""
    name = timeframe_name(step_of(study, store))
    series = [store.find(source.exchange, source.symbol, name) for source in study.sources]
    end = max((one.quality.end or 0) + one.quality.timeframe_ms for one in series if one is not None)
    length = study.to_ts - study.from_ts if study.to_ts and study.from_ts else 0
    return replace(study, from_ts=end - length if length else study.from_ts, to_ts=end)
