"""What a configuration's slots would cost before anything is asked: calls a day x tokens x price. Asks nobody, reads
no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.ai import prompts
from engine.ai.prices import Price, likely_tokens, price_of
from engine.ai.record import record_words
from engine.analytics.ai_cost import estimate
from engine.analytics.learning import EVERY
from engine.analytics.signals_regime import REGIMES
from engine.config.model import Config
from engine.strategies import catalog
from engine.strategies._ask import Ask, asks_of

MS_DAY = 86_400_000
ENTRY_EVERY = 30
"""Bars between two entries of a rule, where nothing better is known."""
LIKELY_ANSWER = 90

_ROW = {"source": "", "signals": 120, "resolved": 90, "won": 0.55, "mean": 0.001}
RECORD = record_words([{**_ROW, "regime": regime} for regime in (EVERY, *REGIMES)], "", "")
"""A record as long as one gets."""


def estimates(
    config: Config,
    prices: Mapping[str, Price],
    entries_a_day: Callable[[Any, str], float | None] = lambda slot, symbol: None,
) -> list[dict[str, Any]]:
    """A row for each slot that asks. NoPrice and PromptError in a sentence."""
    rows = []
    for slot in config.slots:
        strategy = catalog.make(slot.strategy, slot.params)
        ask, mode = asks_of(strategy), slot.ai or config.ai.mode
        if ask is None or mode == "off" or not slot.enabled:
            continue
        price = price_of(config.ai.model, prices, config.ai.price_prompt, config.ai.price_answer)
        tokens = likely_tokens(
            prompts.messages(prompts.load(ask.prompt), sample(ask), "60% of 100 decisions were right", RECORD)
        )
        for symbol in slot.symbols:
            calls = calls_a_day(ask, slot.timeframe_ms, entries_a_day(slot, symbol))
            money = estimate(
                calls, tokens, LIKELY_ANSWER, (price.prompt * 1e6, price.answer * 1e6),
                (config.ai.budget_day, config.ai.budget_month),
            )  # fmt: skip
            rows.append(
                {
                    "slot": f"{slot.strategy} on {symbol} at {slot.timeframe}", "mode": mode, "model": config.ai.model,
                    "calls_day": round(calls, 1), "tokens_asked": tokens, "tokens_answered": LIKELY_ANSWER,
                    "cost_call": round(money.call, 8), "cost_day": round(money.day, 6), "budget_days": round(money.days, 1),
                }
            )  # fmt: skip
    return rows


def calls_a_day(ask: Ask, timeframe_ms: int, entries: float | None) -> float:
    """Questions a day of a slot: every so many bars, or at the rule's entries (`entries` a day where that is known)."""
    bars = MS_DAY / timeframe_ms
    if ask.when == "bar":
        return bars / ask.every
    return bars / ENTRY_EVERY if entries is None else entries


def sample(ask: Ask) -> dict[str, Any]:
    """A context as large as those that will be sent."""
    columns = ["open", "high", "low", "close", "volume", *ask.indicators]
    return {
        "symbol": "BTC/USD", "timeframe": "1h", "columns": columns, "rows": [[61234.5] * len(columns)] * ask.bars,
        "rule": "enter long", "checks": {"fast mean above slow mean": True}, "position": None,
    }  # fmt: skip
