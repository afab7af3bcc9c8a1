"""What the past of each source of signals is worth: its record as of a moment, by regime, and a weight shrunk to 1. Pure.

Only what was known by the moment counts: an outcome is known when its trade would have ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.analytics.values import Floats, Ints

EVERY = ""
"""The regime of a record over all regimes."""
Weights = Mapping[tuple[str, str], float]
"""By source and regime."""
SPAN_BARS = 24
"""Signals of a symbol within so many bars see the same market and count once."""


@dataclass(frozen=True)
class Rules:
    """`prior` signals without an edge stand against each record; `boldness` how much a mean of one deviation (of all results)
    would multiply a weight by, as a power of e; weights keep within `least`..`most`."""

    prior: float = 20.0
    boldness: float = 4.0
    least: float = 0.5
    most: float = 1.5


@dataclass(frozen=True, eq=False)
class Outcomes:
    """n signals that came to an end: `source`, `regime` object[n] words, `known` int64[n] ms UTC of the end, `result` float64[n]
    net of costs, `window` int64[n] the same for signals of a symbol that see the same market."""

    source: npt.NDArray[np.object_]
    regime: npt.NDArray[np.object_]
    known: Ints
    result: Floats
    window: Ints


@dataclass(frozen=True, eq=False)
class Course:
    """How one record grew over m moments, all [m]: `signals`, `resolved` (windows that do not overlap) int64; `won`, `mean`
    float64, NaN before any; `weight` float64."""

    signals: Ints
    resolved: Ints
    won: Floats
    mean: Floats
    weight: Floats

    def row(self, at: int, source: str, regime: str) -> dict[str, Any]:
        """The record at moment number `at`, as it is stored."""
        return {
            "source": source, "regime": regime, "signals": int(self.signals[at]), "resolved": int(self.resolved[at]),
            "won": float(self.won[at]), "mean": float(self.mean[at]), "weight": float(self.weight[at]),
        }  # fmt: skip


def window_of(decided: Ints, timeframe_ms: Ints | int, symbol: Ints | int) -> Ints:
    """int64[n], the same for signals of one symbol (by its number) that see the same market."""
    span = np.maximum(np.asarray(timeframe_ms, np.int64) * SPAN_BARS, 1)
    found: Ints = decided // span * 1_000 + symbol
    return found


def weigh(outcomes: Outcomes, moment: int, rules: Rules = Rules()) -> list[dict[str, Any]]:
    """A row for each source over all regimes and in each: source, regime, signals, resolved, won, mean, weight, as known at
    `moment` (ms UTC); sources and regimes in order of their names."""
    made = courses(outcomes, np.array([moment], np.int64), rules)
    return [course.row(0, source, regime) for (source, regime), course in made.items() if course.signals[0]]


def courses(outcomes: Outcomes, moments: Ints, rules: Rules = Rules()) -> dict[tuple[str, str], Course]:
    """The record of each source over all regimes and in each, at `moments` int64[m] ms UTC, ascending: what ends later than a
    moment changes no bit of it.

    With s the deviation of all results (ddof 1), n windows and mean m, a source's edge is n m / (n + prior) (the mean of a normal
    posterior with a prior at zero), in a regime (n_r m_r + prior edge) / (n_r + prior): where it has shown little it is held to
    be as elsewhere. The weight is exp(boldness x edge / s) within the bounds, 1 where nothing is known.
    """
    order = np.argsort(outcomes.known, kind="stable")
    known = Outcomes(*(getattr(outcomes, name)[order] for name in Outcomes.__dataclass_fields__))
    spread = _spread(known.result)[np.searchsorted(known.known, moments, "right")]
    found: dict[tuple[str, str], Course] = {}
    for source in sorted(set(known.source.tolist())):
        own = known.source == source
        whole, edge = _course(known, own, moments, spread, np.zeros(moments.size), rules)
        found[str(source), EVERY] = whole
        for regime in sorted(set(known.regime[own].tolist()) - {EVERY}):
            there = own & (known.regime == regime)
            found[str(source), str(regime)] = _course(known, there, moments, spread, edge, rules)[0]
    return found


def weight_of(known: Weights, source: str, regime: str) -> float:
    """The weight of a source in a regime: its own, else the source's over all, else 1."""
    return known.get((source, regime), known.get((source, EVERY), 1.0))


def keep(made: list[dict[str, Any]], known: Weights) -> list[dict[str, Any]]:
    """New records with the weights that are in force: for the time in which a change has to wait."""
    return [{**row, "weight": weight_of(known, row["source"], row["regime"])} for row in made]


def _spread(result: Floats) -> Floats:
    """float64[n + 1]: deviation of the first k results, 0 of fewer than two; from the first, so that equal ones have none."""
    away = result - result[0] if result.size else result
    k = np.arange(1, result.size + 1)
    square = np.cumsum(away * away) - np.cumsum(away) ** 2 / k
    return np.concatenate([[0.0], np.sqrt(np.maximum(square, 0.0) / np.maximum(k - 1, 1))])


def _course(
    known: Outcomes, chosen: npt.NDArray[np.bool_], moments: Ints, spread: Floats, prior: Floats, rules: Rules
) -> tuple[Course, Floats]:
    """(the record of the chosen, in order of their ends; its edge float64[m], held to `prior`)."""
    result, fresh = known.result[chosen], np.zeros(int(chosen.sum()), np.int64)
    fresh[np.unique(known.window[chosen], return_index=True)[1]] = 1
    k = np.searchsorted(known.known[chosen], moments, "right")
    total, wins, windows = (_running(values)[k] for values in (result, result > 0, fresh))
    n, some = windows.astype(np.int64), np.maximum(k, 1)
    mean, won = (np.where(k > 0, part / some, np.nan) for part in (total, wins))
    edge: Floats = (n * np.where(k > 0, total / some, 0.0) + rules.prior * prior) / (n + rules.prior)
    power = np.where(spread > 1e-12, rules.boldness * edge / np.where(spread > 1e-12, spread, 1.0), 0.0)
    weight = np.clip(np.exp(np.minimum(power, 50.0)), rules.least, rules.most)
    return Course(k.astype(np.int64), n, won, mean, np.round(weight, 4)), edge


def _running(values: npt.NDArray[Any]) -> Floats:
    """float64[n + 1]: the sum of the first k."""
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
