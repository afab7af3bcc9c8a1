"""What a walk has chosen so far, kept in a file fold by fold: a walk that was broken off goes on where it was.

Choosing is the long part of a walk. Nothing but choices is kept, and a file is only good for the same walk: the same
candidates, chosen by the same statistic, on the same candles.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.access import files
from engine.core.setup import Setup
from engine.market.candles import Candles
from engine.market.quality import assess
from engine.research.lineage import keys_of
from engine.research.walk_forward import Choice, Chooser
from engine.research.walk_forward_folds import Fold


def keeping(
    choose: Chooser, folder: Path, how: Sequence[Any], candidates: Sequence[Setup], candles: Mapping[str, Candles]
) -> Chooser:
    """`choose`, asked only for folds that no earlier try has chosen for. `how` is what else the choice hangs on, plain values."""
    file = folder / f"{_key(how, candidates, candles)}.json"
    known = _read(file)

    def chosen(setups: Sequence[Setup], seen: Mapping[str, Candles], fold: Fold) -> Choice:
        name = f"{fold.data_from}-{fold.train_from}-{fold.test_from}"
        if name not in known:
            made = choose(setups, seen, fold)
            known[name] = {"chosen": made.chosen, "scores": [_plain(value) for value in made.scores]}
            _write(file, known)
        scores = tuple(math.nan if value is None else float(value) for value in known[name]["scores"])
        at = int(known[name]["chosen"])
        return Choice(at, scores[at], scores)

    return chosen


def _key(how: Sequence[Any], candidates: Sequence[Setup], candles: Mapping[str, Candles]) -> str:
    digest = hashlib.sha256(json.dumps([*how, [float(one.account.cash) for one in candidates[:1]]]).encode())
    digest.update(keys_of(candidates).tobytes())
    for symbol, one in sorted(candles.items()):
        digest.update(f"{symbol} {assess(one.ts, one.ohlcv, one.timeframe_ms).content_hash}".encode())
    return digest.hexdigest()[:24]


def _read(file: Path) -> dict[str, Any]:
    """What was kept; nothing where there is no file, or one that was broken off."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(file: Path, known: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".new")
    with files.fresh(part) as out:
        out.write(json.dumps(known).encode("utf-8"))
    part.replace(file)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
