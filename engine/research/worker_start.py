"""Starting a worker from the app: a detached process of its own, where none is alive. A page may ask as often as it likes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from db.session import data_folder
from engine.access import files
from engine.access.held import Taken, hold, is_held
from engine.config.going_live import no_keys

ROOT = Path(__file__).resolve().parents[2]
IDLE_S = 900
"""A worker that the app started ends by itself after so long without work."""
AGAIN_S = 5.0

_children: list[subprocess.Popen[bytes]] = []
_last = 0.0


def alive() -> bool:
    """Whether a worker holds this data folder's lock."""
    return is_held(data_folder() / "worker.lock")


def ensure() -> bool:
    """Start a worker unless one is alive, on its way or was started a moment ago; whether one was started.

    A worker takes seconds until it has its lock, and pages, the door and the engine's nightly work may all ask meanwhile. So
    whoever starts one hands it a second lock that was its own until then: it is held from the first question to the worker's end.
    """
    global _last
    _children[:] = [child for child in _children if child.poll() is None]
    try:
        ticket = hold(data_folder() / "worker.start.lock")
    except Taken:
        return False
    with ticket:
        if alive() or (_last and time.monotonic() - _last < AGAIN_S):
            return False
        _last = time.monotonic()
        _children.append(start(ticket))
    return True


def start(ticket: IO[str] | None = None) -> subprocess.Popen[bytes]:
    """A worker of this data folder in a session of its own; its words go to logs/worker.log. It keeps `ticket` open."""
    folder = data_folder().absolute()
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "run_engine.py"), "work", "--idle", str(IDLE_S)]
    with open(folder / "logs" / "worker.log", "ab", opener=files.own) as words:
        return subprocess.Popen(
            command, cwd=ROOT, env={**no_keys(os.environ), "EVENKEEL_DATA": str(folder)}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=words, stderr=words, pass_fds=[ticket.fileno()] if ticket else [],
        )  # fmt: skip
