"""Tells systemd that the engine is ready, alive, and about to stop, where systemd asked to be told (NOTIFY_SOCKET).

The sign of life comes from the loop itself, so a loop that hangs is started again (WatchdogSec= in the unit). The protocol is
sd_notify(3): one datagram of lines KEY=VALUE. Nothing here decides anything.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from engine.config.model import Config


class Systemd:
    """A service beside the loop; silent where nobody listens."""

    name = "systemd"

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")

    def start(self) -> None:
        self._tell("READY=1\nSTATUS=trading")

    def committed(self) -> None:
        """Nothing: the heartbeat is the sign of life."""

    def reconfigured(self, config: Config) -> None:
        self._tell(f"STATUS=trading; another configuration of {config.run.name} is in force")

    def vitals(self) -> Mapping[str, Any]:
        """Asked at every heartbeat, on the loop's thread."""
        self._tell("WATCHDOG=1")
        return {}

    def stop(self, seconds: float) -> None:
        self._tell("STOPPING=1")

    def _tell(self, words: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
            told.setblocking(False)
            told.sendto(words.encode(), address)
