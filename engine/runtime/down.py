"""Tells that the engine is down, while it is: the supervisor's own short way to a person, past the outbox.

It sends at once, on a thread of its own, and only then writes what came of it, so that an engine that is back soon does not send
the same again; what did not leave is left to that engine.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from db.errors import StorageError
from db.models import Alert, AlertDelivery, Run
from db.session import check_schema, open_engine, write_session
from engine.alerts.catalog import open_channels
from engine.alerts.message import Message, Receipt
from engine.alerts.router import attempt
from engine.alerts.routing import channels_for
from engine.config.model import Config
from engine.runtime.alert_rows import crashed

log = logging.getLogger("evenkeel.down")

LEAVE_S = 15.0


class Down:
    """Remembers its threads, so that the last words are out before the supervisor ends."""

    def __init__(self, config: Config, env: Mapping[str, str] | None = None) -> None:
        self.config, self.env = config, dict(os.environ if env is None else env)
        self._threads: list[threading.Thread] = []

    def tell(self, words: str, wait_s: float | None) -> None:
        """It ended so; returns at once."""
        row = crashed(time.time_ns() // 1_000_000, words, wait_s)
        thread = threading.Thread(target=self._tell, args=(row,), name="alerts-down", daemon=True)
        self._threads.append(thread)
        thread.start()

    def finish(self) -> None:
        """Wait for what is under way, at most LEAVE_S seconds."""
        for thread in self._threads:
            thread.join(LEAVE_S)

    def _tell(self, row: dict[str, Any]) -> None:
        try:
            self._write(row, self._send(row))
        except (SQLAlchemyError, StorageError, OSError) as error:
            log.warning("that the engine is down could not be stored: %s", type(error).__name__)

    def _send(self, row: dict[str, Any]) -> dict[str, Receipt]:
        ready, _ = open_channels(self.config.alerts, self.env)
        names = channels_for(self.config.alerts, row["severity"], row["kind"], ready)
        message = Message(
            row["ts"], row["ts"], row["severity"], row["kind"], row["title"], row["body"], self.config.run.name
        )
        if not names:
            return {}
        with ThreadPoolExecutor(len(names)) as pool:
            receipts = pool.map(lambda name: attempt(ready[name], message), names)
            return dict(zip(names, receipts, strict=True))

    def _write(self, row: dict[str, Any], receipts: Mapping[str, Receipt]) -> None:
        engine = open_engine(self.config.database_url())
        try:
            check_schema(engine)
            with write_session(engine) as session:
                run = session.execute(select(col(Run.id)).where(col(Run.name) == self.config.run.name)).scalar()
                left = [name for name, receipt in receipts.items() if receipt.outcome == "retry"]
                state = "new" if left else "sent"
                made = session.execute(insert(Alert).values(run_id=run, state=state, created_ts=row["ts"], **row))
                number = made.inserted_primary_key[0]  # type: ignore[attr-defined]
                for name, receipt in receipts.items():
                    session.execute(
                        insert(AlertDelivery).values(alert_id=number, **_delivery(name, receipt, row["ts"]))
                    )
        finally:
            engine.dispose()


def _delivery(channel: str, receipt: Receipt, ts: int) -> dict[str, Any]:
    state = {"sent": "sent", "retry": "failed", "refused": "dead"}[receipt.outcome]
    return {
        "channel": channel, "state": state, "tries": 1, "next_ts": ts, "answer": receipt.words, "created_ts": ts,
        "sent_ts": ts if state == "sent" else None,
    }  # fmt: skip
