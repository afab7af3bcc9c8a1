"""What must be there before real orders may go out: a pure look at configuration and environment.

Keys are never settings: they stand in the environment or in the 0600 file .env, and are only asked for by name here.
Nothing is opened and no exchange is asked; that is engine/venues/opening.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from engine.config.errors import ConfigError
from engine.config.live import PHRASE, LiveSection
from engine.config.model import Config
from engine.config.reading import from_environment

AMOUNTS = ("capital", "max_order", "max_position", "max_exposure")
"""Amounts of [live] that have no default: a person has to have written each into the file."""
TYPED = (("run", "mode"), ("live", "acknowledge"), *(("live", key) for key in AMOUNTS))
"""What the environment may not say for the file."""
_KEY_NAME = re.compile("EVENKEEL_[A-Z0-9]+_(KEY|SECRET)")
WIDEST_FIRST = ("capital", "max_exposure", "max_position", "max_order")


def key_names(exchange: str) -> tuple[str, str]:
    """The environment's names for an exchange's key and secret."""
    return f"EVENKEEL_{exchange.upper()}_KEY", f"EVENKEEL_{exchange.upper()}_SECRET"


def keys_of(exchange: str, env: Mapping[str, str]) -> tuple[str, str]:
    """(key, secret), empty where not set. Line ends written as \\n (a PEM on one line of .env) become line ends."""
    key, secret = (env.get(name, "").strip() for name in key_names(exchange))
    return key, secret.replace("\\n", "\n")


def no_keys(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without any exchange's key or secret, for processes that send no orders."""
    return {name: value for name, value in env.items() if not _KEY_NAME.fullmatch(name)}


def lacking(config: Config, env: Mapping[str, str]) -> list[str]:
    """Sentences, one for each thing that still keeps `config` from live trading; empty where nothing does. `run.mode` itself is
    not looked at: the page Go live asks while the file still says paper."""
    return [*unwritten(config, env), *without_keys(config, env), *unfit(config)]


def check_live(config: Config, env: Mapping[str, str], source: str = "config.toml") -> None:
    """ConfigError (exit code 78) that says all that is missing, where `config` asks for live trading and may not have it."""
    if config.run.mode != "live":
        return
    if found := lacking(config, env):
        lines = "\n".join(f"{source}: live trading is refused: {words}" for words in found)
        raise ConfigError(
            f'{lines}\n{source}: nothing was sent; `run.mode = "paper"` or "dry" trades without real orders'
        )


def unwritten(config: Config, env: Mapping[str, str]) -> Iterator[str]:
    """What a person has not typed into the file."""
    for section, key in TYPED:
        if name := from_environment(section, key, env):
            yield f"{section}.{key} has to be typed into the file; take {name} out of the environment"
    if config.live.acknowledge != PHRASE:
        yield f'live.acknowledge is not the sentence "{PHRASE}"; type it into [live] once you mean it'
    for key in AMOUNTS:
        if getattr(config.live, key) is None:
            yield f"live.{key} is missing, and it has no default: {LiveSection.model_fields[key].description}"


def without_keys(config: Config, env: Mapping[str, str]) -> Iterator[str]:
    """Which keys are not in the environment, by name."""
    names = key_names(config.run.exchange)
    absent = [name for name, value in zip(names, keys_of(config.run.exchange, env), strict=True) if not value]
    if absent:
        where = "not in the environment nor in my/.env, which only you may read (`chmod 600 my/.env`)"
        yield f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} {where}"


def unfit(config: Config) -> Iterator[str]:
    """Spot, long, without leverage, each limit within the next: what real orders can be today."""
    told = [(key, amount) for key in WIDEST_FIRST if (amount := getattr(config.live, key)) is not None]
    for (wide, most), (key, amount) in pairwise(told):
        if amount > most:
            yield f"live.{key} = {amount} is above live.{wide} = {most}"
    if config.limits.max_gross > 1:
        yield f"limits.max_gross = {config.limits.max_gross:g} is leverage; spot orders have at most 1"
    if config.account.allow_short or any(slot.allow_short for slot in config.incumbents):
        yield "allow_short = true: real orders are spot orders, which cannot go short"
    if any(":" in symbol for slot in config.incumbents for symbol in slot.symbols):
        yield "a symbol is a perpetual; real orders are for spot markets"
