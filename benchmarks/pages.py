"""What pages cost on 100,000 trades, 150,000 signals and 1,000,000 equity points.

    python -m benchmarks.pages [--rounds N] [--out FILE] [--scripts [DATA FOLDER]]

Script time: a page's whole script run, by the processor's clock, in a process of its own: `cold` is its first run there (modules
are imported, the database is read), `warm` the median of those after it. Then the results pages in a Chromium, by the wall's
clock: a `tab` is a fresh one on a server that has shown the page before, a `switch` a click in the navigation; beside both a page
of one chart with nothing in it, opened in the same run. Needs what the browser tests need.

With `--scripts` there is no browser: every page's script runs alone, beside the empty page's, on a database made for it or in the
folder that is named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from tests.app import big, big_signals
from tests.app.seed import NOW
from tools import shots

TRADES, POINTS = 100_000, 1_000_000
SCRIPT = shots.ROOT / "app" / "script.py"
LAST = {
    "overview": "Trading", "review": "versions", "performance": "exposure", "trades": "trades", "strategies": "allocation",
    "signals": "signals", "portfolio": "strategies", "journal": "queue",
}  # fmt: skip
"""The section each page draws last: when it stands, the page does."""
CLAIMS = {"overview": 0.4, "trades": 0.4, "signals": 1.0, "portfolio": 1.0}
"""Seconds of a warm script run."""
SWITCH_S, TAB_RATIO = 1.0, 2.0
EMPTY = """
import plotly.graph_objects as go
import streamlit as st
st.set_page_config(layout="wide")
st.header("Empty")
st.plotly_chart(go.Figure(), theme=None)
"""
RUN = """
import json, sys, time
from streamlit.testing.v1 import AppTest
test = AppTest.from_file(sys.argv[1], default_timeout=300)
if sys.argv[2] not in ("overview", ""):
    test.switch_page(f"../pages/{sys.argv[2]}.py")
took = []
for _ in range(int(sys.argv[3]) + 1):
    began = time.process_time()
    test.run()
    took.append(time.process_time() - began)
    assert not test.exception, [error.value for error in test.exception]
print(json.dumps(took))
"""


def script_times(folder: Path, page: str, rounds: int, script: Path = SCRIPT) -> tuple[float, float]:
    """(cold, warm) seconds of the processor of a page's script run, in a fresh process; `page` empty: of the script alone."""
    command = [sys.executable, "-c", RUN, str(script), page, str(rounds)]
    environment = {**os.environ, "EVENKEEL_DATA": str(folder), "EVENKEEL_CLOCK_MS": str(NOW)}
    done = subprocess.run(command, cwd=shots.ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the page {page} failed:\n{done.stderr[-2000:]}")
    took = json.loads(done.stdout.splitlines()[-1])
    return took[0], median(took[1:])


def scripts(folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """(cold, warm) of the empty page, named "", and of every page there is."""
    with tempfile.TemporaryDirectory() as place:
        empty = Path(place) / "empty.py"
        empty.write_text(EMPTY)
        found = {"": script_times(folder, "", rounds, empty)}
    print(f"{'empty page':<14} cold {found[''][0]:5.2f} s, warm {found[''][1]:6.3f} s", flush=True)
    for page in shots.PAGES:
        cold, warm = found[page] = script_times(folder, page, rounds)
        print(f"{page:<14} cold {cold:5.2f} s, warm {warm:6.3f} s; cold / empty {cold / found[''][0]:.2f}", flush=True)
    return found


def drawn(tab: Any, page: str) -> None:
    """Wait until the page's last section stands and nothing runs."""
    if page != "overview":
        tab.locator(f".st-key-section_{LAST[page]}").first.wait_for(state="attached")
    else:
        tab.locator(".js-plotly-plot .main-svg").first.wait_for(state="attached")
    tab.wait_for_selector(shots.READY)


def timed(what: Callable[[], None]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def empty_tab(opened: Any, address: str, rounds: int) -> float:
    """Seconds until a page of one empty chart stands in a fresh tab."""

    def once() -> None:
        context = opened.new_context(viewport={"width": 1440, "height": 900})
        tab = context.new_page()
        tab.goto(address)
        tab.locator(".js-plotly-plot .main-svg").first.wait_for(state="attached")
        tab.wait_for_selector(shots.READY)
        context.close()

    once()
    return median(timed(once) for _ in range(rounds))


def in_browser(opened: Any, address: str, rounds: int) -> dict[str, dict[str, float]]:
    """By page: seconds of a fresh tab on a warm server, and of a switch by the navigation."""
    found: dict[str, dict[str, float]] = {}
    for page in LAST:

        def fresh(page: str = page) -> None:
            context = opened.new_context(viewport={"width": 1440, "height": 900})
            context.set_default_timeout(120_000)
            tab = context.new_page()
            tab.goto(f"{address}/{'' if page == 'overview' else page}?run=big")
            drawn(tab, page)
            context.close()

        fresh()
        found[page] = {"tab": median(timed(fresh) for _ in range(rounds))}
    context = opened.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(120_000)
    tab = context.new_page()
    tab.goto(f"{address}/?run=big")
    drawn(tab, "overview")
    took: dict[str, list[float]] = {page: [] for page in LAST}
    for turn in range(rounds + 1):
        for page in [*list(LAST)[1:], "overview"]:

            def click(page: str = page) -> None:
                tab.get_by_test_id("stSidebarNavLink").get_by_text(page.capitalize(), exact=True).click()
                tab.wait_for_function(
                    "name => location.pathname.endsWith(name)", arg="/" if page == "overview" else page
                )
                drawn(tab, page)

            seconds = timed(click)
            if turn:
                took[page].append(seconds)
    context.close()
    for page, values in took.items():
        found[page]["switch"] = median(values)
    return found


def measure(rounds: int) -> dict[str, Any]:
    """Everything, as it is printed."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        big_signals.add(big.make(folder / "evenkeel.db", TRADES, points=POINTS))
        result: dict[str, Any] = {"trades": TRADES, "points": POINTS, "script": {}, "load": os.getloadavg()[0]}
        for page in LAST:
            cold, warm = script_times(folder, page, rounds)
            result["script"][page] = {"cold": cold, "warm": warm}
            print(f"{page:<12} script cold {cold:5.2f} s, warm {warm:5.2f} s", flush=True)
        (folder / "empty").mkdir()
        (folder / "empty" / "Home.py").write_text(EMPTY)
        with shots.browser() as opened:
            with shots.app(folder, script=folder / "empty" / "Home.py") as address:
                result["empty_tab"] = empty_tab(opened, address, rounds)
            with shots.app(folder, EVENKEEL_CLOCK_MS=str(NOW)) as address:
                result["browser"] = in_browser(opened, address, rounds)
    return result


def table(result: dict[str, Any]) -> str:
    """The figures as a table in Markdown."""
    lines = [
        "| page | script, cold s | script, warm s | switch s | tab s | tab / empty chart page |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for page, script in result["script"].items():
        seen = result["browser"][page]
        ratio = seen["tab"] / result["empty_tab"]
        lines.append(
            f"| {page} | {script['cold']:.2f} | {script['warm']:.2f} | {seen['switch']:.2f} | {seen['tab']:.2f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def kept(result: dict[str, Any]) -> list[str]:
    """Claims that were missed, each in a sentence."""
    missed = [
        f"{page}: a warm script run took {result['script'][page]['warm']:.2f} s, more than {most} s"
        for page, most in CLAIMS.items()
        if result["script"][page]["warm"] > most
    ]
    for page, seen in result["browser"].items():
        if seen["switch"] > SWITCH_S:
            missed.append(f"{page}: a switch took {seen['switch']:.2f} s, more than {SWITCH_S} s")
        if seen["tab"] > TAB_RATIO * result["empty_tab"]:
            missed.append(f"{page}: a tab took {seen['tab'] / result['empty_tab']:.2f} times an empty chart page")
    return missed


def only_scripts(named: str, rounds: int) -> int:
    """Every page's script in the folder `named`, else in one made for it; 1 where a warm run takes longer than is claimed."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(named or place)
        if not named:
            big_signals.add(big.make(folder / "evenkeel.db", TRADES, points=POINTS))
        found = scripts(folder, rounds)
    slow = [f"{page}: {warm:.2f} s" for page, (_, warm) in found.items() if warm > CLAIMS.get(page, SWITCH_S)]
    print("; ".join(slow) or "every warm script run is within its claim")
    return 1 if slow else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each page")
    parser.add_argument("--out", type=Path, help="everything as JSON, too")
    parser.add_argument("--scripts", nargs="?", const="", help="script time alone, of every page, without a browser")
    chosen = parser.parse_args()
    if chosen.scripts is not None:
        return only_scripts(chosen.scripts, chosen.rounds)
    result = measure(chosen.rounds)
    print(f"\nempty chart page in a fresh tab: {result['empty_tab']:.2f} s\n\n{table(result)}\n")
    missed = kept(result)
    print("\n".join(missed) or "every claim is kept")
    if chosen.out:
        chosen.out.write_text(json.dumps({**result, "missed": missed}, indent=1))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
