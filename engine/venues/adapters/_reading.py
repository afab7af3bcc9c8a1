"""Strict reading of what an exchange sends. Every value is checked; what is not as documented is Garbled, never guessed.

Money never passes through a float: JSON numbers are kept as the text they came as.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine.venues.bounds import BIGGEST, EARLIEST, LATEST, MOST_ROWS
from engine.venues.port import Side

Row = dict[str, Any]

_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?")
_TEXT = re.compile(r"[\x21-\x7e]{1,128}")
_IDENT = re.compile(r"[0-9A-Za-z_.:-]*[0-9A-Za-z][0-9A-Za-z_.:-]*")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|\+00:?00)?")


class Garbled(Exception):
    """An answer, but not one we can take at its word."""


def parse(body: bytes) -> Any:
    """JSON with numbers that have a point kept as text; Garbled for everything else, NaN and doubled keys included."""
    try:
        return json.loads(body, parse_float=str, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"no JSON: {type(error).__name__}") from None


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _once(pairs: list[tuple[str, Any]]) -> Row:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice in one object")
    return made


def row(value: Any) -> Row:
    if not isinstance(value, dict):
        raise Garbled("not an object where one belongs")
    return value


def rows(value: Any) -> list[Row]:
    if not isinstance(value, list):
        raise Garbled("not a list where one belongs")
    if len(value) > MOST_ROWS:
        raise Garbled(f"a list of more than {MOST_ROWS} rows")
    return [row(each) for each in value]


def inner(of: Row, key: str) -> Row:
    return row(of.get(key))


def text(of: Row, key: str) -> str:
    """A word of 1 to 128 printable characters; a whole number is taken as its text."""
    value = of.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        raise Garbled(f"{key} is missing or no word")
    return value


def ident(of: Row, key: str) -> str:
    """An id of the venue's: it will stand in an address."""
    value = text(of, key)
    if not _IDENT.fullmatch(value):
        raise Garbled(f"{key} is no id")
    return value


def word(of: Row, key: str) -> str:
    """As `text`, but "" where it is missing, null or empty."""
    return "" if of.get(key) in (None, "") else text(of, key)


def number(of: Row, key: str) -> Decimal:
    """A finite Decimal from text or a JSON number, exactly as written."""
    value = of.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise Garbled(f"{key} is missing or no number")
    made = Decimal(value)
    if abs(made) > BIGGEST:
        raise Garbled(f"{key} is too large")
    return made


def amount(of: Row, key: str) -> Decimal:
    """As `number`, not below 0."""
    made = number(of, key)
    if made < 0:
        raise Garbled(f"{key} is negative")
    return made


def positive(of: Row, key: str) -> Decimal:
    made = number(of, key)
    if made <= 0:
        raise Garbled(f"{key} is not above 0")
    return made


def flag(of: Row, key: str) -> bool:
    value = of.get(key)
    if not isinstance(value, bool):
        raise Garbled(f"{key} is neither true nor false")
    return value


def millis(of: Row, key: str) -> int:
    """A time in ms UTC from a whole number of ms."""
    value = of.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not EARLIEST <= value <= LATEST:
        raise Garbled(f"{key} is no time")
    return value


def iso(of: Row, key: str) -> int:
    """A time in ms UTC from ISO 8601 text; parts of a millisecond are cut off."""
    value = of.get(key)
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    try:
        if not match:
            raise ValueError
        at = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC)
    except ValueError:
        raise Garbled(f"{key} is no time") from None
    made = int(at.timestamp()) * 1000 + int(((match[3] or ".")[1:] + "000")[:3])
    if not EARLIEST <= made <= LATEST:
        raise Garbled(f"{key} is no time")
    return made


def side(of: Row, key: str) -> Side:
    value = of.get(key)
    if value in ("BUY", "buy"):
        return "buy"
    if value in ("SELL", "sell"):
        return "sell"
    raise Garbled(f"{key} is neither buy nor sell")


def plain(value: Decimal) -> str:
    """A Decimal as an exchange wants it: no exponent, no zeros that say nothing."""
    made = format(value, "f")
    return made.rstrip("0").rstrip(".") if "." in made else made
