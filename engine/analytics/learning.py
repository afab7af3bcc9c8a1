"""What the past of each source of signals is worth: its record as of a moment, by regime, and a weight shrunk to 1. Pure.

Only what was known by the moment counts: an outcome is known when its trade would have ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    def until(self, moment: int) -> Outcomes:
        """What was known at `moment` (ms UTC)."""
        there = self.known <= moment
        return Outcomes(*(getattr(self, name)[there] for name in self.__dataclass_fields__))


def weigh(outcomes: Outcomes, moment: int, rules: Rules = Rules()) -> list[dict[str, Any]]:
    """A row for each source over all regimes and in each: source, regime, signals, resolved (windows that do not overlap), won,
    mean, weight; sources and regimes in order of their names.

    With s the deviation of all results (ddof 1), n windows and mean m, a source's edge is n m / (n + prior) (the mean of a normal
    posterior with a prior at zero), in a regime (n_r m_r + prior edge) / (n_r + prior): where it has shown little it is held to
    be as elsewhere. The weight is exp(boldness x edge / s) within the bounds, 1 where nothing is known.
    """
    known = outcomes.until(moment)
    spread = float(known.result.std(ddof=1)) if known.result.size > 1 else 0.0
    return list(_rows(known, spread, rules))


def weight_of(known: Weights, source: str, regime: str) -> float:
    """The weight of a source in a regime: its own, else the source's over all, else 1."""
    return known.get((source, regime), known.get((source, EVERY), 1.0))


def keep(made: list[dict[str, Any]], known: Weights) -> list[dict[str, Any]]:
    """New records with the weights that are in force: for the time in which a change has to wait."""
    return [{**row, "weight": weight_of(known, row["source"], row["regime"])} for row in made]


def _rows(known: Outcomes, spread: float, rules: Rules) -> Iterator[dict[str, Any]]:
    for source in sorted(set(known.source.tolist())):
        own = known.source == source
        edge = _shrunk(known, own, 0.0, rules)
        yield _row(known, own, str(source), EVERY, edge, spread, rules)
        for regime in sorted(set(known.regime[own].tolist()) - {EVERY}):
            there = own & (known.regime == regime)
            yield _row(known, there, str(source), str(regime), _shrunk(known, there, edge, rules), spread, rules)


def _shrunk(known: Outcomes, chosen: npt.NDArray[np.bool_], prior: float, rules: Rules) -> float:
    n = np.unique(known.window[chosen]).size
    return (n * float(known.result[chosen].mean()) + rules.prior * prior) / (n + rules.prior)


def _row(
    known: Outcomes, chosen: npt.NDArray[np.bool_], source: str, regime: str, edge: float, spread: float, rules: Rules
) -> dict[str, Any]:
    result = known.result[chosen]
    power = rules.boldness * edge / spread if spread > 1e-12 else 0.0
    weight = min(max(float(np.exp(min(power, 50.0))), rules.least), rules.most)
    return {
        "source": source, "regime": regime, "signals": int(result.size),
        "resolved": int(np.unique(known.window[chosen]).size), "won": float((result > 0).mean()),
        "mean": float(result.mean()), "weight": round(weight, 4),
    }  # fmt: skip
