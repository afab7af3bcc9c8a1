"""make shots: a picture of every page, light and dark, 1440 and 800 wide, and 390 for the two pages meant for a phone.

    python -m tools.shots [--data FOLDER] [--out FOLDER] [--page NAME] [--width N]

Starts a demo of its own and lets it trade for a while (or takes the data folder it is given), starts the app on it, opens
it in a Chromium of this machine and takes each page whole. Needs Playwright (a developer's dependency) and a Chromium; says
so where one is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from app.rooms import rooms

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(room.name for room in rooms())
PHONE = ("overview", "positions")
WIDTHS = {1440: 900, 800: 1000, 390: 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
DRAWN = "[...document.querySelectorAll('.ek-chart')].every((one) => one.classList.contains('js-plotly-plot'))"
PATIENCE_MS = 120_000  # a wait that fails too early tells about the machine, not about the page
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def chromium() -> str | None:
    """The Chromium to use: EVENKEEL_CHROMIUM, or the first that is found."""
    named = os.environ.get("EVENKEEL_CHROMIUM")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), None)


def free_port() -> int:
    """A port nobody holds on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def app(data: Path, script: Path = ROOT / "Home.py", **environment: str) -> Iterator[str]:
    """The app (or another script) on a data folder, as its address; ended when left.

    RuntimeError with its words if it does not come up."""
    port = free_port()
    kept = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**kept, "EVENKEEL_DATA": str(data), **environment}, stdout=words, stderr=words
        )
        try:
            _wait(port, child, words)
            yield f"http://127.0.0.1:{port}"
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _wait(port: int, child: subprocess.Popen[bytes], words: Any) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    words.seek(0)
    raise RuntimeError(f"the app did not come up:\n{words.read().decode(errors='replace')[-2000:]}")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium through Playwright. RuntimeError where there is none."""
    path = chromium()
    if path is None:
        raise RuntimeError(
            "no Chromium found: install one (Debian: apt install chromium), or name it in EVENKEEL_CHROMIUM"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=ARGS)
        try:
            yield opened
        finally:
            opened.close()


@contextmanager
def demo(folder: Path) -> Iterator[Path]:
    """A demo without its app at work in `folder`, once it has something to show: its data folder. RuntimeError if it fails."""
    command = [sys.executable, "run_engine.py", "demo", "--no-app", "--speed", "120"]
    kept = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    with (folder / "words").open("w+b") as words:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**kept, "EVENKEEL_DATA": str(folder)}, stdout=words, stderr=words
        )
        try:
            deadline = time.monotonic() + 180
            while child.poll() is None and time.monotonic() < deadline and not _worth_seeing(folder / "demo"):
                time.sleep(0.5)
            if not _worth_seeing(folder / "demo"):
                words.seek(0)
                raise RuntimeError(f"the demo did not get going:\n{words.read().decode(errors='replace')[-2000:]}")
            yield folder / "demo"
        finally:
            child.terminate()
            child.wait(40)


def _worth_seeing(folder: Path) -> bool:
    """Two hours of equity, some closed trades, and something held."""
    file = folder / "evenkeel.db"
    if not file.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            points, trades, held = (
                opened.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("equity", "trade", "position")
            )
    except sqlite3.OperationalError:  # the tables come with the engine's start
        return False
    return bool(points >= 120 and trades >= 5 and held >= 2)


def settle(page: Any) -> None:
    """Wait until the page has been drawn and its charts stand."""
    page.wait_for_selector(READY, timeout=PATIENCE_MS)
    page.wait_for_selector('[data-testid="stHeading"], h2, h3', state="attached", timeout=PATIENCE_MS)
    page.wait_for_timeout(1200)
    page.wait_for_function(DRAWN, timeout=PATIENCE_MS)


def shoot(opened: Any, address: str, name: str, width: int, theme: str, out: Path) -> Path:
    """One page at one width in one theme, whole, as a PNG."""
    context = opened.new_context(
        viewport={"width": width, "height": WIDTHS[width]}, color_scheme=theme, timezone_id="UTC", bypass_csp=True
    )
    try:
        page = context.new_page()
        page.goto(f"{address}/{'' if name == 'overview' else name}")
        settle(page)
        full = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
        page.set_viewport_size({"width": width, "height": max(WIDTHS[width], int(full) + 20)})
        page.wait_for_timeout(900)
        file = out / f"{name}-{width}-{theme}.png"
        page.screenshot(path=str(file))
        return file
    finally:
        context.close()


def main() -> int:
    """Take the pictures; 0 when all were taken."""
    parser = argparse.ArgumentParser(prog="python -m tools.shots", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="data folder; without it a demo is started for the pictures")
    parser.add_argument("--out", type=Path, default=Path("shots"), help="where the pictures go")
    parser.add_argument("--page", choices=PAGES, action="append", help="only these pages")
    parser.add_argument("--width", type=int, choices=tuple(WIDTHS), action="append", help="only these widths")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            own = chosen.data or stack.enter_context(demo(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
            address, opened = stack.enter_context(app(own.absolute())), stack.enter_context(browser())
            for name in chosen.page or PAGES:
                for width in chosen.width or WIDTHS:
                    if width == 390 and name not in PHONE:
                        continue
                    for theme in ("light", "dark"):
                        print(shoot(opened, address, name, width, theme, chosen.out), flush=True)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
