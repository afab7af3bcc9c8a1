"""The kill latch as a file beside the database: `KILL` in the data folder. Any program may make it, `touch` included.

Made by a rename of a file that already stands there, so that a full disk cannot stop it; a locked database is not asked. What
obeys it is engine/runtime/kill.py; nothing here knows an engine.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

NAME, ARMED = "KILL", "KILL.armed"
MOST = 10_000
"""Bytes that are read of one."""


@dataclass(frozen=True)
class KillOrder:
    """What is asked for: who pressed, whether positions are closed as well, and why."""

    source: str = "file"
    flatten: bool = False
    reason: str = ""


def press(folder: Path, order: KillOrder) -> None:
    """Make the latch, or say more in one that stands (a later wish to close positions is added, never taken back). OSError if
    the folder takes nothing at all."""
    target = folder / NAME
    known = read(folder)
    if known is not None and (known.flatten or not order.flatten):
        return
    words = json.dumps({"source": order.source, "flatten": order.flatten, "reason": order.reason[:500]})
    fresh = folder / f"{NAME}.{os.getpid()}.tmp"
    try:
        _lay(fresh, words)
        fresh.replace(target)
        return
    except OSError:  # no room for a word: the file itself says enough
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
    armed = folder / (f"{ARMED}.flatten" if order.flatten else ARMED)
    if armed.exists():
        armed.replace(target)
    else:
        target.touch()


def read(folder: Path) -> KillOrder | None:
    """The latch as it stands; None without one. A file that is empty, torn or by hand means: kill, leave positions alone. So does
    whatever else bears the name, a link or a pipe: neither is followed nor waited for."""
    try:
        text = _read(folder / NAME)
    except FileNotFoundError:
        return None
    except OSError:
        return KillOrder()
    try:
        words = json.loads(text)
        return KillOrder(str(words["source"]), words["flatten"] is True, str(words["reason"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return KillOrder(reason=text.strip()[:200])


def arm(folder: Path) -> None:
    """Lay the files ready that a press renames on a full disk."""
    folder.mkdir(parents=True, exist_ok=True)
    flatten = json.dumps({"source": "full disk", "flatten": True, "reason": ""})
    for name, words in ((ARMED, ""), (f"{ARMED}.flatten", flatten)):
        with contextlib.suppress(OSError):
            if stat.S_ISREG((folder / name).lstat().st_mode) and _read(folder / name) == words:
                continue
        _lay(folder / name, words)


def _lay(path: Path, words: str) -> None:
    """A new file in the place of whatever had its name."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(words)
        file.flush()
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())


def _read(path: Path) -> str:
    """The beginning of an ordinary file; nothing of anything else that has its name."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        plain = stat.S_ISREG(os.fstat(handle).st_mode)
        return os.read(handle, MOST).decode("utf-8", "replace") if plain else ""
    finally:
        os.close(handle)


def release(folder: Path) -> None:
    """Take the latch away and lay the next ready. OSError if it stays."""
    (folder / NAME).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        arm(folder)
