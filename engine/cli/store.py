"""The commands' way to the database: which file, which run, which engine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli.failures import FAILED, Fail

if TYPE_CHECKING:
    from sqlalchemy import Engine


def point_to_data() -> None:
    """Let db.session find what the configuration names; what --data-dir or the environment says wins."""
    if os.environ.get("EVENKEEL_DATA") or os.environ.get("DATABASE_URL"):
        return
    from engine.config.reading import find, load

    path = find()
    if path.exists():
        storage = load(path).storage
        os.environ["EVENKEEL_DATA"] = storage.data_dir
        if storage.database_url:
            os.environ["DATABASE_URL"] = storage.database_url


def permit_hosts() -> None:
    """Let this process call what [network] allow_hosts names; without a configuration that can be read, nobody near by."""
    from engine.access.outbound import permit
    from engine.config.errors import ConfigError
    from engine.config.reading import find, load

    try:
        permit(load(find()).network.allow_hosts)
    except ConfigError:
        permit(())


def spare_disk() -> None:
    """Let this process leave the room on the disk that [storage] warn_mb asks for; none without a configuration."""
    from engine.config.errors import ConfigError
    from engine.config.reading import find, load
    from engine.market.store import Store

    try:
        Store.spare = load(find()).storage.warn_mb * 1_000_000
    except ConfigError:
        Store.spare = 0


def data_dir() -> Path:
    """The data folder in force."""
    point_to_data()
    return Path(os.environ.get("EVENKEEL_DATA") or "data")


def open_database(read_only: bool = True) -> Engine:
    """The database in force, schema checked; the errors of db say what to do where it is missing, newer or not ours."""
    from db.session import check_schema, database_url, open_engine

    point_to_data()
    engine = open_engine(database_url(), read_only=True)
    check_schema(engine)
    if read_only:
        return engine
    engine.dispose()
    return open_engine(database_url())


def rows(engine: Engine, sql: str, **params: Any) -> list[dict[str, Any]]:
    """A short result as dictionaries. Not for big tables: db.queries streams those."""
    from sqlalchemy import text

    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(sql), params).mappings()]


def find_run(engine: Engine, run: str | None) -> dict[str, Any]:
    """The run with this name or number; without one, that of the engine heard last. Fail names the runs there are."""
    if run is None:
        found = rows(
            engine,
            "SELECT r.* FROM run r JOIN engine_status s ON s.run_id = r.id ORDER BY s.heartbeat_ts DESC, r.id DESC LIMIT 1",
        )
        if not found:
            raise Fail("no engine has run here yet: `run_engine.py` starts one, `run_engine.py demo` shows one")
        return found[0]
    found = rows(engine, "SELECT * FROM run WHERE name = :run", run=run)
    if not found and run.isdigit():
        found = rows(engine, "SELECT * FROM run WHERE id = :run", run=int(run))
    if not found:
        names = [row["name"] for row in rows(engine, "SELECT name FROM run ORDER BY id DESC LIMIT 8")]
        there = f"there are {', '.join(names)}" if names else "there is none yet: `run` and `backtest --save` make them"
        raise Fail(f"no run {run!r}; {there}", FAILED)
    return found[0]


def now_ms() -> int:
    return time.time_ns() // 1_000_000
