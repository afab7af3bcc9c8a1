"""What the market did, a UTC day at a time: closes of symbols from the candle store, or from the bars that the run itself saw.

Files are read, nothing is fetched. A symbol without candles is left out, and the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from db.queries import Column
from engine.analytics.curve import Curve
from engine.core.types import MS_DAY, TF_BAR
from engine.market.candles import DataError
from engine.market.store import Store

DOLLARS = ("USD", "USDT", "USDC")
"""Quotes that stand for each other where a return is asked for."""
FIRST = ("1h", "4h", "1d", "30m", "15m", "5m", "1m")
"""The quickest to read that still ends at midnight comes first."""


def last_of_day(ends: Column, closes: Column) -> tuple[Column, Column]:
    """(days int64[d] since 1970, the last close of each): `ends` int64[n] are the bars' ends, ms UTC, in order."""
    day = (np.asarray(ends, np.int64) - 1) // MS_DAY
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1)) if day.size else np.zeros(0, np.int64)
    return day[last], np.asarray(closes, np.float64)[last]


def closes(
    folder: Path, run_id: int, exchange: str, symbols: Sequence[str], first: int, last: int
) -> dict[str, tuple[Column, Column]]:
    """By symbol (days, closes) from day `first` to day `last`, where there are any: the source that knows most of these days."""
    store = Store(folder / "candles")
    series = _stored(folder / "candles")
    found = {}
    for symbol in symbols:
        best: tuple[Column, Column] | None = _own(folder / "runs" / str(run_id) / "bars", symbol, first, last)
        for name, pair, timeframe in _candidates(series, exchange, symbol):
            candles = store.read(name, pair, timeframe, first * MS_DAY, (last + 1) * MS_DAY)
            made = last_of_day(candles.ts + candles.timeframe_ms, candles.close)
            if best is None or made[0].size > best[0].size:
                best = made
            if best[0].size > 0.9 * (last - first + 1):
                break
        if best is not None and best[0].size > 1:
            found[symbol] = best
    return found


def longest(folder: Path, symbol: str) -> tuple[Column, Column]:
    """(days int64[d] since 1970, the last close of each): the stored series of the symbol, whatever dollar it is quoted in, that
    knows most days; empty without one."""
    store, best = Store(folder / "candles"), (np.zeros(0, np.int64), np.zeros(0))
    for name, pair, timeframe in _candidates(_stored(folder / "candles"), "", symbol):
        try:
            candles = store.read(name, pair, timeframe)
        except (DataError, ValueError):
            continue
        made = last_of_day(candles.ts + candles.timeframe_ms, candles.close)
        best = made if made[0].size > best[0].size else best
    return best


def _stored(root: Path) -> list[tuple[str, str, str]]:
    """(exchange, symbol's stem, timeframe) of every file; quality records are not read."""
    return [(*path.parts[-3:-1], path.stem) for path in sorted(root.glob("*/*/*.arrow"))]  # type: ignore[misc]


def _candidates(series: Sequence[tuple[str, str, str]], exchange: str, symbol: str) -> list[tuple[str, str, str]]:
    """Series that tell of a symbol, the run's exchange and the very pair before others."""
    base, _, quote = symbol.partition("/")
    quotes = DOLLARS if quote in DOLLARS else (quote,)
    found = []
    for name, timeframe, stem in series:
        pair = stem.replace("-", "/").partition("_")[0]
        own, _, theirs = pair.partition("/")
        if own == base and theirs in quotes and timeframe in FIRST:
            found.append((name != exchange, theirs != quote, FIRST.index(timeframe), name, pair, timeframe))
    return [(name, pair, timeframe) for *_, name, pair, timeframe in sorted(found)]


def _own(folder: Path, symbol: str, first: int, last: int) -> tuple[Column, Column] | None:
    """From the bars a paper or live run kept of what its strategies saw; prices in ticks, which returns do not mind."""
    best: tuple[Column, Column] | None = None
    for path in sorted(folder.glob(f"{symbol.replace('/', '-')}-*s.bars")):
        try:
            step = int(path.stem.rpartition("-")[2].removesuffix("s")) * 1000
            bars = np.fromfile(path, TF_BAR, path.stat().st_size // TF_BAR.itemsize)
        except (OSError, ValueError):
            continue
        days, close = last_of_day(bars["ts"] + step, bars["close"])
        inside = (days >= first) & (days <= last)
        if best is None or inside.sum() > best[0].size:
            best = days[inside], close[inside]
    return best


def levels(found: dict[str, tuple[Column, Column]], first: int, last: int) -> tuple[list[str], Column]:
    """(symbols, float64[days, symbols]): closes on the same days; a missing one is that of the day before, NaN before the
    first and after the last that is known."""
    table = np.full((last - first + 1, len(found)), np.nan)
    for k, (days, close) in enumerate(found.values()):
        table[days - first, k] = close
        at = np.arange(days[0] - first, days[-1] - first + 1)
        table[at, k] = close[np.searchsorted(days - first, at, "right") - 1]
    return list(found), table


def together(names: Sequence[str], table: Column, least: float = 0.6) -> tuple[list[str], Column]:
    """(symbols, float64[days, symbols]): daily returns of the symbols that know at least this share of the days, on the days that
    all of them know; symbols that know too few are left out."""
    returns = table[1:] / table[:-1] - 1
    known = np.isfinite(returns)
    kept = np.flatnonzero(known.mean(axis=0) >= least) if len(returns) else np.zeros(0, np.int64)
    rows = known[:, kept].all(axis=1)
    return [names[int(i)] for i in kept], returns[np.ix_(rows, kept)]


def held(table: Column, first: int) -> Curve | None:
    """One unit put in equal parts into the columns of `table` float64[days, symbols] on the first day that knows all of them,
    and never touched, up to the last day that does; `first` is the UTC day (since 1970) of the first row. None where no day
    knows them all."""
    known = np.flatnonzero(np.isfinite(table).all(axis=1)) if table.shape[1] else np.zeros(0, np.int64)
    if not known.size:
        return None
    begun, over = int(known[0]), int(known[-1]) + 1
    grown = (table[begun:over] / table[begun]).mean(axis=1)
    ts = (first + 1 + np.arange(begun, over)) * MS_DAY
    return Curve(ts[1:], grown[1:], 1.0, int(ts[0]), int(ts[-1]))
