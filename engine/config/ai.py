"""The table [ai]: which model is asked, how far it is listened to, and what it may cost. No key stands here: it is read from the
environment (OPENROUTER_API_KEY) and nowhere else."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import Field, field_validator, model_validator

from engine.config.sections import AiMode, Section

ACCEPT = "I accept an unproven model"
"""What a person types to let a model open positions before it has been scored."""
PROVEN = 100
"""Scored decisions after which mode trade acts."""


class AiSection(Section):
    """Asks a model what strategies want to know. The key is read from the environment, OPENROUTER_API_KEY."""

    mode: AiMode = Field(
        "shadow",
        description="off; shadow: recorded and scored, not traded; veto: may stop an entry; scale: may make it smaller; "
        "trade: may open alone with the rule's size, stop and limits",
    )
    model: str = Field(
        "openai/gpt-4o-mini", min_length=1, max_length=120, description="the provider's name of the model"
    )
    base_url: str = Field(
        "https://openrouter.ai/api/v1",
        pattern=r"^https?://.+$",
        description="address of the interface (elsewhere: see [network])",
    )
    min_confidence: float = Field(0.55, ge=0, le=1, description="an answer less sure than this counts as none")
    timeout_s: float = Field(
        20.0, ge=0.5, le=120, description="seconds to wait for an answer; after that the rule decides"
    )
    max_tokens: int = Field(400, ge=50, le=8000, description="most tokens of an answer, thoughts included")
    budget_day: float = Field(0.30, ge=0, le=10_000, description="most that calls may cost on a UTC day, in USD")
    budget_month: float = Field(10.0, ge=0, le=100_000, description="most that calls may cost in a UTC month, in USD")
    budget_strategies: dict[str, float] = Field(
        default_factory=dict, description="most that a strategy's calls may cost on a UTC day: { ai_trend = 0.1 }"
    )
    calls_day: int = Field(200, ge=0, le=100_000, description="most calls on a UTC day")
    price_prompt: float | None = Field(
        None, ge=0, le=10_000, description="USD for a million tokens asked; omitted: the provider's price list"
    )
    price_answer: float | None = Field(
        None, ge=0, le=10_000, description="USD for a million tokens answered; omitted: the provider's price list"
    )
    cutoff: str = Field(
        "", description="day up to which the model knows the world, 2024-10-01: earlier backtests are flagged"
    )
    trade_unproven: str = Field(
        "",
        description=f'"{ACCEPT}" lets mode trade act before {PROVEN} decisions are scored; until then it is shadow',
    )

    @field_validator("cutoff")
    @classmethod
    def _a_day(cls, text: str) -> str:
        if text:
            try:
                date.fromisoformat(text)
            except ValueError:
                raise ValueError("a day such as 2024-10-01, or empty where it is not known") from None
        return text

    @field_validator("budget_strategies")
    @classmethod
    def _amounts(cls, amounts: dict[str, float]) -> dict[str, float]:
        for name, amount in amounts.items():
            if amount < 0:
                raise ValueError(f"{name} = {amount:g}: a budget is 0 or more USD a day")
        return amounts

    @model_validator(mode="after")
    def _typed_whole(self) -> Self:
        if self.trade_unproven not in ("", ACCEPT):
            raise ValueError(f'trade_unproven is either empty or exactly "{ACCEPT}"')
        if (self.price_prompt is None) != (self.price_answer is None):
            raise ValueError("price_prompt and price_answer belong together: give both, or neither")
        return self
