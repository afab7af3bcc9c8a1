"""A tape on a disk that takes only so many bytes: nothing is lost, doubled or torn once there is room."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.room import is_full, takes_nothing
from engine.market.tape import DAY_MS, START, Tape

BEGIN = 1_767_225_600_000  # 2026-01-01T00:00Z


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes: a write that reaches there is cut short, the next fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def synced(tape: Tape) -> bool:
    try:
        tape.sync()
    except OSError as error:
        if not is_full(error):
            raise
        return False
    return True


steps = st.tuples(st.sampled_from([0, 0, 0, DAY_MS // 3, DAY_MS]), st.integers(0, 4000), st.integers(0, 400))


@given(st.lists(steps, min_size=1, max_size=20))
def test_what_waits_for_room_comes_whole_and_in_order(steps: list[tuple[int, int, int]]) -> None:
    """Each step: an event of some length some time later, and a try to write it with so many bytes of room in a file."""
    with tempfile.TemporaryDirectory() as name:
        tape, ts, wanted = Tape(Path(name)), BEGIN, []
        tape.open(START)
        for later, length, size in steps:
            ts += later
            wanted.append(["note", ts, "x" * length])
            with room(size):
                tape.append(ts, wanted[-1])
                synced(tape)
            kept = [event for event, _ in Tape(Path(name)).read()]
            assert kept == wanted[: len(kept)]  # what another start would find: the past without its end
        assert synced(tape)
        found = list(Tape(Path(name)).read())
        assert [event for event, _ in found] == wanted
        assert found[-1][1] == tape.position
        tape.close()


def test_a_life_that_ends_without_room_leaves_a_tape_to_go_on_with(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.open(START)
    tape.append(BEGIN, ["first", BEGIN])
    tape.sync()
    with room(tape.position.offset + 5):
        tape.append(BEGIN, ["torn", BEGIN])
        assert not synced(tape)
        tape.close()
    ((_, end),) = Tape(tmp_path).read()
    again = Tape(tmp_path)
    again.open(end)
    again.append(BEGIN, ["second", BEGIN])
    again.close()
    assert [event[0] for event, _ in Tape(tmp_path).read()] == ["first", "second"]


@pytest.mark.parametrize(("size", "nothing"), [(0, True), (100, True), (4096, False)])
def test_a_look_for_room_leaves_nothing(tmp_path: Path, size: int, nothing: bool) -> None:
    with room(size):
        assert takes_nothing(tmp_path) is nothing
    assert not list(tmp_path.iterdir())
