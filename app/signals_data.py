"""The cache of the signals page: a run's signals kept by a stamp, and what is reckoned from the chosen ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from sqlalchemy import Engine

from app import data
from db.queries import rows, scalar
from engine.analytics.signals_ledger import Rule, Stage
from engine.analytics.signals_paired import Paired
from engine.analytics.signals_score import Calibration, Record
from engine.analytics.values import Undefined
from engine.research import ai_pairs, signal_book
from engine.research.signal_book import SignalBook

NEWEST = "SELECT max(seq) FROM signal WHERE run_id = :run"
FILLED = "SELECT max(updated_ts) FROM signal_outcome WHERE run_id = :run"
ONE = """SELECT checks, strength, stop_distance, target_distance, trail_distance, known_ts, decided_ts
    FROM signal WHERE run_id = :run AND seq = :seq"""


@dataclass(frozen=True)
class Chosen:
    """What the address asks for: a word of each facet, empty for all, and ms UTC or 0."""

    facets: tuple[tuple[str, str], ...] = ()
    since: int = 0

    def rows(self, book: SignalBook) -> Any:
        """int64[k]: the signals meant."""
        mask = np.ones(len(book), bool)
        for name, wanted in self.facets:
            mask &= book.facets[name].where(wanted)
        if self.since:
            mask &= book.raw["decided_ts"] >= self.since
        return np.flatnonzero(mask)


@dataclass(frozen=True, eq=False)
class Judged:
    """Everything the page draws of the chosen signals by one measure; `calibration` is a sentence where it cannot be told."""

    book: SignalBook
    record: Record
    funnel: tuple[Stage, ...]
    decay: list[tuple[int, Record]]
    calibration: Calibration | str


def stamp(engine: Engine, run_id: int) -> tuple[Any, ...]:
    """Changes with each signal, each outcome filled in and each trade closed."""
    who = {"run": run_id}
    return (
        data._place(engine), run_id, int(scalar(engine, NEWEST, who) or 0), int(scalar(engine, FILLED, who) or 0),
        data.trades_stamp(engine, run_id),
    )  # fmt: skip


def book(engine: Engine, run_id: int) -> SignalBook:
    """All signals of the run."""
    return _book(stamp(engine, run_id), engine)


@st.cache_resource(show_spinner="Reading the signals", max_entries=4)
def _book(stamp: tuple[Any, ...], _engine: Engine) -> SignalBook:
    return signal_book.read(_engine, stamp[1])


def judged(engine: Engine, run_id: int, chosen: Chosen, measure: str) -> Judged:
    """The chosen entries, judged."""
    return _judged(stamp(engine, run_id), chosen, measure, engine)


@st.cache_resource(show_spinner="Judging the signals", max_entries=24)
def _judged(stamp: tuple[Any, ...], chosen: Chosen, measure: str, _engine: Engine) -> Judged:
    every = _book(stamp, _engine)
    some = every.take(chosen.rows(every))
    entries = some.entries()
    try:
        calibration: Calibration | str = entries.calibration(measure)
    except Undefined as why:
        calibration = str(why)
    return Judged(some, entries.record(measure), entries.funnel(), entries.decay(), calibration)


def rules(engine: Engine, run_id: int, chosen: Chosen, measure: str, *, in_r: bool) -> list[Rule]:
    """What each rule saved or cost of the chosen entries, in money or in multiples of what was at risk."""
    return _rules(stamp(engine, run_id), chosen, measure, in_r, engine)


@st.cache_resource(show_spinner=False, max_entries=48)
def _rules(stamp: tuple[Any, ...], chosen: Chosen, measure: str, in_r: bool, _engine: Engine) -> list[Rule]:
    return _judged(stamp, chosen, measure, _engine).book.entries().ledger(measure, in_r=in_r)


def by(engine: Engine, run_id: int, chosen: Chosen, measure: str, facet: str) -> list[tuple[str, Record]]:
    """The record of each group of the chosen entries."""
    return _by(stamp(engine, run_id), chosen, measure, facet, engine)


@st.cache_resource(show_spinner=False, max_entries=48)
def _by(stamp: tuple[Any, ...], chosen: Chosen, measure: str, facet: str, _engine: Engine) -> list[tuple[str, Record]]:
    some = _judged(stamp, chosen, measure, _engine).book
    return some.entries().by(facet, measure)


def paired(engine: Engine, run_id: int) -> list[tuple[str, Paired]]:
    """Model against rule by each measure, over all signals of the run."""
    return _paired(stamp(engine, run_id), engine)


@st.cache_resource(show_spinner="Laying model and rule side by side", max_entries=4)
def _paired(stamp: tuple[Any, ...], _engine: Engine) -> list[tuple[str, Paired]]:
    return ai_pairs.against_rule(_engine, stamp[1], _book(stamp, _engine))


def one(engine: Engine, run_id: int, seq: int) -> Mapping[str, Any] | None:
    """A signal's checks and distances; None where there is none."""
    found = rows(engine, ONE, {"run": run_id, "seq": seq})
    return found[0] if found else None
