"""Calls of models: what was asked, what it was allowed to cost, what it cost, what came back."""

from typing import Any

from sqlalchemy import Index

from db.base import Table, at_least_zero, finite, key, link, mapping, moment, number, one_of, real, words

CALL_STATES = ("asked", "reserved", "done")
CALL_PURPOSES = ("live", "backfill")
CALL_OUTCOMES = (
    "", "answered", "abstained", "timeout", "no_credit", "rate_limited", "refused", "unavailable", "garbage", "no_model",
    "no_price", "no_key", "budget", "prompt", "expired", "lost",
)  # fmt: skip


class AiCall(Table, table=True):
    """One question to a model. `asked` waits, `reserved` may be on its way (its `reserved` USD count as spent), `done`
    has ended with an `outcome`. `day` is the UTC day of the reservation by the wall clock, which budgets count by;
    `about_ts` and `asked_ts` are exchange time. `context` is what the template was filled with, `prompt_text` what was
    sent; `reasons` and `error` are a stranger's words."""

    __table_args__ = (
        one_of("state", CALL_STATES),
        one_of("purpose", CALL_PURPOSES),
        one_of("outcome", CALL_OUTCOMES),
        *at_least_zero(
            "reserved", "cost", "tokens_prompt", "tokens_answer", "tokens_thought", "tokens_cached", "latency_ms"
        ),
        *finite("confidence"),
        Index(None, "day"),
        Index(None, "run_id", "about_ts"),
        Index(None, "strategy", "symbol", "timeframe_ms", "about_ts"),
        Index(None, "state"),
    )

    id: int | None = key()
    run_id: int | None = link("run.id", nullable=True)
    slot_id: int | None = link("slot.id", nullable=True)
    purpose: str = words("live")
    strategy: str
    symbol: str
    timeframe_ms: int
    about_ts: int = moment()
    asked_ts: int = moment()
    created_ts: int = moment()
    day: str = words()
    state: str = words("asked")
    outcome: str = words()
    mode: str = words()
    model: str = words()
    prompt_name: str = words()
    prompt_hash: str = words()
    prompt_text: str = words()
    context: dict[str, Any] = mapping()
    reserved: float = real(default="0")
    cost: float = real(default="0")
    cost_source: str = words()
    tokens_prompt: int = number()
    tokens_answer: int = number()
    tokens_thought: int = number()
    tokens_cached: int = number()
    sent_ts: int | None = moment(nullable=True)
    done_ts: int | None = moment(nullable=True)
    latency_ms: float | None = real(nullable=True)
    arrived_ts: int | None = moment(nullable=True)
    direction: int | None = None
    confidence: float | None = real(nullable=True)
    horizon: int | None = None
    reasons: str = words()
    error: str = words()
