"""The tape: every event the machine takes, one JSON line each, append-only, one file a UTC day of exchange time.

A torn last line (power loss, kill) is no event: the reader stops before it and the writer cuts it off before it goes on.
The tape knows nothing of what its events mean.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import orjson

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


class Tape:
    """The tape in one folder. One writer at a time; `read` may run beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.position = START
        self._file: BinaryIO | None = None

    def open(self, position: Position) -> None:
        """Go on writing at `position`, which the reader gave: what stands behind it there is a torn line and is cut off."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.close()
        self.position = position
        if position.day:
            self._file = self._path(position.day).open("ab")
            self._file.truncate(position.offset)

    def append(self, ts: int, event: Event) -> None:
        """Write one event of exchange time `ts`; a day never goes back. Durable after `sync`."""
        day = max(day_of(ts), self.position.day)
        if self._file is None or day != self.position.day:
            self.sync()
            self.close()
            self._file = self._path(day).open("ab")
            self.position = Position(day, self._file.tell(), self.position.seq)
        line = orjson.dumps(event, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"
        self._file.write(line)
        self.position = Position(day, self.position.offset + len(line), self.position.seq + 1)

    def sync(self) -> None:
        """Everything appended is on the disk when this returns."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

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
        with self._path(day).open("rb") as plain, gzip.open(fresh, "wb", compresslevel=6) as packed:
            while block := plain.read(1 << 20):
                packed.write(block)
        with fresh.open("rb+") as file:
            os.fsync(file.fileno())
        fresh.replace(self._packed(day))
        self._path(day).unlink()

    def _open_day(self, day: str) -> BinaryIO:
        try:
            return self._path(day).open("rb")
        except FileNotFoundError:
            return gzip.open(self._packed(day), "rb")  # type: ignore[return-value]

    def _path(self, day: str) -> Path:
        return self.folder / f"{day}.tape"

    def _packed(self, day: str) -> Path:
        return self.folder / f"{day}.tape.gz"
