"""The runbook, done: every shell block of docs/runbook.md in its order, on a folder of its own, against the local exchange.

What is not this program stands in: `make install` and `git` only note that they were called (tests/house/test_install.py and the
build machine do the first), `scp` copies into the new machine's folder. Names that the runbook must invent (a slot, a price, a
backup's folder) are replaced by those that are there. The first start is a process of its own; later ones recover, take what is
due and end (`run --once`), in this process. The long test gives every line to a shell.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.access.held import is_held
from engine.cli.app import app
from engine.cli.failures import describe
from engine.runtime.move.latch import Moved
from tests.crash.session import Market, free_port, market

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ".venv/bin/python run_engine.py "
ANSWERS = {
    "init": "coinbase\nBTC/USD\n1000\nholder\n1m\n", "kill --flatten": "flatten\n", "release": "release\n",
    "move --undo": "undo\n", "password": "seven brown mills turn 1848\n",
}  # fmt: skip
REFUSED = {"release drawdown_halt": "drawdown_halt"}
"""Right to ask for only when it has tripped; the answer names it."""
STRATEGY = '''
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy


class Holder(Strategy):
    """In every second minute, out when a person says so."""

    def warmup(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        even = bars.ts // 60_000 % 2 == 0
        return Signals(even.astype(np.int8), np.zeros(len(bars.ts), bool))
'''
SHIMS = {
    "make": 'echo "make $*" >> "$NOTED"\n[ "$1" != stop ] || exec "$PYTHON" tools/stop.py\n',
    "git": 'echo "git $*" >> "$NOTED"\n',
    "scp": 'echo "scp $*" >> "$NOTED"\ncp "$1" "$NEW_MACHINE"\n',
}


def blocks() -> Iterator[tuple[bool, list[str]]]:
    """(on the new machine?, lines) of each shell block."""
    text = (ROOT / "docs" / "runbook.md").read_text()
    for where, block in re.findall(r"^```sh ?([^\n]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield where == "new machine", [line.split(" #")[0].strip() for line in block.splitlines() if line.strip()]


@dataclass
class Hand:
    """Who follows the runbook: on two folders that stand for two machines."""

    old: Path
    new: Path
    place: Market
    patch: pytest.MonkeyPatch
    in_shell: bool
    engine: subprocess.Popen[bytes] | None = None
    said: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def stand(self, machine: Path) -> None:
        self.patch.chdir(machine)
        for name, value in {
            "EVENKEEL_HOME": str(machine / "my"), "EVENKEEL_RUN_BASE_URL": self.place.rest,
            "EVENKEEL_RUN_WS_URL": self.place.ws, "EVENKEEL_ENGINE_HISTORY_BARS": "20", "EVENKEEL_API_PORT": str(self.port),
            "PATH": f"{self.old.parent / 'shims'}:{os.environ['PATH']}", "PYTHON": sys.executable,
            "NOTED": str(self.old.parent / "noted"), "NEW_MACHINE": str(self.new),
        }.items():  # fmt: skip
            self.patch.setenv(name, value)
        for name in ("EVENKEEL_DATA", "DATABASE_URL"):
            self.patch.delenv(name, raising=False)

    def do(self, line: str) -> None:
        """One line of the runbook; ends with 0, or as REFUSED says."""
        line = self._real(line)
        words = line.removeprefix(PROGRAM) if line.startswith(PROGRAM) else ""
        if words.startswith("run "):
            self._start(words)
            return
        if re.match(r"(stop|close) ", words):
            self._until(lambda: bool(self._status()["positions"]), "no position came")
        code, output = self._ran(line, words)
        self.said[line] = output
        refused = [name for name in REFUSED if words.startswith(name)]
        assert code == (1 if refused else 0), f"{line}: ended with {code}: {output}"
        assert all(REFUSED[name] in output for name in refused), output

    def _real(self, line: str) -> str:
        line = line.replace("sma_cross:BTC/USD", "holder:BTC/USD").replace(":8600", f":{self.port}")
        if "61250" in line:
            self._until(lambda: bool(self._status()["positions"]), "no position came")
            line = line.replace("61250", f"{self._status()['positions'][0]['mark'] * 0.9:.2f}")
        for folder in re.findall(r"(\S+)/evenkeel-20260131-120000", line):
            line = line.replace(f"{folder}/evenkeel-20260131-120000", str(max(Path(folder).glob("evenkeel-*-*"))))
        return line

    def _ran(self, line: str, words: str) -> tuple[int, str]:
        given = next((answer for name, answer in ANSWERS.items() if words.startswith(name)), "")
        if words and not self.in_shell:
            result = CliRunner().invoke(app, shlex.split(words), input=given)
            told = (
                describe(result.exception)
                if result.exception and not isinstance(result.exception, SystemExit)
                else None
            )
            if result.exception and told is None and not isinstance(result.exception, SystemExit):
                raise result.exception
            return (told or (result.exit_code,))[0], result.output + (told[1] if told else "")
        done = subprocess.run(["sh", "-c", line], input=given, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def _start(self, words: str) -> None:
        if self.in_shell or self.engine is None:
            self.finish()
            self.engine = subprocess.Popen(
                [".venv/bin/python", "run_engine.py", *shlex.split(words)], start_new_session=True,
                stdout=(self.old.parent / "engine.out").open("ab"), stderr=subprocess.STDOUT,
            )  # fmt: skip
            self._until(lambda: self._status()["alive"], "the engine did not start")
            return
        once = words.replace("--supervise", "--once") if "--supervise" in words else f"{words} --once"
        kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        handlers = [*logging.getLogger("evenkeel").handlers]
        try:
            code, output = self._ran("", once)
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)
            logging.getLogger("evenkeel").handlers[:] = handlers
        assert code == 0, output
        self.said[words] = output

    def _status(self) -> dict[str, object]:
        if not Path("data/evenkeel.db").exists():
            return {"alive": False, "positions": []}
        result = CliRunner().invoke(app, ["status", "--json"])
        return json.loads(result.stdout) if result.exit_code == 0 else {"alive": False, "positions": []}

    def _until(self, condition: object, complaint: str, seconds: float = 60) -> None:
        assert callable(condition)
        deadline = time.monotonic() + seconds
        while not condition():
            log = self.old.parent / "engine.out"
            assert time.monotonic() < deadline, f"{complaint}: {log.read_text()[-1500:]}"
            time.sleep(0.2)

    def finish(self) -> None:
        """The supervisor first, or it would start another; then whoever still holds a ledger, a session away from it."""
        if self.engine is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.engine.pid, signal.SIGKILL)
            self.engine.wait()
        for folder in (self.old, self.new):
            lock = folder / "data" / "evenkeel.db.lock"
            if is_held(lock):
                os.kill(int(lock.read_text()), signal.SIGKILL)


def machine(folder: Path) -> Path:
    """The program as a person has it: a folder with the code, and nothing of anybody's."""
    folder.mkdir()
    for name in ("engine", "db", "app", "pages", "tools", "Home.py", "run_engine.py", "requirements.txt"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    return folder


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Hand]:
    (tmp_path / "shims").mkdir()
    for name, body in SHIMS.items():
        shim = tmp_path / "shims" / name
        shim.write_text(f"#!/bin/sh\nset -eu\n{body}")
        shim.chmod(0o755)
    old, new = machine(tmp_path / "old"), machine(tmp_path / "new")
    (old / "my" / "strategies").mkdir(parents=True)
    (old / "my" / "strategies" / "holder.py").write_text(STRATEGY)
    with market(86_400, speed=60, rate=0.1) as place:
        found = Hand(old, new, place, monkeypatch, bool(request.param))
        try:
            yield found
        finally:
            found.finish()


@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
@pytest.mark.parametrize(
    "hand", [False, pytest.param(True, marks=pytest.mark.long)], ids=["here", "shell"], indirect=True
)
def test_every_command_of_the_runbook(hand: Hand, tmp_path: Path) -> None:
    ran, flat, before = 0, "", ""
    for on_new, lines in blocks():
        hand.stand(hand.new if on_new else hand.old)
        for line in lines:
            hand.do(line)
            ran += 1
            if line.endswith("status") and "kill --flatten" in before:
                flat = hand.said[line]
            if line.startswith("scp "):
                refused = CliRunner().invoke(app, ["run", "--once"])
                assert isinstance(refused.exception, Moved), "the copy that was moved away started"
            before = line
    assert ran > 45
    noted = (tmp_path / "noted").read_text().splitlines()
    assert {"git pull --ff-only", "git checkout v0.1.0", "scp evenkeel.tar you@new-machine:evenkeel/"} <= set(noted)
    assert "no open position" in flat
    assert json.loads(hand.said[f"curl -s http://127.0.0.1:{hand.port}/readyz"])["ready"] is True
    assert (hand.new / "my" / "config.toml").exists()
    assert stat.S_IMODE((hand.old / "evenkeel.tar").stat().st_mode) & 0o077 == 0
