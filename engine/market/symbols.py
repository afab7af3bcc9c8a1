"""Names of symbols and timeframes, one canonical spelling each. No exchange is asked here."""

from __future__ import annotations

import re

QUOTES = (
    "FDUSD", "TUSD", "USDT", "USDC", "BUSD", "USDP", "PYUSD", "DAI", "UST",
    "USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "BRL", "TRY", "KRW", "MXN", "ZAR",
    "BTC", "ETH", "BNB",
)  # fmt: skip
"""Currencies that prices are quoted in, longer names before those they end with."""

_PAIR = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{2,10}")
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_TIMEFRAME = re.compile(r"([1-9][0-9]{0,4})([smhdw])")


def canonical(text: str) -> str:
    """`BTC/USD` for `BTC/USD`, `BTC-USD`, `BTC_USD`, `BTCUSD` in any case; a settlement suffix (`:USDT`) is kept.

    ValueError, with what is accepted, when the two halves cannot be told apart.
    """
    name = text.strip().upper()
    name, colon, settle = name.partition(":")
    pair = re.sub(r"[-_ ]", "/", name) if "/" not in name else name
    if "/" not in pair:
        quote = next((q for q in QUOTES if pair.endswith(q) and len(pair) > len(q)), None)
        if quote:
            pair = f"{pair.removesuffix(quote)}/{quote}"
    if not _PAIR.fullmatch(pair):
        raise ValueError(f"symbol {text!r} is not a pair: write base and quote, such as BTC/USD, BTC-USD or BTCUSD")
    return pair + colon + settle


def file_stem(symbol: str) -> str:
    """`BTC-USD` of `BTC/USD`: the name used in paths."""
    return canonical(symbol).replace("/", "-").replace(":", "_")


def timeframe_ms(text: str) -> int:
    """Milliseconds of `1s`, `1m`, `15m`, `4h`, `1d`, `1w`; ValueError with what is accepted."""
    match = _TIMEFRAME.fullmatch(text.strip())
    if not match:
        raise ValueError(
            f"timeframe {text!r} is not known: write a number and s, m, h, d or w, such as 1m, 15m, 4h or 1d"
        )
    return int(match[1]) * _UNITS[match[2]]


def timeframe_name(ms: int) -> str:
    """The shortest spelling: 60000 is `1m`, 3600000 is `1h`."""
    for unit in ("w", "d", "h", "m", "s"):
        if ms > 0 and ms % _UNITS[unit] == 0:
            return f"{ms // _UNITS[unit]}{unit}"
    raise ValueError(f"a timeframe is a whole number of seconds, got {ms} ms")


def canonical_slot(text: str) -> str:
    """A symbol, or `strategy:symbol`, with the symbol in any spelling, as the canonical one; everything else as it stands."""
    strategy, colon, symbol = text.rpartition(":")
    try:
        return f"{strategy}{colon}{canonical(symbol)}"
    except ValueError:
        return text
