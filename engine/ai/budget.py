"""Budgets for calls: reserved in the transaction that a call waits for, so that they hold whatever is killed or races.

What is reserved counts as spent until the call has ended, and for good where nobody knows how it ended. Days and months are
UTC, by the wall clock. No request is made here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlmodel import col

from db.models import AiCall, Alert
from engine.config.ai import AiSection

LEVELS = (50, 80, 100)
_DUST = 1e-12  # USD: what sums of floats are off by


@dataclass(frozen=True)
class Budgets:
    """USD a UTC day and month, a strategy's own a day, and calls a day."""

    day: float
    month: float
    calls: int
    strategies: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def of(ai: AiSection) -> Budgets:
        return Budgets(ai.budget_day, ai.budget_month, ai.calls_day, dict(ai.budget_strategies))


@dataclass(frozen=True)
class Spent:
    """USD spent or reserved today and this month, and by one strategy today; calls today."""

    day: float
    month: float
    strategy: float
    calls: int


def day_of(now_ms: int) -> str:
    """The UTC day of ms since the epoch, as 2026-01-31."""
    return time.strftime("%Y-%m-%d", time.gmtime(now_ms / 1000))


def spent(connection: Connection, now_ms: int, strategy: str = "") -> Spent:
    """What counts as spent at `now_ms`, over all runs of the database: the money is one person's."""
    day = day_of(now_ms)
    month = (col(AiCall.day) >= day[:8] + "01") & (col(AiCall.day) <= day[:8] + "31")
    kinds = (col(AiCall.day), col(AiCall.strategy), col(AiCall.state))
    rows = connection.execute(
        select(*kinds, func.sum(col(AiCall.reserved)), func.sum(col(AiCall.cost)), func.count())
        .where(month)
        .group_by(*kinds)
    ).all()
    counted = [(at, who, float(held if state == "reserved" else cost), n) for at, who, state, held, cost, n in rows]
    today = [row for row in counted if row[0] == day]
    return Spent(
        sum(row[2] for row in today),
        sum(row[2] for row in counted),
        sum(row[2] for row in today if row[1] == strategy),
        sum(row[3] for row in today),
    )


def reserve(
    connection: Connection, call: int, strategy: str, amount: float, budgets: Budgets, now_ms: int, **values: Any
) -> str:
    """Reserve `amount` USD for call number `call`, which still has to be asked; `values` are written with it. Within the caller's
    transaction. What stands against it in a sentence, and then the call has ended; empty where it may be sent once this has
    landed."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE ai_call IN SHARE ROW EXCLUSIVE MODE"))
    asked = (col(AiCall.id) == call) & (col(AiCall.state) == "asked")
    against = _against(spent(connection, now_ms, strategy), strategy, amount, budgets)
    if against:
        done = {"state": "done", "outcome": "budget", "error": against, "done_ts": now_ms}
        connection.execute(update(AiCall).where(asked).values(**values, **done))
        return against
    row = {"state": "reserved", "reserved": amount, "day": day_of(now_ms), "sent_ts": now_ms}
    changed = connection.execute(update(AiCall).where(asked).values(**values, **row))
    return "" if changed.rowcount else "the call had ended already"


def _against(used: Spent, strategy: str, amount: float, budgets: Budgets) -> str:
    for name, had, most in (
        ("today's budget", used.day, budgets.day),
        ("this month's budget", used.month, budgets.month),
        (f"today's budget of {strategy}", used.strategy, budgets.strategies.get(strategy)),
    ):
        if most is not None and had + amount > most + _DUST:
            return f"{name} for AI of {most:.2f} USD is spent: {had:.4f} USD used, the call may cost {amount:.4f}"
    if used.calls >= budgets.calls:
        return f"all {budgets.calls} calls of today are made ([ai] calls_day)"
    return ""


def tell(connection: Connection, run_id: int | None, budgets: Budgets, now_ms: int, refused: bool = False) -> float:
    """Alerts of kind ai_budget at 50, 80 and 100 %, once a day and once a month each. The larger share that is spent; 1 where a
    call was refused because next to nothing is left."""
    used = spent(connection, now_ms)
    day = day_of(now_ms)
    shares = []
    for period, words, had, most in (
        (day, "today's", used.day, budgets.day),
        (day[:7], "this month's", used.month, budgets.month),
    ):
        share = had / most if most else 1.0
        full = refused and most - had < _near(most)
        shares.append(max(share, 1.0) if full else share)
        for level in LEVELS:
            if most and (share * 100 >= level or full):
                _alert(connection, run_id, period, words, level, had, most, now_ms)
    return max(shares)


def _near(most: float) -> float:
    """So little left that a refused call means: spent."""
    return 0.05 * most


def _alert(
    connection: Connection, run_id: int | None, period: str, words: str, level: int, had: float, most: float, now: int
) -> None:
    key = f"ai_budget:{period}:{level}:{most:g}"
    if connection.execute(select(col(Alert.id)).where(col(Alert.dedupe_key) == key)).first() is not None:
        return
    title = (
        f"{level} % of {words} AI budget is spent"
        if level < 100
        else f"{words[0].upper()}{words[1:]} AI budget is spent"
    )
    then = "strategies go on by their rules alone" if level == 100 else "calls go on until it is spent"
    connection.execute(
        insert(Alert).values(
            run_id=run_id, ts=now, created_ts=now, severity="info" if level == 50 else "warning", kind="ai_budget",
            title=title, body=f"{had:.4f} of {most:.2f} USD; {then}", dedupe_key=key, state="new",
        )
    )  # fmt: skip


def finish(connection: Connection, call: int, values: Mapping[str, Any], now_ms: int) -> None:
    """The call has ended: its cost takes the place of what was reserved. Ending it twice changes nothing."""
    open_ = (col(AiCall.id) == call) & (col(AiCall.state) != "done")
    connection.execute(update(AiCall).where(open_).values(**{**values, "state": "done", "done_ts": now_ms}))


def close_left_over(connection: Connection, run_id: int, now_ms: int) -> int:
    """Calls that a former process left open: what was asked is dropped, what may have been sent is charged as reserved."""
    mine = (col(AiCall.run_id) == run_id) & (col(AiCall.purpose) == "live")
    asked = connection.execute(
        update(AiCall)
        .where(mine, col(AiCall.state) == "asked")
        .values(state="done", outcome="expired", done_ts=now_ms, error="the engine ended before it was asked")
    )
    sent = connection.execute(
        update(AiCall)
        .where(mine, col(AiCall.state) == "reserved")
        .values(
            state="done", outcome="lost", done_ts=now_ms, cost=col(AiCall.reserved), cost_source="reserved",
            error="the engine ended before the answer came; it is charged as if it had",
        )
    )  # fmt: skip
    return int(asked.rowcount) + int(sent.rowcount)
