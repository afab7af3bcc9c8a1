"""What another user may lay into a folder that they share with us: no link is followed, no pipe is waited for, and each kills.

Every case runs where a pipe would never let it end: a limit of time is part of the test.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from db import kill_file, room
from db.kill_file import KillOrder
from engine.access import files, held, password
from engine.config import door
from engine.config.errors import ConfigError
from engine.config.files import content
from engine.market.lens import share, tape_of
from engine.market.starts import Start, Starts
from engine.market.tape import START, Position, Tape
from engine.research import venue_told
from engine.runtime.api import tokens
from engine.runtime.kill import KillSwitch
from engine.runtime.logs import start_logging
from engine.runtime.move import latch
from engine.runtime.move.latch import LEAVING, Latch
from engine.venues.live.ids import instance_of

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="pipes and links are POSIX's"),
    pytest.mark.timeout(60),
]
DEAR = "what is dear to us"


def to_a_file(path: Path) -> None:
    (path.parent / "dear").write_text(DEAR)
    path.symlink_to(path.parent / "dear")


def to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


LAID: dict[str, Callable[[Path], None]] = {
    "link": to_a_file, "dangling": to_nothing, "zeros": to_zeros, "pipe": lambda path: os.mkfifo(path),
}  # fmt: skip
laid = pytest.mark.parametrize("lay", LAID.values(), ids=LAID)


def untouched(folder: Path) -> bool:
    dear = folder / "dear"
    return (not dear.exists() or dear.read_text() == DEAR) and not (folder / "nothing").exists()


# ---- the kill -----------------------------------------------------------------------------------------------------------------
@laid
def test_whatever_bears_the_name_kills_and_is_not_waited_for(tmp_path: Path, lay: Callable[[Path], None]) -> None:
    lay(tmp_path / kill_file.NAME)
    assert kill_file.read(tmp_path) == KillOrder()
    switch = KillSwitch(tmp_path)
    switch.look()
    assert switch.pressed
    switch.released()
    assert kill_file.read(tmp_path) is None
    assert untouched(tmp_path)


@laid
def test_a_kill_is_pressed_whatever_was_laid_ready(tmp_path: Path, lay: Callable[[Path], None]) -> None:
    for name in (kill_file.ARMED, f"{kill_file.ARMED}.flatten", f"{kill_file.NAME}.{os.getpid()}.tmp"):
        (tmp_path / "dear").unlink(missing_ok=True)
        lay(tmp_path / name)
    kill_file.arm(tmp_path)
    assert all((tmp_path / name).is_file() for name in (kill_file.ARMED, f"{kill_file.ARMED}.flatten"))
    kill_file.press(tmp_path, KillOrder("cli", True, "enough"))
    assert kill_file.read(tmp_path) == KillOrder("cli", True, "enough")
    assert untouched(tmp_path)


def test_a_kill_as_large_as_a_disk_is_read_in_part(tmp_path: Path) -> None:
    with (tmp_path / kill_file.NAME).open("wb") as file:
        file.truncate(1 << 40)
    order = kill_file.read(tmp_path)
    assert order is not None
    assert len(order.reason) <= 200


def test_what_lies_ready_is_left_as_it_is(tmp_path: Path) -> None:
    kill_file.arm(tmp_path)
    before = (tmp_path / f"{kill_file.ARMED}.flatten").stat().st_ino
    kill_file.arm(tmp_path)
    assert (tmp_path / f"{kill_file.ARMED}.flatten").stat().st_ino == before


# ---- files of ours ------------------------------------------------------------------------------------------------------------
def append(folder: Path) -> None:
    tape = Tape(folder)
    tape.open(START)
    tape.append(1_767_600_000_000, ["clock", 1_767_600_000_000, 0])
    tape.sync()


START_OF = Start(Position("2026-01-05", 7, 1), "k", b"", {}, {}, {})
USES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a lock": ("x.lock", lambda folder: held.hold(folder / "x.lock")),
    "a lock that is looked at": ("x.lock", lambda folder: held.is_held(folder / "x.lock")),
    "the tape": ("2026-01-05.tape", append),
    "the tape that is read": ("2026-01-05.tape", lambda folder: list(Tape(folder).read())),
    "a packed tape": ("2026-01-05.tape.gz", lambda folder: list(Tape(folder).read())),
    "whose tape it is": ("shares_tape.json", tape_of),
    "the log": ("engine.log", lambda folder: start_logging(folder.parent)),
    "the installation's name": ("instance", instance_of),
    "tokens": ("tokens.json", lambda folder: tokens.read(folder / "tokens.json")),
    "the password": (password.FILE, password.stored),
    "the configuration's lock": (
        ".config.toml.lock",
        lambda folder: door.write(folder / "config.toml", "x = 1\n", door.ABSENT, "test"),
    ),
}
REFUSED = (OSError, ConfigError, tokens.TokenError, password.PasswordError)


@pytest.mark.parametrize("what", USES)
@laid
def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path: Path, what: str, lay: Callable[[Path], None]) -> None:
    name, use = USES[what]
    folder = tmp_path / "logs"
    folder.mkdir()
    lay(folder / name)
    with pytest.raises(REFUSED):
        use(folder)
    assert untouched(folder)


PARTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a start point": ("2026-01-05-000000000007.tmp", lambda folder: Starts(folder).write(START_OF)),
    "whose tape it is": ("shares_tape.json.part", lambda folder: share(folder, 1, 2, 3)),
    "the latch of a move": (f"{latch.NAME}.part", lambda folder: Latch(LEAVING, "x").write(folder)),
    "the installation's name": ("instance.part", instance_of),
    "the look for room": (room.PROBE, room.takes_nothing),
    "a new file": ("x", lambda folder: files.fresh(folder / "x").close()),
}


@pytest.mark.parametrize("what", PARTS)
@laid
def test_a_part_takes_the_place_of_what_was_laid_there(tmp_path: Path, what: str, lay: Callable[[Path], None]) -> None:
    name, use = PARTS[what]
    lay(tmp_path / name)
    use(tmp_path)
    assert untouched(tmp_path)
    assert not (tmp_path / name).is_symlink()


@laid
def test_a_latch_that_cannot_be_read_holds(tmp_path: Path, lay: Callable[[Path], None]) -> None:
    lay(tmp_path / latch.NAME)
    assert latch.read(tmp_path) is not None
    with pytest.raises(latch.Moved):
        latch.refuse_moved(tmp_path)


def test_a_folder_may_be_elsewhere_and_a_configuration_too(tmp_path: Path) -> None:
    """Links of a person's own: a data folder on a larger disk, a configuration among their other ones."""
    (tmp_path / "large").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "large")
    append(tmp_path / "data")
    assert len(list(Tape(tmp_path / "data").read())) == 1
    (tmp_path / "mine.toml").write_text("x = 1\n")
    (tmp_path / "config.toml").symlink_to(tmp_path / "mine.toml")
    assert content(tmp_path / "config.toml") == b"x = 1\n"
    opened = door.opened(tmp_path / "config.toml")
    door.write(tmp_path / "config.toml", "x = 2\n", opened.digest, "test")
    assert (tmp_path / "config.toml").is_symlink()
    assert (tmp_path / "mine.toml").read_text() == "x = 2\n"


def test_what_was_told_at_the_exchange_is_kept_in_a_file_of_ours(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / venue_told.FILE)
    with pytest.raises(OSError, match="special file"):
        venue_told.kept(tmp_path)
