"""Why nothing can be written at this moment: another process locks the database, its server is away, or the disk is full.

Behind a lock, or while a server is away, the market goes on and the ledger waits, since the tape takes everything; away, no entry
is taken either. On a full disk nothing can be made durable, so the loop takes no event but a kill until there is room. Where a
server went away in the middle of a commit, nothing at all is taken until it says whether that landed. Words and knowledge only;
what waits is the loop.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError

from db.room import takes_nothing
from db.server import away, is_contended

log = logging.getLogger("evenkeel.loop")

LOCKED, FULL, AWAY, DOUBT = "locked", "full", "away", "doubt"
ROOM_S, AWAY_S = 0.2, 1.0
"""How often a full disk is tried again, and a server that is away: a try may take two seconds."""
WORDS = {
    LOCKED: "the database is locked by another process: the ledger waits, nothing is lost",
    FULL: "the disk is full: nothing is traded until there is room, only a kill is heard; make room",
    AWAY: "the database server takes no writes: no entries until it does, positions are managed, all is kept on the tape",
    DOUBT: "the database server went away in the middle of a commit: nothing is taken until it says whether that landed",
}
OVER = {
    LOCKED: "the database is free again: everything is written",
    FULL: "there is room again: everything is written",
    AWAY: "the database server is back: everything is written",
    DOUBT: "the database server is back: everything is written, nothing twice",
}
AT_STOP = {
    LOCKED: "the database is still locked: what is not written yet is on the tape, for the next start to write",
    FULL: "the disk is still full: what is not written yet is fetched from the exchange by the next start that has room",
    AWAY: "the database server is still away: what is not written yet is on the tape, for the next start to write",
    DOUBT: "the database server is still away: what is not written yet is on the tape, for the next start to write",
}


class Hold:
    """What the loop is held by, told once at its beginning and once at its end."""

    def __init__(self) -> None:
        self.why = self.reason = ""

    @property
    def full(self) -> bool:
        """Whether no event may be taken."""
        return self.why in (FULL, DOUBT)

    @property
    def doubt(self) -> bool:
        """Whether what was stepped must stay exactly as it is, a kill included: it may be in the ledger already."""
        return self.why == DOUBT

    @property
    def away(self) -> bool:
        """Whether the database server takes nothing."""
        return self.why == AWAY

    def due(self, since: float, urgent: bool, every: float) -> bool:
        """Whether to try a commit, `since` seconds after the last try; while all is well at once where it is urgent, and each
        `every` seconds."""
        if self.why in (AWAY, DOUBT):
            return since >= AWAY_S
        return urgent or since >= (ROOM_S if self.full else every)

    @property
    def words(self) -> str:
        """For status and health: empty while everything can be written."""
        words = WORDS.get(self.why, "")
        return f"{words} ({self.reason})" if words and self.reason else words

    def begin(self, why: str, reason: str = "") -> None:
        """`reason`: the server's own, in words."""
        changed, self.why, self.reason = why != self.why, why, reason
        if changed:
            log.warning(self.words)

    def end(self) -> None:
        if self.why:
            log.info(OVER[self.why])
        self.why = self.reason = ""


def is_locked(error: DBAPIError) -> bool:
    """True for a lock that somebody else holds, on SQLite and PostgreSQL."""
    if is_contended(error):
        return True
    words = str(error.orig).lower()
    return isinstance(error, OperationalError) and ("locked" in words or "busy" in words)


def held_by(error: DBAPIError, folder: Path) -> str:
    """LOCKED, AWAY or FULL where a transaction may be tried again as it is, else empty. SQLite calls a quota that is used up
    an I/O error: `folder`, on the database's disk, is tried then."""
    words = str(error.orig).lower()
    if is_locked(error):
        return LOCKED
    if away(error):
        return AWAY
    if "disk is full" in words or "no space left" in words or ("disk i/o error" in words and takes_nothing(folder)):
        return FULL
    return ""
