"""The tape: every event the machine takes, one JSON line each, append-only, one file a UTC day of exchange time.

A torn last line (power loss, kill) is no event: the reader stops before it and the writer cuts it off before it goes on.
On a full disk what is appended waits in memory, and the next `sync` goes on at the byte where the last one ended.
The tape knows nothing of what its events mean.
"""

from __future__ import annotations

import errno
import gzip
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from db.errors import StorageError
from db.room import is_full
from engine.access import files

BUFFER = 8192
DAY_MS = 86_400_000
Event = list[Any]


@dataclass(frozen=True)
class Position:
    """A place in the tape: bytes `offset` into the file of `day`, after event number `seq`."""

    day: str
    offset: int
    seq: int


START = Position("", 0, 0)


def day_of(ts: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(ts / 1000))


class _Packed(gzip.GzipFile):
    """A packed day for reading; closes what it opened."""

    def __init__(self, path: Path) -> None:
        self._plain = os.fdopen(files.own(str(path), os.O_RDONLY), "rb")
        super().__init__(fileobj=self._plain, mode="rb")

    def close(self) -> None:
        super().close()
        self._plain.close()


class Tape:
    """The tape in one folder. One writer at a time; `read` may run beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.position = START
        self._file: FileIO | None = None
        self._open = ""  # the day of the open file
        self._waiting: dict[str, bytearray] = {}  # by day, oldest first

    def open(self, position: Position) -> None:
        """Go on writing at `position`, which the reader gave: what stands behind it there is a torn line and is cut off."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.close()
        self.position = position
        if position.day:
            self._file, self._open = FileIO(self._path(position.day), "a", opener=files.own), position.day
            self._file.truncate(position.offset)

    def append(self, ts: int, event: Event) -> None:
        """Take one event of exchange time `ts`; a day never goes back. Durable after `sync`; never fails for want of room."""
        day = max(day_of(ts), self.position.day)
        begun = day != self.position.day
        if begun:
            self.position = Position(day, self._size(day), self.position.seq)
        line = orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
        waiting = self._waiting.setdefault(day, bytearray())
        waiting += line
        self.position = Position(day, self.position.offset + len(line), self.position.seq + 1)
        if begun or len(waiting) >= BUFFER:
            self._drain()

    def sync(self) -> None:
        """Everything appended is on the disk when this returns. OSError (ENOSPC) where there is no room: nothing is lost, try
        again later. StorageError where the disk does not keep what it took."""
        if not self._drain():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
        self._fsync()

    def close(self) -> None:
        """Write what there is room for and let go of the file."""
        self._drain()
        self._waiting.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _drain(self) -> bool:
        """Hand everything that waits to the system; False if there is no room for all of it."""
        try:
            for day, waiting in list(self._waiting.items()):
                self._turn_to(day)
                assert self._file is not None
                while waiting:
                    del waiting[: self._file.write(waiting) or 0]
                del self._waiting[day]
        except OSError as error:
            if is_full(error):
                return False
            raise
        return True

    def _turn_to(self, day: str) -> None:
        """The file of `day` is the open one; the day before is on the disk."""
        if self._file is not None and self._open == day:
            return
        self._fsync()
        fresh = FileIO(self._path(day), "a", opener=files.own)
        if self._file is not None:
            self._file.close()
        self._file, self._open = fresh, day

    def _fsync(self) -> None:
        """A disk that fails here may have dropped what it took: what it holds is found out by the next start."""
        if self._file is None:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StorageError(
                f"{self._file.name} is not safe on the disk ({error.strerror}): check the disk and start again"
            ) from error

    def _size(self, day: str) -> int:
        path = self._path(day)
        return path.stat().st_size if path.exists() else 0

    def read(self, start: Position = START) -> Iterator[tuple[Event, Position]]:
        """Events after `start`, each with the position behind it. Ends before the first line that is not whole."""
        seq = start.seq
        for day in self.days():
            if day < start.day:
                continue
            offset = start.offset if day == start.day else 0
            with self._open_day(day) as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    try:
                        event = orjson.loads(line)
                    except orjson.JSONDecodeError:
                        return
                    offset += len(line)
                    seq += 1
                    yield event, Position(day, offset, seq)

    def whole_until(self, position: Position) -> tuple[Position, int]:
        """`position` and 0; or, where the file ends before it (a power loss), the place behind its last whole event and the
        exchange time in ms of that event (0 without one). Event numbers go on from `position`."""
        path = self._path(position.day)
        if not position.day or not (path.exists() or not self._packed(position.day).exists()):
            return position, 0
        if path.exists() and path.stat().st_size >= position.offset:
            return position, 0
        offset, ts = 0, 0
        for event, place in self.read(Position(position.day, 0, 0)):
            if place.day == position.day:
                offset, ts = place.offset, int(event[1])
        return Position(position.day, offset, position.seq), ts

    def days(self) -> list[str]:
        names = {path.name.split(".")[0] for path in self.folder.glob("*.tape*")}
        return sorted(names)

    def tidy(self, before: str, keep_days: int) -> None:
        """Gzip every day before the day `before` and drop those more than `keep_days` older than it. May run beside the writer
        and readers, as long as nothing will ever write to a day before `before` again."""
        for rest in self.folder.glob("*.tape.tmp"):
            rest.unlink()
        oldest = str(date.fromisoformat(before) - timedelta(days=keep_days))
        for day in self.days():
            if day < oldest:
                self._path(day).unlink(missing_ok=True)
                self._packed(day).unlink(missing_ok=True)
            elif day < before and self._path(day).exists():
                self._pack(day)

    def _pack(self, day: str) -> None:
        fresh = self._packed(day).with_suffix(".tmp")
        with (
            open(self._path(day), "rb", opener=files.own) as plain,
            files.fresh(fresh) as file,
            gzip.open(file, "wb", compresslevel=6) as packed,
        ):
            while block := plain.read(1 << 20):
                packed.write(block)
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(self._packed(day))
        self._path(day).unlink()

    def _open_day(self, day: str) -> BinaryIO:
        try:
            return open(self._path(day), "rb", opener=files.own)
        except FileNotFoundError:
            return _Packed(self._packed(day))  # type: ignore[return-value]

    def _path(self, day: str) -> Path:
        return self.folder / f"{day}.tape"

    def _packed(self, day: str) -> Path:
        return self.folder / f"{day}.tape.gz"
