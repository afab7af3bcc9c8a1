"""Words of strangers in every column that holds words: on no page does one of them act or load. An address among them
may be a link, but only one that shows where it leads, and that somebody has to click."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from db.session import open_engine
from tests.app.seed import NOW, seed
from tools import shots

pytestmark = [pytest.mark.browser, pytest.mark.long]
EVIL = "http://evil.invalid"
PAYLOADS = (
    "<img src=x onerror=pwned()>", "<script>pwned()</script>", f"![x]({EVIL}/beacon.png)", "[x](javascript:pwned())",
    f"[{EVIL}]({EVIL})", "<svg onload=pwned()>", f"<iframe src={EVIL}></iframe>", "</style><script>pwned()</script>",
    f"<link rel=stylesheet href={EVIL}/a.css>", f"<style>@import '{EVIL}/b.css'</style>", "<a href='javascript:pwned()'>x</a>",
    "$\\href{javascript:pwned()}{x}$", f"<base href={EVIL}>", f"<meta http-equiv=refresh content='0;url={EVIL}'>",
    "'\"><img src=x onerror=pwned()>", "\u202egnp.exe", "`</code><img src=x onerror=pwned()>`", f"<{EVIL}/auto>",
    f"![x][1]\n\n[1]: {EVIL}/ref.png", "<details open ontoggle=pwned()>", ":material/home: :red[**x**]", "{{7*7}} ${7*7}",
    "a" * 20_000,
    f"<form action={EVIL}><input autofocus onfocus=pwned()>", f"%{{x}}<a href='{EVIL}'>x</a><extra>{EVIL}</extra>",
    f"<math><mtext><table><mglyph><style><img src={EVIL}/m.png onerror=pwned()>", "javascript:pwned()", "\x1b[31mred\x00",
)  # fmt: skip
COLUMNS = """note.text journal_entry.note journal_entry.lesson journal_word.word alert.title alert.body alert.acked_by
alert_delivery.answer alert_channel.note breaker_event.reason command.result slot.label slot.error engine_status.message
engine_status.feed engine_status.host engine_status.version scheduled.message signal.tag signal.reason signal.source signal.model
signal.prompt ai_call.reasons ai_call.error ai_call.model job.title job.message job.error config_version.text
config_version.source cash_flow.text run_marker.text outage.cause outage.source outage.reason orders.reason stop_move.reason
saved_filter.name run.name run.error trade.exit_reason source_weight.why allocation.why report_plan.name""".split()
PAGES = """overview chart positions alerts review performance trades strategies signals portfolio journal backtest runs versus
data limits settings system sweep walk_forward ai""".split()
ACTIVE = """() => [...document.querySelectorAll('*')].filter(one =>
  [...one.attributes].some(a => /^on/i.test(a.name) && /pwned/.test(a.value))
  || /^\\s*javascript:/i.test(one.getAttribute('href') || one.getAttribute('src') || one.getAttribute('xlink:href') || '')
  || (/evil/.test(one.getAttribute('src') || '') || (one.matches('link,base,form,meta') && /evil/.test(one.outerHTML)))
  || (one.matches('script,iframe,object,embed') && /pwned|evil/.test(one.outerHTML))
  || (one.matches('a') && /evil/.test(one.getAttribute('href') || '') && !one.textContent.includes('evil'))
).map(one => one.outerHTML.slice(0, 200))"""

THERE = "(document.querySelector('[data-testid=\"stMain\"]')?.innerText || '').length > 150"
"""The page has words: its script has begun."""


def poison(file: Path) -> int:
    """Put the payloads where words are kept; how many columns took them."""
    taken = 0
    with contextlib.closing(sqlite3.connect(file)) as raw:
        raw.execute("CREATE TEMP TABLE p (k INTEGER PRIMARY KEY, v TEXT)")
        raw.executemany("INSERT INTO p VALUES (?, ?)", list(enumerate(PAYLOADS)))
        for place in COLUMNS:
            table, column = place.split(".")
            with contextlib.suppress(sqlite3.IntegrityError, sqlite3.OperationalError):
                keep = " WHERE id > 1" if place == "run.name" else ""
                some = f"(SELECT v FROM p WHERE k = {table}.rowid % {len(PAYLOADS)})"
                taken += raw.execute(f"UPDATE {table} SET {column} = {some}{keep}").rowcount > 0
        for (table,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            with contextlib.suppress(sqlite3.IntegrityError, sqlite3.OperationalError):
                raw.execute(f"UPDATE {table} SET symbol = ? WHERE symbol = 'DOGE/USD'", (PAYLOADS[0] + "/USD",))
        raw.commit()
    return taken


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hostile")
    opened = open_engine(f"sqlite:///{folder / 'evenkeel.db'}")
    seed(opened, trades=120, days=3)
    opened.dispose()
    assert poison(folder / "evenkeel.db") > 15
    config = folder / "config.toml"
    config.write_text(
        '[run]\nname = "test-data"\n# <img src=x onerror=pwned()>\n[[slots]]\nlabel = "<img src=x onerror=pwned()>"\n'
    )
    with shots.app(folder, EVENKEEL_CLOCK_MS=str(NOW), EVENKEEL_CONFIG=str(config)) as where:
        yield where


def test_no_word_of_a_stranger_acts_on_any_page(tab: Any, address: str) -> None:
    called: list[str] = []
    tab.on("request", lambda request: called.append(request.url))
    tab.expose_function("pwned", lambda *_: called.append("pwned"))
    acted, shown = {}, 0
    for page in PAGES:
        tab.goto(f"{address}/{'' if page == 'overview' else page}?run=test-data")
        tab.wait_for_function(THERE, timeout=shots.PATIENCE_MS)
        tab.wait_for_selector(shots.READY, timeout=shots.PATIENCE_MS)
        tab.wait_for_function(shots.DRAWN, timeout=shots.PATIENCE_MS)
        acted[page] = tab.evaluate(ACTIVE)
        shown += int(tab.evaluate("(document.body.textContent.match(/pwned|evil/g) || []).length"))
    assert {page: found for page, found in acted.items() if found} == {}
    own = (address, address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in called if not url.startswith(own)] == []
    assert shown > 10, "the payloads were not even drawn"
