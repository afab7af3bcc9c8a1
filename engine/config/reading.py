"""A Config from a TOML file and the environment, or a refusal in words (errors.py); and where that file lies.

The environment lies over the file, `[[slots]]` excepted. Nothing here opens a database, a socket or a strategy.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.config.errors import ConfigError, Place, explain
from engine.config.files import text_of
from engine.config.model import Config


def load(path: Path | str, env: Mapping[str, str] | None = None) -> Config:
    """Read `path` and lay the environment over it (os.environ unless given). ConfigError names key, value and remedy."""
    path = Path(path)
    text = text_of(path)
    return parse(text, source=str(path), env=os.environ if env is None else env)


def parse(text: str, source: str = "config.toml", env: Mapping[str, str] | None = None) -> Config:
    """TOML text to a Config; `env` as in `load` (none unless given)."""
    data = tables_of(text, source)
    overlay(data, env or {})
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(error, Config, source, lambda place: _variable(place, env or {}))) from None


def tables_of(text: str, source: str = "config.toml") -> dict[str, Any]:
    """The text's tables as plain values. ConfigError names the line where it is no TOML."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{source} is not valid TOML: {error}. Look at that line; config.example.toml shows the form."
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; lists within lists without end
        raise ConfigError(
            f"{source} is not valid TOML: {str(error).partition(';')[0]}. No setting needs that."
        ) from None


def from_environment(section: str, key: str, env: Mapping[str, str]) -> str:
    """The variable that lies over this setting, or nothing."""
    short = {("storage", "data_dir"): "EVENKEEL_DATA", ("storage", "database_url"): "DATABASE_URL"}.get(
        (section, key), ""
    )
    long = f"EVENKEEL_{section}_{key}".upper()
    return long if long in env else short if env.get(short) else ""


def _variable(place: Place, env: Mapping[str, str]) -> str:
    """The environment's variable that a finding at `place` is about, or nothing: the file is not to blame for it."""
    return from_environment(str(place[0]), str(place[1]), env) if len(place) == 2 else ""


def overlay(data: dict[str, Any], env: Mapping[str, str]) -> None:
    """Lay EVENKEEL_<SECTION>_<KEY>, EVENKEEL_DATA and DATABASE_URL over the file's values, in place."""
    for short, (section, key) in {
        "EVENKEEL_DATA": ("storage", "data_dir"),
        "DATABASE_URL": ("storage", "database_url"),
    }.items():
        if env.get(short):
            _put(data, section, key, env[short])
    for name in sorted(env):
        section, _, key = name.removeprefix("EVENKEEL_").lower().partition("_")
        if name.startswith("EVENKEEL_") and key and section in Config.model_fields and section != "slots":
            _put(data, section, key, _value(env[name], section, key))


def _put(data: dict[str, Any], section: str, key: str, value: Any) -> None:
    table = data.setdefault(section, {})
    if isinstance(table, dict):
        table[key] = value


def _value(text: str, section: str, key: str) -> Any:
    """A number or true/false as TOML reads them where the setting is no text; everything else as it stands."""
    owner = Config.model_fields[section].annotation
    field = owner.model_fields.get(key) if isinstance(owner, type) and issubclass(owner, BaseModel) else None
    if field is not None and field.annotation is str:
        return text
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, (bool, int, float)) else text


def home() -> Path:
    """The person's own folder: EVENKEEL_HOME, or my/ beside the program."""
    return Path(os.environ.get("EVENKEEL_HOME") or Path(__file__).resolve().parents[2] / "my")


def find() -> Path:
    """The configuration in force: EVENKEEL_CONFIG, else config.toml in the person's folder, else in this folder."""
    named = os.environ.get("EVENKEEL_CONFIG")
    if named:
        return Path(named)
    own = home() / "config.toml"
    here = Path("config.toml")
    return here if not own.exists() and here.exists() else own
