"""Who is logged in: tokens of 128 bits, kept as hashes in this process's memory, so that a new start logs everybody out.

A session ends after half an hour without a sign of life, after twelve hours whatever happens, at a log-out, and when the
password changes. `now` is a steady clock in seconds: moving the machine's clock lengthens nothing. No clock is read here.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

IDLE_S, LIFE_S = 30 * 60.0, 12 * 3600.0
MOST = 200
"""Sessions at once; beyond it the one that was silent longest ends."""


@dataclass
class _Session:
    opened: float
    seen: float
    password: str


class Sessions:
    """The sessions of one server. `password` is whatever stands for the password in force (its hash)."""

    def __init__(self) -> None:
        self._open: dict[str, _Session] = {}

    def open(self, now: float, password: str) -> str:
        """A new session's token, told once and never kept."""
        token = secrets.token_hex(16)
        if len(self._open) >= MOST:
            del self._open[min(self._open, key=lambda name: self._open[name].seen)]
        self._open[_name(token)] = _Session(now, now, password)
        return token

    def valid(self, token: str, now: float, password: str | None, *, touch: bool = True) -> bool:
        """Whether the token's session stands; `touch` counts as a sign of life."""
        session = self._open.get(_name(token)) if token else None
        if session is None:
            return False
        if session.password != password or now - session.seen > IDLE_S or now - session.opened > LIFE_S:
            self.close(token)
            return False
        if touch:
            session.seen = max(session.seen, now)
        return True

    def close(self, token: str) -> None:
        """End one session."""
        self._open.pop(_name(token), None)

    def close_all(self) -> None:
        """End every session."""
        self._open.clear()


def _name(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
