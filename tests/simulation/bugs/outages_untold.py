"""An outage is filled and not told."""

from typing import Any

from engine.runtime.recorder import Recorder

SAYS = "An outage is filled and not told."


def plant(put: Any) -> None:
    put(Recorder, "_write_outages", lambda *_: None)
