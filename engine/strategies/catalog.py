"""Strategies by name: the files beside this one and the person's own, scanned, nothing registered."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.strategies.base import Strategy, StrategyError

HERE = Path(__file__).resolve().parent
SHARED = {"__init__", "base", "decisions", "catalog"}
_loaded: dict[tuple[Path, str], type[Strategy]] = {}


def user_folder() -> Path:
    """Where the person's own strategies live: EVENKEEL_HOME (or my/ beside the program) / strategies."""
    return Path(os.environ.get("EVENKEEL_HOME") or HERE.parents[1] / "my") / "strategies"


def available() -> dict[str, Path]:
    """Every strategy's name and file; a person's own file wins over a shipped one of the same name."""
    found = {path.stem: path for path in sorted(HERE.glob("*.py")) if path.stem not in SHARED and path.stem[0] != "_"}
    folder = user_folder()
    if folder.is_dir():
        found |= {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}
    return found


def _path(name: str) -> Path:
    known = available()
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
        raise StrategyError(f"no strategy {name!r}: {hint}")
    return known[name]


def source(name: str) -> tuple[str, str]:
    """(text, sha256) of a strategy's file."""
    text = _path(name).read_text(encoding="utf-8")
    return text, hashlib.sha256(text.encode()).hexdigest()


def load(name: str) -> type[Strategy]:
    """The strategy class in the file of that name. StrategyError when the file cannot be used."""
    path = _path(name)
    key = path, source(name)[1]
    if key not in _loaded:
        _loaded[key] = _import(name, path)
    return _loaded[key]


def _import(name: str, path: Path) -> type[Strategy]:
    spec = importlib.util.spec_from_file_location(f"evenkeel_strategy_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise StrategyError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    made = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == spec.name
    ]
    if len(made) != 1:
        raise StrategyError(f"{path} must define exactly one Strategy, it defines {len(made)}")
    made[0].name = name
    return made[0]


def make(name: str, params: Mapping[str, Any] | None = None) -> Strategy:
    """A strategy with parameters; StrategyError says which parameter is wrong and why."""
    cls = load(name)
    try:
        return cls(cls.Params(**dict(params or {})))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(cls.Params.model_fields) or "none"
        raise StrategyError(f"{name}: {where or 'parameters'}: {first['msg']} (parameters: {known})") from None
