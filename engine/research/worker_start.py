"""Starting a worker from the app: a detached process of its own, where none is alive. A page may ask as often as it likes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

from db.session import data_folder
from engine.config.going_live import no_keys

ROOT = Path(__file__).resolve().parents[2]
IDLE_S = 900
"""A worker that the app started ends by itself after so long without work."""
AGAIN_S = 5.0

_children: list[subprocess.Popen[bytes]] = []
_last = 0.0


def alive() -> bool:
    """Whether a worker holds this data folder's lock."""
    path = data_folder() / "worker.lock"
    if not path.exists():
        return False
    with path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def ensure() -> bool:
    """Start a worker unless one is alive or was started a moment ago; whether one was started."""
    global _last
    _children[:] = [child for child in _children if child.poll() is None]
    if alive() or (_last and time.monotonic() - _last < AGAIN_S):
        return False
    _last = time.monotonic()
    _children.append(start())
    return True


def start() -> subprocess.Popen[bytes]:
    """A worker of this data folder in a session of its own; its words go to logs/worker.log."""
    folder = data_folder().absolute()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "run_engine.py"), "work", "--idle", str(IDLE_S)]
    with (folder / "logs" / "worker.log").open("ab") as words:
        return subprocess.Popen(
            command, cwd=ROOT, env={**no_keys(os.environ), "EVENKEEL_DATA": str(folder)}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=words, stderr=words,
        )  # fmt: skip
