"""The one table of definitions, and all of an account's statistics by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.analytics.definitions import Account, Definition
from engine.analytics.definitions_evidence import EVIDENCE
from engine.analytics.definitions_returns import RETURNS
from engine.analytics.definitions_trades import TRADES
from engine.analytics.values import Figure, Undefined

DEFINITIONS: Mapping[str, Definition] = {row.name: row for row in (*RETURNS, *TRADES, *EVIDENCE)}
"""By name, in the order they are shown in."""


def figures(account: Account, names: Iterable[str] | None = None) -> dict[str, Figure]:
    """The named statistics, or all. A figure never holds NaN or infinity: it has a value or a reason."""
    return {name: _figure(DEFINITIONS[name], account) for name in (DEFINITIONS if names is None else names)}


def _figure(definition: Definition, account: Account) -> Figure:
    try:
        value = definition.value(account)
    except Undefined as why:
        return Figure(definition.name, None, str(why))
    if not -1e300 < value < 1e300:
        return Figure(definition.name, None, "the numbers are too large or too small to reckon with")
    return Figure(definition.name, value, None, definition.few(account))


def plain(made: Mapping[str, Figure]) -> dict[str, Any]:
    """As JSON takes it: every value by name, then `undefined` and `too_few`, each a mapping from name to reason."""
    return {
        **{name: figure.value for name, figure in made.items()},
        "undefined": {name: figure.reason for name, figure in made.items() if figure.reason is not None},
        "too_few": {name: figure.few for name, figure in made.items() if figure.few is not None},
    }
