"""One engine for one ledger, on either database; the next one gets in as soon as the first has gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.session import open_engine
from engine.runtime.lock import AlreadyRunning, EngineLock


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'evenkeel.db'}"
    address: str = request.getfixturevalue("postgres")
    return address


def test_a_second_engine_is_refused_until_the_first_has_gone(url: str) -> None:
    engines = [open_engine(url), open_engine(url)]
    first, second = (EngineLock(engine, url) for engine in engines)
    first.acquire()
    with pytest.raises(AlreadyRunning, match="another engine") as refused:
        second.acquire()
    assert refused.value.exit_code == 74
    first.release()
    engines[0].dispose()
    second.acquire()
    second.release()
    engines[1].dispose()
