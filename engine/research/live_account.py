"""What happened with real orders: intents by state, what nobody is sure of, strangers' trades, money in and out. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from db.queries import rows, scalar

UNSURE = ("unknown", "quarantined", "sending")
STATES = """SELECT state, count(*) AS n, sum(reserved) AS reserved, max(created_ts) AS newest FROM intent
    WHERE run_id = :run GROUP BY state ORDER BY n DESC"""
OPEN = """SELECT id, client_order_id, symbol, role, side, qty, filled, reserved, state, reason, anomaly, sent_ts, created_ts,
    look_ups, not_found, venue_order_id FROM intent
    WHERE run_id = :run AND (state IN ('unknown', 'quarantined', 'sending') OR anomaly <> '') ORDER BY id DESC LIMIT 200"""
NEWEST = """SELECT i.created_ts, i.symbol, i.role, i.side, i.kind, i.qty, i.stop_price, i.limit_price, i.filled, i.state,
    i.reason, i.sent_ts, i.done_ts, i.client_order_id, i.venue_order_id, i.anomaly
    FROM intent i WHERE i.run_id = :run ORDER BY i.id DESC LIMIT :most"""
EXTERNAL = """SELECT ts, symbol, side, qty, price, touched, reason, venue_trade_id FROM external_trade WHERE run_id = :run
    ORDER BY ts DESC LIMIT 500"""
FLOWS = "SELECT ts, amount, currency, taken, text FROM cash_flow WHERE run_id = :run ORDER BY ts DESC LIMIT 500"
STOPS = """SELECT p.symbol, p.qty, p.stop, p.wanted, p.state, p.reason, p.bare_ts, p.since_ts, k.strategy, k.label
    FROM protection p JOIN slot k ON k.id = p.slot_id WHERE p.run_id = :run AND p.state = 'live' ORDER BY p.id"""
MARKS = "SELECT stream, symbol, ts FROM watermark WHERE run_id = :run AND stream <> 'silence' ORDER BY stream, symbol"
OPENED = """SELECT (SELECT count(*) FROM trade WHERE run_id = :run)
    + (SELECT count(*) FROM position WHERE run_id = :run AND qty > 0)"""


@dataclass(frozen=True)
class Live:
    """Rows as the tables have them; times ms UTC, `reserved` and flows in quote currency, quantities as the venue's text."""

    states: list[dict[str, Any]]
    unsure: list[dict[str, Any]]
    newest: list[dict[str, Any]]
    external: list[dict[str, Any]]
    flows: list[dict[str, Any]]
    stops: list[dict[str, Any]]
    marks: list[dict[str, Any]]
    opened: int

    @property
    def reserved(self) -> float:
        """Quote currency that is held for what nobody is sure of."""
        return float(sum(row["reserved"] or 0 for row in self.unsure if row["state"] in UNSURE))


def happened(engine: Engine, run_id: int, most: int = 200) -> Live:
    """All of it for one run; lists newest first."""
    who = {"run": run_id}
    found = {name: rows(engine, sql, who) for name, sql in _ASKED.items()}
    newest = rows(engine, NEWEST, {**who, "most": most})
    return Live(**found, newest=newest, opened=int(scalar(engine, OPENED, who) or 0))


_ASKED = {"states": STATES, "unsure": OPEN, "external": EXTERNAL, "flows": FLOWS, "stops": STOPS, "marks": MARKS}
