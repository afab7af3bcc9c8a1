"""Parts of seeded bugs. Nothing here is right."""

from io import FileIO
from typing import Any


def opened_as_it_is(tape: Any, position: Any) -> None:
    """`Tape.open` without the cut."""
    tape.folder.mkdir(parents=True, exist_ok=True)
    tape.close()
    tape.position = position
    if position.day:
        tape._file, tape._open = FileIO(tape._path(position.day), "a"), position.day


def forgetful(right: Any) -> Any:
    def drain(tape: Any) -> bool:
        if not right(tape):
            tape._waiting.clear()
        return True

    return drain
