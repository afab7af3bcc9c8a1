"""The engine's terminal and log file: always there."""

from __future__ import annotations

import logging

from engine.alerts import message
from engine.alerts.message import Message, Receipt, one_line

log = logging.getLogger("evenkeel.alerts.console")
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


class Channel(message.Channel):
    """One line of the log."""

    name, title = "console", "Console and log"

    def send(self, message: Message) -> Receipt:
        """It cannot fail."""
        body = f": {one_line(message.body)}" if message.body else ""
        log.log(LEVELS.get(message.severity, logging.INFO), "%s%s", one_line(message.title), body)
        return Receipt("sent", "written")
