"""How often a model was right so far, from signals that are resolved. Reads; asks nobody."""

from __future__ import annotations

from sqlalchemy import Connection, text

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
