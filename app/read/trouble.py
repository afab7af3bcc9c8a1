"""What is wrong with the engine or its data at this moment, in one sentence that says what it means for open positions.

`told` is pure; `locked` and `process` look at the machine, and only when an engine is not heard of.
"""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import formats
from app.read.runs import Health

ALIVE, GONE, ELSEWHERE = "alive", "gone", "elsewhere"
"""What is known of the engine's process: seen here, not there any more, or on another machine."""


@dataclass(frozen=True)
class Trouble:
    """`dead`: nothing acts on open positions, and what is on screen is old. Otherwise a warning."""

    title: str
    words: str
    dead: bool = True


def told(
    health: Health, status: Mapping[str, Any] | None, *, held: int, locked: bool = False, process: str = ELSEWHERE
) -> Trouble | None:
    """The gravest that holds, None while all is well. `held` positions are open; `status` is the engine's row."""
    if status is None:
        return Trouble("No engine has run yet", "`run_engine.py run` starts it.") if health.down else None
    age = formats.duration(health.heartbeat_age)
    if health.state == "stopped" and not health.alive:
        since = f"Stopped {age} ago"
        return Trouble(
            "The engine is stopped", f"{since}. {_unattended(held)} `run_engine.py run` starts it again.", bool(held)
        )
    if health.down:
        return _down(age, held, locked, process)
    feed = str(status.get("feed") or "")
    if feed.startswith("disconnected"):
        why = feed.partition(":")[2].strip()[:120]
        return Trouble(
            "No connection to the exchange",
            f"{f'{why}. ' if why else ''}No prices come in: {_blind(held)} It is tried again and again.",
        )
    if health.stale and health.data_age is None:
        return Trouble("No prices yet", f"The engine runs and waits for the first bar: {_blind(held)}", dead=False)
    if health.stale:
        old = formats.duration(health.data_age)
        return Trouble("No fresh prices", f"The newest bar is {old} old: {_blind(held)}", dead=False)
    return None


def _down(age: str, held: int, locked: bool, process: str) -> Trouble:
    if locked:
        return Trouble(
            "The database is locked",
            f"Another program holds it, so the engine could not write for {age}. It trades on and keeps all on its tape; "
            "what is on screen is old. End the other program.",
        )
    if process == ALIVE:
        return Trouble(
            "The engine does not answer",
            f"Not heard for {age}, though its process is there: it hangs or the machine is overloaded. {_unattended(held)}",
        )
    lost = "Its process is gone. " if process == GONE else ""
    return Trouble(
        "The engine is down", f"Not heard for {age}. {lost}{_unattended(held)} `run_engine.py run` starts it again."
    )


def _unattended(held: int) -> str:
    if not held:
        return "No position is open."
    return f"{formats.many(held, 'open position')} {'is' if held == 1 else 'are'} unattended: stops and targets do not act."


def _blind(held: int) -> str:
    return f"stops of {formats.many(held, 'open position')} act once they are back." if held else "no position is open."


def is_locked(file: Path | None) -> bool:
    """Whether another program holds the SQLite file so that nobody can write. A moment's lock, given back at once."""
    if file is None or not file.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=0.02, isolation_level=None)) as raw:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.Error:
        return False
    return False


def process_of(status: Mapping[str, Any]) -> str:
    """What this machine knows of the engine's process."""
    if status["host"] != socket.gethostname():
        return ELSEWHERE
    try:
        os.kill(int(status["pid"]), 0)
    except ProcessLookupError:
        return GONE
    except PermissionError:
        return ALIVE
    return ALIVE
