"""A run that shares another's tape: of its events those of the market, and those that name the run. Reads only.

A challenger is fed by the engine it lives in; one tape holds both, so that neither can be ahead of the other after a crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from engine.access import files
from engine.market.tape import START, Event, Position, Tape

KIND = "challenger"
"""["challenger", ts, run id, an event of that run alone]."""
SHARED = frozenset(("frame", "clock", "gap", "gap_end", "lost"))
MIRRORED = frozenset(("command", "answer", "flow"))
"""What a twin takes besides: all that the account does but for what its venue tells."""
_FILE = "shares_tape.json"


class Lens:
    """What run `run` lives of the tape in `folder`, from its own `warm` of exchange time `begun` (ms UTC) on."""

    def __init__(self, folder: Path, run: int, begun: int, mirrored: bool = False) -> None:
        self.tape, self.run, self.begun = Tape(folder), run, begun
        self.shared = SHARED | MIRRORED if mirrored else SHARED

    def read(self, start: Position = START) -> Iterator[tuple[Event, Position]]:
        """As Tape.read; nothing before the run began, or where nothing says that it has."""
        lives = start != START
        for event, place in self.tape.read(start):
            if event[0] == KIND and event[2] == self.run:
                lives = lives or event[3][0] == "warm"
                yield event[3], place
                if event[3][0] == "end":
                    return
            elif event[0] in self.shared:
                lives = lives or (start == START and int(event[1]) > self.begun)
                if lives:
                    yield event, place

    def days(self) -> list[str]:
        return self.tape.days()


def tape_of(folder: Path) -> Tape | Lens:
    """The tape of the run whose folder this is: its own, or its part of the one it shares."""
    try:
        told = orjson.loads(files.read(folder / _FILE))
    except FileNotFoundError:
        return Tape(folder / "tape")
    return Lens(
        folder.parent / str(told["of"]) / "tape", int(told["run"]), int(told["begun"]), told.get("mirrored", False)
    )


def share(folder: Path, of: int, run: int, begun: int, mirrored: bool = False) -> None:
    """Note that run `run` lives of run `of`'s tape from exchange time `begun` on, as its twin where `mirrored`; a second time
    changes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{_FILE}.part"
    with files.fresh(part) as file:
        file.write(orjson.dumps({"of": of, "run": run, "begun": begun, "mirrored": mirrored}))
    part.replace(folder / _FILE)
