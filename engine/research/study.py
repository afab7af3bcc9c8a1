"""What a backtest is asked to do, as one frozen value: the account, slots and costs of a Setup, and the candles it runs over.

The command line, the app's jobs, sweeps and walk-forward all hand the same thing around, as JSON where it crosses a process.
No candles are loaded here and nothing is run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.core.setup import Setup
from engine.research.own_record import LESSONS, Lessons


@dataclass(frozen=True)
class Source:
    """Where one instrument's candles come from: the store (`exchange`), or a `file` (Parquet, Feather, CSV).

    `timeframe` is the step that orders are filled at, "" = the finest that is stored and divides every slot's timeframe.
    `repair` says what to do with a file's defects ("" refuses them).
    """

    symbol: str
    exchange: str = "coinbase"
    timeframe: str = ""
    file: str = ""
    rows: int = 0
    repair: str = ""


@dataclass(frozen=True)
class Study:
    """`sources` are in the order of `setup.instruments`; the span is [from_ts, to_ts) in ms UTC, 0 = as far as there is."""

    setup: Setup
    sources: tuple[Source, ...]
    from_ts: int = 0
    to_ts: int = 0
    title: str = ""
    lessons: Lessons = LESSONS
    """How strategies that read their own record are told of it."""

    def with_params(self, *params: Mapping[str, Any]) -> Study:
        """The same study with other parameters, one mapping a slot."""
        return replace(self, setup=replace(self.setup, params=tuple(dict(one) for one in params)))

    def to_json(self) -> dict[str, Any]:
        return {
            "setup": self.setup.to_json(),
            "sources": [asdict(source) for source in self.sources],
            "from_ts": self.from_ts,
            "to_ts": self.to_ts,
            "title": self.title,
            **({"lessons": self.lessons.to_json()} if self.lessons != LESSONS else {}),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Study:
        return Study(
            Setup.from_json(data["setup"]),
            tuple(Source(**row) for row in data["sources"]),
            int(data.get("from_ts", 0)),
            int(data.get("to_ts", 0)),
            str(data.get("title", "")),
            Lessons.from_json(data["lessons"]) if "lessons" in data else LESSONS,
        )

    def key(self) -> str:
        """16 hex digits that name what is computed: everything but the title."""
        text = json.dumps({**self.to_json(), "title": ""}, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
