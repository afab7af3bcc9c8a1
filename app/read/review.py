"""What the review asks of the database: signals that led to nothing, breakers, what was changed. Short rows of one stretch of
time, each down an index of its run."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import Column, columns, rows, scalar

BLOCKED = """
SELECT g.status, g.reason, count(*) AS signals, count(o.result) AS followed, avg(o.result) AS mean, min(g.decided_ts) AS first
FROM signal g LEFT JOIN signal_outcome o ON o.run_id = g.run_id AND o.signal_seq = g.seq
WHERE g.run_id = :run AND g.decided_ts BETWEEN :since AND :until AND g.kind <> 'exit' AND g.status IN ('refused', 'missed')
GROUP BY g.status, g.reason ORDER BY count(*) DESC, g.reason LIMIT 50
"""
BREAKERS = """
SELECT ts, breaker, scope, slot_id, action, level, value, threshold, reason, until_ts FROM breaker_event
WHERE run_id = :run AND ts BETWEEN :since AND :until ORDER BY ts DESC, seq DESC LIMIT 100
"""
VERSIONS = "SELECT id, created_ts, hash, source, text FROM config_version WHERE run_id = :run ORDER BY created_ts, id LIMIT 500"
MARKERS = """
SELECT ts, kind, text FROM run_marker WHERE run_id = :run AND ts BETWEEN :since AND :until
AND kind IN ('config', 'code', 'upgrade') ORDER BY ts DESC, id DESC LIMIT 100
"""
UNDER = """
SELECT seq, config_version_id, source_hash FROM trade WHERE run_id = :run AND seq > :since ORDER BY seq
"""


@dataclass(frozen=True)
class Change:
    """A version of the configuration that came into force: `diff` are the lines that differ from the one before."""

    id: int
    ts: int
    hash: str
    source: str
    diff: str


def blocked_stamp(engine: Engine, run_id: int) -> tuple[int, int]:
    """Changes with each signal and each outcome."""
    given = scalar(engine, "SELECT max(seq) FROM signal WHERE run_id = :run", {"run": run_id})
    followed = scalar(engine, "SELECT max(updated_ts) FROM signal_outcome WHERE run_id = :run", {"run": run_id})
    return int(given or 0), int(followed or 0)


def blocked(engine: Engine, run_id: int, since: int, until: int) -> list[dict[str, Any]]:
    """Entry signals of this time that led to no order, by why; `mean` is what those that were followed up would have made."""
    return rows(engine, BLOCKED, {"run": run_id, "since": since, "until": until})


def breakers(engine: Engine, run_id: int, since: int, until: int) -> list[dict[str, Any]]:
    """Trips, releases and ends of this time, newest first."""
    return rows(engine, BREAKERS, {"run": run_id, "since": since, "until": until})


def markers(engine: Engine, run_id: int, since: int, until: int) -> list[dict[str, Any]]:
    """Changes of configuration and code that are drawn on the run's curve, newest first."""
    return rows(engine, MARKERS, {"run": run_id, "since": since, "until": until})


def changes(engine: Engine, run_id: int) -> list[Change]:
    """Every version of the configuration in order, each with what differs from the one before."""
    found, before = [], ""
    for row in rows(engine, VERSIONS, {"run": run_id}):
        text = str(row["text"] or "")
        lines = unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=0) if before else ()
        kept = [line for line in lines if line[:3] not in ("---", "+++") and line[:2] != "@@"]
        found.append(
            Change(int(row["id"]), int(row["created_ts"]), str(row["hash"]), str(row["source"]), "\n".join(kept[:60]))
        )
        before = text
    return found


def under(engine: Engine, run_id: int) -> dict[str, Column]:
    """By trade, in order of `seq`: the version of configuration, and `source`, the place among `sources` of the hash of the
    strategy's source it was opened under."""
    found = columns(engine, UNDER, {"run": run_id, "since": 0})
    texts = found.pop("source_hash").tolist()
    sources = list(dict.fromkeys(text or "" for text in dict.fromkeys(texts)))
    place = {text: sources.index(text or "") for text in dict.fromkeys(texts)}
    found["source"] = np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))
    return {**found, "sources": np.array(sources, object)}
