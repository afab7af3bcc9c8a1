"""A venue's text into exact numbers: prices into integer ticks, times into ms. No venue's message shapes are known
here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from engine.core.types import Instrument

DEEPEST = 32
"""Lists and objects within one another in a message; those of every recorded stream are four."""
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_TEN = [10**n for n in range(40)]
_MAX_TICKS = 9_000_000_000_000_000
MAX_QTY = 1e18


def loads(text: str | bytes) -> Any:
    """A venue's JSON. ValueError for what is none, or is deeper than anything that a venue says."""
    data = text.encode() if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") > DEEPEST and not _shallow(_STRING.sub(b"", data)):
        raise ValueError(f"lists within lists, more than {DEEPEST} deep")
    return orjson.loads(data)


def _shallow(data: bytes) -> bool:
    """Whether nothing is left of the brackets once the innermost pairs are taken out so many times."""
    left = data.translate(_ALIKE, _NO_BRACKETS)
    for _ in range(DEEPEST):
        if not left:
            break
        left = left.replace(b"[]", b"")
    return not left


class Listed(NamedTuple):
    """One symbol on a venue: the run's index of it, and its tick as `tn / 10**digits`."""

    symbol: int
    digits: int
    tn: int


Listing = dict[str, Listed]
"""A venue's own symbol names -> what we know of them."""


def listing(instruments: Sequence[Instrument], native: Callable[[str], str]) -> Listing:
    """The run's instruments, in its order, under the names the venue uses."""
    return {native(i.symbol): Listed(n, _digits(i), i.tick_ratio[0]) for n, i in enumerate(instruments)}


def _digits(instrument: Instrument) -> int:
    return len(str(instrument.tick_ratio[1])) - 1


def to_ticks(price: object, listed: Listed) -> int:
    """A price as sent (text, or a JSON number) in whole ticks, exactly; off the grid it goes to the nearest, half to
    even.

    ValueError for what is no price above zero. A JSON number is read by its shortest decimal form, which is what was
    sent.
    """
    text = price if type(price) is str else repr(price)
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    missing = listed.digits - len(fraction)
    if missing < 0 or not (digits.isdecimal() and digits.isascii()):
        return _slow_ticks(text, listed)
    ticks: int = int(digits) * _TEN[missing]
    if listed.tn != 1:
        ticks, rest = divmod(ticks, listed.tn)
        if rest:
            return _slow_ticks(text, listed)
    if not 0 < ticks < _MAX_TICKS:
        raise ValueError(f"price {text!r} is out of range")
    return ticks


def _slow_ticks(text: str, listed: Listed) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"price {text!r} is no number") from None
    if "_" in text or not text.isascii() or not value.is_finite() or not 0 < value < _MAX_TICKS:
        raise ValueError(f"price {text!r} is out of range")
    ticks = int((value * _TEN[listed.digits] / listed.tn).to_integral_value(ROUND_HALF_EVEN))
    if not 0 < ticks < _MAX_TICKS:
        raise ValueError(f"price {text!r} is out of range")
    return ticks


def to_qty(qty: Any) -> float:
    """A quantity as sent; ValueError for what is negative, not finite or no number."""
    value = float(qty)
    if not 0.0 <= value < MAX_QTY or qty is True or qty is False:
        raise ValueError(f"quantity {qty!r} is out of range")
    return value


def to_id(trade_id: Any) -> int | str:
    """A trade id: a number where it is one (so that ids order), else its text; ValueError when empty."""
    if type(trade_id) is int:
        return trade_id
    text = str(trade_id)
    if not text or trade_id is None:
        raise ValueError("a print has no trade id")
    return int(text) if text.isdecimal() and len(text) < 19 else text


@lru_cache(maxsize=256)
def _second_ms(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // _MS


def iso_ms(text: str) -> int:
    """ms UTC of `2023-02-09T20:19:35.39625135Z` (any number of digits, cut to ms) or any ISO 8601 with a zone."""
    if len(text) >= 20 and text[-1] == "Z" and text[10] == "T":
        fraction = text[20:-1] if text[19] == "." else ""
        if text[19] in ".Z" and (fraction or text[19] == "Z") and (not fraction or fraction.isdecimal()):
            return _second_ms(text[:19]) + int((fraction + "000")[:3])
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} names no zone")
    return (moment - _EPOCH) // _MS
