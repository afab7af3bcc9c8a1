"""How often a model was right so far, and how its strategy's signals did by regime, in words for a prompt. Reads; asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from engine.analytics.learning import EVERY
from engine.analytics.signals_score import hit_rate as share_won
from engine.analytics.values import MIN_TRADES

RIGHT = """SELECT count(*) AS n, coalesce(sum(CASE WHEN o.r12 > 0 THEN 1 ELSE 0 END), 0) AS won
    FROM signal s JOIN signal_outcome o ON o.run_id = s.run_id AND o.signal_seq = s.seq JOIN slot t ON t.id = s.slot_id
    WHERE s.run_id = :run AND s.source = 'ai' AND s.direction <> 0 AND t.strategy = :strategy AND s.model = :model
    AND o.r12 IS NOT NULL"""
SCORED = """SELECT count(*) FROM signal s JOIN signal_outcome o ON o.run_id = s.run_id AND o.signal_seq = s.seq
    WHERE s.run_id = :run AND s.source = 'ai' AND s.direction <> 0 AND o.r12 IS NOT NULL"""


def hit_rate(connection: Connection, run_id: int, strategy: str, model: str) -> str:
    """In words for a prompt: right after 12 bars net of costs, and of how many."""
    n, won = connection.execute(text(RIGHT), {"run": run_id, "strategy": strategy, "model": model}).one()
    return (
        f"{won / n:.0%} of {n} decisions were right after 12 bars, net of costs" if n else "no decision is scored yet"
    )


def scored(connection: Connection, run_id: int) -> int:
    """How many decisions of models are scored in a run."""
    return int(connection.execute(text(SCORED), {"run": run_id}).scalar() or 0)


def record_words(rows: Sequence[Mapping[str, Any]], strategy: str, regime: str) -> str:
    """The record of a strategy's own signals for a prompt, a line for all regimes and for each: the share that made money net of
    costs with its interval and their mean return, or that it is too few to say. `rows` as engine.analytics.learning.weigh makes
    them; `regime` is the day's, empty where it is not known."""
    own = [row for row in rows if row["source"] == strategy]
    if not own:
        return "no signal of this strategy has come to an end yet"
    return "\n".join(_line(row, regime) for row in own)


def _line(row: Mapping[str, Any], regime: str) -> str:
    name = "all regimes" if row["regime"] == EVERY else f"BTC {row['regime']} volatility"
    name += " (today)" if row["regime"] == regime != EVERY else ""
    n, windows = int(row["signals"]), int(row["resolved"])
    if windows < MIN_TRADES:
        return f"{name}: too few to say ({windows} windows that do not overlap, of {MIN_TRADES} needed)"
    rate = share_won(round(row["won"] * n), n, windows)
    return (
        f"{name}: {rate.value:.0%} of {n} signals made money net of costs (90 % interval {rate.low:.0%} to {rate.high:.0%}), "
        f"mean {row['mean']:+.2%}"
    )
