"""Start points beside the tape: the whole state of a run at a place on it, from where a replay can begin.

One file a start, written whole or not at all. What the state means is known to the machine alone; when a start is due, to
the recorder; which of them proves what, to `engine.research.segments`.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.access import files
from engine.market.tape import Position


@dataclass(frozen=True)
class Start:
    """A run at `position`: the machine's bytes with their layout, the trader's `extra`, the hash of the kernel that went on
    from there, and the newest key (seq, or ms UTC) of each of its tables by name, -1 for an empty one."""

    position: Position
    kernel_hash: str
    state: bytes
    layout: dict[str, Any]
    extra: dict[str, Any]
    newest: dict[str, int]

    @property
    def now(self) -> int:
        """Exchange ms up to which everything was taken."""
        return int(self.extra["now"])


class Starts:
    """The start points in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, start: Start) -> None:
        """On the disk when this returns; a start at the same place is replaced. OSError where it cannot be."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place = start.position
        told = {
            "position": [place.day, place.offset, place.seq],
            "kernel_hash": start.kernel_hash,
            "state": base64.b64encode(start.state).decode(),
            "layout": start.layout,
            "extra": start.extra,
            "newest": start.newest,
        }
        path = self.folder / f"{place.day}-{place.offset:012d}.start"
        fresh = path.with_suffix(".tmp")
        with files.fresh(fresh) as file:
            file.write(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def all(self) -> list[Start]:
        """In order of the tape. A file that is damaged or has just been dropped is left out."""
        found = (_read(path) for path, _ in self._places())
        return [start for start in found if start is not None]

    def newest(self) -> Start | None:
        places = self._places()
        return _read(places[-1][0]) if places else None

    def drop_before(self, day: str) -> None:
        """Starts of days before `day`, whose tape is dropped."""
        for path, place in self._places():
            if place[0] < day:
                path.unlink(missing_ok=True)

    def drop_behind(self, end: Position) -> None:
        """Starts behind `end`, where a tape that lost its end goes on otherwise."""
        for path, place in self._places():
            if place > (end.day, end.offset):
                path.unlink(missing_ok=True)

    def _places(self) -> list[tuple[Path, tuple[str, int]]]:
        names = sorted(self.folder.glob("*.start"))
        return [(path, (path.stem[:10], int(path.stem[11:]))) for path in names]


def _read(path: Path) -> Start | None:
    try:
        told = orjson.loads(files.read(path))
        return Start(
            Position(*told["position"]), told["kernel_hash"], base64.b64decode(told["state"]), told["layout"],
            told["extra"], told["newest"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None
