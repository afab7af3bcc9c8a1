"""The words of the signals page: rules, measures and facets as a trader reads them. Pure; text of data is only passed through."""

from __future__ import annotations

from app import formats
from engine.analytics.signals import HORIZONS
from engine.research.signal_book import OWN

MEASURES = {OWN: "own exits", **{f"r{bars}": f"{bars} bar{'s' if bars > 1 else ''}" for bars in HORIZONS}}
FACETS = {
    "strategy": "strategy",
    "symbol": "symbol",
    "side": "side",
    "regime": "regime",
    "tag": "tag",
    "fate": "taken or blocked",
    "rule": "blocked by",
    "config": "configuration",
    "source": "rule or model",
    "model": "model",
    "prompt": "prompt version",
}
RULES = {
    "max_positions": "positions at once",
    "symbol_cap": "cap per symbol",
    "buying_power": "buying power",
    "min_notional": "exchange's minimum",
    "cooldown": "cool-down after a stop",
    "in_position": "already in position",
    "pending": "order already waiting",
    "opposite": "position the other way",
    "busy": "order at the venue",
    "no_position": "nothing to exit",
    "missed": "outage",
    "short_not_allowed": "no shorts allowed",
    "slot_off": "slot switched off",
    "slot_failed": "strategy failed",
    "level": "paused or halted",
    "breaker": "a breaker",
    "no_stop": "no stop to size by",
    "no_volatility": "no volatility yet",
    "no_price": "no price yet",
    "moved": "price moved away",
    "expired": "entry expired",
    "superseded": "strategy changed its mind",
    "unfilled": "not filled yet",
    "venue": "exchange rejected it",
    "ai_view": "a model's view, only watched",
    "ai_veto": "a model's veto",
}


def rule(code: str) -> str:
    """What blocked a signal."""
    if code.startswith("breaker "):
        return f"breaker: {formats.words(code.removeprefix('breaker '))}"
    return RULES.get(code, formats.words(code))


def name(facet: str, code: str) -> str:
    """A facet's word on screen."""
    if facet == "strategy":
        return formats.strategy(code)
    if facet == "rule":
        return rule(code) if code else "nothing"
    if facet == "source":
        return {"ai": "model"}.get(code, code)
    if facet == "side":
        return {"long": formats.side(1), "short": formats.side(-1)}.get(code, "exit")
    if facet == "regime":
        side, _, level = code.partition(" ")
        return f"BTC {side} its mean, {level} volatility" if level else "unknown"
    return code or "none"
