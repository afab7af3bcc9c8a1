"""How long a question to the database may take: one that would never end ends with a sentence, on SQLite as on PostgreSQL.

For readers whom others can make ask (the app, the API). Counted is the processor's time of the asking thread, so that a busy
machine and a locked file end nothing. No query is here.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy import Engine, event

from db.errors import StorageError

STEPS = 20_000
"""Of SQLite's own machine between two looks at the clock: about a millisecond."""


def bound(engine: Engine, seconds: float) -> None:
    """Let no statement of this SQLite engine take more than so many seconds of the processor; it ends with a StorageError."""

    def connected(raw: Any, record: Any) -> None:
        raw.set_progress_handler(lambda: _over(record.info, seconds), STEPS)

    def begun(connection: Any, *_: Any) -> None:
        connection.info["asked"] = (threading.get_ident(), time.thread_time())

    event.listen(engine, "connect", connected)
    event.listen(engine, "before_cursor_execute", begun)
    event.listen(engine, "handle_error", lambda context: _told(context, seconds))


def _over(info: dict[Any, Any], seconds: float) -> int:
    """1 ends the statement. What another thread goes on reading begins anew: its clock is another."""
    here = threading.get_ident()
    thread, begun = info.get("asked", (here, time.thread_time()))
    if thread != here:
        info["asked"] = (here, time.thread_time())
        return 0
    return int(time.thread_time() - begun > seconds)


def _told(context: Any, seconds: float) -> None:
    if str(context.original_exception) == "interrupted":
        raise StorageError(
            f"the database was asked for more than it can answer within {seconds:g} s: choose a shorter period or fewer rows"
        ) from None
