"""The newest lines of the log files as records: a time, a level, who spoke, the words, and the lines that belong to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error", "critical")
FILES = {"engine": "engine.log", "worker": "worker.log"}
TAIL = 1_000_000
"""Bytes that are read from the end."""
_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z (\w+) +([\w.]+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One record; `ts` is ms UTC, `text` the whole of it as it stands in the file."""

    ts: int | None
    level: str
    source: str
    words: str
    text: str


def tail(folder: Path, file: str = "engine", size: int = TAIL) -> str:
    """The end of a log, the file before it included where the newest was begun just now; "" without any."""
    newest = folder / "logs" / FILES[file]
    text = _end(newest, size)
    if len(text) < size // 4:
        text = _end(newest.with_name(newest.name + ".1"), size - len(text)) + text
    return text


def _end(path: Path, size: int) -> str:
    try:
        with path.open("rb") as file:
            length = file.seek(0, 2)
            file.seek(max(0, length - size))
            raw = file.read(size)
    except OSError:
        return ""
    text = raw.decode("utf-8", "replace")
    return text if length <= size else text.partition("\n")[2]


def lines(text: str, level: str = "debug", find: str = "", most: int = 500) -> list[Line]:
    """The newest records of at least `level` that hold `find` (any case), newest first."""
    least, wanted, found = LEVELS.index(level), find.casefold(), list[Line]()
    for line in reversed(list(_records(text))):
        if LEVELS.index(line.level) >= least and wanted in line.text.casefold():
            found.append(line)
            if len(found) == most:
                break
    return found


def _records(text: str) -> Iterator[Line]:
    """A line without a time of its own (a traceback's) belongs to the one before it."""
    gathered: list[str] = []
    for line in text.splitlines():
        if _LINE.match(line) and gathered:
            yield _record("\n".join(gathered))
            gathered = []
        gathered.append(line)
    if gathered:
        yield _record("\n".join(gathered))


def _record(text: str) -> Line:
    match = _LINE.fullmatch(text)
    if match is None:
        return Line(None, "info", "", text.partition("\n")[0], text)
    moment, level, source, words = match.groups()
    ts = round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000)
    level = level.lower() if level.lower() in LEVELS else "info"
    return Line(ts, level, source.removeprefix("evenkeel."), words.partition("\n")[0], text)
