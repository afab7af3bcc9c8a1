"""A walk-forward job's result as its page shows it: one sentence, folds as rows, how steady the choice was. Plain values in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app import formats

Row = dict[str, Any]


def sentence(result: Mapping[str, Any]) -> str:
    """What the walk says, before any statistic does."""
    folds = result["folds"]
    won = sum(fold["test_return"] > 0 for fold in folds)
    head = f"{won} of {len(folds)} tests made money"
    kept = result["efficiency"]
    if kept is None:
        kept_words = f"efficiency has no value: {result['why_no_efficiency']}"
    elif kept < 0:
        kept_words = "what was chosen lost money as soon as it was out of sight of the choice"
    elif kept < 0.5:
        kept_words = (
            f"out of sight of the choice {formats.percent(kept, 0)} of the growth in training was left: less than half"
        )
    else:
        kept_words = f"out of sight of the choice {formats.percent(kept, 0)} of the growth in training was left"
    ahead = ahead_of(folds)
    luck = (
        ""
        if ahead is None
        else f"; the chosen set did better than {formats.percent(ahead, 0)} of the others (chance: 50 %)"
    )
    return f"{head}; {kept_words}{luck}."


def ahead_of(folds: Sequence[Mapping[str, Any]]) -> float | None:
    """The mean share of other sets that the chosen one left behind in the tests; None where no fold knows."""
    known = [fold["ahead_of"] for fold in folds if fold.get("ahead_of") is not None]
    return float(np.mean(known)) if known else None


def growth(folds: Sequence[Mapping[str, Any]], which: str) -> float | None:
    """Growth a year of all folds together, each weighted by its length; `which` is train or test. None where one has none."""
    ends = ("train_from", "test_from") if which == "train" else ("test_from", "test_to")
    values = [(fold[f"{which}_growth"], fold[ends[1]] - fold[ends[0]]) for fold in folds]
    if any(value is None or value <= -1 for value, _ in values) or not values:
        return None
    power = sum(np.log1p(value) * ms for value, ms in values) / sum(ms for _, ms in values)
    return float(np.expm1(power)) if power < 700 else None


def rows(result: Mapping[str, Any]) -> list[Row]:
    """One a fold, for a table and its download."""
    return [
        {
            "fold": number,
            **{name: fold[name] for name in ("train_from", "test_from", "test_to", "score", "train_growth", "test_growth",
                                             "test_return", "trades")},
            "ahead_of": fold.get("ahead_of"),
            "chosen": point_words(fold["point"]),
        }
        for number, fold in enumerate(result["folds"], 1)
    ]  # fmt: skip


def point_words(point: Mapping[str, Any]) -> str:
    """fast 10, slow 50."""
    return ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in point.items()) or "as set"


def steadiness(folds: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By parameter: its `values` fold by fold, its `usual` value, in how many folds that was chosen, `same`."""
    found = {}
    for name in folds[0]["point"] if folds else ():
        values = [fold["point"].get(name) for fold in folds]
        usual, same = Counter(values).most_common(1)[0]
        found[name] = {"values": values, "usual": usual, "same": same}
    return found
