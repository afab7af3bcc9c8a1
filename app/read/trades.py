"""Closed trades: filtered, totalled, accumulated, grouped, paged. Sums are made by the database; `trade_detail` has one trade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db.queries import Column, columns, rows, scalar
from engine.research.records import Filter

__all__ = ["GROUPS", "ORDERS", "Filter", "choices", "everything", "groups", "page", "running", "totals"]

DAY_MS = 86_400_000
ORDERS = {
    "newest": "t.exit_ts DESC, t.seq DESC",
    "oldest": "t.exit_ts, t.seq",
    "best": "t.pnl DESC, t.seq",
    "worst": "t.pnl, t.seq",
    "best_r": "CASE WHEN t.r_multiple IS NULL THEN 1 ELSE 0 END, t.r_multiple DESC, t.seq",
    "worst_r": "CASE WHEN t.r_multiple IS NULL THEN 1 ELSE 0 END, t.r_multiple, t.seq",
    "longest": "t.exit_ts - t.entry_ts DESC, t.seq",
    "shortest": "t.exit_ts - t.entry_ts, t.seq",
    "costliest": "t.fees DESC, t.seq",
    "symbol": "t.symbol, t.exit_ts DESC, t.seq DESC",
}
FIELDS = """
SELECT u.seq, u.entry_ts, u.exit_ts, u.symbol, s.strategy, s.label, u.direction, u.qty, u.entry_price, u.exit_price, u.fees,
       u.funding, u.pnl, u.pnl_pct, u.r_multiple, u.exit_reason, u.mae, u.mfe, u.bars_held, u.ambiguous,
       coalesce(g.tag, i.tag, '') AS tag, coalesce(i.exit_reason, '') AS exit_word, u.config_version_id, e.rating,
       coalesce(e.note, '') AS note, coalesce(e.reviewed, FALSE) AS reviewed
FROM ({keys}) k JOIN trade u ON u.run_id = :run AND u.seq = k.seq JOIN slot s ON s.id = u.slot_id
LEFT JOIN signal g ON g.run_id = u.run_id AND g.seq = u.signal_seq
LEFT JOIN imported_trade i ON i.run_id = u.run_id AND i.trade_seq = u.seq
LEFT JOIN journal_entry e ON e.run_id = u.run_id AND e.trade_seq = u.seq
ORDER BY {order}
"""
SUMS = """count(*) AS trades, sum(CASE WHEN t.pnl > 0 THEN 1 ELSE 0 END) AS wins,
       sum(CASE WHEN t.pnl < 0 THEN 1 ELSE 0 END) AS losses, sum(t.pnl) AS pnl, sum(t.fees) AS fees,
       sum(CASE WHEN t.pnl > 0 THEN t.pnl ELSE 0 END) AS gained, sum(CASE WHEN t.pnl < 0 THEN t.pnl ELSE 0 END) AS lost,
       sum(t.exit_ts - t.entry_ts) AS held, sum(CASE WHEN t.ambiguous THEN 1 ELSE 0 END) AS ambiguous,
       sum(t.r_multiple) AS r, count(t.r_multiple) AS with_r"""
ADDED = ("trades", "wins", "losses", "pnl", "fees", "gained", "lost", "held", "ambiguous", "r", "with_r")


def full_text(engine: Engine) -> bool:
    """Whether notes have a full-text index: SQLite with FTS5."""
    if engine.dialect.name != "sqlite":
        return False
    return bool(scalar(engine, "SELECT count(*) FROM sqlite_master WHERE name = 'journal_fts'"))


def chosen_by(engine: Engine, run_id: int, chosen: Filter) -> tuple[str, dict[str, Any]]:
    """The filter's conditions on `t` and all their parameters."""
    where, params = chosen.where(full_text(engine) if chosen.find else True)
    return where, {"run": run_id, **params}


def totals(engine: Engine, run_id: int, chosen: Filter) -> dict[str, Any]:
    """Count, wins, losses, money and averages of the chosen trades, net of fees; profit factor None without a loss."""
    where, params = chosen_by(engine, run_id, chosen)
    return _averages(rows(engine, f"SELECT {SUMS} FROM trade t WHERE {where}", params)[0])


def _averages(sums: dict[str, Any]) -> dict[str, Any]:
    n = sums["trades"]
    return {
        **sums,
        "held": sums["held"] / n if n else None,
        "win_rate": sums["wins"] / n if n else None,
        "expectancy": sums["pnl"] / n if n else None,
        "profit_factor": sums["gained"] / -sums["lost"] if n and sums["lost"] else None,
        "r_each": sums["r"] / sums["with_r"] if sums["with_r"] else None,
    }


def running(engine: Engine, run_id: int, chosen: Filter) -> dict[str, Column]:
    """ts, total, r, seq: P&L (and R where known) of the chosen trades added up in order of their exits."""
    where, params = chosen_by(engine, run_id, chosen)
    sql = (
        f"SELECT t.exit_ts AS ts, t.seq, t.pnl, t.r_multiple AS r FROM trade t WHERE {where} ORDER BY t.exit_ts, t.seq"
    )
    got = columns(engine, sql, params)
    r = np.nan_to_num(np.asarray(got["r"], np.float64))
    return {"ts": got["ts"], "total": np.cumsum(got["pnl"]), "r": np.cumsum(r), "seq": got["seq"]}


def page(engine: Engine, run_id: int, chosen: Filter, order: str, number: int, size: int) -> dict[str, Column]:
    """One page of trades (`number` from 1), as columns. The numbers of its trades come from the index alone."""
    where, params = chosen_by(engine, run_id, chosen)
    keys = f"SELECT t.seq FROM trade t WHERE {where} ORDER BY {ORDERS[order]} LIMIT :size OFFSET :skip"
    sql = FIELDS.format(keys=keys, order=ORDERS[order].replace("t.", "u."))
    return columns(engine, sql, {**params, "size": size, "skip": (number - 1) * size})


def everything(engine: Engine, run_id: int, chosen: Filter) -> dict[str, Column]:
    """All chosen trades, oldest first, with the page's columns."""
    where, params = chosen_by(engine, run_id, chosen)
    return columns(
        engine, FIELDS.format(keys=f"SELECT t.seq FROM trade t WHERE {where}", order="u.exit_ts, u.seq"), params
    )


# ---- grouped --------------------------------------------------------------------------------------------------------------
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY = "t.exit_ts / 86400000"
GROUPS: dict[str, tuple[str, str]] = {
    "symbol": ("symbol", "t.symbol"),
    "strategy": ("strategy", "t.slot_id"),
    "side": ("side", "t.direction"),
    "exit": ("exit reason", "t.exit_reason"),
    "tag": ("signal tag", "coalesce(g.tag, i.tag, '')"),
    "words": ("my tags and mistakes", "w.kind || ':' || w.word"),
    "config": ("configuration", "t.config_version_id"),
    "month": ("month", DAY),
    "week": ("week", DAY),
    "day": ("day", DAY),
    "weekday": ("weekday", DAY),
    "hour": ("hour of exit", "t.exit_ts / 3600000 % 24"),
}
"""By name in the address: what it is called, and its SQL."""
_JOINS = {
    "tag": "LEFT JOIN signal g ON g.run_id = t.run_id AND g.seq = t.signal_seq "
    "LEFT JOIN imported_trade i ON i.run_id = t.run_id AND i.trade_seq = t.seq",
    "words": "JOIN journal_entry e ON e.run_id = t.run_id AND e.trade_seq = t.seq JOIN journal_word w ON w.entry_id = e.id",
}


def groups(engine: Engine, run_id: int, chosen: Filter, by: str) -> list[dict[str, Any]]:
    """Subtotals of the chosen trades, largest loss or gain last named first: `key` as the address has it, and totals' columns.

    Days, weeks and months in order of time, the rest by P&L. Under `words` a trade of two words counts in both.
    """
    where, params = chosen_by(engine, run_id, chosen)
    sql = f"SELECT {GROUPS[by][1]} AS part, {SUMS} FROM trade t {_JOINS.get(by, '')} WHERE {where} GROUP BY {GROUPS[by][1]}"
    fold = _folds(engine, run_id).get(by, str)
    merged: dict[str, dict[str, Any]] = {}
    for row in rows(engine, sql, params):
        name = fold(row.pop("part"))
        into = merged.setdefault(name, dict.fromkeys(ADDED, 0))
        for column in ADDED:
            into[column] += row[column] or 0
    found = [{"key": name, **_averages(sums)} for name, sums in merged.items()]
    if by in ("day", "week", "month"):
        return sorted(found, key=lambda row: row["key"], reverse=True)
    if by == "weekday":
        return sorted(found, key=lambda row: WEEKDAYS.index(row["key"]))
    return sorted(found, key=(lambda row: int(row["key"])) if by == "hour" else lambda row: -row["pnl"])


def _folds(engine: Engine, run_id: int) -> Mapping[str, Callable[[Any], str]]:
    slots = {
        row["id"]: row["strategy"]
        for row in rows(engine, "SELECT id, strategy FROM slot WHERE run_id = :run", {"run": run_id})
    }
    return {
        "strategy": lambda slot: str(slots.get(slot, "")),
        "side": lambda direction: "long" if direction > 0 else "short",
        "config": lambda number: str(number or ""),
        "words": lambda word: ("#" if word.startswith("tag:") else "!") + word.partition(":")[2],
        "day": lambda day: _day(int(day)),
        "week": lambda day: _day((int(day) + 3) // 7 * 7 - 3),
        "month": lambda day: _day(int(day))[:7],
        "weekday": lambda day: WEEKDAYS[(int(day) + 3) % 7],
    }


def _day(day: int) -> str:
    """Days since 1970 as 2026-01-31; weeks begin on Monday, and 1970 began on a Thursday."""
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


# ---- what the filters offer -----------------------------------------------------------------------------------------------
TAGS = """
WITH RECURSIVE each (tag) AS (
  SELECT min(tag) FROM {table} WHERE run_id = :run
  UNION ALL SELECT (SELECT min(x.tag) FROM {table} x WHERE x.run_id = :run AND x.tag > each.tag)
  FROM each WHERE each.tag IS NOT NULL
)
SELECT tag FROM each WHERE tag <> '' LIMIT 200
"""
"""Every distinct tag by one step of an index each."""
OWN_WORDS = """
SELECT DISTINCT w.kind, w.word FROM journal_word w JOIN journal_entry e ON e.id = w.entry_id WHERE e.run_id = :run ORDER BY 1, 2
"""
CONFIGS = "SELECT id, created_ts, hash FROM config_version WHERE run_id = :run ORDER BY id DESC LIMIT 200"


MODELS = """SELECT DISTINCT g.model, g.prompt FROM signal g
    WHERE g.run_id = :run AND g.source = 'ai' AND g.status = 'taken' AND g.direction <> 0"""


def choices(engine: Engine, run_id: int) -> dict[str, Any]:
    """What the filters offer: symbols and strategies of the run's slots, tags of signals and of the journal, configurations,
    and whose signals were taken: sources, models and versions of prompts."""
    who = {"run": run_id}
    found = rows(engine, "SELECT DISTINCT symbol, strategy FROM slot WHERE run_id = :run", who)
    tags = {row["tag"] for table in ("signal", "imported_trade") for row in rows(engine, TAGS.format(table=table), who)}
    said = rows(engine, MODELS, who)
    own = [("#" if row["kind"] == "tag" else "!") + row["word"] for row in rows(engine, OWN_WORDS, who)]
    return {
        **{name: sorted({row[name] for row in found}) for name in ("symbol", "strategy")},
        "tag": [*sorted(tags), *own],
        "config": rows(engine, CONFIGS, who),
        "source": ["rule", "ai"] if said else [],
        **{name: sorted({str(row[name]) for row in said if row[name]}) for name in ("model", "prompt")},
    }
