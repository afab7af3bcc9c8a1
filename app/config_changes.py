"""What a draft of the configuration would change: setting by setting with when each acts, and line by line. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from engine.config.diff import SAID, WAITS, Change, changes, said
from engine.config.errors import ConfigError
from engine.config.model import Config
from engine.config.reading import parse
from engine.config.secrets import masked

AS_IT_RUNS = "nothing: the engine runs this already"


def rows(file: Config | None, draft: Config, running: Config | None) -> list[dict[str, Any]]:
    """One row a setting that the draft changes in the file; when it acts is measured against what runs, where that is known."""
    base = file or running
    if base is None:
        return []
    acting = {change.key: change for change in changes(running, draft)} if running else None
    return [
        {
            "key": change.key,
            "before": masked(said(change.before)),
            "after": masked(said(change.after)),
            "acts": _acts(change, acting),
        }
        for change in changes(base, draft)
    ]


def _acts(change: Change, acting: dict[str, Change] | None) -> str:
    if acting is None:
        return SAID[change.when]
    real = acting.get(change.key)
    return AS_IT_RUNS if real is None else SAID[real.when]


def sentence(listed: Iterable[dict[str, Any]]) -> str:
    """How many act, and what the others need."""
    acts = [row["acts"] for row in listed]
    waits = sum(word in [SAID[when] for when in WAITS] for word in acts)
    total = f"{len(acts)} setting{'s' if len(acts) != 1 else ''} would change"
    if not waits:
        return f"{total}; none needs a restart."
    return f"{total}; {waits} wait{'s' if waits == 1 else ''} for the next start: stop the engine and start it again."


def lines(before: str, after: str, names: tuple[str, str] = ("the file", "the draft")) -> str:
    """A unified difference with its passwords masked; empty where there is none."""
    made = difflib.unified_diff(masked(before).splitlines(), masked(after).splitlines(), *names, lineterm="", n=2)
    return "\n".join(made)


def config_of(text: str) -> Config | None:
    """What a text means, None where it cannot be used."""
    try:
        return parse(text)
    except ConfigError:
        return None
