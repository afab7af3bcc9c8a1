"""What a strategy says besides its decision, as plain values: its tag, its checks, its warm-up. Nothing is decided here."""

from __future__ import annotations

from typing import Any

from engine.strategies.base import Strategy


def warmup_of(strategy: Strategy) -> int:
    """1 where it fails: a person's code may raise anything, and `signals`, which asks for it first, then stops the slot."""
    try:
        return int(strategy.warmup())
    except Exception:
        return 1


def tag_of(signals: Any, code: int) -> str:
    """The tag's words; empty where the code names none."""
    tags = getattr(signals, "tags", ())
    return str(tags[code]) if 0 <= code < len(tags) else ""


def checks_of(signals: Any) -> dict[str, bool]:
    """The newest bar's checks by name."""
    return {str(name): bool(values[-1]) for name, values in signals.checks.items()}
