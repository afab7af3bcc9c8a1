"""Settings played on stored candles, kept while neither candles nor strategies change. What is missing is told by its pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import settings
from app.settings import Settings
from engine.market.store import Store
from engine.research.lab import run_study
from engine.research.stock import Stocked
from engine.research.study import Study
from engine.research.study_result import StudyResult
from engine.strategies import catalog


def study_of(chosen: Settings, first: int, last: int, store: Store, series: Sequence[Stocked]) -> Study:
    """What the settings mean on these series from `first` to `last`, ms UTC. ValueError in a sentence."""
    lowest = {one.series.symbol: _lowest(store, *one.key, one.series.path.stat().st_mtime_ns) for one in series}
    return settings.study_of(chosen, first, last, lowest)


def played(study: Study, chosen: Settings, store: Store, series: Sequence[Stocked]) -> StudyResult:
    """Its result, from the cache or in this moment. DataError, StrategyError or ValueError in a sentence."""
    return _played(study.to_json(), _versions(series, chosen), store)


@st.cache_data(show_spinner=False, max_entries=256)
def _lowest(_store: Store, exchange: str, symbol: str, timeframe: str, version: int) -> float:
    return float(_store.read(exchange, symbol, timeframe).low.min())


def _versions(series: Sequence[Stocked], chosen: Settings) -> tuple[Any, ...]:
    """What else the result depends on: the candle files and the strategies' source as they are now."""
    files = tuple(one.series.path.stat().st_mtime_ns for one in series)
    return (*files, *(catalog.source(name)[1] for name in chosen.strategies))


@st.cache_resource(show_spinner=False, max_entries=10)
def _played(study: dict[str, Any], version: tuple[Any, ...], _store: Store) -> StudyResult:
    """Shared by all tabs and never changed."""
    return run_study(Study.from_json(study), _store)
