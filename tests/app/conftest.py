"""The app on a seeded database, without a browser: AppTest runs the scripts, the clock stands still."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import Engine
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from db.session import open_engine
from tests.app import big, big_signals
from tests.app.seed import NOW, seed

Open = Callable[..., AppTest]


@pytest.fixture(scope="session", autouse=True)
def _components_looked_for_once() -> Iterator[None]:
    """AppTest makes a runtime anew for each page, and each looks through every installed package for components: most of a
    page's time. What is installed does not change under a suite."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder that the app looks at, at the tests' present."""
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    monkeypatch.setenv("EVENKEEL_CLOCK_MS", str(NOW))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield tmp_path
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One seeded database, made once; tests that write get a copy."""
    file = tmp_path_factory.mktemp("seeded") / "evenkeel.db"
    engine = open_engine(f"sqlite:///{file}")
    seed(engine, trades=150, days=4)
    engine.dispose()
    return file


@pytest.fixture(scope="session")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred thousand trades and half as many signals more, made once for all workers of the suite; to be read only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "a_hundred_thousand"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            big_signals.add(big.make(folder / "evenkeel.db", 100_000, points=2_000))
            (folder / "made").touch()
    return folder / "evenkeel.db"


@pytest.fixture
def many(data_folder: Path, big_file: Path) -> Iterator[Engine]:
    """That file as the app's, and a reader of it."""
    (data_folder / "evenkeel.db").symlink_to(big_file)
    engine = open_engine(f"sqlite:///{big_file}", read_only=True)
    yield engine
    engine.dispose()


@pytest.fixture
def database(data_folder: Path, seeded_file: Path) -> Iterator[Engine]:
    """A seeded database of this test's own."""
    (data_folder / "evenkeel.db").write_bytes(seeded_file.read_bytes())
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def open_page(data_folder: Path) -> Open:
    """`open_page("trades", period="7 d")`: the app, run once on that page with that address."""

    def run(page: str = "overview", /, **query: str) -> AppTest:
        test = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "app" / "script.py"), default_timeout=60)
        test.query_params.update(query)
        if page != "overview":
            test.switch_page(f"../pages/{page}.py")
        test.run()
        assert [error.value for error in test.exception] == []
        return test

    return run


def said(test: AppTest) -> str:
    """All words on the page, one after the other."""
    parts: list[str] = []
    for kind in ("header", "subheader", "caption", "markdown", "text", "warning", "info", "code"):
        parts += [str(element.value) for element in getattr(test, kind)]
    parts += [str(element.proto.body) for element in test.get("html")]
    parts += [f"{m.label}: {m.value} ({m.delta})" for m in test.metric]
    return "\n".join(parts)


def tables(test: AppTest) -> list[Any]:
    """The frames of the page's tables."""
    return [element.value for element in test.dataframe]
