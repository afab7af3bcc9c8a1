"""The pages that there are, read from their files: no list of pages is kept anywhere.

A page's file in pages/ says what it is in one literal:

    PAGE = {"group": "Now", "title": "Overview", "place": 1}

`place` orders the pages of a group; `"needs_run": False` is said by a page that has something to show before there is a run.
The files are read, not imported: a page that fails takes no other down.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "pages"
GROUPS = ("Now", "Results", "Research", "Control")
"""In the order of the navigation."""


@dataclass(frozen=True)
class Room:
    """One page: its file, and what the file says of itself. The first of all is the door."""

    file: Path
    group: str
    title: str
    place: int = 0
    needs_run: bool = True

    @property
    def name(self) -> str:
        """As it stands in the URL."""
        return self.file.stem


def rooms(folder: Path = FOLDER) -> list[Room]:
    """Every page by group and place. ValueError names a file that does not say what it is."""
    found = [_room(path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.py")) if path.name[0] != "_"]
    return sorted(found, key=lambda room: (GROUPS.index(room.group), room.place, room.name))


@lru_cache(maxsize=64)
def _room(path: Path, changed: int) -> Room:
    """Read once for each `changed` (ns) of the file."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "PAGE":
            room = Room(path, **ast.literal_eval(statement.value))
            if room.group not in GROUPS:
                raise ValueError(f"{path.name}: the group is one of {', '.join(GROUPS)}, got {room.group!r}")
            return room
    raise ValueError(
        f'{path.name} does not say what it is: it needs a line PAGE = {{"group": ..., "title": ..., "place": ...}}'
    )
