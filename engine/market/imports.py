"""Other people's candle files: which layout it is, what it is of, and its candles. `files` reads them, `store` keeps them.

Known by name: ccxt (JSON, CSV), freqtrade (Feather, JSON), Binance Vision (CSV and zip, with and without header),
CryptoDataDownload, Kaggle's Bitstamp minutes. Any other table with the columns of a candle is taken as `files` takes it.
"""

from __future__ import annotations

import gzip
import os
import re
import tempfile
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from engine.access import unpack
from engine.market.candles import COLUMNS, Candles, DataError
from engine.market.files import Repair, check, read_candles
from engine.market.quality import Quality, assess
from engine.market.symbols import QUOTES, canonical, timeframe_name
from engine.market.tables import likely_order, text_bytes

EXCHANGES = frozenset(
    "binance binanceus bitfinex bitstamp bybit coinbase gemini kraken kucoin okx poloniex bitmex hitbtc bittrex gateio".split()
)
"""Names looked for in a file's name."""
_FREQTRADE = re.compile(r"([A-Z0-9]+)_([A-Z0-9]+)(?:_[A-Z0-9]+)?-(\d+[smhdw])(?:-\w+)?$", re.I)
MOST_BYTES = 1_000_000_000
_ORDER = ("ts", *COLUMNS)


@dataclass(frozen=True)
class Found:
    """A file understood: its candles, checked; `layout` in words; `exchange` and `symbol` where it says them, else ""."""

    candles: Candles
    layout: str
    exchange: str
    symbol: str
    quality: Quality

    @property
    def timeframe(self) -> str:
        """`1m` for minutes; ValueError where the candles have no whole seconds between them."""
        return timeframe_name(self.candles.timeframe_ms)

    @property
    def notes(self) -> tuple[str, ...]:
        return self.candles.notes


def look(path: str | os.PathLike[str], name: str = "", repair: Repair | None = None) -> Found:
    """A candle file read and named; `name` is what it was called where `path` is a copy. DataError as `files` raises it."""
    place, called = Path(path), name or Path(path).name
    candles, layout = _json(place, called, repair) if _is_json(called) else _table(place, called, repair)
    symbol = candles.symbol or symbol_in(called)
    exchange = _exchange(called, layout)
    if not candles.timeframe_ms or candles.timeframe_ms % 1000:
        raise DataError(
            f"{called}: the time between its candles is unclear; give at least two candles on a regular grid"
        )
    quality = assess(candles.ts, candles.ohlcv, candles.timeframe_ms)
    return Found(candles, layout, exchange, symbol, quality)


def symbol_in(name: str) -> str:
    """The pair in a file's name (BTCUSDT-1m-2026-03.zip, BTC_USDT-5m.feather, Coinbase_BTCUSD_1h.csv), or ""."""
    stem = name.split(".")[0]
    if stem.lower().startswith(("bitstampusd", "coinbaseusd")):  # how one collection names its two files of bitcoin
        return "BTC/USD"
    whole = _FREQTRADE.match(stem)
    if whole and whole[2].upper() in QUOTES:
        return f"{whole[1]}/{whole[2]}".upper()
    parts = [part for part in re.split(r"[-_ ]+", stem) if part and part.lower() not in EXCHANGES]
    for text in [*(f"{a}/{b}" for a, b in pairwise(parts) if b.upper() in QUOTES), *parts]:
        try:
            pair = canonical(text)
        except ValueError:
            continue
        if pair.partition("/")[2] in QUOTES:
            return pair
    return ""


def _exchange(name: str, layout: str) -> str:
    if layout.startswith("Binance"):
        return "binance"
    words = re.split(r"[^a-z]+", name.lower().replace("bitstampusd", "bitstamp").replace("coinbaseusd", "coinbase"))
    return next((word for word in words if word in EXCHANGES), "bitstamp" if layout.startswith("Kaggle") else "")


def _is_json(name: str) -> bool:
    return name.lower().endswith((".json", ".json.gz"))


def _json(path: Path, name: str, repair: Repair | None) -> tuple[Candles, str]:
    """An array of [ms, open, high, low, close, volume], as ccxt returns and freqtrade stores it, or of objects."""
    try:
        data = path.read_bytes()
        unpack.check(data, name, MOST_BYTES, MOST_BYTES)
        rows = orjson.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{name} cannot be read as JSON ({error}); export it again") from error
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        rows = _listed(rows, name)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and len(row) >= 6 for row in rows):
        raise DataError(f"{name} is no array of candles: each must be [ms since 1970, open, high, low, close, volume]")
    freqtrade = bool(_FREQTRADE.match(name.split(".")[0]))
    try:
        values = np.array([[np.nan if cell is None else float(cell) for cell in row[:6]] for row in rows])
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} holds something that is no number ({error}); export it again") from error
    ts = _milliseconds(values[:, 0], name)
    columns = [np.ascontiguousarray(values[:, k]) for k in range(1, 6)]
    candles = _checked(Candles(ts, columns[0], columns[1], columns[2], columns[3], columns[4]), name, repair)
    return candles, "freqtrade JSON" if freqtrade else "ccxt JSON (an array of candles)"


def _listed(rows: list[Any], name: str) -> list[list[Any]]:
    keys = {str(key).lower(): key for key in rows[0]}
    time = next((keys[key] for key in ("timestamp", "ts", "time", "date", "open_time") if key in keys), None)
    if time is None or any(column not in keys for column in COLUMNS):
        raise DataError(
            f"{name}: its objects name {', '.join(map(str, rows[0]))}; they must name timestamp, {', '.join(COLUMNS)}"
        )
    return [[row.get(time), *(row.get(keys[column]) for column in COLUMNS)] for row in rows]


def _milliseconds(values: Any, name: str) -> Any:
    size = float(values[0]) if len(values) else 0.0
    factor = next(
        (f for low, high, f in ((1e8, 2e10, 1e3), (1e11, 2e13, 1.0), (1e14, 2e16, 1e-3)) if low <= size < high), None
    )
    if factor is None or not np.isfinite(values).all():
        raise DataError(f"{name}: its first column begins with {size:g}, which is no time in s, ms or us since 1970")
    return np.rint(values * factor).astype(np.int64)


def _checked(candles: Candles, name: str, repair: Repair | None) -> Candles:
    try:
        return check(candles, name, repair)
    except DataError as error:
        if repair is None and set(error.counts) == {"unsorted"}:
            return _sorted_note(check(candles, name, "drop"))
        raise


def _table(path: Path, name: str, repair: Repair | None) -> tuple[Candles, str]:
    """Parquet, Feather, CSV. Two things that lose nothing are done unasked, and said: sorting, and leaving out minutes that a
    file lists without any number because nothing was traded."""
    with _named(path, name) as file:
        layout = _layout(file, name)
        if layout.startswith("Kaggle"):
            return _traded(read_candles, file, name, repair), layout
        try:
            return read_candles(file, None, repair), layout
        except DataError as error:
            if repair is None and set(error.counts) == {"unsorted"}:
                return _sorted_note(read_candles(file, None, "drop")), layout
            if "no header" in str(error) and (headed := _headed(file)) is not None:
                with headed as copy:
                    return read_candles(
                        copy, None, repair
                    ), "ccxt CSV without header (ms, open, high, low, close, volume)"
            raise


def _sorted_note(candles: Candles) -> Candles:
    kept = tuple(note for note in candles.notes if not note.startswith("repaired:"))
    return replace(candles, notes=("rows were out of order (newest first, as a rule): sorted by time", *kept))


def _traded(read: Any, file: Path, name: str, repair: Repair | None) -> Candles:
    try:
        return read(file, None, repair)  # type: ignore[no-any-return]
    except DataError as error:
        if repair is not None or set(error.counts) - {"nan", "unsorted"}:
            raise
        empty = int(error.counts.get("nan", 0))
    candles: Candles = read(file, None, "drop")
    kept = tuple(note for note in candles.notes if not note.startswith("repaired:"))
    note = f"{empty:,} minutes that the file lists without a number (nothing was traded) left out"
    return replace(candles, notes=(note, *kept))


class _named:
    """The file under the name it was called by: readers tell formats by its ending, and name it in their messages."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Path:
        if self.path.name == self.name or not self.path.is_file():
            return self.path
        self._folder = tempfile.TemporaryDirectory()
        place = Path(self._folder.name) / Path(self.name).name
        place.symlink_to(self.path.resolve())
        return place

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _head(file: Path, lines: int = 40) -> list[str]:
    """The first lines of a text file, packed or not; none of a binary one."""
    if file.suffix.lower() in (".parquet", ".pq", ".feather", ".arrow", ".ipc") or not file.is_file():
        return []
    try:
        return text_bytes(file, [])[:65_536].decode("utf-8-sig", "replace").splitlines()[:lines]
    except (OSError, DataError):  # what is wrong with the archive, the reader says better
        return []


def _layout(file: Path, name: str) -> str:
    suffix, lines = file.suffix.lower(), _head(file)
    if suffix in (".feather", ".arrow", ".ipc"):
        return "freqtrade Feather" if _FREQTRADE.match(name.split(".")[0]) else "Feather"
    if suffix in (".parquet", ".pq"):
        return "freqtrade Parquet" if _FREQTRADE.match(name.split(".")[0]) else "Parquet"
    text = "\n".join(lines[:3]).lower()
    if "cryptodatadownload" in text or re.search(r"unix,date,symbol,open", text):
        return "CryptoDataDownload CSV"
    if "weighted_price" in text or ("timestamp,open,high,low,close,volume" in text and "bitstamp" in name.lower()):
        return "Kaggle Bitstamp CSV"
    cells = lines[0].split(",") if lines else []
    if len(cells) == 12:
        return f"Binance Vision CSV {'with' if cells[0].strip().lower().startswith('open') else 'without'} header"
    return "ccxt CSV" if text.startswith("timestamp,open,high,low,close,volume") else "CSV"


class _headed_copy(_named):
    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory()
        place = Path(self._folder.name) / f"{self.name.split('.')[0]}.csv"
        place.write_bytes(",".join(_ORDER).encode() + b"\n" + text_bytes(self.path, []).removeprefix(b"\xef\xbb\xbf"))
        return place


def _headed(file: Path) -> _named | None:
    """A copy with a header line, where the values fit ccxt's order of columns and no other."""
    rows = [line.split(",") for line in _head(file)]
    if likely_order(rows) != list(_ORDER):
        return None
    return _headed_copy(file, file.name)
