"""The kill latch as a file and a flag: from any program, on a full disk, added to and released."""

import subprocess
import sys
from pathlib import Path

import pytest

from db import kill_file
from db.kill_file import KillOrder
from engine.runtime.kill import KillSwitch


def test_a_press_is_a_flag_and_a_file(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path)
    assert not switch.pressed
    assert switch.take() is None
    switch.press("http", reason="enough")
    order = switch.take()
    assert switch.pressed
    assert order == KillOrder("http", False, "enough") == kill_file.read(tmp_path)
    assert order is not None
    switch.obeyed(order)
    switch.press("app")
    assert switch.take() is None  # killed is killed
    switch.press("app", flatten=True)
    more = switch.take()
    assert more == KillOrder("app", True, "")
    assert kill_file.read(tmp_path) == more
    switch.press("http")
    assert kill_file.read(tmp_path) == more  # a wish to close positions is never taken back


def test_another_start_finds_it_and_a_release_takes_it_away(tmp_path: Path) -> None:
    KillSwitch(tmp_path).press("app", flatten=True)
    again = KillSwitch(tmp_path)
    again.look()
    assert again.take() == KillOrder("app", True, "")
    again.obeyed(KillOrder("app", True, ""))
    again.released()
    assert not again.pressed
    assert not (tmp_path / "KILL").exists()
    again.look()
    assert not again.pressed
    again.press("app")
    assert again.take() is not None


@pytest.mark.parametrize("text", ["", "stop it", '{"source": 1', "[]", '{"flatten": true}'])
def test_any_file_of_that_name_kills(tmp_path: Path, text: str) -> None:
    (tmp_path / "KILL").write_text(text)
    switch = KillSwitch(tmp_path)
    switch.look()
    order = switch.take()
    assert order is not None
    assert (order.source, order.flatten) == ("file", False)


FULL = """
import resource, sys
from pathlib import Path
from db import kill_file
folder = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
kill_file.press(folder, kill_file.KillOrder("app", sys.argv[2] == "flatten"))
"""


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("armed", [False, True])
def test_a_full_disk_does_not_stop_it(tmp_path: Path, flatten: bool, armed: bool) -> None:
    """No byte can be written: the file that was laid ready is renamed, or an empty one is made."""
    if armed:
        kill_file.arm(tmp_path)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), "flatten" if flatten else ""], cwd=root, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    order = kill_file.read(tmp_path)
    assert order is not None
    assert order.flatten == (flatten and armed)
    assert not list(tmp_path.glob("*.tmp"))


def test_a_folder_that_takes_nothing_leaves_the_flag(tmp_path: Path) -> None:
    switch = KillSwitch(tmp_path / "is not there")
    switch.press("http")
    assert switch.pressed
    assert switch.take() is not None
