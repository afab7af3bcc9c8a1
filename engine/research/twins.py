"""A live run beside its paper twin: the closed trades of both, paired by the decision they were made on. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from db.queries import rows, scalar
from engine.analytics.twin import Gap, Leg, gap, summed

MOST = 5_000
"""Decisions looked at, the newest first."""
TWIN = "SELECT id FROM run WHERE twin_of = :run"
_TRADES = """SELECT t.seq, k.key, k.strategy, k.label, t.symbol, s.decided_ts, t.direction, t.qty, t.entry_ts, t.exit_ts,
    t.entry_price, t.exit_price, t.fees, t.pnl, t.exit_reason
    FROM trade t JOIN slot k ON k.id = t.slot_id JOIN signal s ON s.run_id = t.run_id AND s.seq = t.signal_seq
    WHERE t.run_id = :run ORDER BY t.seq DESC LIMIT :most"""
_SAID = """SELECT k.key, s.decided_ts, s.status, s.reason, o.state, o.reason AS order_reason
    FROM signal s JOIN slot k ON k.id = s.slot_id
    LEFT JOIN orders o ON o.run_id = s.run_id AND o.seq = s.order_seq
    WHERE s.run_id = :run AND s.decided_ts >= :since AND s.kind <> 'exit'"""
_HELD = """SELECT k.key, s.decided_ts FROM position p JOIN slot k ON k.id = p.slot_id
    JOIN signal s ON s.run_id = p.run_id AND s.seq = p.signal_seq WHERE p.run_id = :run"""


@dataclass(frozen=True)
class Pair:
    """One decision (`decided_ts` ms UTC) of a slot, and what either account made of it; `why` says why the live one did not
    fill."""

    slot: str
    strategy: str
    label: str
    symbol: str
    decided_ts: int
    live: Leg | None
    twin: Leg | None
    why: str
    gap: Gap

    @property
    def latency_ms(self) -> int | None:
        """How much later the live entry filled than the model's."""
        return self.live.entry_ts - self.twin.entry_ts if self.live and self.twin else None


@dataclass(frozen=True)
class Beside:
    """`pairs` newest first; `cost` adds them up."""

    twin: int
    pairs: tuple[Pair, ...]
    cost: Gap


def twin_of(engine: Engine, run_id: int) -> int | None:
    """The run that is this live run's twin; None where it has none."""
    found = scalar(engine, TWIN, {"run": run_id})
    return None if found is None else int(found)


def beside(engine: Engine, run_id: int) -> Beside | None:
    """A live run against its twin; None where it has none. A decision that either account still holds is left out."""
    twin = twin_of(engine, run_id)
    if twin is None:
        return None
    live, paper = _trades(engine, run_id), _trades(engine, twin)
    open_now = {(r["key"], r["decided_ts"]) for run in (run_id, twin) for r in rows(engine, _HELD, {"run": run})}
    since = max([min((key[1] for key in found), default=0) for found in (live, paper) if len(found) == MOST], default=0)
    keys = sorted((set(live) | set(paper)) - open_now, key=lambda key: (-key[1], key[0]))
    said = {(r["key"], r["decided_ts"]): r for r in rows(engine, _SAID, {"run": run_id, "since": since})}
    pairs = tuple(_pair(key, live.get(key), paper.get(key), said.get(key)) for key in keys if key[1] >= since)
    return Beside(twin, pairs, summed(pair.gap for pair in pairs))


def _trades(engine: Engine, run_id: int) -> dict[tuple[str, int], dict[str, Any]]:
    return {(row["key"], row["decided_ts"]): row for row in rows(engine, _TRADES, {"run": run_id, "most": MOST})}


def _pair(
    key: tuple[str, int], live: dict[str, Any] | None, twin: dict[str, Any] | None, said: dict[str, Any] | None
) -> Pair:
    facts = live or twin
    assert facts is not None
    one, other = _leg(live), _leg(twin)
    why = "" if live is not None else _why(said)
    return Pair(key[0], facts["strategy"], facts["label"], facts["symbol"], key[1], one, other, why, gap(one, other))


def _leg(row: dict[str, Any] | None) -> Leg | None:
    if row is None:
        return None
    names = ("direction", "qty", "entry_ts", "exit_ts", "entry_price", "exit_price", "fees", "pnl")
    return Leg(**{name: row[name] for name in names}, reason=row["exit_reason"])


def _why(said: dict[str, Any] | None) -> str:
    """Why the live account has no trade: what became of its signal, or of the order."""
    if said is None:
        return "no signal"
    if said["status"] != "taken":
        return f"{said['status']}: {said['reason']}" if said["reason"] else str(said["status"])
    return f"{said['state'] or 'no order'}{': ' + said['order_reason'] if said['order_reason'] else ''}"
