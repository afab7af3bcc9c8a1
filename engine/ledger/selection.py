"""Which closed trades: one filter for the page, the export and the command, said once as SQL.

A filter is a frozen value, so that it can be a cache's key. It speaks of `t` (trade) alone and looks other tables up through
their indexes, so that an index of `trade` answers it. Nothing is read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Range = tuple[float | None, float | None]
"""Lowest and highest, both inclusive; None is open."""

ANY: Range = (None, None)
RESULTS = {"won": "t.pnl > 0", "lost": "t.pnl < 0", "even": "t.pnl = 0", "ambiguous": "t.ambiguous"}
TAG, MISTAKE = "#", "!"
"""Before a word: a tag or a mistake of the journal; a tag without either is the signal's."""

_EQUAL = {"symbol": "t.symbol", "reason": "t.exit_reason", "config": "t.config_version_id"}
_RANGES = {"pnl": "t.pnl", "r": "t.r_multiple", "held": "t.exit_ts - t.entry_ts"}
_OWN = """t.seq IN (SELECT e.trade_seq FROM journal_word w JOIN journal_entry e ON e.id = w.entry_id
  WHERE w.kind = :word_kind AND w.word = :tag AND e.run_id = :run)"""
_TAG = """(t.signal_seq IN (SELECT g.seq FROM signal g WHERE g.run_id = :run AND g.tag = :tag)
  OR t.seq IN (SELECT i.trade_seq FROM imported_trade i WHERE i.run_id = :run AND i.tag = :tag))"""
_FTS = """t.seq IN (SELECT e.trade_seq FROM journal_fts f JOIN journal_entry e ON e.id = f.rowid
  WHERE journal_fts MATCH :find AND e.run_id = :run)"""

_MODEL = "SELECT g.seq FROM signal g WHERE g.run_id = :run AND g.source = 'ai'"


@dataclass(frozen=True)
class Filter:
    """An empty field filters nothing. `since` (inclusive) and `until` (exclusive) bound the exit, ms UTC; `held` is in ms.

    `side` is long or short, `result` a key of RESULTS, `config` the number of a config version, `find` words of the
    note or lesson. `source` is who said the signal, rule or ai; `model` and `prompt` (a version) mean what a model said.
    """

    symbol: str = ""
    strategy: str = ""
    side: str = ""
    reason: str = ""
    result: str = ""
    since: int = 0
    until: int = 0
    tag: str = ""
    config: int = 0
    pnl: Range = ANY
    r: Range = ANY
    held: Range = ANY
    find: str = ""
    source: str = ""
    model: str = ""
    prompt: str = ""

    def where(self, full_text: bool = True) -> tuple[str, dict[str, Any]]:
        """Conditions on `t`, `:run` among them, and the parameters of all but `:run`. Without `full_text` (no FTS5) notes are
        searched with LIKE."""
        parts, params = ["t.run_id = :run"], dict[str, Any]()
        for name, column in _EQUAL.items():
            if value := getattr(self, name):
                parts.append(f"{column} = :{name}")
                params[name] = value
        if self.strategy:
            parts.append("t.slot_id IN (SELECT s.id FROM slot s WHERE s.run_id = :run AND s.strategy = :strategy)")
            params["strategy"] = self.strategy
        if self.side:
            parts.append("t.direction > 0" if self.side == "long" else "t.direction < 0")
        if self.result:
            parts.append(RESULTS[self.result])
        for name, condition in (("since", "t.exit_ts >= :since"), ("until", "t.exit_ts < :until")):
            if value := getattr(self, name):
                parts.append(condition)
                params[name] = value
        for name, column in _RANGES.items():
            _between(parts, params, name, column, getattr(self, name))
        _said(parts, params, self)
        _tag(parts, params, self.tag)
        _words(parts, params, self.find, full_text)
        return " AND ".join(parts), params


def _between(parts: list[str], params: dict[str, Any], name: str, column: str, limits: Range) -> None:
    for value, sign, end in ((limits[0], ">=", "low"), (limits[1], "<=", "high")):
        if value is not None:
            parts.append(f"{column} {sign} :{name}_{end}")
            params[f"{name}_{end}"] = value


def _said(parts: list[str], params: dict[str, Any], chosen: Filter) -> None:
    if chosen.source == "rule":
        parts.append(f"(t.signal_seq IS NULL OR t.signal_seq NOT IN ({_MODEL}))")
    elif chosen.source:
        parts.append(f"t.signal_seq IN ({_MODEL})")
    for name in ("model", "prompt"):
        if value := getattr(chosen, name):
            parts.append(f"t.signal_seq IN ({_MODEL} AND g.{name} = :{name})")
            params[name] = value


def _tag(parts: list[str], params: dict[str, Any], tag: str) -> None:
    if not tag:
        return
    if tag[0] in (TAG, MISTAKE):
        parts.append(_OWN)
        params |= {"tag": tag[1:], "word_kind": "tag" if tag[0] == TAG else "mistake"}
    else:
        parts.append(_TAG)
        params["tag"] = tag


def _words(parts: list[str], params: dict[str, Any], find: str, full_text: bool) -> None:
    if not find.strip():
        return
    if full_text and (query := match(find)):
        parts.append(_FTS)
        params["find"] = query
        return
    condition, named = like(find)
    parts.append(
        f"t.seq IN (SELECT e.trade_seq FROM journal_entry e WHERE e.run_id = :run AND e.trade_seq IS NOT NULL AND {condition})"
    )
    params |= named


def match(find: str) -> str:
    """What a person typed as FTS5 understands it: every word's beginning must occur; its signs of syntax are only text."""
    return " ".join(f'"{word}"*' for word in re.findall(r"\w+", find))


def like(find: str) -> tuple[str, dict[str, Any]]:
    """The same without a full-text index: a condition on `e` (journal_entry), and its parameters."""
    parts, params = [], dict[str, Any]()
    for number, word in enumerate(find.split()):
        escaped = re.sub(r"([\\%_])", r"\\\1", word.lower())
        parts.append(f"(lower(e.note || ' ' || e.lesson) LIKE :find_{number} ESCAPE '\\')")
        params[f"find_{number}"] = f"%{escaped}%"
    return " AND ".join(parts) or "TRUE", params
