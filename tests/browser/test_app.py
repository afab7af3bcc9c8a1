"""The app in a real Chromium: every page draws, deep links hold, a command travels, and nobody is called."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from db.queries import rows
from db.session import open_engine, write_session
from tests.app.seed import NOW, seed
from tools import shots

pytestmark = pytest.mark.browser

MISSING = next(
    (
        reason
        for absent, reason in (
            (
                importlib.util.find_spec("playwright") is None,
                "playwright is not installed: pip install -r requirements-dev.txt",
            ),
            (shots.chromium() is None, "no Chromium found: install one, or name it in EVENKEEL_CHROMIUM"),
        )
        if absent
    ),
    "",
)
if MISSING:
    pytest.skip(MISSING, allow_module_level=True)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path_factory.mktemp('data') / 'evenkeel.db'}")
    seed(opened, trades=120, days=3)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def config(engine: Engine) -> Path:
    """The configuration that the app finds."""
    path = Path(str(engine.url.database)).with_name("config.toml")
    path.write_text('[run]\nname = "test-data"\n[limits]\nmax_positions = 4   # enough\n[[slots]]\n')
    return path


@pytest.fixture(scope="module")
def address(engine: Engine, config: Path) -> Iterator[str]:
    folder = Path(str(engine.url.database)).parent
    with shots.app(folder, EVENKEEL_CLOCK_MS=str(NOW), EVENKEEL_CONFIG=str(config)) as where:
        yield where


def test_a_deep_link_is_right_on_a_cold_server_and_keeps_its_filters(tab: Any, address: str) -> None:
    tab.goto(f"{address}/trades?run=test-data&symbol=ETH%2FUSD&result=lost")
    tab.get_by_text("Select a row to see the trade").wait_for()
    assert tab.locator(".ek-badge").first.inner_text() == "PAPER"
    assert "symbol=ETH%2FUSD" in tab.url
    assert "result=lost" in tab.url
    assert tab.locator(".st-key-pick_symbol input").input_value() == "ETH/USD"


def test_every_page_draws_without_an_error_or_a_call_outside(tab: Any, address: str) -> None:
    """By the navigation, as a person goes; the run stays chosen."""
    called: list[str] = []
    tab.on("request", lambda request: called.append(request.url))
    tab.goto(f"{address}/?run=test-backtest")
    for name in ("Overview", "Positions", "Trades", "System"):
        tab.get_by_test_id("stSidebarNavLink").get_by_text(name, exact=True).click()
        tab.wait_for_function("location.search.includes('run=test-backtest')")
        tab.get_by_text(SEEN[name]).first.wait_for()
        assert tab.locator('[data-testid="stException"]').count() == 0
        assert tab.locator(".ek-badge").inner_text() == "BACKTEST"
    outside = [url for url in called if not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))]
    assert outside == []


SEEN = {
    "Overview": "Equity and drawdown",
    "Positions": "A backtest holds nothing now",
    "Trades": "This backtest closed no trade",
    "System": "A backtest needs none",
}


def test_the_run_stays_chosen_however_fast_one_walks(tab: Any, address: str) -> None:
    """Each click comes as soon as its link is there: the page before has not been drawn yet."""
    for _ in range(3):
        tab.goto(f"{address}/?run=test-backtest")
        for name in ("Positions", "System", "Trades"):
            tab.get_by_test_id("stSidebarNavLink").get_by_text(name, exact=True).click()
        tab.get_by_text(SEEN["Trades"]).first.wait_for()
        tab.wait_for_function("location.search.includes('run=test-backtest')")
        assert tab.locator(".ek-badge").inner_text() == "BACKTEST"


def test_the_picker_wins_over_the_address_and_a_link_over_both(tab: Any, address: str) -> None:
    tab.goto(f"{address}/trades?run=test-data")
    tab.get_by_text("Select a row to see the trade").wait_for()
    tab.locator(".st-key-pick_run input").click()
    tab.get_by_role("option", name="test-backtest").click()
    tab.wait_for_function("location.search.includes('run=test-backtest')")
    tab.get_by_text(SEEN["Trades"]).first.wait_for()
    tab.get_by_test_id("stSidebarNavLink").get_by_text("Positions", exact=True).click()
    tab.get_by_text(SEEN["Positions"]).wait_for()
    tab.goto(f"{address}/trades?run=test-data")
    tab.get_by_text("Select a row to see the trade").wait_for()
    assert tab.locator(".ek-badge").first.inner_text() == "PAPER"


def test_a_phone_shows_it_without_sideways_scrolling(tab: Any, address: str) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    for page in shots.PHONE:
        tab.goto(f"{address}/{page}")
        tab.locator(".st-key-pause button:visible").wait_for()
        tab.wait_for_selector(".js-plotly-plot", state="attached")
        assert tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
        for key in ("pause", "kill"):
            box = tab.locator(f".st-key-{key} button:visible").bounding_box()
            assert 0 <= box["x"] < box["x"] + box["width"] <= 390


def test_a_pause_travels_and_its_answer_comes_back_by_itself(tab: Any, address: str, engine: Engine) -> None:
    tab.goto(f"{address}/positions")
    tab.locator(".st-key-pause button:visible").click()
    tab.get_by_role("dialog").get_by_role("button", name="Pause entries").click()
    tab.get_by_text("no answer for").wait_for()
    asked = rows(engine, "SELECT id, kind, state FROM command ORDER BY id DESC LIMIT 1")[0]
    assert (asked["kind"], asked["state"]) == ("pause", "new")
    with write_session(engine) as session:
        answer = (
            "UPDATE command SET state = 'done', acked_ts = created_ts + 120, result = 'no new entries' WHERE id = :id"
        )
        session.execute(text(answer), {"id": asked["id"]})
        session.execute(text("UPDATE engine_status SET state = 'paused'"))
    tab.get_by_text("Engine paused").wait_for()
    tab.get_by_text("after 0.1 s").wait_for()
    assert tab.locator(".st-key-pause button:visible").inner_text() == "Resume"


def test_a_limit_is_tightened_on_the_page_and_an_editor_is_not_overwritten(
    tab: Any, address: str, config: Path
) -> None:
    tab.goto(f"{address}/settings?run=test-data&part=limits")
    field = tab.get_by_role("spinbutton", name="max positions")
    field.fill("3")
    field.press("Enter")
    tab.get_by_text("1 setting would change; none needs a restart.").wait_for()
    assert "= 4" in config.read_text(), "nothing is written yet"
    tab.locator(".st-key-config_apply button:visible").click()
    tab.get_by_text("Written to").wait_for()
    assert "max_positions = 3   # enough" in config.read_text()
    field.fill("2")
    field.press("Enter")
    tab.get_by_text("1 setting would change; none needs a restart.").wait_for()
    theirs = config.read_text().replace("# enough", "# by hand")
    config.write_text(theirs)
    tab.locator(".st-key-config_apply button:visible").click()
    tab.get_by_text("edited elsewhere").wait_for()
    assert config.read_text() == theirs
    tab.locator(".st-key-config_theirs button:visible").click()
    tab.get_by_text("the draft is the file as it stands").wait_for()
    assert tab.get_by_role("spinbutton", name="max positions").input_value() == "3"


def test_a_download_is_the_whole_table(tab: Any, address: str) -> None:
    tab.goto(f"{address}/trades?run=test-data")
    tab.locator(".st-key-download_trades button:visible").click()
    with tab.expect_download() as waiting:
        tab.locator(".st-key-download_evenkeel-trades-csv button:visible").click()
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert lines[0].startswith("run,seq,strategy,label,symbol,timeframe_ms,side")
    assert len(lines) == 121


def test_a_row_opens_its_trade_and_the_address_names_it(tab: Any, address: str) -> None:
    tab.goto(f"{address}/trades?run=test-data&order=oldest")
    grid = tab.locator('[data-testid="stDataFrame"]').first
    grid.wait_for()
    tab.get_by_text("Select a row to see the trade").wait_for()
    box = grid.bounding_box()
    tab.mouse.click(box["x"] + 14, box["y"] + 35 + 14)
    tab.get_by_text("Trade 1:").wait_for()
    tab.wait_for_function("location.search.includes('trade=1')")


def test_the_strip_goes_down_with_the_engine(chromium: Any, engine: Engine) -> None:
    """With a real clock: the seeded heartbeat is long past."""
    folder = Path(str(engine.url.database)).parent
    with shots.app(folder) as where:
        tab = chromium.new_page()
        tab.goto(where)
        tab.get_by_text("Engine down").wait_for()
        tab.get_by_text("stale data").wait_for()
        tab.close()
