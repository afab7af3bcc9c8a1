"""What happened, newest first: trades, breakers, outages, markers, commands and alerts in one list."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from app import formats
from app.read.system import whose
from db.queries import rows

LAST_TRADES = """
SELECT t.exit_ts AS ts, t.symbol, t.direction, t.pnl, t.exit_reason, s.strategy
FROM trade t JOIN slot s ON s.id = t.slot_id WHERE t.run_id = :run ORDER BY t.exit_ts DESC LIMIT :n
"""
LAST_OPENED = """
SELECT p.entry_ts AS ts, p.symbol, p.direction, p.entry_price, s.strategy
FROM position p JOIN slot s ON s.id = p.slot_id WHERE p.run_id = :run ORDER BY p.entry_ts DESC LIMIT :n
"""
LAST_BREAKERS = """
SELECT e.ts, e.breaker, e.action, e.level, e.value, e.threshold, e.reason, s.strategy, s.symbol, s.timeframe_ms, s.label
FROM breaker_event e LEFT JOIN slot s ON s.id = e.slot_id WHERE e.run_id = :run ORDER BY e.ts DESC LIMIT :n
"""
LAST_OUTAGES = (
    "SELECT from_ts AS ts, to_ts, cause, source FROM outage WHERE run_id = :run ORDER BY from_ts DESC LIMIT :n"
)
LAST_MARKERS = "SELECT ts, kind, text FROM run_marker WHERE run_id = :run ORDER BY ts DESC LIMIT :n"
LAST_COMMANDS = """
SELECT coalesce(acked_ts, created_ts) AS ts, kind, state, source, result FROM command WHERE run_id = :run
ORDER BY id DESC LIMIT :n
"""
LAST_ALERTS = """
SELECT ts, severity, title FROM alert WHERE run_id = :run AND severity <> 'info' ORDER BY ts DESC LIMIT :n
"""
"""Alerts of severity info repeat what stands in the list anyway: fills, trades, starts."""
MISSED = """
SELECT g.decided_ts AS ts, g.status, g.reason, s.symbol, s.strategy FROM signal g JOIN slot s ON s.id = g.slot_id
WHERE g.run_id = :run AND g.seq > (SELECT max(seq) FROM signal WHERE run_id = :run) - 3000
  AND g.kind <> 'exit' AND g.status IN ('refused', 'missed') ORDER BY g.seq DESC LIMIT :n
"""
"""Looked for among the newest signals: an account that was never refused anything must not cost a search of all."""


def events(engine: Engine, run_id: int, n: int = 30) -> list[dict[str, Any]]:
    """The last `n` events: ts (ms UTC; of the exchange, commands of this machine), what, detail, weight (info, warning)."""
    who = {"run": run_id, "n": n}
    found: list[dict[str, Any]] = []
    for sql, tell in _TELLERS:
        found += [{"ts": row["ts"], **tell(row)} for row in rows(engine, sql, who)]
    return sorted(found, key=lambda event: -event["ts"])[:n]


def _event(what: str, detail: str, weight: str = "info") -> dict[str, str]:
    return {"what": what, "detail": detail, "weight": weight}


def _trade(row: dict[str, Any]) -> dict[str, str]:
    what = f"Closed {'long' if row['direction'] > 0 else 'short'} {row['symbol']}"
    pnl = formats.number(row["pnl"], 2, sign=True)
    return _event(what, f"{pnl} by {formats.exit_reason(row['exit_reason'])}, {formats.strategy(row['strategy'])}")


def _opened(row: dict[str, Any]) -> dict[str, str]:
    what = f"Opened {'long' if row['direction'] > 0 else 'short'} {row['symbol']}"
    return _event(what, f"at {formats.price(row['entry_price'])}, {formats.strategy(row['strategy'])}")


def _breaker(row: dict[str, Any]) -> dict[str, str]:
    name = formats.breaker(row["breaker"])
    if row["action"] == "trip":
        numbers = f"{_plain(row['value'])} against {_plain(row['threshold'])}"
        return _event(f"Breaker {name} tripped", f"{numbers}: {whose(row)} {formats.words(row['level'])}", "warning")
    verb = "released" if row["action"] == "release" else "ended"
    return _event(f"Breaker {name} {verb}", ", ".join(part for part in (whose(row), row["reason"]) if part))


def _plain(value: float | None) -> str:
    return formats.DASH if value is None else f"{value:.6g}"


def _outage(row: dict[str, Any]) -> dict[str, str]:
    if row["to_ts"] is None:
        return _event("Outage, not over", row["cause"], "warning")
    lasted = formats.duration(row["to_ts"] - row["ts"])
    filled = "not filled" if row["source"] == "none" else f"filled from {row['source']}"
    return _event(f"Outage of {lasted}", ", ".join(part for part in (row["cause"], filled) if part), "warning")


def _marker(row: dict[str, Any]) -> dict[str, str]:
    names = {
        "start": "Engine started",
        "stop": "Engine stopped",
        "recovery": "Engine recovered",
        "config": "Configuration",
    }
    return _event(names.get(row["kind"], row["kind"].capitalize()), row["text"] or "")


def _command(row: dict[str, Any]) -> dict[str, str]:
    word = {"new": "no answer yet", "done": "done", "refused": "refused"}[row["state"]]
    weight = "warning" if row["state"] == "refused" else "info"
    return _event(
        f"Command {formats.words(row['kind'])}", f"{word}: {row['result']}" if row["result"] else word, weight
    )


def _alert(row: dict[str, Any]) -> dict[str, str]:
    return _event("Alert", row["title"], "info" if row["severity"] == "info" else "warning")


def _missed(row: dict[str, Any]) -> dict[str, str]:
    what = f"Signal {row['status']}, {row['symbol']}"
    return _event(what, f"{formats.words(row['reason']) or 'no reason given'}, {formats.strategy(row['strategy'])}")


_TELLERS = (
    (LAST_TRADES, _trade),
    (LAST_OPENED, _opened),
    (LAST_BREAKERS, _breaker),
    (LAST_OUTAGES, _outage),
    (LAST_MARKERS, _marker),
    (LAST_COMMANDS, _command),
    (LAST_ALERTS, _alert),
    (MISSED, _missed),
)
