"""What a PostgreSQL server's refusals mean, and whether a transaction whose answer was lost has landed.

A server that is away, starts, stops, is full or takes no writes will be well again: the transaction is tried anew as it was.
Words and questions only; who waits is the engine. SQLite knows none of this: its answers cannot be lost.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from db.errors import ServerAway

UNREACHED = "it cannot be reached"
_REASONS = {
    "08": UNREACHED,
    "25006": "it is read-only",
    "53": "it is short of room",
    "53100": "its disk is full",
    "53300": "it has no connection left",
    "57P01": "it is being stopped, or the connection was cut",
    "57P02": "it has crashed",
    "57P03": "it is starting",
    "57P05": "it cut an idle connection",
    "58": "its disk fails",
}
"""By SQLSTATE, or the class that is its beginning."""
_AGAIN = ("40001", "40P01", "55P03")
"""A conflict or a lock that somebody else holds: the same transaction may land the next time."""


def state_of(error: DBAPIError) -> str | None:
    """The server's SQLSTATE; None where it had no word in it (no connection, or another database)."""
    return getattr(error.orig, "sqlstate", None)


def away(error: DBAPIError) -> str:
    """Why the server takes no writes at this moment, in words; empty for an error of the statement itself, and of SQLite."""
    if not type(error.orig).__module__.startswith("psycopg"):
        return ""
    state = state_of(error)
    if state is None:
        return UNREACHED if isinstance(error, (OperationalError, InterfaceError)) else ""
    return _REASONS.get(state) or _REASONS.get(state[:2], "")


def told_away(error: DBAPIError) -> ServerAway:
    """The same as an error for a person to read; raises `error` itself where it is another one."""
    if not (why := away(error)):
        raise error
    return ServerAway(f"The database server does not answer as it should: {why}.")


def is_contended(error: DBAPIError) -> bool:
    """Whether the server broke the transaction off because of another one."""
    return state_of(error) in _AGAIN


def number_of(connection: Connection) -> int | None:
    """The present transaction's number, by which `has_landed` knows it; None on SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    return int(connection.execute(text("SELECT txid_current()")).scalar_one())


def has_landed(connection: Connection, number: int) -> bool | None:
    """Whether the transaction of that number was committed; None while the server has not noticed yet that its client is gone."""
    said = connection.execute(text("SELECT txid_status(:number)"), {"number": number}).scalar()
    return {"committed": True, "aborted": False}.get(str(said))
