"""Alerts are made and not written."""

from typing import Any

from engine.runtime.recorder import Recorder

SAYS = "Alerts are made and not written."


def plant(put: Any) -> None:
    put(Recorder, "_tell", lambda *_: None)
