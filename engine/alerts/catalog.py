"""Which channels there are: the files in channels/, read by scanning the folder. No list of them is kept anywhere."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from engine.alerts.message import Channel, Missing
from engine.config.alerts import AlertsSection

FOLDER = Path(__file__).parent / "channels"


@cache
def kinds() -> dict[str, type[Channel]]:
    """Each channel's class by its name."""
    found = {}
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        cls: type[Channel] = importlib.import_module(f"engine.alerts.channels.{path.stem}").Channel
        if cls.name != path.stem:
            raise ValueError(f"{path.name} holds the channel {cls.name!r}: a channel is named as its file")
        found[cls.name] = cls
    return found


def open_channels(settings: AlertsSection, env: Mapping[str, str]) -> tuple[dict[str, Channel], dict[str, str]]:
    """(the channels that have all they need, by name; what the others lack, in words)."""
    ready: dict[str, Channel] = {}
    lacking: dict[str, str] = {}
    for name, cls in kinds().items():
        try:
            ready[name] = cls(settings, env)
        except Missing as why:
            lacking[name] = str(why)
    return ready, lacking


def secret_names() -> tuple[str, ...]:
    """Every name in the environment that holds a secret of some channel."""
    return tuple(dict.fromkeys(n for cls in kinds().values() for n in (*cls.secrets_needed, *cls.secrets_allowed)))
