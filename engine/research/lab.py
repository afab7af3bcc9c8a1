"""The lab: a study loaded, run and stored. Several strategies on several symbols share one account, under live rules.

The app, the worker and the command line call this. What comes of it is engine.research.study_result's, the kernel's face is
engine.research.play, statistics are engine.analytics', the store's reading is engine.research.loading's.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from engine.analytics.table import plain
from engine.core.machine import Frames
from engine.market.candles import Candles
from engine.market.quality import Quality, assess
from engine.market.store import Store
from engine.market.symbols import timeframe_name
from engine.research import outcomes
from engine.research.loading import load, newest
from engine.research.play import play
from engine.research.recorded import Recorded
from engine.research.save import save_played
from engine.research.study import Study
from engine.research.study_result import StudyResult
from engine.strategies import catalog
from engine.strategies.base import Strategy

__all__ = ["StudyResult", "load", "newest", "run_study", "save_study", "strategies_of"]

log = logging.getLogger("evenkeel.lab")

Progress = Callable[[float, str], None]
"""(share done from 0 to 1, words)."""


def run_study(
    study: Study, store: Store, progress: Progress | None = None, strategies: Sequence[Strategy] | None = None,
    recorded: Mapping[int, Recorded] | None = None,
) -> StudyResult:  # fmt: skip
    """Run it; `strategies`, one a slot, stand in for those of the catalogue; `recorded` are models' answers by slot, replayed.
    DataError, StrategyError or ValueError, each in a sentence."""
    tell = progress or (lambda share, words: None)
    setup = study.setup
    made = tuple(strategies) if strategies is not None else strategies_of(study)
    if len(made) != len(setup.slots):
        raise ValueError(f"there are {len(setup.slots)} slots and {len(made)} strategies: give one a slot")
    tell(0.0, "reading candles")
    candles = load(study, store)
    tell(0.2, "judging candles")
    quality = {symbol: _judged(study, store, symbol, one) for symbol, one in candles.items()}
    tell(0.4, "running")
    setup.machine().run(Frames.none())  # compiled or loaded before the clock runs
    begun = time.perf_counter()
    slots = list(zip(setup.slots, made, strict=True))
    given = dict(recorded or {})
    played = play(
        setup.account, setup.instruments, slots, candles, setup.breakers, recorded=given, lessons=study.lessons
    )
    seconds = time.perf_counter() - begun
    tell(1.0, "done")
    return StudyResult(study, candles, quality, played, seconds, made, given)


_JUDGED: OrderedDict[tuple[Any, ...], Quality] = OrderedDict()
"""The last judgements, by file, version and span: a slider asks about the same candles over and over."""


def _judged(study: Study, store: Store, symbol: str, candles: Candles) -> Quality:
    source = next(source for source in study.sources if source.symbol == symbol)
    if source.file:
        return assess(candles.ts, candles.ohlcv, candles.timeframe_ms)
    path = store.path(source.exchange, symbol, timeframe_name(candles.timeframe_ms))
    key = (str(path), path.stat().st_mtime_ns, study.from_ts, study.to_ts)
    found = _JUDGED.get(key)
    if found is None or found.rows != len(candles):
        found = _JUDGED[key] = assess(candles.ts, candles.ohlcv, candles.timeframe_ms)
        while len(_JUDGED) > 64:
            _JUDGED.popitem(last=False)
    return found


def strategies_of(study: Study) -> tuple[Strategy, ...]:
    """One a slot, with its parameters. StrategyError in a sentence."""
    return tuple(
        catalog.make(slot.strategy, own) for slot, own in zip(study.setup.slots, study.setup.params, strict=True)
    )


def save_study(engine: Engine, result: StudyResult) -> tuple[int, str]:
    """(id, name) of the stored run, with every statistic, every series' hash and quality, and the study it came of. The
    database must be migrated. A failure leaves the run `failed`, never half shown."""
    setup = result.setup
    number, name = save_played(
        engine,
        result.played,
        account=setup.account,
        instruments=setup.instruments,
        slots=setup.slots,
        params=setup.params,
        exchange=result.study.sources[0].exchange if not result.study.sources[0].file else "file",
        stats={**plain(result.figures), **result.facts},
        data_hash=result.data_hash,
        data_grade=result.grade,
        more={"study": result.study.to_json()},
    )
    try:
        outcomes.fill(engine, number, candles=result.candles)
    except ValueError as error:  # the run stands: its signals can be followed up later
        log.warning("the signals of run %d were not followed up: %s", number, error)
    return number, name
