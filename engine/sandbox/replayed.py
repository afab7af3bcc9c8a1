"""Candle files as a market: every candle is given back exactly by its prints. Defects refuse a file, as everywhere."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.market.candles import Candles as FileCandles
from engine.market.candles import DataError
from engine.market.files import Repair, read_candles
from engine.market.symbols import canonical
from engine.sandbox.dice import Floats, Ints
from engine.sandbox.errors import SandboxError
from engine.sandbox.paths import needed
from engine.sandbox.products import Product
from engine.sandbox.simulated import DAY_MS, Candles

SIZE_DIGITS, PRICE_DIGITS, MOST_DIGITS = 8, 10, 12
MOST_UNITS = 2**62
PRINTS_A_SECOND = 1.5


class Replayed:
    """Several series of one timeframe; `products` as derived from the files, `notes` for the person."""

    def __init__(
        self, series: dict[str, Candles], products: dict[str, Product], step_ms: int, notes: tuple[str, ...]
    ) -> None:
        self.series, self.products, self.step_ms, self.notes = series, products, step_ms, notes
        self._typical = {name: float(np.median(c.volume)) for name, c in series.items()}

    def span(self, product_id: str) -> tuple[int, int]:
        """(first candle's start, last candle's end)."""
        ts = self.series[product_id].ts
        return int(ts[0]), int(ts[-1]) + self.step_ms

    def typical(self, product_id: str) -> float:
        return self._typical[product_id]

    def candles(self, product_id: str, start: int, end: int) -> Candles:
        return self.series[product_id].slice(start, end)

    def daily(self, product_id: str, ts: int, days: int) -> Ints:
        """Opens of the candles of the last `days` days before `ts`, one of each day."""
        rows = self.series[product_id].slice(ts - days * DAY_MS, ts)
        first = np.flatnonzero(np.diff(rows.ts // DAY_MS, prepend=-1))
        return np.asarray(rows.open[first])


def read_replay(files: Sequence[str | os.PathLike[str]], repair: Repair | None = None) -> Replayed:
    """Reads candle files (Parquet, Feather, CSV); `SYMBOL=FILE` names the symbol where the file does not. `repair` as
    for any candle file: None refuses defects, `drop` takes bad rows out, `fill` also fills holes (without prints here).

    SandboxError when a file has defects, when the timeframes differ or a symbol comes twice.
    """
    series: dict[str, Candles] = {}
    products: dict[str, Product] = {}
    steps: set[int] = set()
    notes: list[str] = []
    for item in files:
        name, path = _named(os.fspath(item))
        try:
            rows = read_candles(path, repair=repair)
        except DataError as error:
            raise SandboxError(str(error)) from error
        symbol = _symbol(name or rows.symbol or "", path)
        if symbol in series:
            raise SandboxError(f"{path} is a second file for {symbol}; name it otherwise, such as OTHER-USD={path}")
        series[symbol], products[symbol] = _converted(symbol, rows, path, notes)
        steps.add(rows.timeframe_ms)
        notes += [f"{path}: {note}" for note in rows.notes]
    if len(steps) > 1:
        raise SandboxError("the files have different timeframes; replay files of one timeframe")
    return Replayed(series, products, steps.pop(), tuple(notes))


def _named(text: str) -> tuple[str, Path]:
    match = re.fullmatch(r"([A-Za-z0-9]{1,20}[-/_]?[A-Za-z0-9]{2,10})=(.+)", text)
    return (match[1], Path(match[2])) if match else ("", Path(text))


def _symbol(text: str, path: Path) -> str:
    """`BTC-USD` of what the file says, or of the first part of its name that is a pair."""
    for candidate in [text, *re.split(r"[_.]", path.name), path.stem]:
        if re.search("[A-Za-z]{2}", candidate):
            try:
                return canonical(candidate).partition(":")[0].replace("/", "-")
            except ValueError:
                continue
    raise SandboxError(f"{path} does not say its symbol; write BTC-USD={path}")


def _converted(symbol: str, rows: FileCandles, path: Path, notes: list[str]) -> tuple[Candles, Product]:
    """Prices and volumes as whole ticks and lots, on the coarsest decimal grid that holds them exactly; sums of binary
    fractions, which no decimal grid holds, are rounded and noted.
    """
    prices = [rows.open, rows.high, rows.low, rows.close]
    price_digits = _digits(np.concatenate(prices), PRICE_DIGITS, f"{path}: prices", notes)
    exact = len(notes)
    size_digits = _digits(rows.volume, SIZE_DIGITS, f"{path}: volumes", notes)
    rounded = len(notes) > exact
    # Lots of 1e-8 as on the real exchange, coarser only where a file's volumes would not fit.
    total = float(rows.volume.sum())
    while size_digits < SIZE_DIGITS and total * 10.0 ** (size_digits + 1) < MOST_UNITS:
        size_digits += 1
    while rounded and size_digits and total * 10.0**size_digits >= MOST_UNITS:
        size_digits -= 1
    if max(total * 10.0**size_digits, float(rows.high.max()) * 10.0**price_digits) >= MOST_UNITS:
        raise SandboxError(
            f"{path}: its numbers are too large for their {size_digits} decimal digits; round them first"
        )
    open_, high, low, close = (_units(column, price_digits) for column in prices)
    lots = _units(rows.volume, size_digits)
    candles = Candles(np.array(rows.ts), open_, high, low, close, lots)
    _refuse_silent_moves(candles, path)
    traded = Candles(*(column[lots > 0] for column in candles))
    if not len(traded.ts):
        raise SandboxError(f"{path} has no candle with volume; prints need volume, so it cannot be replayed")
    base = symbol.partition("-")[0]
    return traded, Product(symbol, base, price_digits, size_digits, 0.0, 0.0, 0.0, 0.0, PRINTS_A_SECOND, 0.0002)


def _refuse_silent_moves(candles: Candles, path: Path) -> None:
    """SandboxError for candles whose prices moved on less volume than it takes."""
    moving = candles.high > candles.low
    bad = moving & (candles.volume < needed(candles))
    if bad.any():
        first = int(candles.ts[np.argmax(bad)])
        raise SandboxError(
            f"{path}: {int(bad.sum())} candles moved without volume (the first at {first} ms), which prints cannot "
            "reproduce; replay candles of a market that trades, or remove those rows"
        )


def _digits(column: Floats, otherwise: int, what: str, notes: list[str]) -> int:
    """The fewest decimal digits that hold every value exactly; `otherwise`, and a note, where there is no such number."""
    for digits in range(MOST_DIGITS + 1):
        if np.array_equal(np.rint(column * 10.0**digits) / 10.0**digits, column):
            return digits
    notes.append(
        f"{what} are no decimal numbers of at most {MOST_DIGITS} digits and were rounded to {otherwise} or fewer"
    )
    return otherwise


def _units(column: Floats, digits: int) -> Ints:
    return np.asarray(np.rint(column * 10.0**digits).astype(np.int64))
