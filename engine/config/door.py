"""The one door by which a program of ours writes a person's configuration: whole or not at all, over the text it has read only.

Knows files, not settings: whoever writes has had the text checked. Who wrote it is noted beside the file (`.config.toml.by`), so
that the engine can say where a version came from; an edit by hand leaves a note that does not fit any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.access import files
from engine.config.errors import ConfigError
from engine.config.files import NoFile, content, decoded, encoded

ABSENT = ""
"""The digest of a file that is not there."""
LONGEST_NOTE = 4_000


class Changed(ConfigError):
    """The file is not the one that was read; nothing was written."""


@dataclass(frozen=True)
class Opened:
    """A file as it was read: its text (line ends \\n, no byte order mark) and what tells it from any other content."""

    path: Path
    text: str
    digest: str


def opened(path: Path) -> Opened:
    """Read the file. ConfigError in a sentence; NoFile where there is none."""
    path = path.resolve()
    data = content(path)
    return Opened(path, decoded(data, path), _digest(data))


def write(path: Path, text: str, digest: str, by: str) -> Opened:
    """Put `text` in the place of the content that `digest` tells (ABSENT: no file), keeping its line ends, rights and owner.

    Changed where another content stands there by now, ConfigError where the place cannot be written. `by` says who writes, in
    a word or two.
    """
    path = path.resolve()
    try:
        with _alone(path):
            before = _content(path)
            if (ABSENT if before is None else _digest(before)) != digest:
                raise Changed(
                    f"{path} was edited meanwhile{_who(path, before)}: nothing was written. Look at what stands there now."
                )
            data = encoded(text, before or b"")
            _note(path, text, by)
            _replace(path, data, _digest(before) if before is not None else ABSENT)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}; nothing was changed") from None
    return Opened(path, text, _digest(data))


def written_by(path: Path, text: str) -> str:
    """Who wrote this text through the door; empty where nobody did, or the text was edited since."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        note = json.loads(files.read(_beside(path.resolve(), "by"))[:LONGEST_NOTE])
        if note.get("hash") == _digest(text.encode()):
            return str(note.get("by", ""))[:40]
    return ""


def write_atomically(path: Path, text: str) -> None:
    """All of `text` or what was there before, whatever happens meanwhile. For files that nobody else writes."""
    _put(path, text.encode("utf-8"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _content(path: Path) -> bytes | None:
    try:
        return content(path)
    except NoFile:
        return None


def _who(path: Path, now: bytes | None) -> str:
    if now is None:
        return " (it is gone)"
    who = written_by(path, decoded(now, path))
    return f" (by {who})" if who else ""


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{ending}")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer of ours at a time; an editor knows nothing of this, for it there is the digest."""
    with open(_beside(path, "lock"), "a", opener=files.own) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _note(path: Path, text: str, by: str) -> None:
    _put(_beside(path, "by"), json.dumps({"hash": _digest(text.encode()), "by": by}).encode())


def _replace(path: Path, data: bytes, digest: str) -> None:
    """The new content on the disk first, then one more look at the old one, then the swap: an editor has microseconds."""
    part = _part(path, data)
    now = _content(path)
    if (ABSENT if now is None else _digest(now)) != digest:
        part.unlink()
        raise Changed(f"{path} was edited meanwhile: nothing was written. Look at what stands there now.")
    _swap(part, path)


def _put(path: Path, data: bytes) -> None:
    _swap(_part(path, data), path)


def _part(path: Path, data: bytes) -> Path:
    """The content in a file beside, on the disk, with the rights and owner of the one it shall replace."""
    part = path.with_name(path.name + ".part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
        _alike(file.fileno(), path)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return part


def _alike(number: int, path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        like = path.stat()
        os.fchmod(number, stat.S_IMODE(like.st_mode))
        with contextlib.suppress(PermissionError):
            os.fchown(number, like.st_uid, like.st_gid)


def _swap(part: Path, path: Path) -> None:
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
