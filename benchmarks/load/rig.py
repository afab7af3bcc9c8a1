"""A real engine beside the load test's exchange: started, asked over the database, stopped. Ends only what it started."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240.0
SPEED = 20.0
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "LINK/USD", "DOGE/USD")
SLOTS = (
    ("sma_cross", "fast = 2, slow = 5"),
    ("donchian_breakout", ""),
    ("rsi_reversion", ""),
)
MINE = "run_id = (SELECT id FROM run WHERE name = 'load')"
CONFIG = """\
[run]
name = "load"
exchange = "coinbase"
base_url = "http://127.0.0.1:{rest}"
ws_url = "ws://127.0.0.1:{ws}"

[account]
cash = 100000

[storage]
data_dir = "{folder}"

[limits]
max_positions = 18
per_symbol = 1.0
orders_symbol_minute = 0
orders_minute = 0
orders_day = 0
consecutive_losses = 0
symbol_loss = 0.0
daily_loss_pause = 0.0
daily_loss_halt = 0.0
drawdown_reduce = 0.0
drawdown_halt = 0.0

[sizing]
value = 0.05

[api]
port = {api}

[schedule]
backup_at = ""
tidy_at = ""
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, **more: str) -> dict[str, str]:
    """This process's environment without what would lead elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("EVENKEEL_") and k != "DATABASE_URL"}
    return {**kept, "EVENKEEL_DATA": str(folder), "EVENKEEL_HOME": str(folder / "my"), **more}


def until(condition: Callable[[], Any], words: str, patience: float = PATIENCE_S) -> Any:
    """What `condition` gives once it is true. TimeoutError says what never came about."""
    end = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{words}: it did not come about within {patience:g} s")
        time.sleep(0.02)
    return found


def ended(process: subprocess.Popen[Any], seconds: float = 20.0) -> int:
    """Asked to end, then made to."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class Exchange:
    """The exchange's process. `stretch` returns when the last byte is in the socket."""

    def __init__(self, folder: Path, per_message: int = 1, speed: float = SPEED) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "benchmarks.load.exchange", str(speed), str(folder), str(per_message)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the load test's exchange has ended: see what it said above")
        return dict(json.loads(line))

    def begin(self, name: str, rate: float, seconds: float, **more: float) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"name": name, "rate": rate, "seconds": seconds, **more}) + "\n")
        self.process.stdin.flush()

    def done(self) -> dict[str, Any]:
        """How the stretch begun last went; its bursts as float64[k, 2]."""
        told = self._answer()
        return {**told, "bursts": np.load(self.folder / f"sent-{told['name']}.npy")}

    def stretch(self, name: str, rate: float, seconds: float, **more: float) -> dict[str, Any]:
        self.begin(name, rate, seconds, **more)
        return self.done()


class Engine:
    """A running engine and its database."""

    def __init__(
        self, folder: Path, exchange: Exchange, slots: Sequence[tuple[str, str]] = SLOTS, more: str = "",
        secrets: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.api, self.out = folder, free_port(), folder / "probe.npz"
        self.config = folder / "config.toml"
        ports = {"rest": exchange.ports["rest"], "ws": exchange.ports["ws"], "api": self.api}
        sections = [
            f'[[slots]]\nstrategy = "{name}"\nsymbols = {json.dumps(SYMBOLS)}\nparams = {{ {params} }}\n'
            for name, params in slots
        ]
        self.config.write_text("\n".join([CONFIG.format(folder=folder, **ports), more, *sections]))
        self.said = (folder / "said.txt").open("w")
        command = [sys.executable, "-m", "benchmarks.load.probe", str(self.out), "run", "--config", str(self.config)]
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(folder, **(secrets or {})), stderr=self.said, stdout=self.said
        )

    def ask(self, query: str, *words: Any) -> Any:
        """One row of the database, None where there is none (yet)."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the engine has ended:\n{(self.folder / 'said.txt').read_text()[-2000:]}")
        try:
            with closing(sqlite3.connect(f"file:{self.folder / 'evenkeel.db'}?mode=ro", uri=True, timeout=5)) as raw:
                return raw.execute(query, words).fetchone()
        except sqlite3.OperationalError:
            return None

    def live(self) -> None:
        """Returns once the engine takes the market as it comes."""
        query = f"SELECT feed FROM engine_status WHERE state = 'running' AND exchange_ts > 0 AND pid = ? AND {MINE}"
        until(lambda: (self.ask(query, self.process.pid) or ("",))[0] == "live", "the engine takes the market")

    def reached(self, ts: int) -> None:
        """Returns once everything before exchange ms `ts` has been taken."""
        until(
            lambda: (self.ask(f"SELECT exchange_ts FROM engine_status WHERE {MINE}") or (0,))[0] >= ts,
            "the engine catches up",
        )

    def stop(self) -> dict[str, Any]:
        """Stopped gracefully; what the probe wrote down."""
        code = ended(self.process)
        self.said.close()
        if code:
            raise RuntimeError(f"the engine ended with {code}:\n{(self.folder / 'said.txt').read_text()[-2000:]}")
        return dict(np.load(self.out))


@contextmanager
def market(folder: Path, per_message: int = 1, speed: float = SPEED) -> Iterator[Exchange]:
    exchange = Exchange(folder, per_message, speed)
    try:
        yield exchange
    finally:
        ended(exchange.process)


@contextmanager
def engine(folder: Path, exchange: Exchange, **options: Any) -> Iterator[Engine]:
    made = Engine(folder, exchange, **options)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()
