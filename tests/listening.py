"""What is asked of the database, heard while code runs: every statement with the line of ours that asked, and those that walk
over a table that grows. No test is in here."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

ROOT = Path(__file__).resolve().parents[1]
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
READS, ALL = ("SELECT", "WITH"), ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")
Asked = dict[str, tuple[Any, str]]


@contextmanager
def heard(kinds: tuple[str, ...] = READS) -> Iterator[Asked]:
    """Every statement of these kinds from now on, with its (first) parameters and the line of ours that asked."""
    seen: Asked = {}

    def note(_c: Any, _u: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement not in seen and statement.lstrip().upper().startswith(kinds):
            rows = many and isinstance(parameters[0], (tuple, list, dict))  # many rows in one statement come flat
            seen[statement] = (parameters[0] if rows else parameters, _whose())

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
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
    """(step, who asked, statement) of every walk over a big table by a line of ours, an alias known by its FROM or JOIN."""
    found = []
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as raw:
        for statement, (parameters, whose) in asked.items():
            named = {alias: table for table, alias in ALIAS.findall(statement)}
            for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters or ()):
                step = str(row[3])
                table = step.split()[1] if step.startswith("SCAN ") else ""
                if whose and (table in BIG or named.get(table) in BIG):
                    found.append((step, whose, statement[:200]))
    return found
