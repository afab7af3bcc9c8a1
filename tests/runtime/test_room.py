"""The disk's room: told early, entries held in time, the reserve given back on a full disk and laid again when it lasts."""

from __future__ import annotations

import logging
import resource
from logging.handlers import RotatingFileHandler
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import StorageError
from engine.config.model import Config
from engine.config.sections import SlotSection, StorageSection
from engine.market.candles import Candles, DataError
from engine.market.store import Store
from engine.runtime import room as rooms
from engine.runtime import works
from engine.runtime.room import MB, STEADY_S, Room

WARN, HOLD, RESERVE = 1000, 256, 2


class Disk:
    def __init__(self, mb: int) -> None:
        self.mb = mb

    def free(self, folder: Path) -> int:
        return self.mb * MB


def room(folder: Path, disk: Disk, **options: int) -> Room:
    storage = StorageSection(
        data_dir=str(folder), **{"warn_mb": WARN, "hold_mb": HOLD, "reserve_mb": RESERVE, **options}
    )
    return Room(storage, disk.free)


def test_the_way_down_and_up_again(tmp_path: Path) -> None:
    disk = Disk(5000)
    found = room(tmp_path, disk)
    states = []
    for now, mb in enumerate([5000, 999, 990, 255, 100, 300, 511, 600]):
        disk.mb = mb
        found.look(float(now))
        states.append((found.low, found.holds))
    assert states == [(False, False), (True, False), (True, False), *[(True, True)] * 5]
    assert [grave for grave, _ in found.told] == [False, True], "each is told once"
    assert "600 MB left (no entries)" in found.words
    found.look(7.0 + STEADY_S - 0.1)
    assert found.holds
    found.look(7.0 + STEADY_S)
    assert (found.holds, found.low) == (False, True)
    disk.mb = WARN + HOLD
    found.look(8.0 + STEADY_S)
    assert (found.low, found.words) == (False, "")


def waits(history: list[int]) -> bool:
    """By the words of the rule, sample by sample, 20 s apart: from the last one below the mark on, no minute of twice as much."""
    last = max((k for k, mb in enumerate(history) if mb < HOLD), default=None)
    if last is None:
        return False
    rest = history[last + 1 :]
    return not any(all(mb >= 2 * HOLD for mb in rest[k : k + 4]) for k in range(len(rest) - 3))


@given(st.lists(st.sampled_from([0, 200, 300, 511, 512, 1500]), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_entries_are_held_below_the_mark_and_never_released_early(history: list[int]) -> None:
    disk = Disk(0)
    found = room(Path("/nonexistent"), disk, warn_mb=0, reserve_mb=0)
    found._tell = lambda grave, words: None  # type: ignore[method-assign]
    for now, disk.mb in enumerate(history):
        found.look(float(20 * now))
        assert found.holds is waits(history[: now + 1])


def test_the_reserve_is_real_bytes_and_gives_way_once(tmp_path: Path) -> None:
    disk = Disk(5000)
    found = room(tmp_path, disk)
    found.look(0.0)
    assert not found.reserve.exists(), "room has to last before any of it is taken"
    found.look(STEADY_S)
    taken = found.reserve.stat()
    assert (taken.st_size, taken.st_blocks * 512 >= taken.st_size) == (RESERVE * MB, True)
    assert taken.st_mode & 0o077 == 0
    assert found.vitals() == {"disk_free_mb": 5000, "disk_reserve_mb": RESERVE}
    disk.mb = 0
    assert (found.give_way(), found.give_way()) == (True, False)
    found.look(STEADY_S + 1)
    assert not found.reserve.exists()
    disk.mb = 5000
    for now in (70.0, 70.0 + STEADY_S):
        found.look(STEADY_S + now)
    assert found.reserve.stat().st_size == RESERVE * MB


@pytest.mark.parametrize(("free", "options"), [(2 * HOLD + RESERVE - 1, {}), (5000, {"reserve_mb": 0})])
def test_no_reserve_where_it_would_take_what_entries_need(tmp_path: Path, free: int, options: dict[str, int]) -> None:
    found = room(tmp_path, Disk(free), **options)
    for now in (0.0, STEADY_S, 2 * STEADY_S):
        found.look(now)
    assert not list(tmp_path.iterdir())


def test_half_a_reserve_is_none(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    found = room(tmp_path, Disk(5000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MB, before[1]))
    try:
        for now in (0.0, STEADY_S):
            found.look(now)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
    found.look(2 * STEADY_S)
    assert found.reserve.exists(), "it is tried again"


def test_a_file_system_that_promises_nothing_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: int) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(rooms.os, "posix_fallocate", cannot)
    found = room(tmp_path, Disk(5000))
    for now in (0.0, STEADY_S):
        found.look(now)
    assert found.reserve.stat().st_size == RESERVE * MB


def test_a_disk_that_cannot_be_seen_changes_nothing(tmp_path: Path) -> None:
    def broken(folder: Path) -> int:
        raise OSError(5, "gone")

    found = room(tmp_path, Disk(100))
    found.look(0.0)
    found.free = broken
    found.look(1.0)
    assert found.holds
    assert rooms.free_bytes(tmp_path) > 0


def test_details_of_the_log_wait(tmp_path: Path) -> None:
    handler = RotatingFileHandler(tmp_path / "engine.log", delay=True)
    logger, disk = logging.getLogger("evenkeel"), Disk(999)
    logger.addHandler(handler)
    try:
        found = room(tmp_path, disk)
        found.look(0.0)
        low = handler.level
        disk.mb = 5000
        found.look(1.0)
        assert (low, handler.level) == (logging.INFO, logging.NOTSET)
    finally:
        logger.removeHandler(handler)
        handler.close()


def test_candles_and_backups_leave_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ones = np.ones(3)
    candles = Candles(np.arange(3) * 60_000, ones, ones, ones, ones, ones)
    monkeypatch.setattr(Store, "spare", 1 << 60)
    with pytest.raises(DataError, match="make room first"):
        Store(tmp_path).write("coinbase", "BTC/USD", "1m", candles)
    monkeypatch.setattr(Store, "spare", 1)
    assert Store(tmp_path).write("coinbase", "BTC/USD", "1m", candles).path.exists()
    storage = StorageSection(data_dir=str(tmp_path), warn_mb=1_000_000, hold_mb=1_000_000)
    with pytest.raises(StorageError, match="another disk"):
        works.back_up(Config(slots=(SlotSection(),), storage=storage), lambda: 0)
    with pytest.raises(ValueError, match="tell first, then hold"):
        StorageSection(warn_mb=100, hold_mb=200)
