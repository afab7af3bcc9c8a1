"""Whichever way a file is written, its watcher tells the last text that stands there, once, and half a text never."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.runtime.watch import FileWatch

WAIT_S = 20.0  # only bounds a failure


class Told:
    """What a watcher told, and a way to wait for a text without sleeping."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.changed = threading.Condition()

    def __call__(self, text: str) -> None:
        with self.changed:
            self.texts.append(text)
            self.changed.notify_all()

    def wait_for(self, text: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: text in self.texts, WAIT_S), f"told {self.texts}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("first")
    return path


@pytest.fixture
def told(path: Path) -> Iterator[Told]:
    told = Told()
    watch = FileWatch(path, told, poll_s=60, settle_s=0.05)
    watch.start()
    yield told
    watch.stop()


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def by_rename(path: Path, text: str) -> None:
    part = path.with_name(".config.toml.part")
    part.write_text(text)
    part.replace(path)


def by_backup(path: Path, text: str) -> None:
    path.rename(path.with_name("config.toml~"))
    path.write_text(text)
    path.with_name("config.toml~").unlink()


def deleted_and_created(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def from_elsewhere(path: Path, text: str) -> None:
    folder = path.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    (folder / "new").write_text(text)
    (folder / "new").replace(path)


@pytest.mark.parametrize("save", [in_place, by_rename, by_backup, deleted_and_created, from_elsewhere])
def test_every_way_of_saving_is_told(path: Path, told: Told, save: Callable[[Path, str], None]) -> None:
    for text in ("second", "third"):
        save(path, text)
        told.wait_for(text)
    assert told.texts[-1] == "third"


def test_a_thousand_saves_end_with_the_last_and_half_a_text_is_never_told(path: Path, told: Told) -> None:
    """A writer that truncates, writes one half and then the other, a thousand times as fast as it can."""
    whole = {"first"}
    with path.open("r+") as file:
        for number in range(1000):
            text = f"{number:04} begins and {number:04} ends"
            whole.add(text)
            file.seek(0)
            file.truncate()
            file.write(text[:9])
            file.flush()
            file.write(text[9:])
            file.flush()
    told.wait_for(text)
    assert set(told.texts) <= whole
    assert told.texts[-1] == text


def test_another_file_and_reading_are_no_change(path: Path, told: Told) -> None:
    path.with_name("config.toml.swp").write_text("second")
    assert path.read_text() == "first"
    os.utime(path)
    in_place(path, "last")
    told.wait_for("last")
    assert told.texts == ["last"]


def test_where_the_file_system_tells_nothing_a_slow_look_finds_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    watch = FileWatch(path, told, poll_s=0.05, settle_s=0.01)

    def refused(*_: object) -> None:
        raise OSError("inotify watch limit reached")

    monkeypatch.setattr(watch._observer, "schedule", refused)
    watch.start()
    try:
        in_place(path, "second")
        told.wait_for("second")
    finally:
        watch.stop()


def test_a_file_that_is_gone_or_no_text_is_left_alone(path: Path, told: Told) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    path.unlink()
    in_place(path, "back")
    told.wait_for("back")
    assert told.texts == ["back"]


class Both(Told):
    """What a watcher told and what it lost, in one list; what was lost begins with a minus."""

    def lost(self, why: str) -> None:
        self(f"-{why}")

    def wait_for_words(self, words: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: any(words in one for one in self.texts), WAIT_S), f"told {self.texts}"


@pytest.fixture
def both(path: Path) -> Iterator[Both]:
    both = Both()
    watch = FileWatch(path, both, both.lost, poll_s=0.1, settle_s=0.02)
    watch.start()
    yield both
    watch.stop()


def test_a_file_that_stays_away_is_told_once_and_told_again_when_it_is_back(path: Path, both: Both) -> None:
    path.rename(path.with_name("away"))
    both.wait_for_words("does not exist")
    path.mkdir()
    both.wait_for_words("is a folder")
    path.rmdir()
    path.write_bytes(b"\xff")
    both.wait_for_words("no text in UTF-8")
    path.with_name("away").replace(path)
    both.wait_for("first")
    assert [one.partition(":")[0][-20:] for one in both.texts if one[0] == "-"] == [
        one.partition(":")[0][-20:] for one in dict.fromkeys(both.texts) if one[0] == "-"
    ], "each reason once"


def test_an_empty_and_a_huge_file(path: Path, both: Both) -> None:
    path.write_text("")
    both.wait_for("")
    path.write_bytes(b"x" * 10_000_000)
    both.wait_for_words("9,766 KiB")


def test_a_writer_that_never_rests_is_heard_between_two_saves(path: Path) -> None:
    told = Told()
    watch = FileWatch(path, told, poll_s=60, settle_s=30, longest_s=0.1)
    watch.start()
    try:
        number, whole = 0, set()
        while not told.texts and number < 20_000:
            text = f"{number} " * 500
            whole.add(text)
            by_rename(path, text)
            number += 1
        assert told.texts, "it waits for a rest that never comes"
        assert set(told.texts) <= whole
    finally:
        watch.stop()
