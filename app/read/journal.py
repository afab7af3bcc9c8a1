"""The journal as the database has it: entries and their words, conflicts, days, the queue, what words find. Reading only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, text

from app.read.overview import as_json
from app.read.trades import full_text
from db.queries import Column, columns, rows
from engine.research.records import like, match

DAY_MS = 86_400_000
QUEUE_OF = 5_000
"""The queue looks at so many of the newest trades: what is older has been let go."""


@dataclass(frozen=True)
class Subject:
    """What is written about: a trade by its number in the run, or a UTC day by its midnight (ms)."""

    run_id: int
    trade_seq: int | None = None
    day_ts: int | None = None

    @property
    def key(self) -> str:
        """For widgets."""
        return f"{self.run_id}_{self.trade_seq if self.day_ts is None else f'd{self.day_ts // DAY_MS}'}"


@dataclass(frozen=True)
class Entry:
    """What a person wrote; `id` 0 and `version` 0 while nothing was."""

    id: int = 0
    version: int = 0
    note: str = ""
    lesson: str = ""
    rating: int | None = None
    reviewed: bool = False
    tags: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()
    updated_ts: int = 0

    def but(self, changes: Mapping[str, Any]) -> Entry:
        """The same with other words."""
        return replace(self, **changes)


FIELDS = ("note", "lesson", "rating", "reviewed", "tags", "mistakes")
ENTRY = """
SELECT id, version, note, lesson, rating, reviewed, updated_ts FROM journal_entry
WHERE run_id = :run AND {subject}
"""
WORDS = "SELECT kind, word FROM journal_word WHERE entry_id = :entry ORDER BY kind, word"
VOCABULARY = "SELECT kind, word, count(*) AS n FROM journal_word GROUP BY kind, word ORDER BY n DESC, word LIMIT 400"
CONFLICTS = "SELECT id, ts, version, fields FROM journal_conflict WHERE entry_id = :entry ORDER BY id"


def entry(engine: Engine, subject: Subject) -> Entry:
    """What stands now."""
    with engine.connect() as connection:

        def ask(sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(text(sql), dict(params)).mappings()]

        return read_entry(ask, subject)


def read_entry(ask: Any, subject: Subject) -> Entry:
    """The same through `ask(sql, params)`, inside somebody's transaction."""
    name, value = ("trade_seq", subject.trade_seq) if subject.day_ts is None else ("day_ts", subject.day_ts)
    found = ask(ENTRY.format(subject=f"{name} = :value"), {"run": subject.run_id, "value": value})
    if not found:
        return Entry()
    words = ask(WORDS, {"entry": found[0]["id"]})
    by = {kind: tuple(row["word"] for row in words if row["kind"] == kind) for kind in ("tag", "mistake")}
    return Entry(**{**found[0], "reviewed": bool(found[0]["reviewed"])}, tags=by["tag"], mistakes=by["mistake"])


def vocabulary(engine: Engine) -> dict[str, list[str]]:
    """Every tag and mistake ever used, the most used first."""
    found = rows(engine, VOCABULARY)
    return {kind: [row["word"] for row in found if row["kind"] == kind] for kind in ("tag", "mistake")}


def conflicts(engine: Engine, entry_id: int) -> list[dict[str, Any]]:
    """What was written on older versions and waits for a choice: id, ts, version, fields."""
    return [{**row, "fields": as_json(row["fields"])} for row in rows(engine, CONFLICTS, {"entry": entry_id})]


# ---- the queue ------------------------------------------------------------------------------------------------------------
RECENT = """
SELECT t.seq, t.exit_ts, t.entry_ts, t.slot_id, t.symbol, t.direction, t.pnl, t.r_multiple, t.risk, t.entry_notional, t.mfe,
       t.stop_initial, t.exit_reason
FROM trade t WHERE t.run_id = :run ORDER BY t.exit_ts DESC, t.seq DESC LIMIT :most
"""
REVIEWED = "SELECT trade_seq AS seq FROM journal_entry WHERE run_id = :run AND trade_seq IS NOT NULL AND reviewed"


def recent(engine: Engine, run_id: int) -> dict[str, Column]:
    """The newest trades, as columns, newest first: what the queue is made of."""
    return columns(engine, RECENT, {"run": run_id, "most": QUEUE_OF})


def reviewed(engine: Engine, run_id: int) -> set[int]:
    """Numbers of the trades that were looked at."""
    return set(map(int, columns(engine, REVIEWED, {"run": run_id})["seq"]))


# ---- days -----------------------------------------------------------------------------------------------------------------
DAYS = """
SELECT t.exit_ts / 86400000 AS day, count(*) AS trades, sum(t.pnl) AS pnl, sum(t.r_multiple) AS r,
       sum(CASE WHEN t.pnl > 0 THEN 1 ELSE 0 END) AS wins
FROM trade t WHERE t.run_id = :run AND t.exit_ts >= :since AND t.exit_ts < :until GROUP BY t.exit_ts / 86400000
"""
NOTED = """
SELECT t.exit_ts / 86400000 AS day, count(*) AS notes FROM journal_entry e
JOIN trade t ON t.run_id = e.run_id AND t.seq = e.trade_seq
WHERE e.run_id = :run AND e.trade_seq IS NOT NULL AND (e.note <> '' OR e.lesson <> '')
  AND t.exit_ts >= :since AND t.exit_ts < :until
GROUP BY t.exit_ts / 86400000
"""
DAY_NOTES = """
SELECT day_ts / 86400000 AS day, 1 AS notes FROM journal_entry
WHERE run_id = :run AND day_ts >= :since AND day_ts < :until AND (note <> '' OR lesson <> '')
"""
SPAN = "SELECT min(exit_ts) AS first, max(exit_ts) AS last FROM trade WHERE run_id = :run"


def days(engine: Engine, run_id: int, since: int, until: int) -> dict[int, dict[str, Any]]:
    """Closed trades of each UTC day in [since, until) ms, by days since 1970: trades, pnl, r, wins, and `notes` written."""
    who = {"run": run_id, "since": since, "until": until}
    found = {int(row["day"]): {**row, "notes": 0} for row in rows(engine, DAYS, who)}
    for sql in (NOTED, DAY_NOTES):
        for row in rows(engine, sql, who):
            empty = {"day": row["day"], "trades": 0, "pnl": 0.0, "r": None, "wins": 0, "notes": 0}
            found.setdefault(int(row["day"]), empty)["notes"] += row["notes"]
    return found


def span(engine: Engine, run_id: int) -> tuple[int, int] | None:
    """First and last exit, ms UTC; None without a trade."""
    found = rows(engine, SPAN, {"run": run_id})[0]
    return None if found["last"] is None else (int(found["first"]), int(found["last"]))


# ---- by words -------------------------------------------------------------------------------------------------------------
SHOWN = """
SELECT e.id, e.trade_seq, e.day_ts, e.note, e.lesson, e.rating, e.updated_ts, t.symbol, t.pnl, t.r_multiple, t.exit_ts
FROM journal_entry e LEFT JOIN trade t ON t.run_id = e.run_id AND t.seq = e.trade_seq
WHERE e.run_id = :run AND {condition} ORDER BY e.updated_ts DESC, e.id DESC LIMIT 200
"""
BY_FTS = "e.id IN (SELECT f.rowid FROM journal_fts f WHERE journal_fts MATCH :find)"
BY_WORD = "e.id IN (SELECT w.entry_id FROM journal_word w WHERE w.kind = :kind AND w.word = :word)"


def found(engine: Engine, run_id: int, find: str, word: str = "", lessons: bool = False) -> list[dict[str, Any]]:
    """Entries with all these words in note or lesson, with the tag (`#word`) or mistake (`!word`), newest first; with
    `lessons` those that have one. Each has its `words`."""
    parts, params = [], dict[str, Any](run=run_id)
    if find.strip():
        if full_text(engine) and (query := match(find)):
            parts.append(BY_FTS)
            params["find"] = query
        else:
            condition, named = like(find)
            parts.append(condition)
            params |= named
    if word:
        parts.append(BY_WORD)
        params |= {"kind": "tag" if word[0] == "#" else "mistake", "word": word[1:]}
    if lessons:
        parts.append("e.lesson <> ''")
    got = rows(engine, SHOWN.format(condition=" AND ".join(parts) or "TRUE"), params)
    for row in got:
        words = rows(engine, WORDS, {"entry": row["id"]})
        row["words"] = [("#" if one["kind"] == "tag" else "!") + one["word"] for one in words]
    return got


def costs_of_mistakes(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """Each mistake of the run: how often, and what the trades earned that had it; the costliest first."""
    sql = """
    SELECT w.word, count(*) AS trades, sum(t.pnl) AS pnl, avg(t.r_multiple) AS r FROM journal_word w
    JOIN journal_entry e ON e.id = w.entry_id JOIN trade t ON t.run_id = e.run_id AND t.seq = e.trade_seq
    WHERE w.kind = 'mistake' AND e.run_id = :run GROUP BY w.word ORDER BY pnl
    """
    return rows(engine, sql, {"run": run_id})
