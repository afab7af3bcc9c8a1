"""From where a run's tape can be replayed, and what is not proven thereby.

A replay is a proof only where the tape is whole and the code that lived it is the present one. It begins at the run's
beginning or at the earliest start point behind which both hold; what came before is told in words, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.market.candles import iso
from engine.market.lens import Lens, tape_of
from engine.market.starts import Start, Starts
from engine.market.tape import Position, Tape
from engine.research.replay import Hole, Replayed, replay_tape

GONE = "the beginning of the tape is gone"
OTHER_CODE = "another version of the kernel lived it"


@dataclass(frozen=True)
class Lived:
    """By which kernels a run was lived: the one it began with, the newest snapshot's (None without one), and the exchange
    time in ms of its last upgrade (-1 without one)."""

    began: str | None
    newest: str | None
    upgraded: int


@dataclass(frozen=True)
class Provable:
    """What was replayed: from `start` on (None: from the beginning); `unproven` is a sentence about what was not, or empty."""

    replayed: Replayed
    start: Start | None
    unproven: str


def replay_provable(place: Path, end: Position, kernel: str, lived: Lived) -> Provable:
    """Replay the run in `place` (tape/, bars/, starts/) up to `end` from the earliest point that `kernel` can prove it from.

    ValueError where there is none, or no tape."""
    possible, why = _possible(place, end, kernel, lived)
    behind: Position | None = None
    for start in possible:
        if behind is not None and (start is None or _place(start) < (behind.day, behind.offset)):
            continue
        try:
            replayed = replay_tape(place, end, start)
        except Hole as hole:
            why.append(f"its part up to {iso(hole.ts)} was lost with the disk's cache")
            behind = hole.behind
            continue
        if start is None:
            return Provable(replayed, None, "")
        return Provable(replayed, start, f"What came before {iso(start.now)} is not proven: {'; '.join(why)}.")
    raise ValueError(
        f"nothing of {place} can be proven by a replay: {'; '.join(why)}. The next start of the engine begins a segment that "
        "can; `run_engine.py audit` still proves the books"
    )


def _possible(place: Path, end: Position, kernel: str, lived: Lived) -> tuple[list[Start | None], list[str]]:
    """Where the present kernel can begin, the earliest first, and why it cannot before."""
    tape, why = tape_of(place), []
    points = list(_points(place, end, tape))
    if points and points[0] is not None:
        why.append(GONE)

    def other(point: Start | None) -> bool:
        if point is None:
            return lived.began not in (None, kernel) or lived.upgraded >= 0
        return point.kernel_hash != kernel or point.now < lived.upgraded

    others = [i for i, point in enumerate(points) if other(point)]
    if lived.newest not in (None, kernel):
        return [], [*why, OTHER_CODE]
    return (points[others[-1] + 1 :], [*why, OTHER_CODE]) if others else (points, why or ([] if points else [GONE]))


def _points(place: Path, end: Position, tape: Tape | Lens) -> Iterator[Start | None]:
    """The run's beginning, if the tape still has it or has nothing, and the start points whose days it has."""
    first = next(tape.read(), None)
    if first is None or first[0][0] == "warm":
        yield None
    days = tape.days()
    for start in Starts(place / "starts").all():
        if days and days[0] <= start.position.day and _place(start) <= (end.day, end.offset):
            yield start


def _place(start: Start) -> tuple[str, int]:
    return start.position.day, start.position.offset
