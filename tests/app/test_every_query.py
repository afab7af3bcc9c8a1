"""Whatever a page asks while it is drawn goes down an index: no list of queries is kept, a spy listens while the pages run."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.rooms import rooms
from tests.app.conftest import Open

ROOT = Path(__file__).resolve().parents[2]
BIG = {
    "trade",
    "signal",
    "signal_outcome",
    "orders",
    "fill",
    "equity",
    "stop_move",
    "alert",
    "alert_delivery",
    "ai_call",
}
"""Tables that grow without end."""
ALIAS = re.compile(rf"\b({'|'.join(sorted(BIG))})\s+(?:AS\s+)?(\w+)", re.IGNORECASE)
COUNTED = re.compile(r"SELECT count\(\*\) FROM \w+")
"""The page System counts rows, at most once a minute, and says so: an index is walked from end to end."""
Asked = dict[str, tuple[Any, str]]


@pytest.fixture
def asked() -> Iterator[Asked]:
    """Every SELECT from now on, with its parameters and the line of ours that asked."""
    seen: Asked = {}

    def note(_c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement not in seen and statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen[statement] = (parameters, _whose())

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def _whose() -> str:
    """The innermost line in app, pages or engine that led here; empty where a test asked."""
    frame = sys._getframe(2)
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(ROOT) and (part := file.relative_to(ROOT)).parts[0] in ("app", "pages", "engine"):
            return f"{part}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def scans(file: Path, asked: Asked) -> list[tuple[str, str, str]]:
    """(step, who asked, statement) of every walk over a big table, an alias known by its FROM or JOIN."""
    found = []
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as raw:
        for statement, (parameters, whose) in asked.items():
            named = {alias: table for table, alias in ALIAS.findall(statement)}
            for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters or ()):
                step = str(row[3])
                table = step.split()[1] if step.startswith("SCAN ") else ""
                if table in BIG or named.get(table) in BIG:
                    found.append((step, whose, statement[:200]))
    return [one for one in found if one[1] and not COUNTED.fullmatch(one[2])]


PAGES = [room.name for room in rooms()]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_walks_over_a_big_table(
    open_page: Open, database: Engine, data_folder: Path, asked: Asked, page: str
) -> None:
    open_page(page)
    assert scans(data_folder / "evenkeel.db", asked) == []
    assert page in ("data", "backtest", "sweep", "walk_forward", "settings") or len(asked) > 4


@pytest.mark.parametrize("sql", ["SELECT fees FROM trade WHERE mae > 1", "SELECT x.id FROM fill AS x WHERE x.fee > 1"])
def test_a_walk_would_be_found(database: Engine, data_folder: Path, sql: str) -> None:
    assert [one[1] for one in scans(data_folder / "evenkeel.db", {sql: ((), "here")})] == ["here"]
