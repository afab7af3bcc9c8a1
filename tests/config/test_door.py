"""A configuration's file in every state that a file can be in; and the one door by which it is written."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from engine.config import door
from engine.config.errors import ConfigError
from engine.config.files import BOM, NoFile, text_of
from engine.config.reading import load, parse

GOOD = "# mine\n[[slots]]\nstop = 0.02\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    return path


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoFile, match=r"does not exist.*init"):
        load(tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: os.mkfifo(path), "is no ordinary file"),
        (lambda path: path.write_bytes(b"# " + b"x" * 10_000_000), "9,766 KiB"),
        (lambda path: path.write_bytes(b"[run]\nname = '\xff\xfe'\n"), "line 2 is no text in UTF-8"),
        (lambda path: path.write_bytes(b""), r"\[slots\] is missing"),
        (lambda path: path.write_text("[run\n" + GOOD), "line 1"),
        (lambda path: path.write_text("a = " + "[" * 5000 + "]" * 5000), "not valid TOML"),
        (lambda path: path.write_text("a = " + "9" * 5000), "not valid TOML"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["folder", "pipe", "10 MB", "no UTF-8", "empty", "broken", "nested", "digits", "loop"],
)
def test_what_cannot_be_read_is_said_in_a_sentence(path: Path, spoil: object, words: str) -> None:
    path.unlink()
    spoil(path)  # type: ignore[operator]
    with pytest.raises(ConfigError, match=words) as caught:
        load(path, {})
    assert len(str(caught.value)) < 400


def test_a_file_of_another_user_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(ConfigError, match=r"may not be read by this user: `chmod"):
        load(path, {})


def test_windows_line_ends_and_a_byte_order_mark_are_read_and_kept(path: Path) -> None:
    path.write_bytes(BOM + GOOD.replace("\n", "\r\n").encode())
    assert text_of(path) == GOOD
    assert load(path, {}) == parse(GOOD)
    read = door.opened(path)
    door.write(path, read.text.replace("0.02", "0.03"), read.digest, "app")
    assert path.read_bytes() == BOM + GOOD.replace("\n", "\r\n").replace("0.02", "0.03").encode()


def test_what_is_written_keeps_rights_and_a_link_and_says_by_whom(path: Path) -> None:
    path.chmod(0o600)
    link = path.with_name("link.toml")
    link.symlink_to(path)
    read = door.opened(link)
    door.write(link, GOOD + "# more\n", read.digest, "app")
    assert link.is_symlink()
    assert path.read_text() == GOOD + "# more\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert door.written_by(path, path.read_text()) == "app"
    assert door.written_by(path, GOOD) == "", "a text that was edited since is nobody's"
    assert sorted(one.name for one in path.parent.iterdir()) == [
        ".config.toml.by", ".config.toml.lock", "config.toml", "link.toml"
    ]  # fmt: skip


def test_another_text_is_never_overwritten(path: Path) -> None:
    read = door.opened(path)
    path.write_text("theirs")
    with pytest.raises(door.Changed, match="edited meanwhile"):
        door.write(path, "mine", read.digest, "app")
    path.unlink()
    with pytest.raises(door.Changed, match="it is gone"):
        door.write(path, "mine", read.digest, "app")
    door.write(path, "new", door.ABSENT, "app")
    with pytest.raises(door.Changed):
        door.write(path, "another", door.ABSENT, "app")
    assert path.read_text() == "new"


def test_an_editor_that_saves_while_the_new_text_goes_to_the_disk_wins(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def late(number: int) -> None:
        sync(number)
        path.write_text("theirs")

    read = door.opened(path)
    monkeypatch.setattr(door, "_note", lambda *_: None)
    monkeypatch.setattr(os, "fsync", late)
    with pytest.raises(door.Changed):
        door.write(path, "mine", read.digest, "app")
    assert path.read_text() == "theirs"
    assert not path.with_name("config.toml.part").exists()


def test_of_two_tabs_that_write_at_once_one_is_told(path: Path) -> None:
    read, told = door.opened(path), []

    def write(number: int) -> None:
        try:
            door.write(path, f"{number}\n" * 1000, read.digest, "app")
        except door.Changed:
            told.append(number)

    tabs = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert len(told) == 7
    assert path.read_text() == f"{({*range(8)} - {*told}).pop()}\n" * 1000


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        door.write(tmp_path / "no" / "config.toml", "x", door.ABSENT, "app")
