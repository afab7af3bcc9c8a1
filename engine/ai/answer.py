"""What a model wrote, as a decision or as a failure: strictly the schema, nothing guessed, nothing coerced. Pure.

A model's text is a stranger's: it is bounded, checked and kept as plain text, and never shown as anything else.
"""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 4096
MOST_REASONS, MOST_REASON = 3, 300
MOST_HORIZON = 1000
DIRECTIONS = {"long": 1, "short": -1, "flat": 0, "abstain": None}
_KEYS = {"direction", "confidence", "horizon", "reasons"}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "direction": {"type": "string", "enum": list(DIRECTIONS)},
        "confidence": {"type": "number", "description": "0 to 1"},
        "horizon": {"type": "integer", "description": "bars the view is for"},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["direction", "confidence", "horizon", "reasons"],
    "additionalProperties": False,
}
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "view", "strict": True, "schema": SCHEMA}}


class Garbage(ValueError):
    """The model's text is no decision; the message says why."""


@dataclass(frozen=True)
class Decision:
    """direction -1, 0, 1, or None where the model abstained; confidence 0..1; horizon in bars; reasons as plain text."""

    direction: int | None
    confidence: float
    horizon: int
    reasons: tuple[str, ...]


def read(text: Any) -> Decision:
    """The decision in a model's text. Garbage for anything but one object of exactly the schema."""
    if not isinstance(text, str):
        raise Garbage(f"the answer is no text but {type(text).__name__}")
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise Garbage(f"the answer is longer than {MOST_BYTES} bytes")
    try:
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise Garbage(f"the answer is not one JSON object: {str(error)[:100]}") from None
    if not isinstance(found, dict) or set(found) != _KEYS:
        raise Garbage("the answer does not have exactly direction, confidence, horizon and reasons")
    return Decision(
        _direction(found["direction"]),
        _confidence(found["confidence"]),
        _horizon(found["horizon"]),
        _reasons(found["reasons"]),
    )


def _no_constant(name: str) -> Any:
    raise Garbage(f"{name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Garbage("a key stands twice in the answer")
    return dict(pairs)


def _direction(value: Any) -> int | None:
    if not isinstance(value, str) or value not in DIRECTIONS:
        raise Garbage("direction must be long, short, flat or abstain")
    return DIRECTIONS[value]


def _confidence(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value <= 1
        or not math.isfinite(value)
    ):
        raise Garbage("confidence must be a number from 0 to 1")
    return float(value)


def _horizon(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MOST_HORIZON:
        raise Garbage(f"horizon must be a whole number of bars from 1 to {MOST_HORIZON}")
    return value


def _reasons(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_REASONS or not all(isinstance(one, str) for one in value):
        raise Garbage(f"reasons must be at most {MOST_REASONS} texts")
    return tuple(plain(one)[:MOST_REASON] for one in value)


def plain(text: str) -> str:
    """A stranger's text without control, format and surrogate characters, on one line."""
    kept = "".join(
        " " if one in "\r\n\t" else one for one in text if one in "\r\n\t" or unicodedata.category(one)[0] != "C"
    )
    return " ".join(kept.split())
