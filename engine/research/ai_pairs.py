"""Where a model gave a view and its rule a signal on the same bar of the same slot, as columns: what each would have brought.

A model's view is a signal of its own in the run; that it would rather stay out is an answer, or the rule's entry it vetoed, and
brings nothing and costs nothing. An abstention is no view. What the pairs mean is told by engine.analytics.signals_paired.
"""

from __future__ import annotations

import numpy as np
from sqlalchemy import Engine

from db.queries import columns
from engine.analytics.signals_paired import Paired, paired, same_moment
from engine.analytics.values import Floats, Ints
from engine.research.signal_book import MEASURES, VIEW, SignalBook

FLAT = """SELECT slot_id, about_ts FROM ai_call WHERE run_id = :run AND outcome = 'answered' AND direction = 0
    AND slot_id IS NOT NULL ORDER BY about_ts"""
VETO = "ai_veto"


def against_rule(engine: Engine, run_id: int, book: SignalBook) -> list[tuple[str, Paired]]:
    """(measure, model against rule) for each measure of signals, over all of a run's signals."""
    flat = columns(engine, FLAT, {"run": run_id})
    slots = np.asarray(flat["slot_id"], np.int64), np.asarray(flat["about_ts"], np.int64)
    return [(measure, _by(book, slots, measure)) for measure in MEASURES]


def _by(book: SignalBook, flat: tuple[Ints, Ints], measure: str) -> Paired:
    raw, returns = book.raw, book.returns(measure)
    model = np.asarray(raw["source"] == "ai", bool)
    views = np.flatnonzero(model & book.entry & (raw["reason"] == VIEW))
    rules = np.flatnonzero(~model & book.entry)
    bars = raw["decided_ts"] // np.maximum(book.span, 1)
    here = (raw["slot_id"][rules], bars[rules])
    seen, of_rule = same_moment((raw["slot_id"][views], bars[views]), here)
    both, entry = views[seen], rules[of_rule]
    out = _stayed_out(book, rules, here, flat, entry)
    rows = np.concatenate((entry, out))
    order = np.argsort(raw["decided_ts"][rows], kind="stable")
    said: Floats = np.concatenate((returns[both], np.zeros(out.size)))
    same = np.concatenate((raw["direction"][both] == raw["direction"][entry], np.zeros(out.size, bool)))
    return paired(said[order], returns[rows][order], same[order])


def _stayed_out(book: SignalBook, rules: Ints, here: tuple[Ints, Ints], flat: tuple[Ints, Ints], known: Ints) -> Ints:
    """The rule's entries that the model would have left out: answered flat, or vetoed, without a view of another direction."""
    span = dict(zip(book.raw["slot_id"].tolist(), book.span.tolist(), strict=True))
    bar = np.array(
        [at // max(span.get(slot, 1), 1) for slot, at in zip(*map(np.ndarray.tolist, flat), strict=True)], np.int64
    )
    answered = rules[same_moment((flat[0], bar), here)[1]]
    vetoed = rules[book.raw["reason"][rules] == VETO]
    return np.setdiff1d(np.union1d(answered, vetoed), known).astype(np.int64)
