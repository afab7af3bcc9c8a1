"""Closed trades from elsewhere into runs of kind `imported`: looked at first, then written, as often as one likes.

Each run that the file speaks of becomes a run of ours, named after it and marked. A trade that is there already is left alone,
so the same file twice adds nothing; nothing of a file is written while one of its rows is wrong, unless that is asked for. While
a run is written its status is `writing`; an import that was interrupted is taken up by doing it again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, text, update
from sqlmodel import col

from db.models import Equity, ImportedTrade, JournalEntry, JournalWord, Run, Slot, Trade
from engine.ledger.export import BAR, as_mapping
from engine.ledger.import_rows import ImportFailed, Read, Wrong, checked, key_of, reason_of

BATCH = 500
SHOWN = 100
CASH = 10_000.0
"""What an imported account begins with, where nobody says: its percentages rest on it."""
Row = dict[str, Any]
Progress = Callable[[int, int], None]


@dataclass
class Part:
    """What one run of the file brings: `rows` are new ones. `run_id` None: the run is not there yet."""

    origin: str
    name: str
    source: str
    run_id: int | None
    rows: list[Row] = field(default_factory=list)


@dataclass
class Preview:
    """What an import would do. `problems` (line, sentence) are the first; `total` rows were read, `known` are there already."""

    source: str
    total: int
    known: int
    parts: list[Part]
    problems: list[tuple[int, str]]
    wrong: int
    notes: list[str]
    mapping: dict[str, str]

    @property
    def new(self) -> int:
        return sum(len(part.rows) for part in self.parts)


def preview(engine: Engine, found: Read, name: str = "", defaults: Mapping[str, Any] | None = None) -> Preview:
    """Judge every row against what is there; nothing is written. `name` is the run's for files that name none."""
    own = found.source == "evenkeel"
    problems, parts, known = list(found.problems), dict[str, Part](), 0
    held: dict[str, tuple[set[str], dict[int, str]]] = {}
    base = {"quote": "USD", **(defaults or {})}
    for line, raw in zip(found.lines, found.rows, strict=True):
        try:
            row = checked(raw, base)
            if own and row["seq"] is None:
                raise Wrong("seq is missing")
        except Wrong as error:
            problems.append((line, str(error)))
            continue
        origin = row["run"] or name or found.source
        if origin not in parts:
            parts[origin] = _part(engine, origin, (row["source"] or "evenkeel") if own else found.source)
            held[origin] = _held(engine, parts[origin].run_id)
        keys, numbers = held[origin]
        row["key"] = key_of(row, own, raw.get("number"))
        if row["key"] in keys:
            known += 1
            continue
        if own and row["seq"] in numbers:
            problems.append((line, f"trade {row['seq']} of {origin!r} is there already with other numbers"))
            continue
        keys.add(row["key"])
        if own:
            numbers[row["seq"]] = row["key"]
        parts[origin].rows.append(row)
    problems.sort()
    for origin, part in parts.items():
        if not own:
            _number(part, max(held[origin][1], default=0))
    return Preview(
        found.source, len(found.lines) + len(found.problems), known, list(parts.values()), problems[:SHOWN], len(problems),
        found.notes, found.mapping,
    )  # fmt: skip


def _part(engine: Engine, origin: str, source: str) -> Part:
    """The run that takes an origin's trades: the one made for it before, else one that is still to be made."""
    with engine.connect() as connection:
        for run_id, name, params in connection.execute(
            text("SELECT id, name, params FROM run WHERE kind = 'imported'")
        ):
            said = as_mapping(params).get("imported", {})
            if (said.get("run"), said.get("source")) == (origin, source):
                return Part(origin, name, source, run_id)
        wanted, number = f"{origin} (imported)", 1
        while connection.execute(text("SELECT 1 FROM run WHERE name = :name"), {"name": wanted}).first():
            number += 1
            wanted = f"{origin} (imported {number})"
    return Part(origin, wanted, source, None)


def _held(engine: Engine, run_id: int | None) -> tuple[set[str], dict[int, str]]:
    """Keys and numbers of the trades that a run was given before."""
    if run_id is None:
        return set(), {}
    with engine.connect() as connection:
        sql = text("SELECT trade_seq, key FROM imported_trade WHERE run_id = :run")
        numbers: dict[int, str] = {int(seq): str(key) for seq, key in connection.execute(sql, {"run": run_id})}
        keys = set(numbers.values())
        for row in connection.execute(text(_THERE), {"run": run_id}).mappings():
            side = "long" if row["direction"] > 0 else "short"
            keys.add(key_of({**row, "side": side}, own=True))
    return keys, numbers


_THERE = """SELECT t.seq, t.symbol, t.direction, t.entry_ts, t.exit_ts, t.qty, t.entry_price, t.exit_price, s.strategy, s.label
FROM trade t JOIN slot s ON s.id = t.slot_id WHERE t.run_id = :run"""
"""What our own export says of a trade, however it came here: an export of imported trades is known again too."""


def _number(part: Part, last: int) -> None:
    """Foreign trades are numbered in the order of their exits, behind those that are there."""
    part.rows.sort(key=lambda row: (row["exit_ts"], row["entry_ts"], row["symbol"], row["key"]))
    for number, row in enumerate(part.rows, last + 1):
        row["seq"] = number


# ---- writing --------------------------------------------------------------------------------------------------------------
def apply(engine: Engine, planned: Preview, cash: float = CASH, progress: Progress | None = None) -> list[int]:
    """Write what the preview found new; the runs' ids. In small transactions, so that a running engine's commits get through."""
    done, ids = 0, list[int]()
    for part in planned.parts:
        if part.run_id is not None and not part.rows:
            ids.append(part.run_id)
            continue
        run_id: int = _paced(engine, partial(_run, part=part, cash=cash))
        slots = _paced(engine, partial(_slots, run_id=run_id, rows=part.rows))
        for start in range(0, len(part.rows), BATCH):
            batch = part.rows[start : start + BATCH]
            _paced(engine, partial(_rows, run_id=run_id, slots=slots, rows=batch))
            done += len(batch)
            if progress:
                progress(done, planned.new)
        _curve(engine, run_id)
        _paced(engine, partial(_finish, run_id=run_id))
        ids.append(run_id)
    return ids


def _paced(engine: Engine, write: Callable[[Connection], Any]) -> Any:
    """One transaction, then a pause of its own length."""
    begun = time.perf_counter()
    with engine.execution_options(write=True).begin() as connection:
        got = write(connection)
    time.sleep(time.perf_counter() - begun)
    return got


def _run(connection: Connection, part: Part, cash: float) -> int:
    if part.run_id is not None:
        connection.execute(update(Run).where(col(Run.id) == part.run_id).values(status="writing"))
        return part.run_id
    first = part.rows[0] if part.rows else None
    row = {
        "name": part.name, "kind": "imported", "status": "writing", "cash_start": cash, "created_ts": time.time_ns() // 1_000_000,
        "exchange": first["exchange"] if first else "", "quote": (first["quote"] if first else "") or "USD",
        "params": {"imported": {"run": part.origin, "source": part.source}},
    }  # fmt: skip
    return int(connection.execute(insert(Run).returning(col(Run.id)), row).scalar_one() or 0)


def _place(row: Mapping[str, Any]) -> tuple[str, str, str, int]:
    return row["strategy"], row["symbol"], row["label"], row["timeframe_ms"]


def _slots(connection: Connection, run_id: int, rows: Sequence[Row]) -> dict[tuple[str, str, str, int], int]:
    """A slot for each strategy, symbol, label and timeframe; their ids."""
    query = select(col(Slot.strategy), col(Slot.symbol), col(Slot.label), col(Slot.timeframe_ms), col(Slot.id))
    found = {
        (a, b, c, d): int(number or 0)
        for a, b, c, d, number in connection.execute(query.where(col(Slot.run_id) == run_id))
    }
    for place in dict.fromkeys(map(_place, rows)):
        if place not in found:
            digest = hashlib.sha256("\x1f".join(map(str, place)).encode()).hexdigest()[:12]
            names = dict(zip(("strategy", "symbol", "label", "timeframe_ms"), place, strict=True))
            row = {"run_id": run_id, "key": digest, "position": len(found), "state": "off", **names}
            found[place] = int(connection.execute(insert(Slot).returning(col(Slot.id)), row).scalar_one() or 0)
    return found


_SAME = (
    "seq", "symbol", "qty", "entry_ts", "exit_ts", "entry_price", "exit_price", "entry_notional", "exit_notional", "fees",
    "funding", "pnl", "pnl_pct", "mae", "mfe", "bars_held", "ambiguous", "kind_pnl", "stop_initial", "risk", "r_multiple",
    "source_hash",
)  # fmt: skip


def _rows(connection: Connection, run_id: int, slots: Mapping[Any, int], rows: Sequence[Row]) -> None:
    trades, marks = [], []
    for row in rows:
        reason, word = reason_of(row["exit_reason"])
        own = {name: row[name] for name in _SAME}
        place = {"run_id": run_id, "slot_id": slots[_place(row)]}
        trades.append({**own, **place, "direction": 1 if row["side"] == "long" else -1, "exit_reason": reason})
        origin = {"config": row["config"]} if row["config"] else {}
        mark = {"run_id": run_id, "trade_seq": row["seq"], "key": row["key"], "tag": row["tag"]}
        marks.append({**mark, "exit_reason": word, "origin": origin})
    connection.execute(insert(Trade), trades)
    connection.execute(insert(ImportedTrade), marks)
    for row in rows:
        _entry(connection, run_id, row)


def _entry(connection: Connection, run_id: int, row: Row) -> None:
    """The journal entry that came with a trade."""
    words = [("tag", word) for word in row["tags"].split(BAR)] + [
        ("mistake", word) for word in row["mistakes"].split(BAR)
    ]
    said = {name: row[name] for name in ("note", "lesson", "rating", "reviewed")}
    if not any(said.values()) and not any(word for _, word in words):
        return
    now = time.time_ns() // 1_000_000
    entry = {"run_id": run_id, "trade_seq": row["seq"], "created_ts": now, "updated_ts": now, **said}
    number = connection.execute(insert(JournalEntry).returning(col(JournalEntry.id)), entry).scalar_one()
    for kind, word in dict.fromkeys(words):
        if word:
            connection.execute(insert(JournalWord), {"entry_id": number, "kind": kind, "word": word[:200]})


def _curve(engine: Engine, run_id: int) -> None:
    """The account's realised curve, a point at each exit: what was open in between, nobody knows."""
    _paced(engine, partial(_forget_curve, run_id=run_id))
    with engine.connect() as connection:
        cash = connection.execute(select(col(Run.cash_start)).where(col(Run.id) == run_id)).scalar_one()
        sql = text("SELECT exit_ts, sum(pnl) FROM trade WHERE run_id = :run GROUP BY exit_ts ORDER BY exit_ts")
        points = [(int(ts), float(pnl)) for ts, pnl in connection.execute(sql, {"run": run_id})]
    for batch in _batches(run_id, cash, points):
        _paced(engine, partial(_points, rows=batch))


def _forget_curve(connection: Connection, run_id: int) -> None:
    connection.execute(delete(Equity).where(col(Equity.run_id) == run_id))


def _points(connection: Connection, rows: list[Row]) -> None:
    connection.execute(insert(Equity), rows)


def _batches(run_id: int, cash: float, points: Sequence[tuple[int, float]]) -> Iterator[list[Row]]:
    equity, rows = cash, list[Row]()
    for ts, pnl in points:
        equity += pnl
        rows.append({"run_id": run_id, "slot_id": 0, "ts": ts, "equity": equity, "cash": equity, "exposure": 0.0})
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _finish(connection: Connection, run_id: int) -> None:
    sql = text("SELECT min(entry_ts), max(exit_ts) FROM trade WHERE run_id = :run")
    first, last = connection.execute(sql, {"run": run_id}).one()
    steps = select(col(Slot.timeframe_ms)).where(col(Slot.run_id) == run_id).order_by(col(Slot.timeframe_ms))
    finest = connection.execute(steps).scalars().first() or 60_000
    values = {"status": "complete", "started_ts": first, "ended_ts": last, "finest_tf_ms": finest}
    connection.execute(update(Run).where(col(Run.id) == run_id).values(**values))


def refuse_if_wrong(planned: Preview, skip: bool) -> None:
    """ImportFailed where rows are wrong and may not be left out, or nothing is right."""
    if planned.wrong and not skip:
        raise ImportFailed(f"{planned.wrong:,} of {planned.total:,} rows are wrong; nothing was imported")
    if not planned.new and not planned.known:
        raise ImportFailed("there is no trade in it that can be imported")
