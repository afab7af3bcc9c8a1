"""How soon a kill acts on a real engine: from the file's appearance to the moment behind which nothing is queued or filled.

    python -m benchmarks.kill [--presses N] [--fault WORDS]

A sandbox and an engine of their own in a temporary folder; then, under each fault, KILL is made N times and each time the
engine's own word is awaited that the machine is killed. The faults: none, the database locked, the disk full (no byte can be
written), the network dead (the exchange's process stopped), the processors busy. Locked out or on a full disk the engine
must live on. Everything started is ended by its pid.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CLAIM_MS = 250.0
PATIENCE_S = 90.0
CONFIG = """\
[run]
exchange = "coinbase"
base_url = "http://127.0.0.1:{port}"
ws_url = "ws://127.0.0.1:{port}/ws"

[storage]
data_dir = "{folder}"

[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD", "ETH/USD", "SOL/USD"]
params = {{ fast = 2, slow = 5 }}
"""


class Engine:
    """A running engine and what it says on stderr."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG.format(port=port, folder=folder))
        self.process: subprocess.Popen[str] | None = None
        self.said: Queue[tuple[float, str]] = Queue()

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("EVENKEEL_") and k != "DATABASE_URL"}
        return {**kept, "EVENKEEL_DATA": str(self.folder), "EVENKEEL_HOME": str(self.folder / "my")}

    def ready(self) -> subprocess.Popen[str]:
        """The process, started if none lives, once it has committed and is not killed."""
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, str(ROOT / "run_engine.py"), "run", "--config", str(self.config)]
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
            )
            threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()
        until(lambda: self.ask("SELECT state IN ('running', 'killed') AND exchange_ts > 0 FROM engine_status") == 1)
        return self.process

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.said.put((time.monotonic(), line))

    def heard(self, words: str, patience: float = PATIENCE_S) -> float | None:
        """When a line with `words` came, in monotonic seconds; None if it had ended by itself."""
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            try:
                at, line = self.said.get(timeout=min(left, 0.005))
            except Empty:
                if self.process is not None and self.process.poll() is not None:
                    return None
                continue
            if words in line:
                return at
        raise TimeoutError(f"the engine never said {words!r}")

    def hush(self) -> None:
        while not self.said.empty():
            self.said.get_nowait()

    def ask(self, query: str) -> Any:
        try:
            with sqlite3.connect(f"file:{self.folder / 'evenkeel.db'}?mode=ro", uri=True, timeout=1) as raw:
                found = raw.execute(query).fetchone()
                return found[0] if found else None
        except sqlite3.OperationalError:
            return None

    def release(self) -> None:
        """End the kill as a person does; the file goes."""
        self.ready()
        with sqlite3.connect(self.folder / "evenkeel.db", timeout=30) as raw:
            raw.execute(
                "INSERT INTO command (uuid, run_id, kind, args, source, created_ts, state) "
                "VALUES (?, 1, 'release', '{\"breaker\": \"kill\"}', 'cli', 0, 'new')",
                (f"release-{time.monotonic_ns()}",),
            )
        until(lambda: not (self.folder / "KILL").exists())

    def press(self, fault: Callable[[], Any]) -> float | None:
        """Milliseconds from the file to the latch, under `fault`; None where the fault had ended the engine before."""
        self.ready()
        self.hush()
        with fault():
            begun = time.monotonic()
            (self.folder / "KILL").touch()
            at = self.heard("the kill latch is set")
            took = None if at is None else (at - begun) * 1000
        self.ready()
        until(lambda: self.ask("SELECT state FROM engine_status") == "killed")
        self.release()
        return took


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it never came about")
        time.sleep(0.05)


@contextmanager
def sandbox(port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(ROOT / "run_engine.py"), "sandbox", "--port", str(port), "--speed", "10"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(port))
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def locked(database: Path) -> Iterator[None]:
    raw = sqlite3.connect(database, isolation_level=None, timeout=30)
    raw.execute("BEGIN EXCLUSIVE")
    try:
        time.sleep(0.3)  # so that the engine has met it
        yield
    finally:
        raw.execute("ROLLBACK")
        raw.close()


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """No file of that process grows by a byte."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        time.sleep(1.5)  # so that the engine has met it
        yield
    finally:
        with suppress(ProcessLookupError):  # it may have ended with a word about its disk
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def dead_network(exchange: subprocess.Popen[bytes]) -> Iterator[None]:
    exchange.send_signal(signal.SIGSTOP)
    try:
        time.sleep(0.5)
        yield
    finally:
        exchange.send_signal(signal.SIGCONT)


@contextmanager
def busy() -> Iterator[None]:
    """Two spinning processes for each processor."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        time.sleep(0.5)
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def measure(presses: int, only: str = "") -> dict[str, list[float | None]]:
    """Milliseconds of each press, by fault."""
    with tempfile.TemporaryDirectory(prefix="evenkeel-kill-") as name, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        with sandbox(port) as exchange:
            engine = Engine(Path(name), port)
            faults: dict[str, Callable[[], Any]] = {
                "none": nullcontext,
                "database locked": lambda: locked(engine.folder / "evenkeel.db"),
                "network dead": lambda: dead_network(exchange),
                "processors busy": busy,
                "disk full": lambda: full_disk(engine.ready().pid),
            }
            try:
                chosen = {words: fault for words, fault in faults.items() if only in words}
                return {words: [engine.press(fault) for _ in range(presses)] for words, fault in chosen.items()}
            finally:
                if engine.process is not None and engine.process.poll() is None:
                    engine.process.kill()
                    engine.process.wait()


def quantile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def main(presses: int = 20, only: str = "") -> dict[str, Any]:
    found = measure(presses, only)
    kept = True
    for fault, tries in found.items():
        took = [one for one in tries if one is not None]
        if len(took) < len(tries):
            print(
                f"{fault:>16}: {len(tries) - len(took)} times the engine had ended before, and was killed at its next start"
            )
        if not took:
            continue
        middle, late = quantile(took, 0.5), quantile(took, 0.99)
        kept = kept and late <= CLAIM_MS
        print(
            f"{fault:>16}: p50 {middle:6.1f} ms, p99 {late:6.1f} ms, {min(took):.0f} to {max(took):.0f} ms "
            f"of {len(took)} presses; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
        )
    print(f"{'kept  ' if kept else 'BROKEN'} a kill acts within {CLAIM_MS:g} ms at p99")
    return {"ms": found, "kept": kept}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill", description="How soon a kill acts.")
    parser.add_argument("--presses", type=int, default=20, help="under each fault")
    parser.add_argument("--fault", default="", help="only faults whose name has these words, such as 'disk full'")
    asked = parser.parse_args()
    raise SystemExit(0 if main(asked.presses, asked.fault)["kept"] else 1)
