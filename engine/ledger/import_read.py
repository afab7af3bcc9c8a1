"""A file of closed trades understood: our own export (CSV, JSON, Parquet), freqtrade's, or any CSV with a mapping.

Nothing is stored here. What the file leaves open (zone of its times, decimal sign) is asked for, not guessed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from engine.access.cells import unshielded
from engine.access.unpack import MOST_COLUMNS, TooLarge, Until
from engine.ledger import import_freqtrade as freqtrade
from engine.ledger.export import TRADES
from engine.ledger.import_rows import NEEDED, ImportFailed, Read

OWN = {"run", "seq", *NEEDED}
"""Columns by which our own export is known."""
SAME_AS = {
    "symbol": ("pair", "market", "instrument", "ticker", "coin"),
    "side": ("direction", "position", "type", "long/short"),
    "qty": ("quantity", "amount", "size", "volume", "contracts"),
    "entry_ts": ("entry time", "open time", "opened", "open date", "entry date", "entry", "date opened", "open"),
    "exit_ts": (
        "exit time",
        "close time",
        "closed",
        "close date",
        "exit date",
        "exit",
        "date closed",
        "close",
        "closing time",
    ),
    "entry_price": ("open price", "entry price", "open rate", "buy price", "avg entry", "average entry price"),
    "exit_price": ("close price", "exit price", "close rate", "sell price", "avg exit", "average exit price"),
    "fees": ("fee", "commission", "costs"),
    "pnl": ("profit", "net profit", "p&l", "realized pnl", "realised pnl", "net pnl", "closed pnl"),
    "exit_reason": ("reason", "exit reason", "close reason"),
    "tag": ("tags", "enter tag", "signal", "setup"),
    "strategy": ("strategy name", "bot"),
    "stop_initial": ("stop", "stop loss", "stop price"),
    "note": ("notes", "comment", "remarks"),
    "number": ("id", "trade id", "trade number", "ticket", "order id", "#"),
}
SIDES = {"long": "long", "buy": "long", "b": "long", "short": "short", "sell": "short", "s": "short"}
MOST_BYTES = 1_500_000_000


@dataclass(frozen=True)
class Options:
    """What a person says about a foreign file. `columns` maps our names to its own; `zone` is that of times without one. Where
    others wait, `most_rows` and `seconds` (of the processor) bound it; 0 is no bound. What is beyond is a TooLarge."""

    columns: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
    decimal: str = ""
    name: str = ""
    most_rows: int = 0
    seconds: float = 0.0


def read(path: Path, options: Options | None = None) -> Read:
    """The file's rows under our names, not judged yet. ImportFailed where it is nothing that is known."""
    options = options or Options()
    if not path.is_file():
        raise ImportFailed(f"{path}: there is no such file")
    if path.stat().st_size > MOST_BYTES:
        raise ImportFailed(f"{path}: larger than 1.5 GB; split it")
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"SQLite format 3\x00"):
        return freqtrade.from_database(path)
    if head.startswith(b"PAR1"):
        return _parquet(path, options.most_rows)
    return from_bytes(path.read_bytes(), path.name, options)


def from_bytes(content: bytes, name: str, options: Options | None = None) -> Read:
    """The same of a text file's content: JSON or CSV. `name` is said in messages."""
    options = options or Options()
    if not content.strip():
        raise ImportFailed(f"{name} is empty")
    if content.startswith(b"PAR1"):
        return _parquet(io.BytesIO(content), options.most_rows)
    if options.most_rows and max(content.count(b"\n"), content.count(b"\r")) > 2 * options.most_rows:
        raise _too_many(options.most_rows)
    if content.startswith(b"SQLite format 3\x00"):
        raise ImportFailed(f"{name} is a database: import it by `run_engine.py import-trades {name}`")
    if content.startswith(b"PK\x03\x04"):
        return freqtrade.from_zip(content, name)
    if content.lstrip()[:1] in (b"[", b"{"):
        return _json(content, name)
    text, notes = decoded(content)
    found = _csv(text, name, options)
    found.notes[:0] = notes
    return found


def decoded(content: bytes) -> tuple[str, list[str]]:
    """Text of UTF-8, UTF-16 with its mark, else line by line UTF-8 or Windows-1252, which is said."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), []
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError:
        pass
    lines, odd = [], 0
    for line in content.split(b"\n"):
        try:
            lines.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            lines.append(line.decode("cp1252", errors="replace"))
            odd += 1
    return "\n".join(lines), [f"{odd:,} line{'s are' if odd > 1 else ' is'} not UTF-8: read as Windows-1252"]


# ---- our own --------------------------------------------------------------------------------------------------------------
def _too_many(most: int) -> TooLarge:
    return TooLarge(f"at most {most:,} rows are read here: `run_engine.py import-trades` takes more")


def _parquet(source: Any, most: int) -> Read:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if most and pq.ParquetFile(source).metadata.num_rows > most:
            raise _too_many(most)
        table = pq.read_table(source)
    except (pa.ArrowInvalid, OSError) as error:
        raise ImportFailed(f"the Parquet file cannot be read: {error}") from error
    if not set(table.column_names) >= OWN:
        raise ImportFailed(_not_ours(table.column_names, "Parquet"))
    rows = table.to_pylist()
    return Read("evenkeel", rows, list(range(1, len(rows) + 1)))


def _json(content: bytes, name: str) -> Read:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ImportFailed(f"{name} is no JSON: {error}") from error
    if freqtrade.is_json(found):
        return freqtrade.from_json(found)
    if isinstance(found, list) and not found:
        raise ImportFailed(f"{name} holds no trade")
    if isinstance(found, list) and isinstance(found[0], dict) and set(found[0]) >= OWN:
        rows = [row if isinstance(row, dict) else {} for row in found]
        return Read("evenkeel", rows, list(range(1, len(rows) + 1)))
    keys = list(found[0]) if isinstance(found, list) and isinstance(found[0], dict) else []
    raise ImportFailed(_not_ours(keys, "JSON"))


def _not_ours(names: Sequence[str], what: str) -> str:
    has = f" (it has {', '.join(map(str, names[:6]))})" if names else ""
    return (
        f"this {what} is neither Evenkeel's export nor freqtrade's{has}. Export it as CSV and say which column is which: "
        "--map symbol=..., --map entry_ts=..."
    )


# ---- any CSV --------------------------------------------------------------------------------------------------------------
def _csv(text: str, name: str, options: Options) -> Read:
    sample = text[:20_000]
    if not text.strip():
        raise ImportFailed(f"{name} is empty")
    try:
        delimiter = csv.Sniffer().sniff(sample.lstrip().splitlines()[0], ",;\t|").delimiter
    except (csv.Error, IndexError):
        delimiter = ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = [cell.strip() for cell in next(reader)]
    except (StopIteration, csv.Error) as error:
        raise ImportFailed(f"{name}: the first line must name the columns") from error
    if len(header) > MOST_COLUMNS:
        raise ImportFailed(f"{name} names {len(header):,} columns: no list of trades has more than {MOST_COLUMNS}")
    own = set(header) >= OWN and not options.columns
    if len(set(header)) < len(header):
        raise ImportFailed(f"{name}: two columns have one name; rename one of them")
    mapping = {column: column for column in header if column in TRADES} if own else mapped(header, options.columns)
    found = Read("evenkeel" if own else "csv", mapping=mapping)
    cells = _Cells(own, options, delimiter)
    places = [(ours, header.index(theirs)) for ours, theirs in mapping.items()]
    until = Until(options.seconds)
    for line, row in _lines(reader, found):
        if line % 500 == 0:
            until.look()
            if options.most_rows and len(found.rows) + len(found.problems) > options.most_rows:
                raise _too_many(options.most_rows)
        if len(row) != len(header):
            found.wrong(line, f"it has {len(row)} cells, the header has {len(header)}")
            continue
        try:
            found.rows.append({ours: cells.read(ours, row[at]) for ours, at in places})
            found.lines.append(line)
        except ValueError as error:
            found.wrong(line, str(error))
    if cells.zone_missing:
        raise ImportFailed(
            f"{name}: its times have no zone, such as {cells.zone_missing!r}. Say which: --zone UTC, --zone Europe/Berlin"
        )
    return found


def _lines(reader: Any, found: Read) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line they end on; a line that is no CSV is said."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            found.wrong(reader.line_num, f"no CSV: {error}")
            continue
        if row:
            yield reader.line_num, row


def mapped(header: Sequence[str], said: Mapping[str, str]) -> dict[str, str]:
    """Our name to theirs: what was said, else what is called alike. ImportFailed names what is missing."""
    known = {*TRADES, "number"}
    for ours, theirs in said.items():
        if ours not in known:
            raise ImportFailed(
                f"{ours!r} is none of our columns: {', '.join((*NEEDED, 'fees', 'pnl', 'tag', 'note'))}, ..."
            )
        if theirs not in header:
            raise ImportFailed(f"the file has no column {theirs!r}: it has {', '.join(header[:20])}")
    plain = {_word(name): name for name in reversed(header)}
    found = dict(said)
    for ours in (*TRADES, "number"):
        names = (ours, *SAME_AS.get(ours, ()))
        hit = next((plain[_word(name)] for name in names if _word(name) in plain), None)
        if ours not in found and hit is not None and hit not in found.values():
            found[ours] = hit
    missing = [ours for ours in NEEDED if ours not in found]
    if missing:
        raise ImportFailed(
            f"which column is {', '.join(missing)}? The file has {', '.join(header[:20])}. "
            f"Say it: {' '.join(f'--map {ours}=...' for ours in missing)}"
        )
    return found


def _word(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().lower()


class _Cells:
    """Cells into values, by what their column is."""

    def __init__(self, own: bool, options: Options, delimiter: str) -> None:
        self.own, self.decimal = own, options.decimal or ("," if delimiter == ";" else ".")
        self.said, self.zone = bool(options.decimal), _zone(options.zone)
        self.zone_missing = ""

    def read(self, name: str, cell: str) -> Any:
        kind = "text" if name == "number" else TRADES[name]
        if self.own:
            return unshielded(cell) if kind == "text" else cell
        cell = cell.strip()
        if name in ("entry_ts", "exit_ts"):
            return self.moment(cell)
        if name == "side":
            return SIDES.get(cell.lower(), cell.lower())
        if name == "symbol":
            return cell.upper()
        return self.number(name, cell) if kind in ("float", "int") else cell

    def number(self, name: str, cell: str) -> str | None:
        """A number's text as Python reads it; currency signs and thousands taken out."""
        if not cell or cell in ("-", "–", "n/a", "N/A"):
            return None
        bare = re.sub(r"[\s'$€£¥%]|(?<=\d)[A-Za-z]{3,5}$", "", cell)
        if self.decimal == ",":
            bare = bare.replace(".", "").replace(",", ".") if "," in bare or self.said else bare
        elif "," in bare:
            if not re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?", bare):
                raise ValueError(f"{name} {cell[:40]!r} is no number; if its comma is a decimal sign, say --decimal ,")
            bare = bare.replace(",", "")
        return bare

    def moment(self, cell: str) -> int | None:
        """ms UTC of a time; a number is seconds, milliseconds, microseconds or nanoseconds by its size."""
        if not cell:
            return None
        if re.fullmatch(r"\d{9,19}(\.\d+)?", cell):
            return to_ms(float(cell))
        try:
            when = datetime.fromisoformat(cell.removesuffix(" UTC") + ("+00:00" if cell.endswith(" UTC") else ""))
        except ValueError:
            raise ValueError(f"{cell[:40]!r} is no time: write 2026-01-31 12:00:00 or milliseconds") from None
        if when.tzinfo is None:
            if self.zone is None:
                self.zone_missing = self.zone_missing or cell
                return 0
            when = when.replace(tzinfo=self.zone)
        return round(when.astimezone(UTC).timestamp() * 1000)


def to_ms(value: float) -> int:
    """A count of seconds, ms, microseconds or ns since 1970 as ms."""
    for scale in (1e17, 1e14, 1e11):
        if abs(value) >= scale:
            return int(value // (scale / 1e11))
    return round(value * 1000)


def _zone(name: str) -> tzinfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImportFailed(f"{name!r} is no time zone: UTC, Europe/Berlin, America/New_York, ...") from None
