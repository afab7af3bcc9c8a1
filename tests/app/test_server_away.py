"""A PostgreSQL server that does not answer: the page says so and what the engine does meanwhile, and comes back by itself."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from app import data, ui
from app.read import runs
from tests.app.conftest import Open, said

NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


def test_a_page_says_that_the_server_is_away_and_comes_back(
    open_page: Open, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", NOBODY)
    page = open_page("trades")
    words = said(page)
    assert "The database server is away" in words
    assert "does not answer: check DATABASE_URL" in words
    assert "nobody" not in words, "an address is nobody's business on a page"
    assert not data.answers()
    monkeypatch.delenv("DATABASE_URL")
    assert data.answers()
    assert "away" not in said(page.run())
    assert not page.exception


def gone(engine: Engine, run_id: int) -> None:
    raise OperationalError("SELECT 1", {}, psycopg.OperationalError("server closed the connection unexpectedly"))


@pytest.mark.long
def test_one_that_goes_while_a_page_is_drawn_leaves_words_in_its_place(
    open_page: Open, database: Engine, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    monkeypatch.setattr(data, "trades_stamp", gone)
    words = said(open_page("performance"))
    assert "The database server is away" in words
    assert "it cannot be reached" in words


def test_an_error_of_another_kind_is_none_of_it(
    data_folder: Path, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(engine: Engine) -> None:
        raise OperationalError("SELECT 1", {}, psycopg.errors.UndefinedTable("no such thing"))

    monkeypatch.setattr(runs, "runs", wrong)
    with pytest.raises(OperationalError, match="no such thing"):
        ui.frame()
