"""Which strategies there are: this folder and the person's own are scanned, one file is one strategy, nothing is registered.

A file's name is the strategy's name. Of two files with one name the person's own wins, so that an upgrade changes nothing of
theirs. Names that begin with an underscore, and the files of this room itself, are no strategies.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import os
import sys
import types
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.strategies.base import Strategy, StrategyError, StrategyParams

_HERE = Path(__file__).resolve().parent
_OURS = {"base", "decisions", "catalog"}
_loaded: dict[tuple[Path, str], type[Strategy]] = {}  # a person's files by path and hash of their text


def available() -> dict[str, Path]:
    """Every strategy's name and file, in order of names. Files are listed, not opened."""
    found = dict(_ours()) | {path.stem: path for path in _files(user_folder())}
    return dict(sorted(found.items()))


def load(name: str) -> type[Strategy]:
    """The class in the file `name`. A person's file is read anew when its text has changed. StrategyError when there is no
    such file or it does not load."""
    path = _path(name)
    if path.parent == _HERE:
        return _only(importlib.import_module(f"engine.strategies.{name}"), name, path)
    text, digest = source(name)
    key = (path, digest)
    if key not in _loaded:
        _loaded[key] = _only(_run(name, path, text), name, path)
    return _loaded[key]


def source(name: str) -> tuple[str, str]:
    """The file's text and its sha256 in hexadecimal. StrategyError for an unknown name or a file that is no text."""
    path = _path(name)
    try:
        data = path.read_bytes()
        return data.decode(), hashlib.sha256(data).hexdigest()
    except (OSError, UnicodeDecodeError) as error:
        raise StrategyError(f"{name}: {path} cannot be read as text: {error}") from error


def make(name: str, params: Mapping[str, Any] | None = None) -> Strategy:
    """The strategy `name` with these parameters, the others at their defaults. StrategyError in a sentence."""
    cls = load(name)
    try:
        return cls(parameters(cls, params or {}))
    except ValidationError as error:
        raise StrategyError(f"{name}: {'; '.join(_sentences(error, cls.Params))}") from None


def parameters(cls: type[Strategy], values: Mapping[str, Any]) -> StrategyParams:
    """`values` as the class's parameters. pydantic's ValidationError where it refuses them; whatever else its own checks raise
    becomes one sentence, a StrategyError."""
    try:
        return cls.Params.model_validate(dict(values))
    except ValidationError:
        raise
    except Exception as error:
        path = _path(cls.name)
        told = f"{type(error).__name__}: {error}"
        raise StrategyError(f"{cls.name}: its parameters failed in {path.name}{_line(error, path)}: {told}") from error


def anew(strategy: Strategy) -> Strategy:
    """A person's strategy from its file run anew: whatever its module has noted meanwhile is forgotten. A shipped one, one that
    comes from no file, or whose file no longer is what it came from, is given back as it is.
    """
    cls = type(strategy)
    name, shown = cls.name, sys.modules.get(cls.__module__)
    try:
        if not cls.__module__.startswith("my_strategies.") or load(name) is not cls:
            return strategy
        fresh = _only(_run(name, _path(name), source(name)[0]), name, _path(name))
        return fresh(fresh.Params.model_validate(strategy.params.model_dump()))
    except (StrategyError, ValidationError):
        return strategy
    finally:
        if shown is not None:
            sys.modules[cls.__module__] = shown


def user_folder() -> Path:
    """The person's own strategies: under EVENKEEL_HOME, or my/ beside the program."""
    return Path(os.environ.get("EVENKEEL_HOME") or _HERE.parents[1] / "my").resolve() / "strategies"


@cache
def _ours() -> dict[str, Path]:
    """Those that came with the program; they do not change under it."""
    return {path.stem: path for path in _files(_HERE)}


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*.py")):
        if (
            path.stem.isidentifier()
            and not path.stem.startswith(("_", "test_"))
            and not (folder == _HERE and path.stem in _OURS)
        ):
            yield path


def _path(name: str) -> Path:
    known = available()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise StrategyError(f"no strategy {name!r} in engine/strategies or my/strategies; {hint}")


def _run(name: str, path: Path, text: str) -> types.ModuleType:
    """A person's file, run as a module of its own; whatever it raises becomes one sentence."""
    module = types.ModuleType(f"my_strategies.{name}")
    module.__file__ = str(path)
    former = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module  # where pydantic looks names up
    try:
        exec(compile(text, str(path), "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        if former is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = former
        raise StrategyError(f"{name}: {path.name}{_line(error, path)}: {type(error).__name__}: {error}") from error
    return module


def _line(error: Exception, path: Path) -> str:
    """The last line of the person's own file that the error passed through."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f" line {lines[-1]}" if lines else ""


def _only(module: types.ModuleType, name: str, path: Path) -> type[Strategy]:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(found) != 1:
        what = f"{len(found)} ({', '.join(cls.__name__ for cls in found)})" if found else "none"
        raise StrategyError(f"{name}: {path.name} must define exactly one class derived from Strategy, it has {what}")
    cls = found[0]
    if not issubclass(cls.Params, StrategyParams):
        raise StrategyError(f"{name}: Params in {path.name} must be derived from StrategyParams")
    cls.name = name
    return cls


def _sentences(error: ValidationError, model: type[StrategyParams]) -> Iterator[str]:
    for finding in error.errors(include_url=False):
        key = ".".join(str(step) for step in finding["loc"])
        reason = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            close = difflib.get_close_matches(key, model.model_fields, n=1)
            yield f"{key} is no parameter; " + (f"did you mean {close[0]}?" if close else f"it has {_names(model)}")
        elif key:
            yield f"{key} = {finding['input']!r}: {reason[:1].lower()}{reason[1:]}"
        else:
            yield reason


def _names(model: type[StrategyParams]) -> str:
    return ", ".join(model.model_fields) or "none"
