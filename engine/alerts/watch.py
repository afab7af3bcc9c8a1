"""What is heard beside the ledger: a feed that stays away, and errors in the log. As rows of alerts; nothing is sent here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from engine.access.redact import known, said
from engine.alerts.message import clip, mask, one_line

AWAY_MS = 30_000
HOUR_MS = 3_600_000
Row = dict[str, Any]


class FeedWatch:
    """Tells once when the feed has been away for half a minute, and once when it is back. Pure: the caller brings the time."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._told = False

    def see(self, now: int, feed: str) -> tuple[str, str, str, str] | None:
        """(severity, title, body, key's end) when something is to be told. `feed` as the engine's status says it."""
        if feed.startswith("disconnected"):
            self._since = now if self._since is None else self._since
            if self._told or now - self._since < AWAY_MS:
                return None
            self._told = True
            why = one_line(feed.partition(":")[2])
            return "warning", "the exchange's feed is lost", clip(why or "no reason given", 200), f"down:{self._since}"
        since, told = self._since, self._told
        if feed:
            self._since, self._told = None, False
        if not feed or not told or since is None:
            return None
        return "info", f"the exchange's feed is back after {(now - since) // 1000} s", "", f"up:{since}"


class ErrorLog(logging.Handler):
    """Errors of the engine's log as alerts, each once an hour. Whatever the alerts themselves log is left out."""

    def __init__(self, tell: Callable[[str, str, str, str], None], secrets: Callable[[], list[str]]) -> None:
        """`tell(severity, title, body, key)`; `secrets` never get into the words."""
        super().__init__(logging.ERROR)
        self.tell, self.secrets = tell, secrets

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("evenkeel.alerts"):
            return
        try:
            first = self._plain(one_line(record.getMessage()))
            error = record.exc_info[1] if record.exc_info else None
            body = self._plain(f"{type(error).__name__}: {one_line(str(error))}") if error else ""
            hour = int(record.created * 1000) // HOUR_MS
            self.tell(
                "warning",
                clip(first, 160),
                clip(body, 500),
                f"{record.name}:{clip(self._plain(str(record.msg)), 80)}:{hour}",
            )
        except Exception:  # a record that cannot be written must not stop whoever logged it
            self.handleError(record)

    def _plain(self, words: str) -> str:
        """Without the channels' secrets, and without any other of the environment: an alert is a row of the database."""
        return said(mask(words, self.secrets()), known())
