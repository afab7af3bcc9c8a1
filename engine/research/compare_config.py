"""What runs were made of, flat and named as a person would, and where they differ. Reads the database, judges nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Engine

from db import queries
from engine.core.setup import Setup
from engine.market.symbols import timeframe_name

_SLOTS = "SELECT key, label, strategy, symbol, timeframe_ms, params, source_hash FROM slot WHERE run_id = :run ORDER BY position"
_NEWEST = "SELECT extra FROM snapshot WHERE run_id = :run ORDER BY id DESC LIMIT 1"
_RUN = "SELECT exchange, quote, cash_start, code_hash, data_hash, params FROM run WHERE id = :run"
_NAMED_BEFORE = {"label", "strategy", "symbol", "timeframe_ms", "params"}


@dataclass(frozen=True)
class Setting:
    """One setting in which runs differ: a value a run, None where a run has no such setting."""

    name: str
    values: tuple[Any, ...]


def setup_json(engine: Engine, run_id: int) -> dict[str, Any] | None:
    """What a run was made of, as stored: a backtest's parameters, a living run's setup as of its newest snapshot."""
    found = queries.rows(engine, _RUN, {"run": run_id})
    params = _loaded(found[0]["params"]) if found else {}
    if "study" in params:
        return dict(params["study"]["setup"])
    if "slots" in params:
        own = {**params, "params": [slot.get("params", {}) for slot in params["slots"]]}
        return {**own, "slots": [{k: v for k, v in slot.items() if k != "params"} for slot in params["slots"]]}
    newest = queries.scalar(engine, _NEWEST, {"run": run_id})
    setup = _loaded(newest).get("setup") if newest else None
    return dict(setup) if setup else None


def setup_of_run(engine: Engine, run_id: int) -> Setup | None:
    """The same as a Setup; None for a run that stored none."""
    stored = setup_json(engine, run_id)
    if not stored or "slots" not in stored:
        return None
    own = {name: value for name, value in stored.items() if name in ("account", "instruments", "slots", "params")}
    rest = {
        "breakers": stored.get("breakers", ()),
        "grace_ms": stored.get("grace_ms", 0),
        "latency_ms": stored.get("latency_ms", 0),
    }
    return Setup.from_json({**own, **rest})


def config_of(engine: Engine, run_id: int) -> dict[str, Any]:
    """Every setting by a name such as "sma_cross on BTC/USD 1m: fast" or "account: slippage_bps"."""
    run = queries.rows(engine, _RUN, {"run": run_id})[0]
    flat: dict[str, Any] = {
        "exchange": run["exchange"],
        "kernel": _short(run["code_hash"]),
        "data": _short(run["data_hash"]),
    }
    setup = setup_json(engine, run_id) or {}
    flat |= _flat("account", setup.get("account") or {"cash": run["cash_start"], "quote": run["quote"]})
    for one in setup.get("instruments", ()):
        flat |= _flat(str(one["symbol"]), {k: v for k, v in one.items() if k not in ("symbol", "base", "quote")})
    for one in setup.get("breakers", ()):
        flat |= _flat(f"breaker {one['name']}", {k: v for k, v in one.items() if k != "name"})
    flat |= {name: _plain(setup[name]) for name in ("grace_ms", "latency_ms") if name in setup}
    rules = dict(zip(map(_place, setup.get("slots", ())), setup.get("slots", ()), strict=True))
    for slot in queries.rows(engine, _SLOTS, {"run": run_id}):
        place = _place(slot)
        own = {k: v for k, v in rules.get(place, {}).items() if k not in _NAMED_BEFORE}
        params = {**_defaults(slot["strategy"], slot["source_hash"]), **_loaded(slot["params"])}
        flat |= _flat(place, {**own, **params, "source": str(slot["source_hash"])[:12]})
    return flat


def differences(configs: Sequence[Mapping[str, Any]]) -> list[Setting]:
    """Settings that are not the same in all, in the order of the first run that has each."""
    names = dict.fromkeys(name for config in configs for name in config)
    found = [Setting(name, tuple(config.get(name) for config in configs)) for name in names]
    return [one for one in found if any(value != one.values[0] for value in one.values)]


def _short(digest: Any) -> str | None:
    return str(digest)[:12] if digest else None


def _defaults(strategy: str, digest: str) -> dict[str, Any]:
    """What a run did not say of its parameters; nothing where the strategy's file is another by now."""
    from engine.strategies import catalog  # brings numba, which whoever only reads what was stored does not wait for
    from engine.strategies.base import StrategyError

    try:
        same = catalog.source(strategy)[1] == digest
        return catalog.load(strategy).Params.model_construct().model_dump(mode="json") if same else {}
    except StrategyError:
        return {}


def _place(slot: Mapping[str, Any]) -> str:
    label = f" ({slot['label']})" if slot.get("label") else ""
    return f"{slot['strategy']} on {slot['symbol']} {timeframe_name(int(slot['timeframe_ms']))}{label}"


def _flat(head: str, values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(head, {f"{name} {inner}": one for inner, one in value.items()})
        elif value is not None:
            flat[f"{head}: {name}"] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    """Numbers that were stored as text, and whole ones stored as floats, as numbers: 0.0010 and 0.001 are one."""
    if isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            return value
        if not number.is_finite():
            return value
        value = float(number)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _loaded(value: Any) -> dict[str, Any]:
    """A JSON column as SQLite (text) and PostgreSQL (a mapping) give it."""
    found = json.loads(value) if isinstance(value, (str, bytes)) else value
    return dict(found or {})
