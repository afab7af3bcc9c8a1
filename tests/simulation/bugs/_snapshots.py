"""Parts of seeded bugs. Nothing here is right."""

from types import SimpleNamespace
from typing import Any


def late(right: Any) -> Any:
    def write(recorder: Any, connection: Any, trader: Any) -> None:
        tape, former = recorder.tape, getattr(recorder, "former", recorder.tape.position)
        recorder.former, recorder.tape = tape.position, SimpleNamespace(position=former)
        right(recorder, connection, trader)
        recorder.tape = tape

    return write


def every_other(right: Any) -> Any:
    def write(recorder: Any, connection: Any, trader: Any) -> None:
        recorder.number = getattr(recorder, "number", 0) + 1
        if recorder.number % 2 or recorder.number < 3:
            right(recorder, connection, trader)

    return write


def in_halves(right: Any) -> Any:
    def write(recorder: Any, connection: Any, trader: Any) -> None:
        raw = connection.connection.driver_connection
        raw.commit()
        raw.cursor().execute("BEGIN IMMEDIATE")
        right(recorder, connection, trader)

    return write
