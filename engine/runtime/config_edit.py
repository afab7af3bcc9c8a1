"""Changes one setting of a person's configuration file and leaves every comment where it stands. Writes atomically."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from engine.runtime.config_errors import ConfigError


def with_setting(text: str, section: str, key: str, value: Any) -> str:
    """`text` with [section] key = value. ConfigError when it is not TOML."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"the configuration is not valid TOML: {error}") from None
    table = document.setdefault(section, tomlkit.table())
    table[key] = value
    return tomlkit.dumps(document)


def write_atomically(path: Path, text: str) -> None:
    """All of `text` or what was there before, whatever happens meanwhile."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
