"""What can become of an intent: one table, and the one way to change a state. The schema guards the terminal ones once more.

A change names where it may come from in its own statement, so that two that race cannot both win. Nothing is decided here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlmodel import col

from db.live import INTENT_STATES, TERMINAL_STATES
from db.models import Intent, OrderEvent

AT_VENUE = ("acked", "partial", "filled", "canceling", "canceled", "expired", "rejected")
TABLE: dict[str, tuple[str, ...]] = {
    "planned": ("denied", "ready"),
    "ready": ("sending", "canceled"),
    "sending": (*AT_VENUE, "unknown"),  # canceled: the guard kept it back, it never left this process
    "acked": ("partial", "filled", "canceling", "canceled", "expired", "rejected", "unknown", "quarantined"),
    "partial": ("filled", "canceling", "canceled", "expired", "unknown", "quarantined"),
    "canceling": ("filled", "canceled", "expired", "rejected", "acked", "partial", "quarantined"),
    "unknown": (*AT_VENUE, "not_placed", "quarantined"),
    "quarantined": (*AT_VENUE, "not_placed"),
    **dict.fromkeys(TERMINAL_STATES, ()),
}
"""From each state, where it may go; a state may always be kept."""
TERMINAL = frozenset(TERMINAL_STATES)
UNSURE = frozenset(("sending", "unknown", "quarantined"))
RESTING = frozenset(("acked", "partial", "canceling"))
TEXT_MOST = 8_192


class IllegalMove(AssertionError):
    """A change that the table does not have: a fault of ours, never of the venue's."""


def sources(to: str) -> tuple[str, ...]:
    """The states from which `to` may be reached, itself among them where it is not terminal."""
    if to not in TABLE:
        raise IllegalMove(f"{to!r} is no state of an intent: one of {', '.join(INTENT_STATES)}")
    found = tuple(state for state, targets in TABLE.items() if to in targets)
    return found if to in TERMINAL else (*found, to)


def may(state: str, to: str) -> bool:
    """Whether the table has a way from `state` to `to`; what is not over may stay as it is."""
    return to in TABLE[state] or (state == to and to not in TERMINAL)


def move(
    connection: Connection, intent_id: int, to: str, *, ts: int, source: str, said: str = "", **values: Any
) -> None:
    """Intent `intent_id` is in state `to` from here on, with `values` for its other columns; what was said is kept beside it.
    IllegalMove if the table has no way there from where it is."""
    changed = connection.execute(
        update(Intent)
        .where(col(Intent.id) == intent_id, col(Intent.state).in_(sources(to)))
        .values(state=to, rev=col(Intent.rev) + 1, **values)
    )
    if changed.rowcount != 1:
        stands = connection.execute(select(col(Intent.state)).where(col(Intent.id) == intent_id)).scalar()
        raise IllegalMove(f"intent {intent_id} is {stands}: it cannot become {to}")
    note(connection, intent_id, ts=ts, source=source, said=said)


def note(connection: Connection, intent_id: int, *, ts: int, source: str, said: str) -> None:
    """Keep what was said of the intent as it stands now, under its `rev`."""
    columns = (col(Intent.run_id), col(Intent.rev), col(Intent.state), col(Intent.filled))
    run_id, rev, state, filled = connection.execute(select(*columns).where(col(Intent.id) == intent_id)).one()
    connection.execute(
        insert(OrderEvent).values(
            run_id=run_id, intent_id=intent_id, seq=rev, ts=ts, source=source, state=state, filled=filled,
            said=said[:TEXT_MOST],
        )
    )  # fmt: skip
