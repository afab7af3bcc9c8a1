"""From a tick to the number on the screen: a real browser on the overview while the engine trades.

Followed is the account's equity. A tick closes a bar; the engine decides, books and commits; the page, which looks every few
seconds, shows the new number: the browser itself writes down the frame in which it is painted. A number that is overtaken before
the page looks counts as seen when a newer one is.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import figures, rig, ticks
from tools import shots

SPEED, RATE = 53.0, 1000.0
"""A minute's bar closes every 1.13 s, out of step with the page's looks."""
LOOK_S = 3.0
"""The overview's account looks this often (pages/overview.py): half of it is the mean wait."""
NUMBER = '.st-key-tile_account_0 [data-testid="stMetricValue"]'
WATCH = """(place) => {
  const told = (window.__told = []);
  let last = "";
  const look = () => {
    const found = document.querySelector(place);
    const text = found ? found.innerText.trim() : "";
    if (!text || text === last) return;
    last = text;
    requestAnimationFrame(() => told.push([performance.timeOrigin + performance.now(), text]));
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}"""


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    """Milliseconds from tick to decision, to commit and to screen, of every bar that changed the number."""
    with rig.market(folder, 5, SPEED) as exchange, rig.engine(folder, exchange) as engine:
        engine.live()
        exchange.stretch("warm", RATE, 6.0)  # strategies take positions, so that the number moves
        with shots.app(folder) as address, shots.browser() as browser:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/?run=load", wait_until="domcontentloaded")
            page.wait_for_selector(NUMBER, timeout=120_000)
            page.evaluate(WATCH, NUMBER)
            sent = exchange.stretch("seen", RATE, 25.0 if quick else 90.0)
            engine.reached(sent["last"] // 1000 * 1000)
            page.wait_for_timeout(2 * LOOK_S * 1000)
            seen = page.evaluate("window.__told")
        offset = time.time() - time.perf_counter()
        notes = engine.stop()
    return figured(sent, notes, points(folder), [(at / 1000 - offset, text) for at, text in seen])


def points(folder: Path) -> list[tuple[int, str]]:
    """(exchange ms, the number as the page writes it) of every point of the account's equity, oldest first."""
    from app.formats import number

    with closing(sqlite3.connect(f"file:{folder / 'evenkeel.db'}?mode=ro", uri=True)) as raw:
        query = f"SELECT ts, equity FROM equity WHERE slot_id = 0 AND {rig.MINE} ORDER BY ts"
        return [(int(ts), number(equity)) for ts, equity in raw.execute(query)]


def figured(
    sent: dict[str, Any], notes: dict[str, Any], told: list[tuple[int, str]], seen: list[tuple[float, str]]
) -> dict[str, Any]:
    """`told` (exchange ms, text) as the ledger has it, `seen` (monotonic s, text) as the screen had it."""
    latency, mine, *_ = ticks.decided(sent, notes)
    events, commits = notes["events"], notes["commits"]
    told = [row for k, row in enumerate(told) if k == 0 or row[1] != told[k - 1][1]]
    place = np.searchsorted(events[:, 2], [ts for ts, _ in told], side="left")
    kept = [(k, int(p)) for k, p in enumerate(place.tolist()) if p < len(events) and mine[p]]
    which = np.array([p for _, p in kept], np.int64)
    decided = events[which, 0]
    begun = decided - latency[which]
    written = figures.first_behind(decided, commits[commits[:, 3] == 1][:, 1])
    texts = [told[k][1] for k, _ in kept]
    shown = on_screen(texts, written.tolist(), seen)
    course = np.column_stack([begun - begun.min(), (shown - begun) * 1000]) if len(begun) else np.empty((0, 2))
    return {
        "bars": len(kept), "numbers_seen": len(seen), "look_s": LOOK_S, "unseen": int(np.isnan(shown).sum()),
        "decision_ms": figures.told(decided - begun), "commit_ms": figures.told(written - begun),
        "screen_ms": figures.told((shown - begun)[~np.isnan(shown)]),
        "page_ms": figures.told((shown - written)[~np.isnan(shown)]), "course": course.round(2).tolist(),
    }  # fmt: skip


def on_screen(texts: list[str], written: list[float], seen: list[tuple[float, str]]) -> Any:
    """float64[n]: when each of `texts`, in the ledger since `written`, or one after it, was first seen; NaN if never.

    The same text may come again: what is seen is the newest of that text that was in the ledger by then."""
    first = np.full(len(texts), np.nan)
    for at, text in seen:
        fitting = [k for k, one in enumerate(texts) if one == text and written[k] <= at]
        if fitting:
            part = first[: fitting[-1] + 1]
            part[np.isnan(part)] = at
    return first
