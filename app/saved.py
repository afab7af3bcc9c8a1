"""Filters kept under a name: a page's line of the address, in the database so that every browser has them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert
from sqlmodel import col

from app import data, jobs
from app.clock import now_ms
from db.models import SavedFilter
from db.queries import rows
from db.session import write_session

LONGEST = 60


def listed(page: str) -> list[dict[str, Any]]:
    """id, name, query; by name."""
    sql = "SELECT id, name, query FROM saved_filter WHERE page = :page ORDER BY name LIMIT 200"
    return rows(data.database(), sql, {"page": page})


def keep(page: str, name: str, query: str) -> None:
    """Under this name; what was kept under it before is replaced."""
    name = " ".join(name.split())[:LONGEST]
    with write_session(jobs.writer()) as session:
        session.execute(delete(SavedFilter).where(col(SavedFilter.page) == page, col(SavedFilter.name) == name))
        session.execute(insert(SavedFilter), {"page": page, "name": name, "query": query, "created_ts": now_ms()})


def forget(number: int) -> None:
    """It is gone; so it is where another tab was first."""
    with write_session(jobs.writer()) as session:
        session.execute(delete(SavedFilter).where(col(SavedFilter.id) == number))
