"""The demo: a sandbox exchange, the engine on it and the app, three children of one parent, all in data/demo.

Each start begins a run of its own, because the sandbox's market begins anew; earlier ones stay and can be looked at. The
parent owns nothing but the children: it starts them, waits until each answers, and ends them in the reverse order.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.error import URLError

from engine.access import files
from engine.access.held import Taken, hold

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
START_S, STOP_S = 90.0, 8.0
"""Seconds a child may take to answer, and to end."""

CONFIG = """\
# Written by `run_engine.py demo` at each start.
[run]
name = "{name}"
exchange = "coinbase"
base_url = "http://{host}:{port}"
ws_url = "ws://{host}:{port}/ws"

[account]
cash = 10000

# A market that moves by chance at sixty times life's pace earns nothing: fees of a small account would only draw a line
# downwards. These are the fees of a large one. Backtests and your own runs take the exchange's entry tier.
[costs]
maker = 0.0003
taker = 0.0005
slippage_bps = 1

[sizing]
value = 0.12

[limits]
max_positions = 8
per_symbol = 0.3
daily_loss_pause = 0
daily_loss_halt = 0
drawdown_halt = 0.5
drawdown_reduce = 0

[network]
allow_hosts = ["{host}"]

# One slot asks a model: the sandbox's stand-in, which is none and costs nothing. Its answers are recorded and scored, not traded.
[ai]
mode = "shadow"
base_url = "http://{host}:{port}/api/v1"
model = "evenkeel/stand-in"

[storage]
data_dir = "{folder}"

[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD", "ETH/USD", "SOL/USD"]
params = {{ fast = 10, slow = 40 }}
stop = 0.01
target = 0.02

[[slots]]
strategy = "donchian_breakout"
symbols = ["ETH/USD", "SOL/USD"]
params = {{ entry = 20, exit = 15 }}

[[slots]]
strategy = "rsi_reversion"
symbols = ["DOGE/USD", "LINK/USD"]
params = {{ oversold = 45, recovered = 70, stop_atr = 6 }}

[[slots]]
strategy = "bollinger_reversion"
symbols = ["LINK/USD", "XRP/USD", "BTC/USD"]
params = {{ length = 30 }}

[[slots]]
strategy = "ai_trend"
symbols = ["BTC/USD"]
params = {{ fast = 5, slow = 20 }}
"""


class DemoFailed(Exception):
    """A child did not come up; the message says which and why."""

    exit_code = 1


@dataclass
class Family:
    """The children, oldest first."""

    env: dict[str, str]
    logs: Path
    children: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, name: str, *command: str) -> None:
        """Start a child in a session of its own, its words in logs/<name>.out."""
        with open(self.logs / f"{name}.out", "ab", opener=files.own) as log:
            child = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.children.append((name, child))

    def wait_for(self, name: str, ready: Callable[[], bool], stop: threading.Event) -> None:
        """Until `ready`; DemoFailed when the child ends or takes too long."""
        deadline = time.monotonic() + START_S
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"the {name} did not answer within {START_S:g} s; its words are in {self.logs / name}.out"
                )
            if stop.wait(0.2):
                return

    def check(self) -> None:
        """DemoFailed if a child has ended."""
        for name, child in self.children:
            if child.poll() is not None:
                words = _tail(self.logs / f"{name}.out")
                raise DemoFailed(
                    f"the {name} ended with {child.returncode}. Its last words ({self.logs / name}.out):\n{words}"
                )

    def end(self) -> None:
        """SIGTERM to each, youngest first; SIGKILL to one that does not listen."""
        for _, child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def run_demo(*, speed: float, minutes: float | None, app_port: int = 8501, with_app: bool = True) -> int:
    """Run the demo until a signal, or for `minutes`; 0 when it ended as asked."""
    folder = demo_folder()
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    held = _alone(folder)
    stop = threading.Event()
    _stop_on_signals(stop)
    family = Family(env=_environment(folder), logs=logs)
    try:
        _start(family, folder, speed, app_port if with_app else None, stop)
        _watch(family, minutes, stop)
    finally:
        _say("stopping")
        family.end()
        held.close()
    return 0


def _alone(folder: Path) -> IO[str]:
    """The folder's lock, held until closed. DemoFailed where another demo or engine is at work in the folder."""
    held = _held(folder / "demo.lock", "another demo")
    try:
        _held(folder / "evenkeel.db.lock", "an engine").close()
    except DemoFailed:
        held.close()
        raise
    return held


def _held(path: Path, who: str) -> IO[str]:
    try:
        return hold(path)
    except Taken as taken:
        raise DemoFailed(
            f"{who} (process {taken.owner}) is at work in {path.parent}: end it first (Ctrl-C where it runs, or "
            f"kill {taken.owner}), or give this one another data folder with EVENKEEL_DATA"
        ) from None


def demo_folder() -> Path:
    """demo/ inside the data folder: the demo never writes where real runs are."""
    data = Path(os.environ.get("EVENKEEL_DATA") or "data")
    return (data if data.name == "demo" else data / "demo").absolute()


def _environment(folder: Path) -> dict[str, str]:
    """The children's: data in `folder`, no other database, no setting from outside."""
    kept = {
        key: value for key, value in os.environ.items() if key != "DATABASE_URL" and not key.startswith("EVENKEEL_")
    }
    own = {key: os.environ[key] for key in ("EVENKEEL_HOME",) if key in os.environ}
    return {**kept, **own, "EVENKEEL_DATA": str(folder), "PYTHONUNBUFFERED": "1"}


def _start(family: Family, folder: Path, speed: float, app_port: int | None, stop: threading.Event) -> None:
    port = free_port(8765)
    name = time.strftime("demo-%Y%m%d-%H%M%S", time.gmtime())
    config = folder / "config.toml"
    config.write_text(CONFIG.format(name=name, host=HOST, port=port, folder=folder.as_posix()))
    _say(f"starting the sandbox exchange on port {port}, {speed:g} times as fast as life")
    family.start("sandbox", "run_engine.py", "sandbox", "--port", str(port), "--speed", f"{speed:g}", "--seed", "7")
    family.wait_for("sandbox", lambda: _listens(port), stop)
    _say("starting the engine (the first start on a new machine compiles the kernel: a few seconds)")
    family.start("engine", "run_engine.py", "run", "--config", str(config), "--demo", "--supervise")
    if app_port is not None:
        wanted, app_port = app_port, free_port(app_port)
        if app_port != wanted:
            _say(f"port {wanted} is in use, the app takes {app_port}")
        family.start(
            "app", "-m", "streamlit", "run", "Home.py", "--server.port", str(app_port), "--server.headless", "true"
        )
        family.wait_for("app", lambda: _answers(f"http://{HOST}:{app_port}/_stcore/health"), stop)
        _say(f"Evenkeel is at http://{HOST}:{app_port} (Ctrl-C ends the demo; logs in {family.logs})")


def _watch(family: Family, minutes: float | None, stop: threading.Event) -> None:
    deadline = None if minutes is None else time.monotonic() + minutes * 60
    while not stop.wait(0.5) and (deadline is None or time.monotonic() < deadline):
        family.check()


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(signum: int, frame: FrameType | None) -> None:
        stop.set()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, handle)


def free_port(wanted: int) -> int:
    """`wanted`, or the next port on the loopback address that nobody holds."""
    for port in range(wanted, min(wanted + 200, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise DemoFailed(f"no free port between {wanted} and {wanted + 199}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError):
        return False


def _tail(path: Path, lines: int = 12) -> str:
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def _say(text: str) -> None:
    sys.stderr.write(f"[demo] {text}\n")
    sys.stderr.flush()
