"""Why nothing can be written at this moment: another process locks the database, or the disk is full.

Behind a lock the market goes on and the ledger waits, since the tape takes everything. On a full disk nothing can be made
durable, so the loop takes no event but a kill until there is room. Words and knowledge only; what waits is the loop.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy.exc import OperationalError

from db.room import takes_nothing

log = logging.getLogger("evenkeel.loop")

LOCKED, FULL = "locked", "full"
ROOM_S = 0.2
"""How often a full disk is tried again."""
WORDS = {
    LOCKED: "the database is locked by another process: the ledger waits, nothing is lost",
    FULL: "the disk is full: nothing is traded until there is room, only a kill is heard; make room",
}
OVER = {LOCKED: "the database is free again: everything is written", FULL: "there is room again: everything is written"}
AT_STOP = {
    LOCKED: "the database is still locked: what is not written yet is on the tape, for the next start to write",
    FULL: "the disk is still full: what is not written yet is fetched from the exchange by the next start that has room",
}


class Hold:
    """What the loop is held by, told once at its beginning and once at its end."""

    def __init__(self) -> None:
        self.why = ""

    @property
    def full(self) -> bool:
        return self.why == FULL

    @property
    def words(self) -> str:
        """For status and health: empty while everything can be written."""
        return WORDS.get(self.why, "")

    def begin(self, why: str) -> None:
        if why != self.why:
            log.warning(WORDS[why])
        self.why = why

    def end(self) -> None:
        if self.why:
            log.info(OVER[self.why])
        self.why = ""


def is_locked(error: OperationalError) -> bool:
    """True for a lock that somebody else holds, on SQLite and PostgreSQL."""
    words = str(error.orig).lower()
    return "locked" in words or "busy" in words or "lock timeout" in words


def held_by(error: OperationalError, folder: Path) -> str:
    """LOCKED or FULL where a transaction may be tried again as it is, else empty. SQLite calls a quota that is used up an I/O
    error: `folder`, on the database's disk, is tried then."""
    words = str(error.orig).lower()
    if is_locked(error):
        return LOCKED
    if "disk is full" in words or "no space left" in words or ("disk i/o error" in words and takes_nothing(folder)):
        return FULL
    return ""
