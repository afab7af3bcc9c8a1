"""Numbers and times as a report writes them: text only, a missing value is a dash. No HTML is made here."""

from __future__ import annotations

import math
from datetime import UTC, datetime

DASH, MINUS = "\u2013", "\u2212"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LENGTHS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """1234.5 as 1,234.50; with `sign` a plus or a minus before all but zero."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{abs(value):,.{digits}f}"
    if not any(figure in "123456789" for figure in text):
        return text
    return (MINUS if value < 0 else "+" if sign else "") + text


def percent(fraction: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """A fraction as percent."""
    text = number(None if fraction is None else fraction * 100, digits, sign=sign)
    return text if text == DASH else f"{text} %"


def price(value: float) -> str:
    """With the digits that its size needs."""
    size = abs(value)
    return number(value, 2 if size >= 100 else 4 if size >= 1 else 6 if size >= 0.01 else 10)


def length(seconds: float | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 1:
        return f"{max(seconds, 0):.1f} s"
    parts: list[str] = []
    for size, unit in _LENGTHS:
        if seconds >= size:
            parts.append(f"{int(seconds // size)} {unit}")
            seconds %= size
        elif parts:
            break
    return " ".join(parts[:2])


def when(ts: float) -> str:
    """A moment in UTC: 2026-01-31 12:04."""
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def day(ts: float) -> str:
    """Its UTC day: 2026-01-31."""
    return when(ts)[:10]


def in_unit(unit: str, value: float | None, *, sign: bool = False) -> str:
    """A statistic by the unit of its definition."""
    if unit == "fraction":
        return percent(value, sign=sign)
    if unit == "count":
        return number(value, 0)
    if unit == "seconds":
        return length(value)
    if unit == "days":
        text = number(value, 0)
        return text if text == DASH else f"{text} d"
    return number(value, sign=sign)


def words(code: str) -> str:
    """A code such as sma_cross in words."""
    return code.replace("_", " ")


def many(n: int, what: str) -> str:
    """3 trades, 1 trade."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"
