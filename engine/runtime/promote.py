"""From a stored run back into the configuration: its slots with their parameters, exits and sizes, and stricter limits.

A limit is never loosened here, shorts and live trading are never switched on: what the run had beyond the configuration is
told instead. The text goes through the same parsing and checks as at an engine's start before it is written, whole.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db import queries
from engine.config import door
from engine.config.check import check_slots
from engine.config.edit import Slot, with_setting, with_slot
from engine.config.errors import ConfigError
from engine.config.model import Config
from engine.config.reading import find, parse
from engine.config.sections import LimitsSection
from engine.core.setup import Setup
from engine.core.types import SlotSpec
from engine.market.symbols import timeframe_name
from engine.research.compare_config import setup_of_run
from engine.research.work_kinds import Context
from engine.strategies import catalog
from engine.strategies.base import StrategyError

_SLOTS = "SELECT key, strategy, source_hash FROM slot WHERE run_id = :run"
_ACCOUNT = {"max_positions": "max_positions", "max_gross": "max_gross", "per_symbol": "symbol_cap"}
_ZERO_IS_OFF = "per_symbol consecutive_losses daily_loss_pause daily_loss_halt drawdown_reduce drawdown_halt".split()


class CannotPromote(ConfigError):
    """The run does not say what would have to be written, or it would not hold any more; nothing was touched."""


@dataclass(frozen=True)
class Promotion:
    """`text` is the whole new file, `diff` what a person reads, `notes` what was left out and why; `digest` of the file read."""

    path: Path
    run: str
    digest: str
    text: str
    diff: str
    notes: tuple[str, ...]


def promotion(engine: Engine, run_id: int, path: Path | None = None, env: Mapping[str, str] | None = None) -> Promotion:
    """What promoting a run would write. ConfigError in a sentence where it cannot be; nothing is written."""
    path, env = path or find(), os.environ if env is None else env
    read = door.opened(path)
    before = read.text
    config = parse(before, str(path), env)
    name, setup = _run(engine, run_id)
    text, notes = before, []
    together: dict[str, Slot] = {}
    for spec, params in zip(setup.slots, setup.params, strict=True):
        wanted, said = _wanted(config, spec, params)
        notes += said
        like = repr(replace(wanted, symbols=()))
        known = together.get(like)
        together[like] = wanted if known is None else replace(known, symbols=known.symbols + wanted.symbols)
    for slot in together.values():
        text = with_slot(text, slot)
    limits, said = _limits(config.limits, setup)
    notes += said
    for key, value in limits.items():
        text = with_setting(text, "limits", key, value)
    _checked(text, path, env)
    notes += [f"{slot} stays as it is: the run did not have it" for slot in _others(config, setup)]
    return Promotion(path, name, read.digest, text, _diff(before, text, path), tuple(notes))


def write(made: Promotion, env: Mapping[str, str] | None = None) -> None:
    """The file as `made` says. ConfigError where it was edited since it was read, or would be refused at a start."""
    _checked(made.text, made.path, os.environ if env is None else env)
    door.write(made.path, made.text, made.digest, f"promote {made.run}")


def job(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """A worker's job. args: run_id; write = the digest that was shown, to write it."""
    made = promotion(context.engine, int(args["run_id"]))
    if wanted := args.get("write"):
        if wanted != made.digest:
            raise CannotPromote(f"{made.path} was edited meanwhile: look at the difference again")
        write(made)
    return {**as_dict(made), "written": bool(wanted)}


def as_dict(made: Promotion) -> dict[str, Any]:
    """Plain values, without the file's text: it may hold what is nobody's business."""
    return {
        "run": made.run, "file": str(made.path), "digest": made.digest, "diff": made.diff, "notes": list(made.notes),
        "changes": bool(made.diff),
    }  # fmt: skip


def _checked(text: str, path: Path, env: Mapping[str, str]) -> None:
    check_slots(parse(text, str(path), env), str(path))


def _diff(before: str, after: str, path: Path) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path.name} now", f"{path.name} then", lineterm=""
    )
    return "\n".join(lines)


def _run(engine: Engine, run_id: int) -> tuple[str, Setup]:
    found = queries.rows(engine, "SELECT name, status FROM run WHERE id = :run", {"run": run_id})
    if not found or found[0]["status"] == "writing":
        raise CannotPromote(f"there is no run {run_id}, or it is still being written")
    name = str(found[0]["name"])
    setup = setup_of_run(engine, run_id)
    if setup is None:
        raise CannotPromote(
            f"{name} did not store what it was made of: run it again on the page Backtest, then promote that"
        )
    for row in queries.rows(engine, _SLOTS, {"run": run_id}):
        try:
            same = catalog.source(str(row["strategy"]))[1] == row["source_hash"]
        except StrategyError as error:
            raise CannotPromote(f"{name}: {error}") from None
        if not same:
            raise CannotPromote(
                f"the file of {row['strategy']} is not the one {name} ran: rerun it on newest data, and promote that"
            )
    return name, setup


def _called(spec: SlotSpec) -> str:
    label = f" ({spec.label})" if spec.label else ""
    return f"{spec.strategy} on {spec.symbol} {timeframe_name(spec.timeframe_ms)}{label}"


def _wanted(config: Config, spec: SlotSpec, params: Mapping[str, Any]) -> tuple[Slot, list[str]]:
    """What stands in the slot's table then, None for a key that is taken out; and what is not written."""
    where, notes = spec.protection, []
    section = next((one for one in config.slots if _same(one, spec)), None)
    shorts = config.account.allow_short if section is None or section.allow_short is None else section.allow_short
    if spec.allow_short and not shorts:
        notes.append(
            f"{_called(spec)}: the run went short, the configuration does not: allow_short is for you to switch on"
        )
    sizing = (section and section.sizing) or config.sizing
    values: dict[str, Any] = {
        "params": _params(spec, params, section.params if section else {}),
        "stop": where.stop, "target": where.target, "trail": where.trail, "breakeven": where.breakeven,
        "time_stop": where.time_stop,
    }  # fmt: skip
    if (spec.sizing.kind, spec.sizing.value) != (sizing.kind, sizing.value):
        values["sizing"] = {"kind": spec.sizing.kind, "value": spec.sizing.value}
        if spec.sizing.kind == sizing.kind and spec.sizing.value > sizing.value:
            notes.append(
                f"{_called(spec)} buys more than before: {sizing.kind} {sizing.value:g} becomes {spec.sizing.value:g}"
            )
    if section is not None and not section.enabled:
        notes.append(f"{_called(spec)} is switched off in the configuration, and stays so")
    return Slot(spec.strategy, (spec.symbol,), timeframe_name(spec.timeframe_ms), spec.label, values), notes


def _params(spec: SlotSpec, ran: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """What the run was given; a parameter at its default is only written where the configuration says another."""
    model = catalog.load(spec.strategy).Params
    defaults = {name: field.default for name, field in model.model_fields.items()}
    return {name: value for name, value in ran.items() if name in written or value != defaults.get(name)}


def _same(section: Any, spec: SlotSpec) -> bool:
    place = (section.strategy, section.timeframe_ms, section.label)
    return place == (spec.strategy, spec.timeframe_ms, spec.label) and spec.symbol in section.symbols


def _others(config: Config, setup: Setup) -> list[str]:
    return [
        f"{section.strategy} on {symbol} {section.timeframe}"
        for section in config.slots
        for symbol in section.symbols
        if not any(_same(section, spec) and spec.symbol == symbol for spec in setup.slots)
    ]


def _limits(now: LimitsSection, setup: Setup) -> tuple[dict[str, Any], list[str]]:
    """Limits that the run had stricter; and a word on those that it had looser."""
    ran: dict[str, Any] = {key: getattr(setup.account, name) for key, name in _ACCOUNT.items()}
    thresholds = {spec.name: spec.threshold for spec in setup.breakers}
    ran |= {key: thresholds.get(key, 0) for key in _ZERO_IS_OFF if key != "per_symbol"}
    stricter, looser = {}, []
    for key, value in ran.items():
        held, given = (_reach(key, one) for one in (getattr(now, key), value))
        if given < held:
            stricter[key] = int(value) if isinstance(getattr(now, key), int) else float(value)
        elif given > held:
            looser.append(f"{key} ({getattr(now, key):g}, the run {'none' if given == float('inf') else f'{value:g}'})")
    words = [f"limits are not loosened here; yours stay stricter than the run's: {', '.join(looser)}"] if looser else []
    return stricter, words


def _reach(key: str, value: float) -> float:
    """How much a limit allows; 0 switches some off."""
    return float("inf") if key in _ZERO_IS_OFF and not value else float(value)
