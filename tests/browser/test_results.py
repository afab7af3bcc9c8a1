"""The results pages in a real Chromium: each draws without a word on the console, and its address shows another what one sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.session import open_engine
from tests.app.seed import NOW, seed
from tests.browser.test_app import MISSING
from tools import shots

pytestmark = pytest.mark.browser
if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

ON = "[role=radio][aria-checked=true]"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("data")
    engine = open_engine(f"sqlite:///{folder / 'evenkeel.db'}")
    seed(engine, trades=60, days=3)
    engine.dispose()
    with shots.app(folder, EVENKEEL_CLOCK_MS=str(NOW)) as where:
        yield where


@pytest.fixture(scope="module")
def walker(person: Any, address: str) -> tuple[Any, list[str]]:
    """A tab on which a person walks from page to page, and what its console said."""
    errors: list[str] = []
    return opened(person, f"{address}/journal?run=test-data", errors), errors


PAGES = (  # three go in every run of the suite: each new page costs a browser ten seconds
    pytest.param("review", "segments", "review_pick", "30 d", "range=30", id="review"),
    pytest.param("performance", "segments", "period_pick", "7 d", "range=7", id="performance", marks=pytest.mark.long),
    pytest.param("trades", "select", "pick_side", "short", "side=short", id="trades"),
    pytest.param("strategies", "select", "by_pick", "by symbol", "by=symbol", id="strategies", marks=pytest.mark.long),
    pytest.param("signals", "select", "pick_measure", "4 bars", "measure=r4", id="signals", marks=pytest.mark.long),
    pytest.param("portfolio", "segments", "unit_pick", "%", "unit=percent", id="portfolio", marks=pytest.mark.long),
    pytest.param("journal", "segments", "journal_view", "Calendar", "view=calendar", id="journal"),
)
"""Page, kind of choice, its key, what is chosen, and what the address has then."""


@pytest.mark.parametrize(("page", "kind", "key", "word", "said"), PAGES)
def test_an_address_shows_what_its_sender_saw(
    person: Any, walker: tuple[Any, list[str]], tmp_path: Path, page: str, kind: str, key: str, word: str, said: str
) -> None:
    tab, errors = walker
    tab.get_by_test_id("stSidebarNavLink").get_by_text(page.capitalize(), exact=True).click()
    assert chosen(tab, kind, key) != word
    tab.wait_for_selector(shots.READY)  # a page that is still drawing may swallow a click
    choose(tab, kind, key, word)
    tab.wait_for_function("part => location.search.includes(part)", arg=said)
    other = opened(person, tab.url, errors)
    assert chosen(other, kind, key) == word
    other.wait_for_selector(shots.READY)
    assert other.url == tab.url
    assert other.locator('[data-testid="stException"]').count() == 0
    assert errors == []
    assert len(other.screenshot(path=str(tmp_path / f"{page}.png"))) > 20_000
    other.close()


def opened(person: Any, where: str, errors: list[str]) -> Any:
    """A tab of its own, drawn to the end."""
    tab = person.new_page()
    tab.on("console", lambda message: errors.append(message.text) if worth(message) else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(where)
    tab.locator(".st-key-frame").wait_for()
    return tab


def worth(message: Any) -> bool:
    """An error, but not Streamlit's own question under which path of a deep link its server is to be found."""
    return message.type == "error" and "/_stcore/" not in message.location["url"]


def choose(tab: Any, kind: str, key: str, word: str) -> None:
    if kind == "segments":
        tab.locator(f".st-key-{key}").get_by_text(word, exact=True).click()
        return
    tab.locator(f".st-key-{key} input").click()
    tab.get_by_role("option", name=word, exact=True).click()


def chosen(tab: Any, kind: str, key: str) -> str:
    found = tab.locator(f".st-key-{key}").locator("input" if kind == "select" else ON).first
    found.wait_for()
    return str(found.input_value() if kind == "select" else found.inner_text())
