"""Numbers, times and names as a trader reads them. Pure; a missing value is a dash, never a zero."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from engine.research import report_words
from engine.research.report_words import DASH, MINUS, MONTHS, many, number, percent

__all__ = ["DASH", "MINUS", "MONTHS", "many", "number", "percent"]  # a report writes them alike

STEPS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def missing(value: float | None) -> bool:
    """None, NaN and infinity."""
    return value is None or not math.isfinite(value)


def money(value: float | None, quote: str = "", *, sign: bool = False) -> str:
    """An amount in quote currency."""
    text = number(value, 2, sign=sign)
    return text if text == DASH or not quote else f"{text} {quote}"


def price(value: float | None) -> str:
    """A price with the digits its size needs: 61,250.50, 1.2345, 0.00001234."""
    return DASH if value is None or missing(value) else report_words.price(value)


def quantity(value: float | None) -> str:
    """An amount of coins, up to eight digits, no trailing zeros."""
    if value is None or missing(value):
        return DASH
    return f"{value:,.8f}".rstrip("0").rstrip(".")


def duration(ms: float | None) -> str:
    """A length of time in its two largest units: 2 h 5 min, 45 s, 0.4 s."""
    if ms is None or missing(ms):
        return DASH
    if ms < 10_000:
        return f"{max(ms, 0) / 1000:.1f} s"
    rest, parts = int(ms), []
    for size, unit in STEPS:
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
        elif parts:
            break
    return " ".join(parts[:2])


def when(ts: float | None, *, seconds: bool = False) -> str:
    """A moment in UTC: 2026-01-31 12:04."""
    if ts is None or missing(ts):
        return DASH
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def timeframe(ms: int) -> str:
    """60000 as 1m, as exchanges write it."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")):
        if ms >= size and ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms} ms"


ABBREVIATIONS = {"sma", "ema", "rsi", "macd", "atr", "vwap", "ai"}


def strategy(name: str) -> str:
    """sma_cross as SMA cross."""
    words = [word.upper() if word in ABBREVIATIONS else word for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def slot(strategy_name: str, symbol: str, label: str = "") -> str:
    """A slot as it is called on screen: SMA cross on BTC/USD."""
    text = f"{strategy(strategy_name)} on {symbol}"
    return f"{text} ({label})" if label else text


def side(direction: float) -> str:
    """Long or short, with a shape beside the word."""
    return "\u25b2 long" if direction > 0 else "\u25bc short"


REASONS = {
    "exit": "signal",
    "stop": "stop",
    "target": "target",
    "trail": "trailing stop",
    "time": "time stop",
    "breakeven": "break-even stop",
    "flatten": "flattened",
    "manual": "by hand",
    "outage": "stop after an outage",
    "wiped_out": "wiped out",
}


def exit_reason(code: str) -> str:
    """Why a trade ended, in words."""
    return REASONS.get(code, code.replace("_", " "))


BREAKERS = {
    "ai_budget": "AI budget",
    "slot_loss": "daily loss of a slot",
    "symbol_loss": "daily loss of a symbol",
    "storage": "disk or database",
}


def breaker(name: str) -> str:
    """A breaker's name in words, without the key of the slot that it guards."""
    code = name.partition(":")[0]
    return BREAKERS.get(code, words(code))


def words(code: str) -> str:
    """A code such as reduce_only in words."""
    return code.replace("_", " ")


GRADES = {"none": "NO EDGE SHOWN", "weak": "WEAK", "fair": "FAIR", "strong": "STRONG"}
"""What a verdict (engine.analytics.verdict) says of an edge."""


def sentence(text: str) -> str:
    """A sentence of our own as markdown: nothing in it is a formula."""
    return text.replace("$", r"\$").replace("~", r"\~")
