"""What a call may cost and what it cost: from the provider's price list, or from the configuration. USD. Pure.

The most a call can cost is reckoned from bytes: a token is at least one byte of text, so the bound holds whatever the tokenizer.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.ai.answer import RESPONSE_FORMAT

MESSAGE_TOKENS = 16
BYTES_A_TOKEN = 3.6
"""English and numbers, about; for estimates alone."""
_SCHEMA_BYTES = len(json.dumps(RESPONSE_FORMAT))


class NoPrice(ValueError):
    """The model is not on the price list, or has no price; `unknown` says which."""

    def __init__(self, words: str, unknown: bool) -> None:
        super().__init__(words)
        self.unknown = unknown


@dataclass(frozen=True)
class Price:
    """USD a token asked, a token answered (thoughts included), and a request."""

    prompt: float
    answer: float
    request: float = 0.0

    def most(self, messages: Sequence[Mapping[str, str]], max_tokens: int) -> float:
        """The most that asking `messages` can cost."""
        return self.prompt * most_tokens(messages) + self.answer * max_tokens + self.request

    def of(self, prompt_tokens: int, answer_tokens: int) -> float:
        return self.prompt * prompt_tokens + self.answer * answer_tokens + self.request


def most_tokens(messages: Sequence[Mapping[str, str]]) -> int:
    """No tokenizer makes more tokens of these messages and the schema."""
    texts = sum(len(one["content"].encode()) + MESSAGE_TOKENS for one in messages)
    return texts + _SCHEMA_BYTES


def likely_tokens(messages: Sequence[Mapping[str, str]]) -> int:
    """About how many tokens it will be."""
    texts = sum(len(one["content"].encode()) / BYTES_A_TOKEN + 4 for one in messages)
    return math.ceil(texts + _SCHEMA_BYTES / BYTES_A_TOKEN)


def price_of(model: str, listed: Mapping[str, Price], prompt: float | None, answer: float | None) -> Price:
    """The configuration's own price (USD a million tokens) or the provider's. NoPrice in a sentence where there is none."""
    if prompt is not None and answer is not None:
        return Price(prompt / 1e6, answer / 1e6)
    if model in listed:
        return listed[model]
    close = difflib.get_close_matches(model, listed, n=1)
    if listed:
        hint = f"did you mean {close[0]}?" if close else "look it up on the provider's list of models"
        raise NoPrice(f"the model {model!r} does not exist at the provider; {hint} ([ai] model)", unknown=True)
    raise NoPrice(
        "the provider's price list could not be read, so nothing is asked; set price_prompt and price_answer in [ai], or wait",
        unknown=False,
    )


def read_prices(body: Any) -> dict[str, Price]:
    """A provider's /models as prices by model; what has no sound price is left out."""
    rows = body.get("data") if isinstance(body, dict) else None
    found: dict[str, Price] = {}
    for row in rows if isinstance(rows, list) else []:
        try:
            pricing = row["pricing"]
            answer = max(float(pricing["completion"]), float(pricing.get("internal_reasoning") or 0))
            price = Price(float(pricing["prompt"]), answer, float(pricing.get("request") or 0))
        except (KeyError, TypeError, ValueError):
            continue
        if all(math.isfinite(value) and value >= 0 for value in (price.prompt, price.answer, price.request)):
            found[str(row["id"])] = price
    return found
