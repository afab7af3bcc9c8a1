"""Parts of seeded bugs. Nothing here is right."""

from typing import Any

from db.models import Command
from engine.runtime.trader import Step


def forgetful(right: Any) -> Any:
    def commit(loop: Any) -> bool:
        if right(loop):
            return True
        loop.desk.step = Step()
        return False

    return commit


def unaware(right: Any) -> Any:
    return lambda engine, run, taken, **options: right(engine, run, (), **options)


def hasty(right: Any) -> Any:
    def waiting(engine: Any, run: int, taken: Any, **options: Any) -> Any:
        found = right(engine, run, taken, **options)
        if found:
            done = Command.__table__.update().where(Command.__table__.c.id.in_([row[0] for row in found]))  # type: ignore[attr-defined]
            with engine.execution_options(write=True).begin() as connection:
                connection.execute(done.values(state="done", result="done"))
        return found

    return waiting


def unrecorded(right: Any) -> Any:
    def event(desk: Any, ts: int, told: list[Any]) -> None:
        if told[0] == "setup":
            desk.trader.take(told, desk.step)
        else:
            right(desk, ts, told)

    return event
