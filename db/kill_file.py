"""The kill latch as a file beside the database: `KILL` in the data folder. Any program may make it, `touch` included.

Made by a rename of a file that already stands there, so that a full disk cannot stop it; a locked database is not asked. What
obeys it is engine/runtime/kill.py; nothing here knows an engine.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

NAME, ARMED = "KILL", "KILL.armed"


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
        with fresh.open("w", encoding="utf-8") as file:
            file.write(words)
            file.flush()
            with contextlib.suppress(OSError):
                os.fsync(file.fileno())
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
    """The latch as it stands; None without one. A file that is empty, torn or by hand means: kill, leave positions alone."""
    try:
        text = (folder / NAME).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError:
        return KillOrder()
    try:
        words = json.loads(text)
        return KillOrder(str(words["source"]), words["flatten"] is True, str(words["reason"]))
    except (ValueError, KeyError, TypeError):
        return KillOrder(reason=text.strip()[:200])


def arm(folder: Path) -> None:
    """Lay the files ready that a press renames on a full disk."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARMED).touch()
    flatten = json.dumps({"source": "full disk", "flatten": True, "reason": ""})
    (folder / f"{ARMED}.flatten").write_text(flatten, encoding="utf-8")


def release(folder: Path) -> None:
    """Take the latch away and lay the next ready. OSError if it stays."""
    (folder / NAME).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        arm(folder)
