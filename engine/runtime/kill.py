"""The kill switch: a flag that any thread may set and that the loop reads before every event, and the file that outlives it.

Pressed by command, HTTP, the app or a file named KILL in the data folder. From the moment the flag is set the loop takes no
event but the kill itself, so nothing is queued or filled behind it, whatever database, disk or network do. The switch itself
touches no trader; `obey` and `settle` do, on the loop's thread.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from db import kill_file
from db.kill_file import KillOrder
from engine.core import codes
from engine.market.threads import Job, Spawn, spawn
from engine.runtime.desk import Desk
from engine.runtime.session import Session

log = logging.getLogger("evenkeel.kill")

LOOK_S = 0.05


class KillSwitch:
    """One for an engine and its data folder. `press` may be called on any thread and returns at once."""

    def __init__(self, folder: Path, spawn: Spawn = spawn) -> None:
        self.folder = folder
        self._guard = threading.RLock()
        self._order: KillOrder | None = None
        self._obeyed: KillOrder | None = None
        self._stopped = threading.Event()
        self._spawn = spawn
        self._thread: Job | None = None
        self._seen: tuple[int, int, int] | None = None

    # ---- pressing ------------------------------------------------------------------------------------------------------------
    def press(self, source: str, flatten: bool = False, reason: str = "") -> None:
        """Kill: from here on no order is queued or filled, until `release kill`. Idempotent; `flatten` may be added later."""
        self._latch(KillOrder(source, flatten, reason))
        try:
            kill_file.press(self.folder, KillOrder(source, flatten, reason))
        except OSError as error:
            log.error(
                "no file %s could be made (%s): the latch holds in memory and in the ledger", kill_file.NAME, error
            )

    def _latch(self, order: KillOrder) -> None:
        with self._guard:
            if self._order is None or (order.flatten and not self._order.flatten):
                self._order = order
                log.warning("the kill latch is set (%s)", _words(order))

    @property
    def pressed(self) -> bool:
        """Whether the latch is set. What sends an order reads this right before it does."""
        return self._order is not None

    @property
    def flattens(self) -> bool:
        """Whether positions are to be closed, too."""
        return self._order is not None and self._order.flatten

    # ---- the loop's side -----------------------------------------------------------------------------------------------------
    def take(self) -> KillOrder | None:
        """What the loop has to obey before anything else; None if there is nothing new."""
        order = self._order
        return order if order is not self._obeyed else None

    def obeyed(self, order: KillOrder) -> None:
        self._obeyed = order

    def obeyed_all(self) -> None:
        """What the ledger already holds needs no event of its own."""
        self._obeyed = self._order

    def released(self) -> None:
        """A person has ended the kill: the file goes, the next press acts anew."""
        with self._guard:
            try:
                kill_file.release(self.folder)
            except OSError as error:
                log.error(
                    "%s stays (%s): remove it, or the next start kills again", self.folder / kill_file.NAME, error
                )
            self._order = self._obeyed = self._seen = None

    # ---- the file ------------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Obey a file that stands there already, lay the next ready, and look for one from now on."""
        self.look()
        try:
            kill_file.arm(self.folder)
        except OSError as error:
            log.warning("the kill file cannot be laid ready: %s", error)
        self._thread = self._spawn("kill-watch", self._watch)

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(1)

    def _watch(self) -> None:
        """A look each 50 ms finds a file on every file system, also those that tell of no changes."""
        while not self._stopped.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """See whether a kill file stands there, and obey a new one."""
        with self._guard:
            try:
                stat = (self.folder / kill_file.NAME).lstat()
            except OSError:
                return
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            order = kill_file.read(self.folder) if seen != self._seen else None
            if order is not None:
                self._seen = seen
                self._latch(order)


def obey(switch: KillSwitch, session: Session, desk: Desk) -> None:
    """On the loop's thread, before every event: the kill that waits becomes an event of the tape and the machine's level."""
    order, trader = switch.take(), desk.trader
    if order is None and trader.now and switch.flattens:
        _close_late(desk)
    if order is None or not trader.now:
        return
    machine = trader.machine
    held = bool((machine.slots["qty"] > 0).any())
    if machine.account["operator"][0] < codes.KILLED or (order.flatten and held):
        args = {"flatten": order.flatten, "source": order.source, "reason": order.reason}
        desk.event(trader.now, ["command", trader.now, "kill", args, 0])
        session.recorder.markers.append((trader.now, "command", f"kill ({_words(order)})"))
    switch.obeyed(order)
    log.warning("killed (%s): no order is queued or filled from here on", _words(order))


def _close_late(desk: Desk) -> None:
    """An entry that was out when the account was killed may turn out to have filled: its position is closed like the others."""
    machine, now = desk.trader.machine, desk.trader.now
    open_still = (machine.slots["qty"] > 0) & (machine.slots["x_purpose"] == 0)
    if machine.account["venue"][0] == 1 and machine.account["operator"][0] >= codes.KILLED and open_still.any():
        log.warning("an entry filled after the kill: its position is closed, too")
        desk.event(now, ["command", now, "kill", {"flatten": True, "source": "late fill", "reason": ""}, 0])


def taken(switch: KillSwitch, desk: Desk, flatten: bool) -> None:
    """A kill came through the ledger: its file is made, which says whether positions are to be closed."""
    if desk.trader.machine.account["operator"][0] >= codes.KILLED:
        switch.press("ledger", flatten)
        switch.obeyed_all()


def settle(switch: KillSwitch, desk: Desk) -> None:
    """After commands: a kill that came through the ledger gets its file; a kill that a person has released loses it."""
    killed = desk.trader.machine.account["operator"][0] >= codes.KILLED
    if killed and not switch.pressed:
        switch.press("ledger")
        switch.obeyed_all()
    elif not killed and switch.pressed and switch.take() is None:
        switch.released()
        log.warning("the kill is released")


def _words(order: KillOrder) -> str:
    close = ", positions are closed" if order.flatten else ""
    return f"{order.source}{close}{f': {order.reason}' if order.reason else ''}"
