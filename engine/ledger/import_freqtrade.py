"""Closed trades of freqtrade: its database, the JSON of its trades, the result of a backtest. Read, never written.

Its fees are rates: in money they are rate x price x amount, where the money itself is not stored. Its times are UTC.
"""

from __future__ import annotations

import io
import sqlite3
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from db import stranger
from engine.ledger.import_rows import ImportFailed, Read

KNOWN = {"pair", "open_rate", "close_rate", "amount"}
MARK = "freqtrade"
MOST_TRADES, LONGEST_CELL = 1_000_000, 1_000_000
MOST_BYTES = 300_000_000
"""Of the JSON in an archive: a million trades."""


def is_json(found: Any) -> bool:
    """Whether it is one of freqtrade's files of trades."""
    return _trades(found) is not None


def _trades(found: Any) -> list[Any] | None:
    """The trades of a list, of an answer of its API, or of a backtest's result."""
    if isinstance(found, dict) and isinstance(found.get("strategy"), dict):
        parts = [
            {"strategy": name, "timeframe": one.get("timeframe"), **row}
            for name, one in found["strategy"].items()
            for row in one.get("trades", ())
        ]
        return parts
    if isinstance(found, dict) and isinstance(found.get("trades"), list):
        found = found["trades"]
    if isinstance(found, list) and found and isinstance(found[0], dict) and set(found[0]) >= KNOWN:
        return found
    return None


def from_json(found: Any) -> Read:
    """Trades of its JSON; those still open are left out and counted."""
    return _read([row for row in _trades(found) or () if isinstance(row, dict)])


def from_zip(content: bytes, name: str) -> Read:
    """A backtest's result as it is zipped: the JSON that holds trades."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for one in archive.infolist()[:50]:
                if one.filename.endswith(".json") and one.file_size < MOST_BYTES:
                    found = orjson.loads(archive.read(one))
                    if is_json(found):
                        return from_json(found)
    except (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error) as error:
        raise ImportFailed(f"{name} cannot be unpacked: {error}") from error
    raise ImportFailed(f"{name} holds no trades of freqtrade")


def from_database(path: Path) -> Read:
    """Trades of its SQLite file, opened read-only. What is no ordinary table is not asked: a view may never end."""
    try:
        with closing(stranger.opened(path)) as opened:
            opened.row_factory = sqlite3.Row
            opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
            if not _plain_columns(opened) >= KNOWN:
                raise ImportFailed(
                    f"{path}: no database of freqtrade. Ours is restored, not imported: `run_engine.py restore`"
                )
            rows = [dict(row) for row in opened.execute("SELECT * FROM trades LIMIT ?", (MOST_TRADES + 1,))]
    except (sqlite3.Error, UnicodeError) as error:
        raise ImportFailed(f"{path} cannot be read: {error}") from error
    if len(rows) > MOST_TRADES:
        raise ImportFailed(f"{path} holds more than {MOST_TRADES:,} trades: import it in parts, as CSV")
    rows.sort(
        key=lambda row: (not isinstance(row.get("id"), int), row.get("id") if isinstance(row.get("id"), int) else 0)
    )
    return _read([{**row, "trade_id": row.get("id")} for row in rows])


def _plain_columns(opened: sqlite3.Connection) -> set[str]:
    """Names of the columns of its table of trades; none where that is no table that holds rows, or where a column is computed."""
    is_table = "SELECT count(*) FROM sqlite_master WHERE name = 'trades' AND type = 'table' AND rootpage > 0"
    columns = opened.execute("PRAGMA table_xinfo(trades)").fetchall() if opened.execute(is_table).fetchone()[0] else []
    return set() if any(row["hidden"] for row in columns) else {row["name"] for row in columns}


def _read(rows: list[dict[str, Any]]) -> Read:
    found = Read(MARK)
    still = 0
    for line, row in enumerate(rows, 1):
        if row.get("is_open") in (True, 1):
            still += 1
            continue
        try:
            found.rows.append(_row(row))
            found.lines.append(line)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            found.wrong(line, f"not as freqtrade writes it: {error}")
    if still:
        found.notes.append(f"{still:,} trade{'s are' if still > 1 else ' is'} still open and left out")
    return found


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    qty, entry, leave = float(row["amount"]), float(row["open_rate"]), float(row["close_rate"])
    short = bool(row.get("is_short"))
    fees = sum(_fee(row, name, qty * rate) for name, rate in (("open", entry), ("close", leave)))
    stop = row.get("initial_stop_loss_abs", row.get("initial_stop_loss"))
    risk = qty * abs(entry - float(stop)) if stop else None
    funding = -float(row.get("funding_fees") or 0)
    quote = row.get("quote_currency") or row.get("stake_currency")
    made = {
        "run": "",
        "strategy": row.get("strategy") or MARK,
        "symbol": str(row["pair"]),
        "timeframe_ms": _timeframe(row.get("timeframe")),
        "side": "short" if short else "long",
        "qty": qty,
        "entry_price": entry,
        "exit_price": leave,
        "fees": fees,
        "funding": funding,
        "entry_ts": moment(row, "open"),
        "exit_ts": moment(row, "close"),
        "exit_reason": row.get("exit_reason") or row.get("sell_reason") or "",
        "tag": row.get("enter_tag") or row.get("buy_tag") or "",
        "stop_initial": float(stop) if stop else None,
        "risk": risk,
        "number": row.get("trade_id"),
        "exchange": row.get("exchange") or "",
        "quote": quote or str(row["pair"]).partition("/")[2].partition(":")[0],
    }
    money = row.get("profit_abs", row.get("close_profit_abs"))
    made["pnl"] = None if money is None else float(money)
    return {**made, **_excursions(row, entry, short)}


def _fee(row: Mapping[str, Any], name: str, notional: float) -> float:
    stored = row.get(f"fee_{name}_cost")
    return float(stored) if stored is not None else float(row.get(f"fee_{name}") or 0) * notional


def _excursions(row: Mapping[str, Any], entry: float, short: bool) -> dict[str, float | None]:
    low, high = row.get("min_rate"), row.get("max_rate")
    if low is None or high is None or not entry:
        return {"mae": None, "mfe": None}
    down, up = max(1 - float(low) / entry, 0.0), max(float(high) / entry - 1, 0.0)
    return {"mae": up if short else down, "mfe": down if short else up}


def _timeframe(value: Any) -> int | None:
    """Minutes, or 5m, 1h, 1d; ms."""
    if isinstance(value, str) and value[:-1].isdigit():
        unit = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}.get(value[-1])
        return int(value[:-1]) * unit if unit else None
    return int(value) * 60_000 if value else None


def moment(row: Mapping[str, Any], name: str) -> int:
    """ms UTC of its open or close; without a zone it is UTC."""
    stamp = row.get(f"{name}_timestamp")
    if stamp:
        return int(stamp)
    when = datetime.fromisoformat(str(row[f"{name}_date"]))
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
