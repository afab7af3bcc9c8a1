"""A Config as TOML text: the commented example that people copy, and the bare form that is stored with a run.

    python -m engine.config.text > config.example.toml

The words come from the settings' own declarations in sections.py; none are written here but the heading.
"""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.config.model import Config
from engine.config.sections import SlotSection

HEADING = """\
# Evenkeel's configuration: every setting, its default, what it means. Copy what you change to my/config.toml;
# `run_engine.py init` does that with five questions, `run_engine.py config check` says whether it is right.
# Any key but those of [[slots]] can also come from the environment: EVENKEEL_<SECTION>_<KEY>, EVENKEEL_LIMITS_MAX_POSITIONS=2.
# A line that begins with `# key =` is a setting that is off unless you write it.
"""


def example() -> str:
    """config.example.toml, whole."""
    return commented(Config(slots=(SlotSection(),)))


def commented(config: Config) -> str:
    """Every setting of `config` with its description above it."""
    parts = [HEADING]
    for name, field in Config.model_fields.items():
        if name == "slots":
            parts += [_table(slot, "[[slots]]", True) for slot in config.slots]
        elif field.annotation:
            parts.append(_table(getattr(config, name), f"[{name}]", True))
    return "\n".join(parts)


def bare(config: Config) -> str:
    """Every setting without words, the database's password masked: what a run stores as its configuration."""
    sections = [name for name in Config.model_fields if name != "slots"]
    parts = [_table(getattr(config, name), f"[{name}]", False) for name in sections]
    parts += [_table(slot, "[[slots]]", False) for slot in config.slots]
    return "\n".join(parts)


def _table(section: BaseModel, title: str, words: bool) -> str:
    lines = [title]
    if words and section.__doc__:
        lines.insert(0, f"# {' '.join(section.__doc__.split())}")
    for key, field in type(section).model_fields.items():
        lines += _setting(key, getattr(section, key), field, words)
    return "\n".join(lines) + "\n"


def _setting(key: str, value: Any, field: FieldInfo, words: bool) -> list[str]:
    if value is None:
        return [f"# {key} = {_SAMPLES[key]}   # {field.description}"] if words else []
    text = f"{key} = {toml(_masked(value) if key == 'database_url' else value)}"
    return [f"{text}   # {field.description}" if words else text]


_SAMPLES = {
    "maker": "0.006",
    "taker": "0.012",
    "stop": "0.02",
    "target": "0.04",
    "trail": "0.03",
    "breakeven": "0.01",
    "time_stop": "240",
    "sizing": '{ kind = "risk", value = 0.01 }',
    "allow_short": "true",
    "ai": '"off"',
    "capital": "500",
    "max_order": "50",
    "max_position": "100",
    "max_exposure": "400",
    "price_prompt": "0.15",
    "price_answer": "0.6",
}
"""What a setting that is off by default looks like when it is on."""


def toml(value: Any) -> str:
    """A plain value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, BaseModel):
        value = value.model_dump()
    inner = ", ".join(f"{_key(str(key))} = {toml(item)}" for key, item in value.items())
    return f"{{ {inner} }}" if inner else "{}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def _masked(url: str) -> str:
    password = urlsplit(url).password if "://" in url else None
    return url.replace(f":{password}@", ":***@") if password else url


if __name__ == "__main__":
    sys.stdout.write(example())
