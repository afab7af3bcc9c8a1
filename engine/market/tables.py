"""A candle file's bytes into named columns: finds the format, the header, the columns. Values are judged elsewhere."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.feather as feather
import pyarrow.parquet as parquet

from engine.market.candles import COLUMNS, DataError

WANTED = "ts, open, high, low, close, volume"
_TIMES = (
    "ts",
    "timestamp",
    "time",
    "open_time",
    "opentime",
    "unix_timestamp",
    "unix",
    "date",
    "datetime",
    "start",
    "__index_level_0__",
)
_NAMES = {
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "base_volume", "volume_base"),
}
_KLINE = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "b",
    "q",
    "ignore",
)
_NOTHING = ("", "nan", "NaN", "NAN", "null", "NULL", "None", "NA", "N/A", "n/a", "-")
_MONEY = ("usd", "usdt", "usdc", "eur", "gbp", "quote", "from")


class Table:
    """Named Arrow columns of one file. `columns` has keys ts, open, high, low, close, volume and maybe symbol."""

    def __init__(
        self, place: str, columns: dict[str, pa.ChunkedArray], names: dict[str, str], notes: list[str]
    ) -> None:
        self.place, self.columns, self.names, self.notes = place, columns, names, notes


def read_table(path: Path, rows: int | None = None) -> Table:
    """Reads the first `rows` rows of a Parquet, Feather or CSV file (CSV also as .gz or .zip); DataError says what is
    wrong.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name one candle file in it")
    if not path.stat().st_size:
        raise DataError(f"{path.name} is empty; fetch or export it again")
    notes: list[str] = []
    try:
        suffix = path.suffix.lower()
        if suffix in (".parquet", ".pq"):
            table = parquet.ParquetFile(path).read()
        elif suffix in (".feather", ".arrow", ".ipc"):
            table = feather.read_table(path)
        else:
            table = _read_csv(path, notes)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = f"give Parquet, Feather or CSV with columns {WANTED}"
        raise DataError(f"{path.name} cannot be read as a candle file ({reason}); {remedy}") from error
    return _named(table.slice(0, rows) if rows is not None else table, path.name, notes)


def _read_csv(path: Path, notes: list[str]) -> pa.Table:
    data = text_bytes(path, notes)
    if b"\x00" in data[:4096]:
        raise DataError(f"{path.name} is not a text file; give Parquet, Feather or CSV with columns {WANTED}")
    lines = data[:65_536].decode("utf-8-sig", "replace").splitlines()[:20]
    delimiter = _delimiter(lines, path.name)
    skip, names = _header(lines, delimiter, path.name, notes)
    options = pacsv.ReadOptions(skip_rows=skip, column_names=list(names))
    # Everything is read as text: conversion is ours, so that a bad value is named with its row.
    convert = pacsv.ConvertOptions(
        column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=list(_NOTHING)
    )
    return pacsv.read_csv(io.BytesIO(data), options, pacsv.ParseOptions(delimiter=delimiter), convert)


def text_bytes(path: Path, notes: list[str]) -> bytes:
    """A text file's bytes, taken out of .gz or .zip; what was taken out is told in `notes`. DataError where it cannot be."""
    data = path.read_bytes()
    try:
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        return _member(data, path.name, notes) if data[:4] == b"PK\x03\x04" else data
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # zipfile says with a RuntimeError that a password is wanted, or a compression that Python has not.
        reason = str(error).strip() or type(error).__name__
        raise DataError(
            f"{path.name} cannot be unpacked ({reason}): unpack it and give the file that is in it"
        ) from error


def _member(data: bytes, place: str, notes: list[str]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [name for name in archive.namelist() if not name.endswith("/")]
        if len(members) != 1:
            raise DataError(f"{place} holds {len(members)} files; unpack it and name one candle file")
        notes.append(f"read {members[0]} in the archive")
        return archive.read(members[0])


def _delimiter(lines: Sequence[str], place: str) -> str:
    for delimiter in (",", ";", "\t"):
        if any(line.count(delimiter) >= 4 for line in lines):
            return delimiter
    raise DataError(f"{place} has no rows of at least five columns; a candle file has the columns {WANTED}")


def _header(lines: Sequence[str], delimiter: str, place: str, notes: list[str]) -> tuple[int, list[str]]:
    """(lines to skip, column names): the header may stand below comment lines; a file without one is refused unless
    it is the twelve-column kline layout, which proves itself by its close times."""
    for i, line in enumerate(lines):
        cells = [cell.strip().strip('"') for cell in line.split(delimiter)]
        words = [_plain(cell) for cell in cells]
        if len(cells) >= 5 and sum(word in names for names in _NAMES.values() for word in words) >= 3:
            if i:
                notes.append(f"skipped {i} line{'s' if i > 1 else ''} above the header")
            return i + 1, _unique(cells)
    first = next((line for line in lines if line.count(delimiter) >= 4), "")
    cells = [cell.strip() for cell in first.split(delimiter)]
    if "{" in first:
        raise DataError(
            f"{place} holds messages, not a table of candles; give Parquet, Feather or CSV with columns {WANTED}"
        )
    if not all(_numeric(cell) for cell in cells):
        raise DataError(
            f"{place}: the header names {', '.join(repr(cell) for cell in cells[:12])}; it must name {WANTED}"
        )
    if _is_kline(cells):
        notes.append("no header, but the twelve columns of a Binance kline file")
        return 0, list(_KLINE)
    order = likely_order([line.split(delimiter) for line in lines])
    advice = f"the values fit `{','.join(order)}`" if order else "in the order your source documents"
    raise DataError(
        f"{place} has no header line, so its columns cannot be told apart (first row: {first[:90]}); put a line that "
        f"names them on top ({advice})"
    )


def likely_order(rows: Sequence[Sequence[str]]) -> list[str]:
    """The one order of ts, open, high, low, close, volume that the first rows fit, or [] when none or several do.

    The high is never below, the low never above the others, and an open lies nearer to the close before than a close
    does to the open before.
    """
    try:
        values = np.array([[float(cell) for cell in row] for row in rows if len(row) == 6])
    except ValueError:
        return []
    if len(values) < 3 or not (np.diff(values[:, 0]) > 0).all() or values[0, 0] < 1e8:
        return []
    fits = []
    for order in permutations(range(1, 5)):
        o, h, low, c = (values[:, i] for i in order)
        if (h >= np.maximum(o, c)).all() and (low <= np.minimum(o, c)).all():
            step = np.abs(o[1:] - c[:-1]).sum()
            fits.append((float(step), order))
    fits.sort()
    if not fits or (len(fits) > 1 and fits[0][0] >= 0.5 * fits[1][0]):
        return []
    names = dict(zip(fits[0][1], ("open", "high", "low", "close"), strict=True))
    return ["ts", *(names[i] for i in range(1, 5)), "volume"]


def _is_kline(cells: Sequence[str]) -> bool:
    if len(cells) != len(_KLINE):
        return False
    begin, end = int(float(cells[0])), int(float(cells[6]))
    return begin < end and (end - begin + 1) % 1000 == 0


def _numeric(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") if name != "__index_level_0__" else name


def _unique(cells: Sequence[str]) -> list[str]:
    names: list[str] = []
    for i, cell in enumerate(cells):
        name = cell or f"column {i + 1}"
        names.append(name if name not in names else f"{name} ({i + 1})")
    return names


def _named(table: pa.Table, place: str, notes: list[str]) -> Table:
    plain: dict[str, str] = {}
    for name in table.column_names:
        plain.setdefault(_plain(name), name)
    chosen: dict[str, str] = {}
    times = [name for name in _TIMES if name in plain]
    if times:
        chosen["ts"] = plain[times[0]]
    for column, aliases in _NAMES.items():
        found = next((plain[alias] for alias in aliases if alias in plain), None)
        if found:
            chosen[column] = found
    _choose_volume(plain, chosen, notes)
    missing = [name for name in ("ts", *COLUMNS) if name not in chosen]
    if missing:
        have = ", ".join(repr(name) for name in table.column_names[:12])
        lacks = " and none ".join(repr(name) for name in missing)
        raise DataError(f"{place}: no column {lacks} among {have}; the columns must be {WANTED}")
    if "symbol" in plain:
        chosen["symbol"] = plain["symbol"]
    return Table(place, {key: table[name] for key, name in chosen.items()}, chosen, notes)


def _choose_volume(plain: dict[str, str], chosen: dict[str, str], notes: list[str]) -> None:
    """Of several volume columns takes the one in coins (`Volume BTC` beside `Volume USD` or a bare `Volume`)."""
    named = [name for name in plain if name.startswith("volume_") and name.removeprefix("volume_") not in _MONEY]
    coins = [name for name in named if len(name.removeprefix("volume_")) <= 6 and "24" not in name]
    if len(coins) != 1 or plain[coins[0]] == chosen.get("volume"):
        return
    left = [plain[name] for name in plain if name.startswith("volume") and name != coins[0]]
    chosen["volume"] = plain[coins[0]]
    if left:
        notes.append(f"volume was read from {plain[coins[0]]!r}, not from {', '.join(repr(name) for name in left)}")
