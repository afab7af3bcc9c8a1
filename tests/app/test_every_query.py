"""Whatever a page asks while it is drawn goes down an index: no list of queries is kept, a spy listens while the pages run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.rooms import rooms
from tests.app.conftest import Open
from tests.listening import Asked, heard, scans

COUNTED = re.compile(r"SELECT count\(\*\) FROM \w+")
"""The page System counts rows, at most once a minute, and says so: an index is walked from end to end."""


@pytest.fixture
def asked() -> Iterator[Asked]:
    """Every SELECT from now on, with its parameters and the line of ours that asked."""
    with heard() as seen:
        yield seen


PAGES = [room.name for room in rooms()]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_walks_over_a_big_table(
    open_page: Open, database: Engine, data_folder: Path, asked: Asked, page: str
) -> None:
    open_page(page)
    found = scans(data_folder / "evenkeel.db", asked)
    assert [one for one in found if not COUNTED.fullmatch(one[2])] == []
    assert page in ("data", "backtest", "sweep", "walk_forward", "settings") or len(asked) > 4


@pytest.mark.parametrize("sql", ["SELECT fees FROM trade WHERE mae > 1", "SELECT x.id FROM fill AS x WHERE x.fee > 1"])
def test_a_walk_would_be_found(database: Engine, data_folder: Path, sql: str) -> None:
    assert [one[1] for one in scans(data_folder / "evenkeel.db", {sql: ((), "here")})] == ["here"]
