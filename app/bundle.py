"""What a person sends along with a question: versions, configuration, what the database says of the engine, the log's end, and a
quick look at the file, as one zip. Every text in it is redacted; no trade, order, signal or note is in it.
"""

from __future__ import annotations

import json
import platform
import sqlite3
import sys
import time
import zipfile
from collections.abc import Sequence
from contextlib import closing
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.read import logs, system
from db.queries import rows
from db.session import sqlite_file
from engine import __version__
from engine.access.redact import known, redacted

LINES = 2_000
CHECK_S = 5.0
README = """What Evenkeel's System page gathered for a question about it.

versions.json   the program, Python, the machine, installed packages
config.toml     the configuration in force, as the run keeps it
status.json     heartbeat, runs, breakers, commands, jobs, alerts, outages, work by the clock: the newest of each
database.json   kind, size, schema, rows by table, and SQLite's quick check
engine.log, worker.log   the newest lines

Passwords, tokens, keys and addresses that are secrets are taken out: what is left of one is ***. Trades, orders, signals and
notes are not in it.
"""
_STATUS = {
    "engine_status": "SELECT * FROM engine_status ORDER BY heartbeat_ts DESC LIMIT 5",
    "runs": "SELECT id, name, kind, demo, status, exchange, quote, finest_tf_ms, created_ts, started_ts, ended_ts, data_grade, "
    "code_hash, error FROM run ORDER BY id DESC LIMIT 20",
    "slots": "SELECT run_id, strategy, symbol, timeframe_ms, label, state, error FROM slot ORDER BY id DESC LIMIT 50",
    "breakers": "SELECT * FROM breaker ORDER BY run_id DESC LIMIT 50",
    "breaker_events": "SELECT * FROM breaker_event ORDER BY id DESC LIMIT 50",
    "commands": "SELECT id, run_id, kind, source, created_ts, state, acked_ts, result FROM command ORDER BY id DESC LIMIT 50",
    "jobs": "SELECT id, kind, title, source, state, created_ts, started_ts, done_ts, progress, message, attempts, error FROM job "
    "ORDER BY id DESC LIMIT 50",
    "alerts": "SELECT id, ts, severity, kind, title, state, created_ts FROM alert ORDER BY id DESC LIMIT 50",
    "outages": "SELECT * FROM outage ORDER BY id DESC LIMIT 50",
    "scheduled": "SELECT * FROM scheduled ORDER BY name",
    "markers": "SELECT run_id, ts, kind, text FROM run_marker ORDER BY id DESC LIMIT 50",
}


def bundle(engine: Engine, run_id: int, folder: Path, secrets: Sequence[str] | None = None) -> bytes:
    """The zip; `folder` is the data folder, `secrets` what is known to be one (those of the environment unless given)."""
    hidden, made = known() if secrets is None else secrets, BytesIO()
    versions = system.config_versions(engine, run_id, 1)
    files = {
        "README.txt": README,
        "versions.json": _json(_versions()),
        "config.toml": versions[0]["text"] if versions else "# this run has none\n",
        "status.json": _json({name: rows(engine, sql) for name, sql in _STATUS.items()}),
        "database.json": _json({**system.database(engine), "rows": system.sizes(engine), "check": quick_check(engine)}),
        **{f"{name}.log": "\n".join(logs.tail(folder, name).splitlines()[-LINES:]) + "\n" for name in logs.FILES},
    }
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, redacted(text, hidden))
    return made.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, default=str, ensure_ascii=False)


def _versions() -> dict[str, Any]:
    return {
        "evenkeel": __version__,
        "python": sys.version,
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
        "packages": dict(sorted((one.name, one.version) for one in metadata.distributions())),
    }


def quick_check(engine: Engine, seconds: float = CHECK_S) -> list[str]:
    """What SQLite's quick check finds ("ok"), broken off after `seconds`; a server is asked for nothing."""
    file = sqlite_file(engine.url.render_as_string(hide_password=True)) if engine.dialect.name == "sqlite" else None
    if file is None:
        return ["not looked at: the server's own tools do that"]
    deadline = time.monotonic() + seconds
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=2)) as raw:
            raw.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
            return [str(row[0]) for row in raw.execute("PRAGMA quick_check(10)")]
    except sqlite3.OperationalError as error:
        return [f"not finished within {seconds:g} s" if "interrupt" in str(error) else str(error)]
    except sqlite3.DatabaseError as error:
        return [str(error)]
