"""The app's way to the database, and the cache of what several pages ask.

What is cheap is read anew on every script run; what is not is cached by a stamp (the newest row it depends on), never by
the clock alone; a view that alone works something out keeps it beside its drawing, by the same rule. Reading goes through a
read-only engine; the one thing written here is a command row (jobs are app.jobs's, notes app.journal's).
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st
from sqlalchemy import Engine, insert
from sqlalchemy.exc import DBAPIError, OperationalError

from app.clock import now_ms
from app.read import beside, overview, runs, system, trades
from app.thin import thin
from db.errors import StorageError
from db.kill_file import KillOrder, press
from db.models import Command
from db.queries import scalar
from db.session import check_schema, database_url, open_engine, sqlite_file, write_session
from engine.research.trade_bars import trade_bars

LONGEST_S = 30.0
"""Of the processor for one question; the largest pages ask for a second of it."""


def database() -> Engine:
    """The read-only engine, schema checked. Raises StorageError with what to do where there is nothing to read."""
    url = database_url()
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return open_engine(url, read_only=True)  # raises MissingDatabase
    identity = file.stat().st_ino if file is not None else 0
    return _reader(url, identity)


@st.cache_resource(show_spinner=False, max_entries=4, on_release=lambda engine: engine.dispose())
def _reader(url: str, identity: int) -> Engine:
    """One engine for each file: a file that was replaced (restored, another demo) has another identity."""
    engine = open_engine(url, read_only=True, longest_s=LONGEST_S)
    check_schema(engine)
    return engine


@st.cache_resource(show_spinner=False, max_entries=4, on_release=lambda engine: engine.dispose())
def _writer(url: str, identity: int) -> Engine:
    return open_engine(url)


def send(kind: str, run_id: int, **args: Any) -> str:
    """Ask the engine for something: one row in `command`, taken off by its loop. Returns the row's uuid."""
    url = database_url()
    file = sqlite_file(url)
    if kind == "kill":
        _kill_file(file, bool(args.get("flatten")))
    name = str(uuid.uuid4())
    row = {"uuid": name, "run_id": run_id, "kind": kind, "args": args, "source": "app", "created_ts": now_ms()}
    try:
        with write_session(_writer(url, file.stat().st_ino if file is not None else 0)) as session:
            session.execute(insert(Command), row)
    except OperationalError:
        if kind != "kill":  # its file acts without the row
            raise
    return name


def _kill_file(database: Path | None, flatten: bool) -> None:
    """The file says it first: it acts whatever the database does. Without a folder of our own the row says it alone."""
    folder = database.parent if database is not None else Path(os.environ.get("EVENKEEL_DATA") or "data")
    with suppress(OSError):
        press(folder, KillOrder("app", flatten))


def answers() -> bool:
    """Whether the database answers at this moment."""
    try:
        return bool(scalar(database(), "SELECT 1", {}))
    except (DBAPIError, StorageError):
        return False


def problem() -> StorageError | None:
    """Why nothing can be read, or None."""
    try:
        database()
    except StorageError as error:
        return error
    return None


def _stamp(engine: Engine, sql: str, run_id: int) -> Any:
    return scalar(engine, sql, {"run": run_id})


def run(engine: Engine, run_id: int) -> dict[str, Any]:
    """The run's row, parameters and statistics included."""
    return runs.run(engine, run_id)


def trades_stamp(engine: Engine, run_id: int) -> int:
    """Grows with each closed trade."""
    return int(_stamp(engine, "SELECT max(seq) FROM trade WHERE run_id = :run", run_id) or 0)


def equity_stamp(engine: Engine, run_id: int) -> int:
    """Grows with each stored equity point of the account."""
    return int(_stamp(engine, "SELECT max(ts) FROM equity WHERE run_id = :run AND slot_id = 0", run_id) or 0)


def _place(engine: Engine) -> str:
    url = engine.url
    file = sqlite_file(url.render_as_string(hide_password=True))
    return f"{url.render_as_string(hide_password=True)}#{file.stat().st_ino if file else ''}"


def curve(engine: Engine, run: dict[str, Any], since: int) -> dict[str, Any]:
    """The account's curve from `since` on; see read.overview.curve."""
    return _curve(engine, _place(engine), run["id"], equity_stamp(engine, run["id"]), run["cash_start"], since)


@st.cache_data(show_spinner=False, max_entries=64)
def _curve(_engine: Engine, place: str, run_id: int, stamp: int, cash: float, since: int) -> dict[str, Any]:
    return overview.curve(_engine, run_id, cash, since)


def account(engine: Engine, run: dict[str, Any]) -> overview.Account:
    """The account as last stored; see read.overview.account."""
    top = _peak(engine, _place(engine), run["id"], equity_stamp(engine, run["id"]))
    return overview.account(engine, run, top)


@st.cache_data(show_spinner=False, max_entries=64)
def _peak(_engine: Engine, place: str, run_id: int, stamp: int) -> float | None:
    return overview.peak(_engine, run_id)


def slot_lines(engine: Engine, run_id: int, slot_ids: tuple[int, ...]) -> dict[int, list[float]]:
    """Sparklines of the slots; see read.overview.slot_lines."""
    return _slot_lines(engine, _place(engine), run_id, trades_stamp(engine, run_id), slot_ids)


@st.cache_data(show_spinner=False, max_entries=64)
def _slot_lines(
    _engine: Engine, place: str, run_id: int, stamp: int, slot_ids: tuple[int, ...]
) -> dict[int, list[float]]:
    return overview.slot_lines(_engine, run_id, slot_ids)


def slots(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """The slots; their trades are summed once for each new trade, their state is read anew."""
    sums = _slot_sums(engine, _place(engine), run_id, trades_stamp(engine, run_id))
    return overview.slots(engine, run_id, sums)


@st.cache_data(show_spinner=False, max_entries=64)
def _slot_sums(_engine: Engine, place: str, run_id: int, stamp: int) -> dict[int, dict[str, Any]]:
    return overview.slot_sums(_engine, run_id)


def trade_totals(engine: Engine, run_id: int, chosen: trades.Filter) -> dict[str, Any]:
    """Totals of the chosen trades; see read.trades.totals."""
    return _totals(engine, _place(engine), run_id, chosen_stamp(engine, run_id), chosen)


@st.cache_data(show_spinner=False, max_entries=128)
def _totals(_engine: Engine, place: str, run_id: int, stamp: Any, chosen: trades.Filter) -> dict[str, Any]:
    return trades.totals(_engine, run_id, chosen)


def trade_curve(engine: Engine, run_id: int, chosen: trades.Filter, in_r: bool = False) -> dict[str, Any]:
    """The chosen trades' P&L (or their R, where known) added up, thinned for a chart."""
    return _running(engine, _place(engine), run_id, chosen_stamp(engine, run_id), chosen, in_r)


@st.cache_data(show_spinner=False, max_entries=64)
def _running(_engine: Engine, place: str, run_id: int, stamp: Any, chosen: trades.Filter, in_r: bool) -> dict[str, Any]:
    got = trades.running(_engine, run_id, chosen)
    total = got["r" if in_r else "total"]
    kept = thin(total)
    return {"ts": got["ts"][kept], "total": total[kept]}


def trade_groups(engine: Engine, run_id: int, chosen: trades.Filter, by: str) -> list[dict[str, Any]]:
    """Subtotals of the chosen trades; see read.trades.groups."""
    return _groups(engine, _place(engine), run_id, chosen_stamp(engine, run_id), chosen, by)


@st.cache_data(show_spinner=False, max_entries=64)
def _groups(
    _engine: Engine, place: str, run_id: int, stamp: Any, chosen: trades.Filter, by: str
) -> list[dict[str, Any]]:
    return trades.groups(_engine, run_id, chosen, by)


def chosen_stamp(engine: Engine, run_id: int) -> tuple[int, int, int]:
    """Changes with each closed trade, each change of the journal, and each trade imported: what filters may ask for."""
    written = _stamp(engine, "SELECT max(updated_ts) FROM journal_entry WHERE run_id = :run", run_id)
    count = _stamp(engine, "SELECT count(*) FROM journal_entry WHERE run_id = :run", run_id)
    return trades_stamp(engine, run_id), int(written or 0), int(count or 0)


def table_sizes(engine: Engine) -> dict[str, int]:
    """Rows of the big tables, counted at most once a minute."""
    return _sizes(engine, _place(engine))


@st.cache_data(show_spinner=False, max_entries=4, ttl=60)
def _sizes(_engine: Engine, place: str) -> dict[str, int]:
    return system.sizes(_engine)


def recent_sharpe(engine: Engine, run: dict[str, Any]) -> tuple[float | None, int, str]:
    """See read.beside.recent_sharpe; reckoned anew once an hour of the exchange's time."""
    hour = equity_stamp(engine, run["id"]) // 3_600_000
    return _recent_sharpe(engine, _place(engine), run["id"], hour, run["cash_start"])


@st.cache_data(show_spinner=False, max_entries=32)
def _recent_sharpe(_engine: Engine, place: str, run_id: int, hour: int, cash: float) -> tuple[float | None, int, str]:
    return beside.recent_sharpe(_engine, {"id": run_id, "cash_start": cash})


def comparison(engine: Engine, run_id: int) -> beside.Compared | None:
    """The newest comparison of a run with its tape and candles; None where there is none."""
    job = beside.newest_comparison(engine, run_id)
    return None if job is None else _comparison(engine, _place(engine), job)


@st.cache_data(show_spinner=False, max_entries=32)
def _comparison(_engine: Engine, place: str, job: int) -> beside.Compared:
    return beside.compared(_engine, job)


def held(engine: Engine, run: dict[str, Any], line: dict[str, Any]) -> Any:
    """What holding the run's symbols would be worth at the points of a curve; None without bars. See read.beside.held."""
    ts = line["ts"].astype("int64")
    stamp = (int(ts[0]), int(ts[-1]), len(ts))
    run = {name: run[name] for name in ("id", "kind", "exchange")}
    return _held(engine, _place(engine), run, stamp, ts, float(line["equity"][0]))


@st.cache_data(show_spinner=False, max_entries=16)
def _held(
    _engine: Engine, place: str, run: dict[str, Any], stamp: tuple[int, int, int], _ts: Any, equity: float
) -> Any:
    worth, missing = beside.held(_engine, run, _ts, equity)
    return None if missing else worth


def price_line(engine: Engine, run: dict[str, Any], position: dict[str, Any], until: int) -> Any:
    """(end of each bar ms UTC, its close) from a position's entry to `until`, from the run's own bars; None without any."""
    step, first = int(position["timeframe_ms"]), int(position["entry_ts"])
    run = {name: run[name] for name in ("id", "kind", "exchange")}
    return _price_line(
        engine, _place(engine), run, str(position["symbol"]), step, first // step * step, until // step * step
    )


@st.cache_data(show_spinner=False, max_entries=64)
def _price_line(
    _engine: Engine, place: str, run: dict[str, Any], symbol: str, step: int, first: int, until: int
) -> Any:
    found = trade_bars(_engine, run, symbol, step, first, until).candles
    if found is None:
        return None
    kept = thin(found.close)
    return found.ts[kept] + step, found.close[kept]
