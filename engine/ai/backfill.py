"""Asks a model about past bars, so that a backtest has something to replay: planned and priced first, within the same budgets.

A past bar is asked about as it stood then: nothing later is in the question. What the model itself remembers nobody can take out,
so questions begin after its knowledge cut-off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import Engine, insert, select
from sqlmodel import col

from db.models import AiCall
from engine.ai import budget, prompts
from engine.ai.budget import Budgets
from engine.ai.client import Client, is_local, key_from_environment
from engine.ai.pace import IN_A_ROW
from engine.ai.prices import Price, price_of
from engine.ai.prompts import Prompt
from engine.ai.record import record_words
from engine.ai.service import row_of, wall_ms
from engine.analytics.learning import EVERY, Outcomes, weigh
from engine.config.ai import AiSection
from engine.core.setup import Advice
from engine.core.types import MS_DAY, Instrument, SlotSpec
from engine.ledger.advised import advised_slot
from engine.ledger.market_table import market_table
from engine.market.candles import Candles, iso
from engine.research.own_record import LESSONS, Teller, hear, regimes_in, told_of
from engine.research.play import ticks_of
from engine.strategies._ask import asks_of
from engine.strategies.base import Bars, Strategy
from engine.strategies.decisions import decisions_of

SLIPPAGE_BPS = 5.0
"""What a record on past bars takes a market order to cost beside its fee, as accounts do by default."""


class NothingToAsk(ValueError):
    """There is no question, in a sentence."""


@dataclass(frozen=True)
class Question:
    about: int
    messages: list[dict[str, str]]
    most: float


@dataclass(frozen=True)
class Plan:
    """What would be asked; `left` is what today's budget has left, in USD, and `remembered` how many bars lie before
    the cut-off."""

    strategy: str
    symbol: str
    timeframe_ms: int
    model: str
    prompt: Prompt
    price: Price
    questions: tuple[Question, ...]
    known: int
    remembered: int
    left: float
    cutoff: str

    @property
    def most(self) -> float:
        return sum(one.most for one in self.questions)

    def words(self) -> str:
        """What is about to happen and what it may cost."""
        asked = self.questions
        if not asked:
            return f"nothing to ask: {self.known} bars are answered already, {self.remembered} lie before the model's cut-off"
        fits = sum(1 for at in range(len(asked)) if sum(one.most for one in asked[: at + 1]) <= self.left)
        span = f"{iso(asked[0].about)} to {iso(asked[-1].about)}"
        each = f"at most {self.most:.4f} USD ({self.most / len(asked):.6f} each)"
        words = [
            f"{len(asked)} questions to {self.model} about {self.symbol}, {span}: {each}",
            f"{self.left:.4f} USD are left today, enough for {fits}",
            f"{self.known} bars are answered already",
        ]
        if self.remembered:
            words.append(f"{self.remembered} lie before the cut-off {self.cutoff} and are left out")
        if not self.cutoff:
            words.append("nobody has said up to when the model knows the world ([ai] cutoff): results are flagged")
        return "; ".join(words)


class Past:
    """A strategy on past candles: its bars, its signals, and how they did as it could be known at any moment."""

    def __init__(self, strategy: Strategy, candles: Candles, instrument: Instrument) -> None:
        rows = ticks_of(candles, instrument)
        slot = SlotSpec("", strategy.name, instrument.symbol, candles.timeframe_ms)
        bars = Bars.from_ticks(instrument, candles.timeframe_ms, rows)
        self.teller, self.played = Teller(slot, instrument, bars, rows), {instrument.symbol: candles}
        heard = hear(
            [self.teller], lambda i, seen: strategy.signals(seen),
            lambda i, seen, said: decisions_of(i, seen, said, instrument), SLIPPAGE_BPS, LESSONS, self.played,
        )  # fmt: skip
        self.bars, self.signals = heard.slots[0]

    @cached_property
    def outcomes(self) -> Outcomes:
        decisions = decisions_of(0, self.bars, self.signals, self.teller.instrument)
        return told_of(self.teller, decisions, SLIPPAGE_BPS, self.by_day)

    @cached_property
    def by_day(self) -> dict[int, str]:
        return regimes_in(self.played)

    def record(self, end: int) -> str:
        """In words for a prompt, as of the bar that ends at `end` (ms UTC)."""
        return record_words(weigh(self.outcomes, end), self.teller.spec.strategy, self.by_day.get(end // MS_DAY, EVERY))


def plan(
    engine: Engine, ai: AiSection, strategy: Strategy, candles: Candles, span: tuple[int, int], prices: dict[str, Price],
    most: int, instrument: Instrument, before_cutoff: bool = False,
) -> Plan:  # fmt: skip
    """What would be asked about bars that end within `span` (ms UTC). NothingToAsk, PromptError, NoPrice in a sentence."""
    ask = asks_of(strategy)
    if ask is None:
        raise NothingToAsk(f"{strategy.name} asks no model: it has no `asks`")
    prompt, price = prompts.load(ask.prompt), price_of(ai.model, prices, ai.price_prompt, ai.price_answer)
    past = Past(strategy, candles, instrument)
    bars, signals = past.bars, past.signals
    advised = advised_slot(0, strategy, bars.timeframe_ms, instrument, Advice("shadow"))
    assert advised is not None
    done = _answered(engine, strategy.name, bars, ai.model, prompt.version)
    begin = _after(ai.cutoff)
    questions: list[Question] = []
    known = remembered = 0
    for bar, end in enumerate(bars.end.tolist()):
        wants, _ = advised.closed(bars, signals, bar, True)
        if not wants or not span[0] <= end < span[1] or len(questions) >= most:
            continue
        if end <= begin and not before_cutoff:
            remembered += 1
        elif end in done:
            known += 1
        else:
            context = {**market_table(bars, signals, ask, bar), "position": None}
            record = past.record(end) if "record" in prompt.fields else ""
            sent = prompts.messages(prompt, context, "no decision is scored yet", record)
            questions.append(Question(end, sent, price.most(sent, ai.max_tokens)))
    with engine.connect() as connection:
        used = budget.spent(connection, wall_ms(), strategy.name)
    left = max(min(ai.budget_day - used.day, ai.budget_month - used.month), 0.0)
    return Plan(
        strategy.name, bars.symbol, bars.timeframe_ms, ai.model, prompt, price, tuple(questions), known, remembered, left,
        ai.cutoff,
    )  # fmt: skip


def ask_all(engine: Engine, ai: AiSection, plan: Plan, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """Ask one after another; ends early where a budget is spent or the provider fails five times in a row."""
    counts: dict[str, int] = {}
    cost, failed, why = 0.0, 0, ""
    if not key_from_environment() and not is_local(ai.base_url):
        raise NothingToAsk("OPENROUTER_API_KEY is not set: put it in my/.env")
    client = Client(ai.base_url, ai.timeout_s)
    for number, question in enumerate(plan.questions, 1):
        call = _insert(engine, plan, question)
        with engine.execution_options(write=True).begin() as connection:
            why = budget.reserve(connection, call, plan.strategy, question.most, Budgets.of(ai), wall_ms())
        if why:
            break
        reply = client.complete(plan.model, question.messages, ai.max_tokens, plan.price, ai.timeout_s)
        values = row_of(reply, plan.price, question.most)
        with engine.execution_options(write=True).begin() as connection:
            budget.finish(connection, call, values, wall_ms())
            budget.tell(connection, None, Budgets.of(ai), wall_ms())
        counts[reply.outcome] = counts.get(reply.outcome, 0) + 1
        cost += values["cost"]
        failed = 0 if reply.decision is not None else failed + 1
        if failed >= IN_A_ROW or reply.outcome in ("no_credit", "no_model"):
            why = f"the provider failed: {reply.error}"
            break
        if reply.wait_s:
            time.sleep(min(reply.wait_s, 30.0))
        tell(number, len(plan.questions))
    return {"asked": sum(counts.values()), **counts, "cost": round(cost, 8), "ended_early": why}


def _insert(engine: Engine, plan: Plan, question: Question) -> int:
    row = {
        "purpose": "backfill", "strategy": plan.strategy, "symbol": plan.symbol, "timeframe_ms": plan.timeframe_ms,
        "about_ts": question.about, "asked_ts": question.about, "created_ts": wall_ms(), "state": "asked", "mode": "shadow",
        "model": plan.model, "prompt_name": plan.prompt.name, "prompt_hash": plan.prompt.version,
        "prompt_text": orjson.dumps(question.messages).decode(),
    }  # fmt: skip
    with engine.execution_options(write=True).begin() as connection:
        made = connection.execute(insert(AiCall).values(**row)).inserted_primary_key
    assert made is not None
    return int(made[0])


def _answered(engine: Engine, strategy: str, bars: Bars, model: str, version: str) -> set[int]:
    with engine.connect() as connection:
        found = connection.execute(
            select(col(AiCall.about_ts)).where(
                col(AiCall.strategy) == strategy, col(AiCall.symbol) == bars.symbol,
                col(AiCall.timeframe_ms) == bars.timeframe_ms, col(AiCall.model) == model,
                col(AiCall.prompt_hash) == version, col(AiCall.outcome).in_(("answered", "abstained")),
            )
        )  # fmt: skip
        return set(found.scalars())


def _after(cutoff: str) -> int:
    """The end of the cut-off's day in ms UTC; 0 where nobody has said it."""
    if not cutoff:
        return 0
    day = datetime.fromisoformat(cutoff).replace(tzinfo=UTC) + timedelta(days=1)
    return int(day.timestamp() * 1000)
