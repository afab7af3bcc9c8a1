"""A living engine on a disk that runs low and has room again: loop, breaker, books and alerts, and a replay of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.runtime import failures
from engine.runtime import room as rooms
from engine.runtime.room import MB
from tests.parity.living import Life

SLOTS = """
[[slots]]
strategy = "by_the_clock"
symbols = ["BTC/USD"]

[[slots]]
strategy = "by_the_clock"
symbols = ["ETH/USD"]
params = { enter = 4, leave = 3 }
"""
PLENTY, SCARCE = 5_000, 200
TOLD = "SELECT severity FROM alert WHERE title LIKE 'the disk has%' ORDER BY id"


class Disk:
    """What `statvfs` says of the data folder, and of nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.real, self.mb = folder, os.statvfs, PLENTY

    def statvfs(self, place: Any) -> Any:
        if isinstance(place, int) or self.folder not in (Path(place), *Path(place).parents):
            return self.real(place)
        found = list(self.real(place))
        found[1], found[3], found[4] = 4096, self.mb * MB // 4096, self.mb * MB // 4096  # f_frsize, f_bfree, f_bavail
        return os.statvfs_result(found)

    def has(self, mb: int) -> Callable[[Any], None]:
        def deed(pump: Any) -> None:
            self.mb = mb
            pump.feed.assembler.emit.__self__.beaten = float("-inf")  # the loop's second is over

        return deed


def test_entries_wait_for_room_exits_do_not(begin: Callable[..., Life], monkeypatch: pytest.MonkeyPatch) -> None:
    life = begin(SLOTS)
    disk = Disk(life.folder)
    monkeypatch.setattr(rooms.os, "statvfs", disk.statvfs)
    monkeypatch.setattr(rooms, "STEADY_S", 0.0)  # of the machine's clock; how long it has to last is test_room.py's
    monkeypatch.setattr(failures, "KEPT_S", 0.0)
    life.live(16, (4.5, disk.has(SCARCE)), (13.5, disk.has(PLENTY)))
    start = life.rows("SELECT min(ts) FROM equity")[0][0]
    left = life.rows("SELECT (exit_ts - ?) / 60000 FROM trade ORDER BY seq", start)
    assert left == [(8,)], "an exit waits for no room"
    query = "SELECT (decided_ts - ?) / 60000, status, reason FROM signal WHERE kind = 'entry' ORDER BY seq"
    assert life.rows(query, start) == [
        (3, "taken", ""), (5, "refused", "level"), (13, "refused", "level"), (15, "taken", "")
    ]  # fmt: skip
    assert life.rows(TOLD) == [("warning",), ("critical",)], "low and too low, both told though found at once"
    assert (life.folder / rooms.NAME).stat().st_size > 0, "the reserve lies there"
    life.proven()
