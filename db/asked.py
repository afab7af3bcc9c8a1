"""What a row of `command` asks for, read as the words of a stranger: whoever can write the database may have written anything.

A row whose words cannot be used comes back as {"wrong": why}: whoever acts on it refuses it, with that reason. No kind of command
is known here.
"""

from __future__ import annotations

import math
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, cast, func
from sqlmodel import col

from db.models import Command

MOST, MOST_NAMES, LONGEST = 8_000, 20, 500
"""Characters of a row's words, how many they are, and of one of them: ours have a tenth of each."""
WRONG = "wrong"


def asked_words() -> ColumnElement[Any]:
    """The column to select: the words as text, and never more of it than is looked at."""
    return func.substr(cast(col(Command.args), Text), 1, MOST + 1).label("args")


def words_of_row(text: str | None) -> dict[str, Any]:
    """What `asked_words` gave as plain words: texts on one line, numbers that are finite, true, false and none."""
    if text is None or len(text) > MOST:
        return _wrong("it is too long" if text else "it says nothing")
    try:
        found = orjson.loads(text)
    except ValueError:
        return _wrong("it is no JSON")
    if not isinstance(found, dict) or len(found) > MOST_NAMES or not all(map(str.isidentifier, found)):
        return _wrong("it is no list of a few words")
    return (
        _wrong("a word of it is too long, or none")
        if not all(map(_plain, found.values()))
        else {k: _line(v) for k, v in found.items()}
    )


def _plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int)) or (isinstance(value, str) and len(value) <= LONGEST)


def _line(value: Any) -> Any:
    """A text as it can stand in a line of the log."""
    return "".join(one if one.isprintable() else " " for one in value) if isinstance(value, str) else value


def _wrong(why: str) -> dict[str, Any]:
    return {WRONG: f"this command cannot be read: {why}"}
