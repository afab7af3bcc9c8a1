"""/api/trades/export: closed trades as a file, the same to the byte as `run_engine.py export trades`, streamed piece by piece.

A piece is read and written out in a few milliseconds; then the thread rests as long, and one piece of all exports is made at a
time, so that the loop in the same process finds the interpreter free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Security
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import Engine, text

from engine.ledger.export import trades
from engine.ledger.selection import Filter
from engine.runtime.api.access import Here, reading
from engine.runtime.api.problems import Refused, told
from engine.runtime.api.runs import run_or_refuse

router = APIRouter(prefix="/api/trades", tags=["trades"], dependencies=[Security(reading)])
PIECE = 250
"""Trades that are read at once."""
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
END = 2**62
_NEXT = """SELECT exit_ts FROM trade WHERE run_id = :run AND exit_ts >= :since AND exit_ts < :until
    ORDER BY exit_ts LIMIT 1 OFFSET :piece"""
_ALL = "SELECT id, name, kind, params FROM run WHERE kind <> 'backtest' AND status <> 'writing'"

Day = Annotated[
    str | None, Query(max_length=40, description="2026-01-31, 2026-01-31T12:00 (UTC) or ms UTC; by the exit's time")
]


@router.get(
    "/export",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "array"}}}},
        **told(401), **told(404), **told(422), **told(503),
    },
)  # fmt: skip
def export(
    here: Here,
    format: Annotated[Literal["csv", "json"], Query(description="the file's format")] = "csv",
    since: Annotated[Day, Query(alias="from")] = None,
    until: Annotated[Day, Query(alias="to")] = None,
    run: Annotated[
        list[str] | None,
        Query(max_length=50, description="a run's name or number, several times for several [default: every account]"),
    ] = None,
) -> Response:
    """Closed trades of accounts and imports, or of the runs that are named, in [from, to). Times in ms UTC, all digits."""
    first, last = moment(since, "from") if since else 0, moment(until, "to") if until else 0
    numbers = [int(run_or_refuse(here, name)["id"]) for name in dict.fromkeys(run)] if run else accounts(here.reader)
    stream = pieces(here.reader, numbers, format, first, last, here.exporting)
    named = {"Content-Disposition": f'attachment; filename="trades.{format}"'}
    return StreamingResponse(stream, media_type=TYPES[format], headers=named)


def moment(said: str, name: str) -> int:
    """A UTC day or moment as ms UTC. Refused (422) where it is none."""
    try:
        if said.isascii() and said.isdigit():
            return int(said) if int(said) < END else int("no")
        parsed = datetime.fromisoformat(said)
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        words = f"{name}: {said[:40]!r} is no day; write 2026-01-31, 2026-01-31T12:00 or milliseconds UTC"
        raise Refused(422, words) from None


def accounts(engine: Engine) -> list[int]:
    """Every account and import; backtests are exported when they are named."""
    with engine.connect() as connection:
        return [int(row.id) for row in connection.execute(text(_ALL + " ORDER BY id"))]


def pieces(
    engine: Engine,
    runs: list[int],
    format: str,
    since: int,
    until: int,
    one: threading.Lock,
    rest: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """The file in pieces of about PIECE trades, each from a read of its own and made while holding `one`; whole, it is what
    `Table.file` would make."""
    empty = trades(engine, [], Filter()).file(format)
    yield empty if format == "csv" else b"["
    begun = False
    for run in _in_order(engine, runs):
        for low, high in _spans(engine, run, since, until or END):
            with one:
                started = time.perf_counter()
                table = trades(engine, [run], Filter(since=low, until=high))
                content = table.file(format) if table.rows else b""
                rest(time.perf_counter() - started)
            if content:
                yield content[len(empty) :] if format == "csv" else (b",\n" if begun else b"\n") + content[2:-3]
                begun = True
    if format == "json":
        yield b"\n]\n" if begun else b"]\n"


def _in_order(engine: Engine, runs: list[int]) -> list[int]:
    """By name and number, as a whole export has them."""
    from engine.ledger.export import as_mapping

    sql = text("SELECT id, name, kind, params FROM run WHERE id = :run")
    found = []
    with engine.connect() as connection:
        for number in runs:
            row = connection.execute(sql, {"run": number}).mappings().one()
            origin = as_mapping(row["params"]).get("imported", {}) if row["kind"] == "imported" else {}
            found.append((origin.get("run", row["name"]), number))
    return [number for _, number in sorted(found)]


def _spans(engine: Engine, run: int, since: int, until: int) -> Iterator[tuple[int, int]]:
    """[low, high) in ms UTC that hold about PIECE trades each; trades of one instant are not parted."""
    low = since
    while True:
        with engine.connect() as connection:
            who = {"run": run, "since": low, "until": until, "piece": PIECE}
            found = connection.execute(text(_NEXT), who).scalar()
        if found is None:
            yield low, until
            return
        high = max(int(found), low + 1)
        yield low, high
        low = high
