"""One migrated database for the room's tests; each test makes runs of its own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from db.session import migrate, open_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'evenkeel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()
