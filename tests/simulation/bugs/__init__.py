"""Seeded bugs: each a file that breaks the engine in one way; the simulation has to catch every one of them.

A file has `SAYS` (what is wrong, in a sentence) and `plant(patch)`, which puts the wrong code in place of the right one:
`patch(object, name, value)` until the run is over. `LIVE = True` where only real orders meet it. Adding a bug is adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


def names() -> list[str]:
    """All bugs there are."""
    return sorted(one.name for one in pkgutil.iter_modules(__path__) if not one.name.startswith("_"))


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Within, the engine has the bug; nothing without a name."""
    if not name:
        yield
        return
    bug = importlib.import_module(f"{__name__}.{name}")
    patches: list[Any] = []

    def put(target: Any, attribute: str, value: Any) -> None:
        patches.append(patch.object(target, attribute, value))
        patches[-1].start()

    try:
        bug.plant(put)
        yield
    finally:
        for one in reversed(patches):
            one.stop()


def is_live(name: str) -> bool:
    """Whether it takes an account with real orders to meet it."""
    return bool(name) and bool(getattr(importlib.import_module(f"{__name__}.{name}"), "LIVE", False))


def says(name: str) -> str:
    """What is wrong with an engine that has it."""
    return str(importlib.import_module(f"{__name__}.{name}").SAYS)
