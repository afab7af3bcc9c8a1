"""What differs between two configurations, and when each difference can act. Pure: no file, no run, no clock.

A running engine takes most settings over at a bar's close. Some belong to its start, and a limit is never loosened behind a
person's back: those keep their running value until the next start, and are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from engine.config.errors import ConfigError, explain
from engine.config.model import Config
from engine.config.sections import SlotSection

When = Literal["now", "next bar", "when flat", "restart", "new run"]
WAITS = ("restart", "new run")
"""What an edit alone never brings about."""

SAID: dict[When, str] = {
    "now": "at once",
    "next bar": "at the next bar's close",
    "when flat": "no more entries; gone when it is flat",
    "restart": "at the next start",
    "new run": "only in a new run",
}
"""The same for a person."""

_NOW = {"log.level", "engine.slot_budget_ms"}
_NEXT_BAR = {"engine.latency_ms"}
_NEW_RUN = {"account.cash", "live.capital"}
_MONEY = ("live.max_order", "live.max_position", "live.max_exposure")
_START_SECTIONS = ("run", "storage", "engine", "account", "live", "api", "network")
_FOR_ONE_SLOT = tuple(
    "challenger_of enabled params stop target trail breakeven time_stop sizing allow_short ai".split()
)


@dataclass(frozen=True)
class Change:
    """One setting; `key` as a person would say it: "limits.max_positions", "sma_cross on BTC/USD at 1m: params"."""

    key: str
    before: Any
    after: Any
    when: When

    def __str__(self) -> str:
        return f"{self.key} {said(self.before)} -> {said(self.after)} ({self.when})"


def changes(running: Config, wanted: Config) -> list[Change]:
    """Every setting that differs, sections in their order and then slots."""
    return [*_settings(running, wanted), *_slots(running, wanted)]


def effective(running: Config, wanted: Config) -> Config:
    """`wanted`, with the running value where a difference waits for a start. ConfigError if that does not fit together."""
    waiting = [change for change in _settings(running, wanted) if change.when in WAITS]
    sections: dict[str, dict[str, Any]] = {}
    for change in waiting:
        section, _, key = change.key.partition(".")
        sections.setdefault(section, {})[key] = change.before
    data = {name: getattr(wanted, name) for name in Config.model_fields}
    data["slots"] = tuple(_no_more_freedom(running, wanted))
    try:
        for name, values in sections.items():
            section = getattr(wanted, name)
            data[name] = type(section).model_validate({**dict(section), **values})
        return Config.model_validate(data)
    except ValidationError as error:
        keys = ", ".join(change.key for change in waiting)
        reason = explain(error, Config, "the configuration")
        raise ConfigError(
            f"{reason} ({keys} can only change at a start: stop and start the engine for this edit)"
        ) from None


def _no_more_freedom(running: Config, wanted: Config) -> Iterator[SlotSection]:
    """The slots of `wanted`; what would begin to go short, or let a model open positions alone, keeps its running word, in a
    table of its own if need be."""
    old = _by_name(running)
    for section in wanted.slots:
        former = [old.get(_name(section, symbol)) for symbol in section.symbols]
        if not any(_held(running, wanted, before, section) for before in former):
            yield section
            continue
        for symbol, before in zip(section.symbols, former, strict=True):
            held = {key: getattr(before, key, None) for key in _held(running, wanted, before, section)}
            yield section.model_copy(update={"symbols": (symbol,), **held})


def _held(running: Config, wanted: Config, before: SlotSection | None, after: SlotSection) -> list[str]:
    """The keys of a slot that an edit alone does not change."""
    found = {"allow_short": _begins_to_short, "ai": _begins_to_trade_alone}
    return [key for key, begins in found.items() if begins(running, wanted, before, after)]


def _begins_to_trade_alone(running: Config, wanted: Config, before: SlotSection | None, after: SlotSection) -> bool:
    """True where a slot's own word lets a model open positions that may not now. The word of [ai] is a change of its own."""
    now = (before.ai if before else None) or running.ai.mode
    general = running.ai.mode if wanted.ai.mode == "trade" else wanted.ai.mode
    return (after.ai or general) == "trade" and now != "trade"


def _begins_to_short(running: Config, wanted: Config, before: SlotSection | None, after: SlotSection) -> bool:
    """True where a slot's own word lets it go short that may not now. The account's word is a change of its own."""
    may_now = running.account.allow_short if before is None or before.allow_short is None else before.allow_short
    account = running.account.allow_short and wanted.account.allow_short
    return (account if after.allow_short is None else after.allow_short) and not may_now


def acts(section: str, key: str) -> str:
    """When a change of this setting acts, in words; the two directions apart where they differ."""
    if section == "slots":
        more = {"allow_short": "; allowing shorts: at the next start", "ai": "; to trade: at the next start"}
        return SAID["next bar"] + more.get(key, "")
    if f"{section}.{key}" == "account.allow_short":
        return "off: at the next bar's close; on: at the next start"
    if section == "limits" or f"{section}.{key}" in _MONEY:
        return "stricter: at the next bar's close; looser: at the next start"
    if section == "ai" and key in ("budget_day", "budget_month", "calls_day", "budget_strategies"):
        return "less: at the next bar's close; more: at the next start"
    if f"{section}.{key}" == "ai.mode":
        return "at the next bar's close; to trade: at the next start"
    return SAID[_when(section, key, None, None)]


def loosens(key: str, before: float, after: float) -> bool:
    """True where a limit would allow more than before, or might (sectors); 0 switches a threshold off."""
    if key == "sectors":
        return bool(before != after)
    if key in ("consecutive_losses_minutes", "stop_cooldown_minutes", "probation_trades"):
        return after < before
    if key in ("max_positions", "max_gross", "probation_size"):
        return after > before
    return before != 0 and (after == 0 or after > before)


def _settings(running: Config, wanted: Config) -> Iterator[Change]:
    for section in Config.model_fields:
        if section == "slots":
            continue
        old, new = getattr(running, section), getattr(wanted, section)
        for key in type(old).model_fields:
            before, after = getattr(old, key), getattr(new, key)
            if before != after:
                yield Change(f"{section}.{key}", before, after, _when(section, key, before, after))


def _when(section: str, key: str, before: Any, after: Any) -> When:
    name = f"{section}.{key}"
    if name in _NOW:
        return "now"
    if name in _NEW_RUN:
        return "new run"
    if name == "account.allow_short":
        return "restart" if after else "next bar"
    if name in _MONEY:
        return "next bar" if before and after and after < before else "restart"
    if section == "ai":
        return "restart" if _allows_more(key, before, after) else "next bar"
    if section == "limits":
        return "restart" if loosens(key, before, after) else "next bar"
    return "restart" if section in _START_SECTIONS and name not in _NEXT_BAR else "next bar"


def _allows_more(key: str, before: Any, after: Any) -> bool:
    """True where a model may cost more than before, is asked elsewhere, or may open positions alone."""
    if key in ("budget_day", "budget_month", "calls_day"):
        return before is None or bool(after > before)
    if key == "budget_strategies" and before is not None:
        return any(after.get(name, amount + 1) > amount for name, amount in before.items())
    return key in ("base_url", "trade_unproven") or (key == "mode" and after == "trade")


def _slots(running: Config, wanted: Config) -> Iterator[Change]:
    old, new = _by_name(running), _by_name(wanted)
    for name, section in old.items():
        if name not in new:
            yield Change(name, "traded", "removed", "when flat")
            continue
        for key in _FOR_ONE_SLOT:
            before, after = getattr(section, key), getattr(new[name], key)
            if before != after:
                waits = key in _held(running, wanted, section, new[name])
                yield Change(f"{name}: {key}", before, after, "restart" if waits else "next bar")
    for name, section in new.items():
        if name not in old:
            yield Change(name, "none", "added", "next bar")
            for key in _held(running, wanted, None, section):
                yield Change(f"{name}: {key}", None, getattr(section, key), "restart")


def _by_name(config: Config) -> dict[str, SlotSection]:
    return {_name(slot, symbol): slot for slot in config.slots for symbol in slot.symbols}


def _name(slot: SlotSection, symbol: str) -> str:
    return f"{slot.strategy} on {symbol} at {slot.timeframe}{f' ({slot.label})' if slot.label else ''}"


def said(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {said(one)}" for name, one in value.items()) + "}"
    return "none" if value is None else str(value)
