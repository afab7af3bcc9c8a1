"""What waits and what is done by the clock: queues of jobs and alerts, and the work that comes by itself. Reads only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.queries import rows

_JOBS = (
    "SELECT state, count(*) AS n, min(created_ts) AS oldest FROM job WHERE state IN ('new', 'running') GROUP BY state"
)
_ALERTS = "SELECT count(*) AS n, min(created_ts) AS oldest FROM alert WHERE state = 'new'"
_DEAD = "SELECT count(*) AS n FROM alert WHERE state = 'dead'"
_SCHEDULED = "SELECT name, due_ts, started_ts, done_ts, next_ts, state, message FROM scheduled ORDER BY name"
_NEWEST_JOB = """SELECT kind, created_ts, started_ts, done_ts, state, coalesce(error, '') AS message FROM job
    WHERE id IN (SELECT max(id) FROM job WHERE source = 'cli' AND kind IN ('versus', 'outcomes', 'report') GROUP BY kind)"""
_DAILY = "SELECT ts, created_ts, title FROM alert WHERE kind = 'daily' ORDER BY id DESC LIMIT 1"
NAMES = {
    "backup": "Backup",
    "tidy": "Old rows dropped",
    "versus": "Backtest vs paper",
    "outcomes": "Signals followed up",
    "report": "Reports",
    "daily": "Daily summary",
}


def queues(engine: Engine) -> list[dict[str, Any]]:
    """What waits: how much of it, and since when (ms UTC, None without any)."""
    jobs = {row["state"]: row for row in rows(engine, _JOBS)}
    alerts = rows(engine, _ALERTS)[0]
    dead = int(rows(engine, _DEAD)[0]["n"])
    none = {"n": 0, "oldest": None}
    return [
        {"what": "Jobs that wait", **_counted(jobs.get("new", none))},
        {"what": "Jobs being done", **_counted(jobs.get("running", none))},
        {"what": "Alerts on their way", **_counted(alerts)},
        {"what": "Alerts no channel took", "count": dead, "oldest": None},
    ]


def _counted(row: Any) -> dict[str, Any]:
    return {"count": int(row["n"]), "oldest": row["oldest"]}


def scheduled(engine: Engine) -> list[dict[str, Any]]:
    """Work that comes by itself: what was done last and how that went, when it is due next (None: when there is a reason).
    Times in ms UTC."""
    found = [
        {
            "name": NAMES.get(row["name"], row["name"]),
            "last_ts": row["started_ts"],
            "state": row["state"],
            "next_ts": row["next_ts"],
            "message": row["message"],
        }
        for row in rows(engine, _SCHEDULED)
    ]
    found += [
        {
            "name": NAMES[row["kind"]],
            "last_ts": row["started_ts"] or row["created_ts"],
            "state": row["state"],
            "next_ts": None,
            "message": row["message"],
        }
        for row in rows(engine, _NEWEST_JOB)
    ]
    return found + [
        {
            "name": NAMES["daily"],
            "last_ts": row["created_ts"],
            "state": "done",
            "next_ts": None,
            "message": row["title"],
        }
        for row in rows(engine, _DAILY)
    ]
