"""The latch of a data folder whose life is on its way: a file `MOVED`, before which no engine starts.

Written before anything is bundled and before anything is put in place, synced with its folder, so that at no instant two copies
may start. What is bundled is bundle.py's, the steps are leaving.py's and arriving.py's.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.access import files

NAME = "MOVED"
LEAVING, LEFT, ARRIVING = "leaving", "left", "arriving"


class Moved(Exception):
    """This data folder's life is elsewhere, or not whole yet; the words say what to do. Exit code 78: starting again would not
    help."""

    exit_code = 78


@dataclass(frozen=True)
class Latch:
    """What stands in the file: how far it is, which bundle (path, and SHA-256 once known), when (ms UTC), and the paths that an
    arrival puts in place."""

    state: str
    file: str
    digest: str = ""
    ts: int = 0
    placed: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Whole or not at all, on the disk when this returns."""
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{NAME}.part"
        with files.fresh(fresh) as file:
            file.write(json.dumps(asdict(self), indent=1).encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / NAME)
        sync(folder)


def read(folder: Path) -> Latch | None:
    """The latch of a data folder; None without one. One that cannot be read holds all the same."""
    try:
        found = json.loads(files.read(folder / NAME))
        return Latch(**{**found, "placed": tuple(found.get("placed", ()))})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return Latch(LEAVING, "?")


def lift(folder: Path) -> None:
    """An engine may start here again."""
    (folder / NAME).unlink(missing_ok=True)
    sync(folder)


def refuse_moved(folder: Path) -> None:
    """Moved where no engine may start in this data folder."""
    latch = read(folder)
    if latch is None:
        return
    back = "`run_engine.py move --undo` makes this copy the one that trades again"
    if latch.state == LEFT:
        raise Moved(f"this copy was moved away to {latch.file}: start it where that was taken in. {back}")
    if latch.state == ARRIVING:
        raise Moved(f"a move into {folder} was broken off: `run_engine.py move --in {latch.file}` finishes it")
    raise Moved(f"a move out of {folder} was broken off: `run_engine.py move --out {latch.file}` finishes it. {back}")


def sync(folder: Path) -> None:
    """The folder's entries on the disk, where the file system can be asked for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
