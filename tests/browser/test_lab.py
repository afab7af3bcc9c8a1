"""The research pages in a real Chromium: from an empty folder to a verdict, with a real worker, and an exchange to fetch from."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from db.queries import scalar
from db.session import open_engine
from engine.sandbox.server import Sandbox
from tests.app.test_backtest_page import hours
from tests.browser.test_app import MISSING
from tests.market.candle_files import rows_of, write_csv
from tools import shots

pytestmark = pytest.mark.browser
if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

NOW = 1_767_600_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty data folder; the worker that the app starts in it is ended at the end."""
    made = tmp_path_factory.mktemp("lab")
    yield made
    lock = made / "worker.lock"
    if lock.exists() and lock.read_text().strip():
        with suppress(ProcessLookupError):
            os.kill(int(lock.read_text()), signal.SIGTERM)


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with shots.app(folder, EVENKEEL_CLOCK_MS=str(NOW)) as where:
        yield where


def test_an_empty_folder_a_fetch_and_candles(tab: Any, address: str, folder: Path) -> None:
    """The worker starts by itself, the strip moves by itself, the series stands there when it is done."""
    with Sandbox.running(seed=3, start=NOW, hold=True) as exchange:
        tab.goto(f"{address}/data")
        tab.get_by_text("No candles are stored yet").wait_for()
        tab.locator(".st-key-fetch_days input").fill("1")
        tab.locator(".st-key-fetch_address input").fill(exchange.rest_url)
        tab.get_by_role("button", name="Fetch", exact=True).click()
        tab.get_by_text("candles came").wait_for(timeout=shots.PATIENCE_MS)
    assert (folder / "candles" / "coinbase" / "1m" / "BTC-USD.arrow").exists()
    tab.locator('.st-key-series [data-testid="stDataFrame"]').wait_for()
    assert tab.locator('[data-testid="stException"]').count() == 0


def test_a_file_is_imported(tab: Any, address: str, folder: Path, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "kraken_BTC-USD.csv", rows_of(hours()))
    tab.goto(f"{address}/data")
    tab.locator('[data-testid="stFileUploader"] input[type=file]').set_input_files(str(file))
    tab.get_by_text("2,400 candles of 1h").wait_for()
    tab.get_by_role("button", name="Store them").click()
    tab.wait_for_function("location.search.includes('series=kraken')")
    assert (folder / "candles" / "kraken" / "1h" / "BTC-USD.arrow").exists()


def test_a_backtest_answers_saves_and_opens(tab: Any, address: str, folder: Path) -> None:
    tab.goto(f"{address}/backtest?exchange=kraken&symbols=BTC%2FUSD&taker=0.001")
    tab.get_by_text("1 variant tried").wait_for()
    tab.locator(".st-key-lab_market .js-plotly-plot").wait_for(state="attached")
    thumb = tab.locator(".st-key-lab_sma_cross_fast input").first
    thumb.focus()
    thumb.press("ArrowRight")
    tab.get_by_text("2 variants tried").wait_for()
    tab.wait_for_function("location.search.includes('sma_cross.fast=11')")
    tab.get_by_role("button", name="Save as run").click()
    tab.get_by_text("Stored as").wait_for(timeout=shots.PATIENCE_MS)
    tab.get_by_test_id("stMain").get_by_role("button", name="Trades", exact=True).first.click()
    tab.wait_for_function("location.pathname.endsWith('/trades') && location.search.includes('run=')")
    tab.locator(".ek-badge", has_text="BACKTEST").wait_for()
    engine = open_engine(f"sqlite:///{folder / 'evenkeel.db'}")
    assert scalar(engine, "SELECT count(*) FROM run WHERE kind = 'backtest' AND status = 'complete'") == 1
    engine.dispose()


def test_a_reload_keeps_the_settings(tab: Any, address: str) -> None:
    tab.goto(
        f"{address}/backtest?exchange=kraken&symbols=BTC%2FUSD&strategies=rsi_reversion&rsi_reversion.length=9&period=30"
    )
    tab.get_by_text("RSI", exact=True).first.wait_for(state="attached")
    tab.reload()
    tab.locator(".st-key-provenance").get_by_text("720 candles of 1h").wait_for()
    assert tab.locator(".st-key-lab_rsi_reversion_length input").first.input_value() == "9"


def test_it_fits_a_narrow_screen(tab: Any, address: str) -> None:
    tab.set_viewport_size({"width": 800, "height": 1000})
    for page in ("backtest?exchange=kraken&symbols=BTC%2FUSD", "data", "runs"):
        tab.goto(f"{address}/{page}")
        shots.settle(tab)
        assert tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 800
        assert tab.locator('[data-testid="stException"]').count() == 0
