"""A file that one process holds, with its number in it. The system takes it back when the process ends, however it ends.

What a lock is for, and the words when it is taken, are its callers'.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from engine.access.files import own

AGAIN_S = 0.02


class Taken(Exception):
    """Another process, number `owner`, holds the file."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"held by process {owner}")
        self.owner = owner


def hold(path: Path, tries: int = 1) -> IO[str]:
    """The file, made with its folder where there is none, held until it is closed. Taken where another has it, after `tries`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(own(str(path), os.O_RDWR | os.O_CREAT | os.O_APPEND), "a+")
    try:
        take(file, tries)
    except Taken:
        file.close()
        raise
    return file


def take(file: IO[str], tries: int = 1) -> None:
    """Hold an open file and write our number into it. Who only asks `is_held` has it for an instant: `tries` outlast that."""
    for left in reversed(range(tries)):
        if _locked(file):
            break
        if not left:
            file.seek(0)
            raise Taken(file.read().strip() or "unknown")
        time.sleep(AGAIN_S)
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()


def is_held(path: Path) -> bool:
    """Whether a process holds it; False where there is no such file."""
    try:
        with open(path, opener=own) as file:
            return not _locked(file)
    except FileNotFoundError:
        return False


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
