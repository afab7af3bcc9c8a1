"""What a person may want to hear of a step: alerts as rows, for the transaction of their cause. Pure: no clock, no database.

Each row's key names what it is about by numbers of the ledger, so that a step that is lived again says nothing twice. Which of
them are sent, and where, is engine.alerts' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from db.base import Table
from db.models import BreakerEvent, Fill, Trade
from engine.config.alerts import AlertsSection
from engine.core import codes
from engine.core.limit_use import LimitUse
from engine.core.machine import Reports
from engine.ledger.names import Context
from engine.research.report_words import length, number, percent, price

Row = dict[str, Any]
Tables = Mapping[type[Table], Sequence[Mapping[str, Any]]]


def alerts_of(context: Context, tables: Tables, reports: Reports) -> list[Row]:
    """Fills, closed trades, breakers and kill of a step; `tables` are its rows of the ledger."""
    found = [_fill(context, row) for row in tables.get(Fill, ())]
    found += [_trade(context, row) for row in tables.get(Trade, ())]
    found += [_breaker(context, row) for row in tables.get(BreakerEvent, ())]
    found += _kills(context, reports)
    return sorted(found, key=lambda row: row["ts"])


def limit_alerts(context: Context, uses: Iterable[LimitUse], settings: AlertsSection, ts: int) -> Iterator[Row]:
    """Limits in use to `limit_at` or more at exchange time `ts`, each once a UTC day; a tripped breaker has told itself."""
    day = ts // 86_400_000
    for use in uses:
        if use.fraction >= settings.limit_at and use.state != "tripped" and use.name not in settings.limit_skip:
            whose = "" if use.scope == "account" else f" of {_scope(context, use.scope)}"
            words = f"limit {use.name.replace('_', ' ')}{whose} is used to {percent(use.fraction, 0)}"
            body = f"{_amount(use, use.used)} of {_amount(use, use.limit)}"
            if use.level != "running":
                body += f"; at the limit the account is {use.level.replace('_', ' ')}"
            yield _row(ts, "warning", "limit", words, body, f"limit:{context.run_id}:{use.name}:{use.scope}:{day}")


def started(run_id: int, ts: int, started_ts: int, was: str, heard_ts: int | None, text: str) -> Row:
    """The engine is there (again). `was` is the run's status before: running means that it ended without a stop."""
    key = f"engine:{run_id}:start:{started_ts}"
    if was == "running":
        ago = f", last heard {length(max(started_ts - heard_ts, 0) / 1000)} ago" if heard_ts else ""
        return _row(ts, "warning", "engine", f"the engine is back after it ended without a stop{ago}", text, key)
    return _row(ts, "info", "engine", "the engine started", text, key)


def stopped(run_id: int, ts: int, started_ts: int, text: str) -> Row:
    return _row(ts, "info", "engine", "the engine was stopped", text, f"engine:{run_id}:stop:{started_ts}")


def crashed(ts: int, words: str, wait_s: float | None) -> Row:
    """For the supervisor: a child ended as it should not; `wait_s` None: it is not started again."""
    body = "it is not started again: look at the log" if wait_s is None else f"starting it again in {wait_s:g} s"
    return _row(ts, "critical", "engine", f"the engine is down: it ended with {words}", body, f"engine:crash:{ts}")


def room(run_id: int, ts: int, now_ms: int, words: str, grave: bool) -> Row:
    """The disk is nearly full, or full."""
    title, _, more = words.partition(": ")
    key = f"disk:{run_id}:{now_ms}:{int(grave)}:{title}"  # one look may find it low and too low at once: both are told
    return _row(ts, "critical" if grave else "warning", "limit", title, more, key)


def _row(ts: int, severity: str, kind: str, title: str, body: str, key: str) -> Row:
    return {"ts": ts, "severity": severity, "kind": kind, "title": title, "body": body, "dedupe_key": key}


def _slot(context: Context, slot_id: Any) -> str:
    """The strategy (and label) of a slot's row."""
    for number_, slot in zip(context.slot_ids, context.slots, strict=True):
        if number_ == slot_id:
            return f"{slot.strategy} {slot.label}".strip()
    return "a slot"


def _scope(context: Context, scope: str) -> str:
    """A symbol as it is, a slot's key by its names."""
    for slot in context.slots:
        if slot.key == scope:
            return f"{slot.strategy} on {slot.symbol}"
    return scope


def _fill(context: Context, row: Mapping[str, Any]) -> Row:
    base = str(row["symbol"]).partition("/")[0]
    verb = "bought" if row["side"] == "buy" else "sold"
    title = f"{verb} {row['qty']:g} {base} at {price(row['price'])}"
    body = f"{_slot(context, row['slot_id'])}; fee {number(row['fee'])} {context.quote}"
    return _row(row["ts"], "info", "fill", title, body, f"fill:{context.run_id}:{row['seq']}")


def _trade(context: Context, row: Mapping[str, Any]) -> Row:
    result = f"{number(row['pnl'], sign=True)} {context.quote} ({percent(row['pnl_pct'], sign=True)})"
    side = "long" if row["direction"] > 0 else "short"
    title = f"{row['symbol']} {side} closed: {result}"
    held = length((row["exit_ts"] - row["entry_ts"]) / 1000)
    body = (
        f"{_slot(context, row['slot_id'])}: {row['qty']:g} from {price(row['entry_price'])} to {price(row['exit_price'])} by "
        f"{str(row['exit_reason']).replace('_', ' ')}, held {held}, fees {number(row['fees'])}"
    )
    return _row(row["exit_ts"], "info", "trade", title, body, f"trade:{context.run_id}:{row['seq']}")


def _breaker(context: Context, row: Mapping[str, Any]) -> Row:
    name, action = str(row["breaker"]).partition(":")[0].replace("_", " "), str(row["action"])
    whose = "the account" if row["slot_id"] is None else _slot(context, row["slot_id"])
    key = f"breaker:{context.run_id}:{row['seq']}"
    if action != "trip":
        verb = {"release": "was released", "end": "has ended"}.get(action, action.replace("_", " "))
        return _row(row["ts"], "info", "breaker", f"breaker {name} {verb}", str(row["reason"]), key)
    severity = "critical" if row["level"] in ("halted", "killed", "reduce_only") else "warning"
    body = (
        f"{_plain(row['value'])} against {_plain(row['threshold'])}; {whose} is {str(row['level']).replace('_', ' ')}"
    )
    return _row(row["ts"], severity, "breaker", f"breaker {name} tripped", body, key)


def _plain(value: float | None) -> str:
    return "no number" if value is None else f"{value:.6g}"


def _kills(context: Context, reports: Reports) -> Iterator[Row]:
    """The account's level as a person sets it: killed, and no more."""
    events = reports.events
    for event in events[events["kind"] == codes.EVENTS.index("level")] if events.size else ():
        after, before = codes.LEVELS[int(event["level"])], codes.LEVELS[int(event["amount"])]
        key, ts = f"level:{context.run_id}:{int(event['seq'])}", int(event["ts"])
        if after == "killed":
            yield _row(ts, "critical", "kill", "the account was killed", "no trading at all until `release kill`", key)
        elif before == "killed":
            yield _row(ts, "warning", "kill", "the kill was released", f"the account is {after.replace('_', ' ')}", key)


def _amount(use: LimitUse, value: float) -> str:
    return percent(value, 1) if use.unit == "fraction" else f"{value:g}{' s' if use.unit == 'seconds' else ''}"
