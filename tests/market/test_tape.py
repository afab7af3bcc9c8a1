"""The tape reads the same after its finished days were packed, whatever was left by a packing that was cut short."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.market.tape import DAY_MS, Event, Position, Tape, day_of

BEGIN = 1_767_225_600_000  # 2026-01-01T00:00Z

steps = st.lists(st.integers(0, DAY_MS // 2), min_size=1, max_size=30)


def written(folder: Path, steps: list[int]) -> tuple[Tape, list[tuple[Event, Position]]]:
    tape = Tape(folder)
    tape.open(Position("", 0, 0))
    ts = BEGIN
    for number, step in enumerate(steps):
        ts += step
        tape.append(ts, ["clock", ts, number])
    tape.sync()
    return tape, list(Tape(folder).read())


@given(steps, st.data())
def test_packed_days_read_the_same_from_every_place(steps: list[int], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tape, events = written(folder, steps)
        today = tape.position.day
        tape.tidy(today, 90)
        assert {path.suffix for path in folder.iterdir() if not path.name.startswith(today)} <= {".gz"}
        assert list(Tape(folder).read()) == events
        behind = data.draw(st.integers(0, len(events) - 1))
        assert list(Tape(folder).read(events[behind][1])) == events[behind + 1 :]
        assert Tape(folder).whole_until(tape.position) == (tape.position, 0)
        tape.append(BEGIN + 90 * DAY_MS, ["clock", 0, 0])
        assert Tape(folder).days()[-1] == "2026-04-01"
        tape.close()


@given(steps, st.integers(1, 5))
def test_days_beyond_the_kept_are_dropped_and_no_others(steps: list[int], keep: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        tape, events = written(Path(name), steps)
        last = BEGIN + sum(steps)
        tape.tidy(tape.position.day, keep)
        kept = [event for event, _ in events if day_of(event[1]) >= day_of(last - keep * DAY_MS)]
        assert [event for event, _ in Tape(Path(name)).read()] == kept
        tape.close()


def test_a_packing_cut_short_is_done_again(tmp_path: Path) -> None:
    """Killed while the packed file grew, and killed between its renaming and the removal of the plain one."""
    tape, events = written(tmp_path, [0, DAY_MS, DAY_MS, DAY_MS])
    plain = tmp_path / "2026-01-02.tape"
    text = plain.read_bytes()
    (tmp_path / "2026-01-01.tape.tmp").write_bytes(b"half of it")
    tape.tidy("2026-01-03", 90)
    plain.write_bytes(text)
    assert list(Tape(tmp_path).read()) == events
    tape.tidy("2026-01-03", 90)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-01-01.tape.gz", "2026-01-02.tape.gz", "2026-01-03.tape", "2026-01-04.tape",
    ]  # fmt: skip
    assert list(Tape(tmp_path).read()) == events
    tape.close()
