"""The store of candles: one memory-mapped Arrow file a series, its quality record beside it, written atomically.

    <root>/<exchange>/<timeframe>/<BASE-QUOTE>.arrow and .json

A reader sees the old file or the new one, never a mixture; several processes may read while one writes. Candles in the
store are sorted, unique and possible: what is not is refused here as it is in files.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from engine.access import files
from engine.access.paths import plain
from engine.market.candles import COLUMNS, Candles, DataError, iso
from engine.market.columns import from_numpy, to_numpy
from engine.market.files import check
from engine.market.quality import Quality, assess
from engine.market.symbols import canonical, file_stem, timeframe_ms

_SCHEMA = pa.schema([("ts", pa.int64()), *((name, pa.float64()) for name in COLUMNS)])


@dataclass(frozen=True)
class Series:
    """One stored series and its quality record; `revised` counts candles that a later fetch gave with other values."""

    exchange: str
    symbol: str
    timeframe: str
    path: Path
    quality: Quality
    revised: int


class Store:
    """Candle series under `root` (a folder that is made when first written to). A disk with less than `spare` bytes left takes no
    candles: what an engine lives on comes first. A process sets it for itself."""

    spare: ClassVar[int] = 0

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def path(self, exchange: str, symbol: str, timeframe: str) -> Path:
        timeframe_ms(timeframe)
        plain(exchange, "an exchange")
        return self.root / exchange.lower() / timeframe / f"{file_stem(symbol)}.arrow"

    def write(self, exchange: str, symbol: str, timeframe: str, candles: Candles, *, revised: int = 0) -> Series:
        """Replaces the series by `candles` (checked as a file is; DataError) and returns its record."""
        path = self.path(exchange, symbol, timeframe)
        step = timeframe_ms(timeframe)
        candles = check(_at(candles, step), f"{exchange} {symbol} {timeframe}")
        quality = assess(candles.ts, candles.ohlcv, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_low(path.parent, self.spare)
        columns = [from_numpy(getattr(candles, name)) for name in ("ts", *COLUMNS)]
        with _atomic(path) as file, ipc.new_file(file, _SCHEMA) as writer:
            writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))
        record = {"symbol": canonical(symbol), "revised": revised, "quality": quality.as_dict()}
        with _atomic(path.with_suffix(".json")) as file:
            file.write(json.dumps(record, indent=1).encode())
        return Series(exchange.lower(), canonical(symbol), timeframe, path, quality, revised)

    def append(self, exchange: str, symbol: str, timeframe: str, candles: Candles) -> Series:
        """Merges `candles` into the series; where a time is in both the new row counts, and a different one is
        counted.
        """
        path = self.path(exchange, symbol, timeframe)
        if not path.exists():
            return self.write(exchange, symbol, timeframe, candles)
        old, new = self.read(exchange, symbol, timeframe), check(_at(candles, timeframe_ms(timeframe)), str(path))
        revised = self._revised(path) + _differing(old, new)
        kept = old.take(~np.isin(old.ts, new.ts))
        order = np.argsort(np.concatenate((kept.ts, new.ts)), kind="stable")
        pairs = [(getattr(kept, name), getattr(new, name)) for name in ("ts", *COLUMNS)]
        ts, open_, high, low, close, volume = (np.concatenate(pair)[order] for pair in pairs)
        merged = Candles(ts, open_, high, low, close, volume)
        return self.write(exchange, symbol, timeframe, merged, revised=revised)

    def read(
        self, exchange: str, symbol: str, timeframe: str, start: int | None = None, end: int | None = None
    ) -> Candles:
        """Candles with start <= ts < end (ms UTC) as views of the mapped file; DataError says how to fetch what is
        missing.
        """
        path = self.path(exchange, symbol, timeframe)
        if not path.exists():
            raise DataError(
                f"no {timeframe} candles of {canonical(symbol)} from {exchange} are stored; fetch them with "
                f"`run_engine.py fetch --exchange {exchange} --symbol {symbol} --timeframe {timeframe} --days 90`"
            )
        try:
            with pa.memory_map(str(path)) as source:
                table = ipc.open_file(source).read_all()
            ts, open_, high, low, close, volume = (to_numpy(table[name]) for name in ("ts", *COLUMNS))
        except (pa.ArrowInvalid, KeyError, OSError) as error:
            raise DataError(f"{path} is damaged ({error}); delete it and fetch it again") from error
        found = Candles(ts, open_, high, low, close, volume, timeframe_ms(timeframe), canonical(symbol))
        return found.between(start, end)

    def quality(self, exchange: str, symbol: str, timeframe: str) -> Quality:
        """The stored judgement, made anew from the candles where its file is missing or damaged."""
        path = self.path(exchange, symbol, timeframe)
        record = _record(path)
        if record is not None:
            return Quality(**record["quality"])
        candles = self.read(exchange, symbol, timeframe)
        return assess(candles.ts, candles.ohlcv, candles.timeframe_ms)

    def find(self, exchange: str, symbol: str, timeframe: str) -> Series | None:
        """The record of one series, None where it is not stored."""
        path = self.path(exchange, symbol, timeframe)
        if not path.exists():
            return None
        quality = self.quality(exchange, symbol, timeframe)
        return Series(exchange.lower(), canonical(symbol), timeframe, path, quality, self._revised(path))

    def list(self) -> list[Series]:
        """Everything stored, by exchange, timeframe and symbol."""
        names = [(*path.parts[-3:-1], path.stem) for path in sorted(self.root.glob("*/*/*.arrow"))]
        found = (self.find(exchange, stem.replace("_", ":"), timeframe) for exchange, timeframe, stem in names)
        return [series for series in found if series is not None]

    def delete(self, exchange: str, symbol: str, timeframe: str) -> bool:
        """Takes a series and its record out of the store; False where it is not stored. Open readers keep what they read."""
        path = self.path(exchange, symbol, timeframe)
        stored = path.exists()
        for file in (path, path.with_suffix(".json")):
            file.unlink(missing_ok=True)
        return stored

    def _revised(self, path: Path) -> int:
        record = _record(path)
        return int(record["revised"]) if record else 0


def describe(series: Series) -> str:
    """One line on a stored series, for tables and messages."""
    quality = series.quality
    span = f"{iso(quality.start or 0)} to {iso(quality.end or 0)}"
    return f"{series.exchange} {series.symbol} {series.timeframe}: {quality.rows:,} bars, {span}, grade {quality.grade}"


def _at(candles: Candles, step: int) -> Candles:
    if candles.timeframe_ms in (0, step):
        return replace(candles, timeframe_ms=step)
    raise DataError(f"candles of {candles.timeframe_ms} ms cannot be stored as a series of {step} ms")


def _differing(old: Candles, new: Candles) -> int:
    _, mine, theirs = np.intersect1d(old.ts, new.ts, assume_unique=True, return_indices=True)
    pairs = zip(old.ohlcv, new.ohlcv, strict=True)
    return int(np.logical_or.reduce([a[mine] != b[theirs] for a, b in pairs]).sum()) if mine.size else 0


def _record(path: Path) -> dict[str, Any] | None:
    """The JSON beside a series, or None where there is none that fits the series."""
    file = path.with_suffix(".json")
    try:
        record = json.loads(file.read_bytes())
        Quality(**record["quality"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # A crash between the two renames leaves a record older than its candles.
    return record if file.stat().st_mtime_ns >= path.stat().st_mtime_ns else None


def _refuse_low(folder: Path, spare: int) -> None:
    left = shutil.disk_usage(folder).free if spare else 0
    if left < spare:
        raise DataError(
            f"the disk has {left / 1e6:,.0f} MB left, candles leave {spare / 1e6:,.0f} (warn_mb of [storage]): make room first"
        )


@contextmanager
def _atomic(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under `path` whole, or not at all, even if the power fails."""
    name = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with files.fresh(name) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
