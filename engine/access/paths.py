"""Names that somebody typed, as names of files of ours: they stay in the folder they are meant for. Pure; nothing is opened."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


class Outside(ValueError):
    """The name leads out of its folder, or is none; the words say which would do."""


def plain(name: str, what: str) -> str:
    """`name` if it is one file's or folder's own: letters, digits, '_', '.' and '-'. Outside with `what` it names."""
    if not _PLAIN.fullmatch(name) or ".." in name:
        raise Outside(f"{name[:40]!r} is no name of {what}: take letters, digits, '_', '.' and '-'")
    return name


def inside(base: Path, name: str) -> Path:
    """A path below `base` by its relative name. Outside where it is absolute, climbs, or holds what no name does. A link that
    a person of this machine put there is followed."""
    pure = PurePath(name)
    climbs = pure.is_absolute() or ".." in pure.parts or name.startswith("~")
    if climbs or any(ord(one) < 32 or one in '\\:*?"<>|' for one in name):
        raise Outside(f"{name[:80]!r} leads out of {base}: give a folder within it, as in reports/monthly")
    return base / pure
