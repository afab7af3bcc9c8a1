"""Work beside the loop that went wrong: jobs and scheduled work that failed, comparisons that found a run drifting. Reads.

Only what ended within the last hours is looked at, so that a start does not tell old news.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine

from db.queries import rows
from engine.alerts.message import clip, one_line

BACK_MS = 6 * 3_600_000

_FAILED = """SELECT uuid, kind, title, error FROM job WHERE state = 'failed' AND done_ts > :since AND kind IN
    ('versus', 'report', 'outcomes', 'backup') ORDER BY id LIMIT 50"""
_COMPARED = """SELECT uuid, args, result FROM job WHERE kind = 'versus' AND state = 'done' AND done_ts > :since
    ORDER BY id LIMIT 50"""
_SCHEDULED = (
    """SELECT name, due_ts, message FROM scheduled WHERE state = 'failed' AND coalesce(done_ts, started_ts) > :since"""
)


@dataclass(frozen=True)
class Trouble:
    """What is told: `key` names it once and for all."""

    kind: str
    title: str
    body: str
    key: str


def troubles(engine: Engine, run_id: int, now: int) -> list[Trouble]:
    """What went wrong since BACK_MS before `now` (ms UTC)."""
    who = {"since": now - BACK_MS}
    found = [_failed(row) for row in rows(engine, _FAILED, who)]
    found += [_scheduled(row) for row in rows(engine, _SCHEDULED, who)]
    return [*found, *_drifting(rows(engine, _COMPARED, who), run_id)]


def _failed(row: Mapping[str, Any]) -> Trouble:
    kind = "backup" if row["kind"] == "backup" else "error"
    words = clip(one_line(str(row["title"] or row["kind"])), 120)
    return Trouble(kind, f"{words} failed", clip(one_line(str(row["error"] or "")), 500), f"job:{row['uuid']}")


def _scheduled(row: Mapping[str, Any]) -> Trouble:
    kind = "backup" if "backup" in str(row["name"]) else "error"
    words = clip(one_line(str(row["message"] or "")), 500)
    return Trouble(
        kind, f"{str(row['name']).replace('_', ' ')} failed", words, f"scheduled:{row['name']}:{row['due_ts']}"
    )


def _drifting(found: list[dict[str, Any]], run_id: int) -> Iterator[Trouble]:
    """Comparisons of this run whose tape, replayed, did not give what was lived."""
    for row in found:
        args, result = _json(row["args"]), _json(row["result"])
        tape = result.get("tape")
        if args.get("run_id") == run_id and isinstance(tape, dict) and tape.get("ok") is False:
            words = clip(
                one_line(str(tape.get("difference") or tape.get("why") or "the page Backtest vs paper says where")), 400
            )
            yield Trouble(
                "drift", "the run does not do what its tape gives when it is replayed", words, f"drift:{row['uuid']}"
            )


def _json(value: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(value) if isinstance(value, (str, bytes)) else value
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
