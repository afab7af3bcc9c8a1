"""Everything that is wrong with a configuration's text, each with its place: what a form shows beside its fields.

The sentences are those of `config check`. Loads the strategies that the text names, as check.py does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from engine.config.check import check_slot
from engine.config.errors import ConfigError, Place, findings
from engine.config.model import Config
from engine.config.network import check_addresses
from engine.config.reading import overlay, tables_of
from engine.strategies.base import StrategyError


@dataclass(frozen=True)
class Problem:
    """`place` is ("limits", "max_gross") or ("slots", 0, "params"); empty where it is the text as a whole."""

    place: Place
    words: str


def problems(text: str, source: str, env: Mapping[str, str]) -> tuple[Config | None, list[Problem]]:
    """The configuration if it can be used, and all that is wrong with it."""
    try:
        data = tables_of(text, source)
        overlay(data, env)
        config = Config.model_validate(data)
    except ValidationError as error:
        return None, [Problem(place, words) for place, words in findings(error, Config)]
    except ConfigError as error:
        return None, [Problem((), str(error))]
    found = []
    try:
        check_addresses(config, source)
    except ConfigError as error:
        found.append(Problem((), str(error)))
    for number, slot in enumerate(config.slots):
        try:
            check_slot(slot, f"[[slots]] {number + 1}")
        except (ConfigError, StrategyError) as error:
            place = ("slots", number, "params" if "params" in str(error) else "strategy")
            found.append(Problem(place, str(error)))
    return (None if found else config), found
