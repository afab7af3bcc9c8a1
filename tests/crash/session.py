"""One market session on a sandbox that waits for its clients, lived by an engine that is killed again and again.

The sandbox runs in a process of its own, so that this one has no threads and may fork warmed children.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
LONGEST_LIFE_MS = 120_000
"""Exchange time that a life ended by the wall clock may use: a fast machine would else play the whole market in one."""
RATE = 0.4
"""Share of the prints that the sandbox would make: enough for nearly every second, and cheap."""

CONFIG = """\
[run]
name = "crash"
exchange = "coinbase"
base_url = "{rest}"
ws_url = "{ws}"

[account]
cash = 10000

[limits]
max_positions = 5
per_symbol = 0.5
consecutive_losses = 3
consecutive_losses_minutes = 5
daily_loss_pause = 0.02
daily_loss_halt = 0
drawdown_reduce = 0
drawdown_halt = 0.5

[costs]
maker = 0.0002
taker = 0.0005

[engine]
history_bars = 60

[api]
enabled = false

[health]
venue_seconds = 0

[schedule]
backup_at = ""
tidy_at = ""

[storage]
data_dir = "{folder}"

[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD", "ETH/USD", "SOL/USD"]
params = {{ fast = 2, slow = 5 }}
stop = 0.004
target = 0.006

[[slots]]
strategy = "donchian_breakout"
symbols = ["BTC/USD", "SOL/USD"]

[[slots]]
strategy = "rsi_reversion"
symbols = ["ETH/USD"]
trail = 0.004
time_stop = 4
"""


@dataclass(frozen=True)
class Truth:
    """A market's seconds by (symbol index, ts in ms): open, high, low, close in ticks, volume in base units."""

    seconds: dict[tuple[int, int], tuple[int, int, int, int, float]]

    @staticmethod
    def of(seed: int, rate: float, end_ms: int, start_ms: int = START_MS) -> Truth:
        from engine.sandbox.market import Market as Simulation
        from engine.sandbox.market import bars

        simulation = Simulation(seed, rate=rate)
        seconds = {}
        for i, symbol in enumerate(SYMBOLS):
            name = symbol.replace("/", "-")
            lots = 10 ** simulation.products[name].size_digits
            rows = bars(simulation.prints(name, start_ms, end_ms), 1000)
            for ts, *prices, size in zip(*(column.tolist() for column in rows), strict=True):
                seconds[i, ts] = (*prices, size / lots)
        return Truth(seconds)


@dataclass
class Market:
    """A running sandbox: where it is, and when its clock will stand still."""

    rest: str
    ws: str
    seed: int
    rate: float
    end_ms: int
    process: subprocess.Popen[bytes]

    def now(self) -> int:
        with urllib.request.urlopen(f"{self.rest}/sandbox/status", timeout=10) as answer:
            return int(json.load(answer)["ts"])

    def fault(self, **options: Any) -> None:
        """Switch a fault on, as docs/sandbox.md has it."""
        asked = urllib.request.Request(f"{self.rest}/sandbox/faults", json.dumps(options).encode(), method="POST")
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 201

    def truth(self) -> Truth:
        """What every second of every symbol really was, from the same seed."""
        return Truth.of(self.seed, self.rate, self.end_ms)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def market(
    seconds: int, *, seed: int = 11, hold: bool = True, speed: int = 3600, rate: float = RATE
) -> Iterator[Market]:
    """A sandbox of `seconds` exchange seconds from START_MS on; ended at the end, by its own pid."""
    port = free_port()
    command = [
        sys.executable, str(ROOT / "run_engine.py"), "sandbox", "--port", str(port), "--speed", str(speed),
        "--seed", str(seed), "--start", "2026-01-01T00:00:00Z", "--seconds", str(seconds), "--rate", str(rate),
    ]  # fmt: skip
    process = subprocess.Popen(
        [*command, "--hold"] if hold else command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    place = Market(
        f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws", seed, rate, START_MS + seconds * 1000, process
    )
    try:
        _until(lambda: _answers(place), 60, "the sandbox does not answer")
        yield place
    finally:
        process.terminate()
        process.wait(10)


def _answers(place: Market) -> bool:
    try:
        return place.now() > 0
    except OSError:
        return False


def _until(condition: object, seconds: float, complaint: str) -> None:
    """Poll a condition of another process. The deadline only bounds a failure: a machine may be four times slower than meant."""
    assert callable(condition)
    deadline = time.monotonic() + 4 * seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(complaint)
        time.sleep(0.02)


def passes(dice: random.Random, point: str) -> int:
    """How often a point is passed before the kill: events come by the second, commits by the bar."""
    by_second = point.split(".")[0] in ("event", "machine") or point == "tape.appended"
    return dice.randint(1, 90) if by_second else dice.randint(1, 3)


@dataclass
class Engine:
    """The engine of one data folder: lives that end by kill, and a last one that ends as asked."""

    folder: Path
    place: Market
    kills: int = 0
    pid: int = 0
    lives: list[str] = field(default_factory=list)

    @property
    def config(self) -> Path:
        path = self.folder / "config.toml"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(CONFIG.format(rest=self.place.rest, ws=self.place.ws, folder=self.folder))
        return path

    def environment(self, kill_at: str = "") -> dict[str, str]:
        env = {**os.environ, "EVENKEEL_DATA": str(self.folder), "EVENKEEL_KILL_AT": kill_at}
        env.pop("DATABASE_URL", None)
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # a start that compiles every library's source anew takes many seconds
        return env

    # ---- a life in a process of its own, from a cold start ---------------------------------------------------------------
    def spawn(self, kill_at: str = "") -> subprocess.Popen[bytes]:
        log = (self.folder / "engine.out").open("ab") if self.config else None
        return subprocess.Popen(
            [sys.executable, str(ROOT / "run_engine.py"), "run", "--config", str(self.config)],
            cwd=ROOT, env=self.environment(kill_at), stdout=log, stderr=log,
        )  # fmt: skip

    def die_cold(self, dice: random.Random, point: str) -> None:
        """A real start that is killed at a named point, or after a random time."""
        if point:
            process = self.spawn(f"{point}:{passes(dice, point)}")
            self._wait_or_kill(process, 20)
        else:
            process = self.spawn()
            self._wait_or_kill(process, dice.uniform(0.8, 4.0), self.place.now() + LONGEST_LIFE_MS)
        self.kills += 1
        self.lives.append(f"cold {point or 'time'} {process.returncode}")

    def _wait_or_kill(self, process: subprocess.Popen[bytes], seconds: float, until_ms: int | None = None) -> None:
        """Kill after `seconds` of ours or at `until_ms` of the market's clock, whichever comes first."""
        deadline = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < deadline:
            if until_ms is not None and self.place.now() > until_ms:
                break
            time.sleep(0.01 if until_ms is None else 0.1)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert process.returncode == -signal.SIGKILL, f"the engine ended with {process.returncode}: {self.last_words()}"

    # ---- a life in a forked child of this warmed process -------------------------------------------------------------------
    def die_warm(self, dice: random.Random, point: str, count: int = 0) -> None:
        """A life that is killed at a named point, in a child that need not import or compile anything."""
        count = count or passes(dice, point)
        assert self.config.exists()
        pid = os.fork()
        if pid == 0:
            _live(self, point, count)
        _, status = _wait_child(pid, 60)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert died, f"a life that should die at {point}:{count} ended with {status}: {self.last_words()}"
        self.kills += 1
        self.lives.append(f"warm {point}:{count}")

    def finish(self, seconds: float = 120) -> None:
        """Live on until the market's end, then stop as a person would."""
        process = self.spawn()
        self.pid = process.pid
        try:
            _until(
                lambda: self._caught_up() or process.poll() is not None,
                seconds,
                f"never caught up: {self.last_words()}",
            )
        finally:
            if process.poll() is None:
                process.terminate()
        assert process.wait(60) == 0, self.last_words()

    def _caught_up(self) -> bool:
        """True once the last life has written everything up to the market's end."""
        import sqlite3

        path = self.folder / "evenkeel.db"
        if not path.exists():
            return False
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            row = connection.execute(
                "SELECT max(exchange_ts) FROM snapshot WHERE EXISTS (SELECT 1 FROM engine_status WHERE pid = ?)",
                (self.pid,),
            ).fetchone()
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return bool(row and row[0] and row[0] >= self.place.end_ms - 15_000)

    def last_words(self) -> str:
        path = self.folder / "engine.out"
        return path.read_text()[-2000:] if path.exists() else ""


def _live(engine: Engine, point: str, count: int) -> None:
    """The child: an engine that runs until the named point kills it. Never returns."""
    try:
        os.environ.update(engine.environment())
        out = os.open(engine.folder / "engine.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        from engine.config.reading import load
        from engine.config.text import bare
        from engine.runtime import crash
        from engine.runtime.loop import run_engine

        crash.arm(point, count)
        config = load(engine.config)
        run_engine(config, bare(config), stop=threading.Event())
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(7)


def _wait_child(pid: int, seconds: float) -> tuple[int, int]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return done, status
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)


def warm_up(place: Market) -> None:
    """A whole short life in this process, so that its children need not import or compile anything; no thread is left."""
    import shutil
    import tempfile

    from engine.config.reading import load
    from engine.config.text import bare
    from engine.market.venue import open_venue
    from engine.runtime.loop import run_engine

    folder = Path(tempfile.mkdtemp(prefix="evenkeel-warm-"))
    try:
        engine = Engine(folder, place)
        config = load(engine.config)
        assert run_engine(config, bare(config), once=True, stop=threading.Event()) == 0
        # The children talk to the exchange over connections of their own.
        open_venue(config.run.exchange, place.rest, 3600.0).ccxt.session.close()
    finally:
        shutil.rmtree(folder)
    _until(lambda: threading.active_count() == 1, 10, "a thread runs: forking now would lose its locks")
