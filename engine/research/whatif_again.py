"""What if, at the speed of a slider: candles, bars and signals stay in memory, and only decisions and the kernel run again.

What may change is engine.research.whatif.Changes. Nothing is stored, and a strategy's parameters do not change here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, text

from engine.core.machine import Frames
from engine.core.setup import Setup
from engine.market.candles import DataError
from engine.market.quality import assess
from engine.market.store import Store
from engine.research.lab import StudyResult, strategies_of
from engine.research.loading import load
from engine.research.play import act, see
from engine.research.study import Source, Study
from engine.research.whatif import Changes, changed
from engine.strategies.base import Strategy


class Again:
    """A study to be asked about. Making one costs what a backtest costs, each question the kernel's run alone; every
    question is about the study itself, not about the last answer. One thread at a time."""

    def __init__(self, study: Study, store: Store, strategies: Sequence[Strategy] | None = None) -> None:
        """DataError, StrategyError or ValueError, each in a sentence."""
        self.study = study
        self.strategies = tuple(strategies) if strategies is not None else strategies_of(study)
        self.candles = load(study, store)
        self.quality = {name: assess(one.ts, one.ohlcv, one.timeframe_ms) for name, one in self.candles.items()}
        setup = study.setup
        self.seen = see(setup.instruments, list(zip(setup.slots, self.strategies, strict=True)), self.candles)
        setup.machine().run(Frames.none())  # compiled or loaded before the first question

    @staticmethod
    def of_run(engine: Engine, run_id: int, store: Store) -> Again:
        """A stored backtest, on the candles that are stored now. DataError where what it ran on is not known."""
        return Again(study_of_run(engine, run_id), store)

    def ask(self, changes: Changes = Changes()) -> StudyResult:
        """Figures, curve and trades under `changes`. ValueError names a value that cannot be."""
        study = changed(self.study, changes) if changes else self.study
        setup = study.setup
        begun = time.perf_counter()
        played = act(setup.account, setup.instruments, setup.slots, self.seen, setup.breakers)
        seconds = time.perf_counter() - begun
        return StudyResult(study, self.candles, self.quality, played, seconds, self.strategies)


def again(
    what: Again, *, fee: float | None = None, size: float | None = None, limits: Mapping[str, float] | None = None, **more: Any
) -> StudyResult:  # fmt: skip
    """`what.ask` in a slider's words: `fee` for maker and taker, `size` multiplies every size, `limits` are breakers' thresholds
    by name; `slippage_bps`, `delay_bars` and what else Changes has as they are named there. TypeError for other words."""
    costs = {} if fee is None else {"maker": fee, "taker": fee}
    return what.ask(Changes(**{**costs, "size_times": size, "thresholds": limits, **more}))


def study_of_run(engine: Engine, run_id: int) -> Study:
    """What a stored backtest was asked to do. DataError where its candles came from a file that is not named with it."""
    query = text("SELECT name, exchange, params, started_ts, ended_ts FROM run WHERE id = :run")
    with engine.connect() as connection:
        row = connection.execute(query, {"run": run_id}).mappings().first()
    if row is None:
        raise DataError(f"there is no run {run_id}: choose another")
    params = json.loads(row["params"]) if isinstance(row["params"], str) else dict(row["params"] or {})
    if "study" in params:
        return Study.from_json(params["study"])
    if row["exchange"] in ("", "file") or "slots" not in params:
        raise DataError(
            f"run {row['name']} ran on a file, or is no backtest, and does not say which candles: run it again from the store"
        )
    return _without_limits(row, params)


def _without_limits(row: Mapping[Any, Any], params: Mapping[str, Any]) -> Study:
    """One strategy on stored candles, as `backtest` saves it: it has no breakers and waits for nothing."""
    slots = [dict(slot) for slot in params["slots"]]
    own = [slot.pop("params") for slot in slots]
    plain = {"account": params["account"], "instruments": params["instruments"], "slots": slots, "params": own}
    setup = Setup.from_json({**plain, "breakers": [], "grace_ms": 0, "latency_ms": 0})
    sources = tuple(Source(one.symbol, str(row["exchange"])) for one in setup.instruments)
    return Study(setup, sources, int(row["started_ts"] or 0), int(row["ended_ts"] or 0), str(row["name"]))
