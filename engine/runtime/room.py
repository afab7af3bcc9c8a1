"""Room on the engine's disk: told early, entries held in time, and a reserve that is given back when nothing else fits.

The reserve is a file, `reserve`, that holds so many bytes for nothing: removed on a full disk, it leaves room for a kill, exits
and the commits they need. Looked at by the loop, about once a second; what is held and who waits is the loop's.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from db.room import is_full
from engine.access import files
from engine.config.sections import StorageSection

log = logging.getLogger("evenkeel.room")

NAME = "reserve"
MB = 1_000_000
STEADY_S = 60.0
"""Room that has been there for so long is held to stay."""
Free = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """What a process that is not root may still write on the folder's disk. OSError as it comes."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class Room:
    """One data folder's. `low`: candles and the log's details wait; `holds`: entries wait, too. `told` are sentences for a
    person that nobody has taken yet, with whether each is grave."""

    def __init__(self, storage: StorageSection, free: Free = free_bytes) -> None:
        self.folder, self.free = Path(storage.data_dir), free
        self.warn, self.hold, self.size = storage.warn_mb * MB, storage.hold_mb * MB, storage.reserve_mb * MB
        self.left: int | None = None
        self.low = self.holds = False
        self.told: list[tuple[bool, str]] = []
        self._since: float | None = None  # since when there is twice what is wanted

    @property
    def reserve(self) -> Path:
        return self.folder / NAME

    @property
    def words(self) -> str:
        """For status and health: empty while there is room."""
        if self.left is None or not (self.low or self.holds):
            return ""
        entries = "no entries" if self.holds else f"entries stop below {self.hold / MB:,.0f}"
        return f"the disk has {self.left / MB:,.0f} MB left ({entries}): make room"

    def vitals(self) -> dict[str, float]:
        """For the status row and the figures."""
        return (
            {} if self.left is None else {"disk_free_mb": round(self.left / MB), "disk_reserve_mb": self._laid() // MB}
        )

    def look(self, now: float) -> None:
        """At `now` in monotonic seconds. A disk that cannot be looked at is as it was."""
        try:
            self.left = self.free(self.folder)
        except OSError:
            return
        plenty = self.left >= 2 * self.hold
        self._since = (self._since if self._since is not None else now) if plenty else None
        steady = self._since is not None and now - self._since >= STEADY_S
        self._warn()
        if self.left < self.hold and not self.holds:
            self.holds = True
            self._tell(True, f"the disk has {self.left / MB:,.0f} MB left: no entries until there is room")
        elif self.holds and steady:
            self.holds = False
            log.info("the disk has room again")
        if steady and not self.holds and self.size:
            self._lay()

    def give_way(self) -> bool:
        """Remove the reserve from a full disk; whether there was one."""
        try:
            self.reserve.unlink()
        except OSError:
            return False
        self._since = None
        self._tell(True, "the disk is full: the reserve was given back, for exits and a kill. Make room now")
        return True

    # ---- one thing each ------------------------------------------------------------------------------------------------------
    def _warn(self) -> None:
        assert self.left is not None
        if self.left < self.warn and not self.low:
            self.low = True
            self._tell(
                False,
                f"the disk has {self.left / MB:,.0f} MB left: candles and details of the log are written no more, "
                f"entries stop below {self.hold / MB:,.0f} MB",
            )
        elif self.low and self.left >= self.warn + self.hold:
            self.low = False
        _spare_the_log(self.low)

    def _tell(self, grave: bool, words: str) -> None:
        log.warning("%s", words)
        self.told.append((grave, words))

    def _laid(self) -> int:
        try:
            return self.reserve.stat().st_size
        except OSError:
            return 0

    def _lay(self) -> None:
        """Lay the reserve where it would leave enough; half a one is none."""
        if self._laid() == self.size or (self.left or 0) < 2 * self.hold + self.size:
            return
        try:
            with files.fresh(self.reserve, 0o600) as file:
                _fill(file.fileno(), self.size)
        except OSError as error:
            self.reserve.unlink(missing_ok=True)
            if not is_full(error):
                log.warning("no reserve for a full disk could be laid: %s", error)
                self.size = 0


def _fill(handle: int, size: int) -> None:
    """`size` bytes that really take their room: what is only promised is no reserve."""
    try:
        os.posix_fallocate(handle, 0, size)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        for _ in range(0, size, MB):
            os.write(handle, os.urandom(MB))
    os.fsync(handle)


def _spare_the_log(low: bool) -> None:
    """Details go to the terminal alone while the disk is low."""
    for handler in logging.getLogger("evenkeel").handlers:
        if isinstance(handler, RotatingFileHandler):
            handler.setLevel(logging.INFO if low else logging.NOTSET)
