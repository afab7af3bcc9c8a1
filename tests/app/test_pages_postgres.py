"""Every page on PostgreSQL: the whole app on a seeded server, as it is with DATABASE_URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import text

from app.rooms import rooms
from db.session import open_engine
from tests.app.conftest import Open, said
from tests.app.seed import seed

pytestmark = pytest.mark.postgres
ALWAYS = ("overview", "system")
"""Opened on every run of the suite; the others are left to `make long`."""
PAGES = [pytest.param(room.name, marks=() if room.name in ALWAYS else pytest.mark.long) for room in rooms()]


@pytest.fixture(scope="module")
def url(postgres: str) -> str:
    admin = open_engine(postgres)
    with admin.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("CREATE DATABASE evenkeel_pages"))
    admin.dispose()
    address = postgres.replace("/postgres?", "/evenkeel_pages?")
    engine = open_engine(address)
    seed(engine, trades=60, days=4)
    engine.dispose()
    return address


@pytest.fixture
def on_server(data_folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", url)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("on_server")
def test_the_page_opens(open_page: Open, page: str, data_folder: Path) -> None:
    words = said(open_page(page))
    assert "the database cannot be used" not in words
    assert "Nothing has run here yet" not in words
    assert not list(data_folder.glob("*.db"))
