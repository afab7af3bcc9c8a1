"""The gate before the real server: no page, file or WebSocket without a session, and none after it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from db.session import open_engine
from engine.access.password import set_password
from tests.app.seed import NOW, seed
from tests.browser.test_app import MISSING
from tools import shots

pytestmark = pytest.mark.browser
if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

WORD = "correct horse battery staple 7"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("data")
    engine = open_engine(f"sqlite:///{folder / 'evenkeel.db'}")
    seed(engine, trades=20, days=2)
    engine.dispose()
    set_password(folder / "my", WORD)
    with shots.app(folder, EVENKEEL_CLOCK_MS=str(NOW), EVENKEEL_HOME=str(folder / "my")) as where:
        yield where


@pytest.fixture(scope="module")
def tab(address: str) -> Iterator[Any]:
    with shots.browser() as opened:
        page = opened.new_context(viewport={"width": 1000, "height": 800}).new_page()
        page.set_default_timeout(shots.PATIENCE_MS)
        yield page


def _opens(address: str, **headers: str) -> bool:
    """Whether the WebSocket that a page lives on opens."""
    where = address.replace("http", "ws") + "/_stcore/stream"
    with contextlib.closing(websocket.WebSocket()) as socket:
        try:
            socket.connect(where, timeout=20, **headers)
        except websocket.WebSocketException:
            return False
        return True


def test_one_comes_back_to_the_page_one_asked_for_and_goes_for_good(address: str, tab: Any) -> None:
    tab.goto(f"{address}/trades?run=1")
    tab.get_by_label("Password").fill("not this one")
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_role("alert").wait_for()
    tab.get_by_label("Password").fill(WORD)
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_role("heading", name="Trades").first.wait_for()
    assert "/trades" in tab.url
    jar = {cookie["name"]: cookie["value"] for cookie in tab.context.cookies()}
    said = "; ".join(f"{name}={value}" for name, value in jar.items())
    assert _opens(address, cookie=said, origin=address)
    assert not _opens(address, cookie=said, origin="https://evil.example")
    tab.get_by_role("link", name="Log out").click()
    tab.get_by_role("button", name="Log out").click()
    tab.get_by_label("Password").wait_for()
    assert not _opens(address, cookie=said, origin=address)
    assert requests.get(f"{address}/media/x", cookies=jar, timeout=20).status_code == 401


def test_health_is_all_that_a_stranger_is_told(address: str) -> None:
    assert requests.get(f"{address}/_stcore/health", timeout=20).text == "ok"
    assert not _opens(address, origin=address)
    for path in ("/", "/trades", "/_stcore/host-config", "/static/js/index.js", "/_stcore/metrics"):
        answer = requests.get(address + path, timeout=20, allow_redirects=False)
        assert (answer.status_code, answer.text) == (401, "Log in first."), path


def test_it_does_not_start_with_the_door_open(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.address", "0.0.0.0", "--server.port"]
    done = subprocess.run(
        [*command, str(shots.free_port()), "--server.headless", "true"], cwd=ROOT, capture_output=True, text=True,
        env={"PATH": "", "EVENKEEL_HOME": str(tmp_path), "HOME": str(tmp_path)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 78, done.stderr
    assert "run_engine.py password" in done.stderr
