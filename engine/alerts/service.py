"""The service beside the loop: a thread that routes, one for each channel, one that listens to Telegram where wanted.

It reads the database over a connection of its own; what it writes, the loop's next transaction writes. No rule is decided here.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from db.errors import StorageError
from db.session import open_engine
from engine.alerts import outbox, summary
from engine.alerts.catalog import kinds, open_channels, secret_names
from engine.alerts.router import Place, Router
from engine.alerts.sender import Sender
from engine.alerts.telegram_bot import TelegramBot
from engine.alerts.watch import ErrorLog, FeedWatch
from engine.config.model import Config

log = logging.getLogger("evenkeel.alerts.service")

TICK_S = 0.5


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Doors(Protocol):
    """What the loop takes rows from."""

    kill: Callable[..., Any]
    """Stops all trading at once: (who says so)."""

    def write(self, work: outbox.Write) -> None: ...


@dataclass(frozen=True)
class Where:
    """The run that is lived: the database's address, the run's number, its feed's state in words, the clock its days go by."""

    url: str
    run_id: int
    feed: Callable[[], str] = lambda: ""
    days: Callable[[], int] = wall_ms


class Alerts:
    """Everything that is told to a person."""

    name = "alerts"

    def __init__(
        self, config: Config, where: Where, doors: Doors, env: Mapping[str, str] | None = None,
        clock: Callable[[], int] = wall_ms,
    ) -> None:  # fmt: skip
        self.where, self.doors, self.clock = where, doors, clock
        self.env = dict(os.environ if env is None else env)
        self.engine = open_engine(where.url, read_only=True)
        self.settings = config.alerts
        ready, self._lacking = open_channels(config.alerts, self.env)
        place = Place(where.run_id, self._begun, where.days, self._span)
        self.router = Router(self.engine, config.alerts, ready, place, self._write, clock)
        self.bot: TelegramBot | None = None
        self._next: Config | None = None
        self._wake = threading.Condition()
        self._woken = self._over = False
        self._feed = FeedWatch()
        self._errors = ErrorLog(self._error, lambda: [self.env.get(name, "") for name in secret_names()])
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._trouble = ""
        self._first: int | None = None

    # ---- the loop's thread -------------------------------------------------------------------------------------------
    def start(self) -> None:
        logging.getLogger("evenkeel").addHandler(self._errors)
        self.router.on_new = Sender.start
        for sender in self.router.senders.values():
            sender.start()
        self._stand()
        self._listen()
        self._thread.start()

    def committed(self) -> None:
        with self._wake:
            self._woken = True
            self._wake.notify_all()

    def reconfigured(self, config: Config) -> None:
        self._next = config
        self.committed()

    def vitals(self) -> Mapping[str, Any]:
        return {"alerts_waiting": sum(sender.waiting for sender in list(self.router.senders.values()))}

    def stop(self, seconds: float) -> None:
        """Route what the last commit brought, and send what is due within the time there is."""
        end = time.monotonic() + seconds
        logging.getLogger("evenkeel").removeHandler(self._errors)
        if self.bot is not None:
            self.bot.stop()
        with self._wake:
            self._over = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(max(end - time.monotonic(), 0.0))
        for sender in self.router.senders.values():
            sender.drain(end - time.monotonic())
        for sender in self.router.senders.values():
            sender.stop()
        self.engine.dispose()

    # ---- our thread --------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._over:
            self._turn()
            with self._wake:
                if not self._woken and not self._over:
                    self._wake.wait(TICK_S)
                self._woken = False
        self._turn()

    def _turn(self) -> None:
        try:
            self._take_over()
            self._hear()
            self.router.tick()
            self._trouble = ""
        except (SQLAlchemyError, StorageError, OSError) as error:
            self._say(error, "alerts wait until the database can be read")
        except Exception as error:  # our thread's edge: the next turn tries again
            self._say(error, "alerts could not be routed", trace=True)

    def _say(self, error: Exception, words: str, trace: bool = False) -> None:
        """Once until a turn goes well or another kind of error comes: a turn is tried twice a second."""
        kind, former = type(error).__name__, self._trouble
        self._trouble = kind
        if kind != former:
            log.log(
                logging.ERROR if trace else logging.WARNING, "%s: %s", words, kind, exc_info=error if trace else None
            )

    def _take_over(self) -> None:
        config, self._next = self._next, None
        if config is None or config.alerts == self.settings:
            return
        self.settings = config.alerts
        ready, self._lacking = open_channels(config.alerts, self.env)
        self.router.use(config.alerts, ready)
        self._stand()
        self._listen()

    def _hear(self) -> None:
        now = self.clock()
        told = self._feed.see(now, self.where.feed())
        if told is not None:
            severity, title, body, end = told
            key = f"feed:{self.where.run_id}:{end}"
            self._write(outbox.tell(self.router.own(now, severity, "outage", title, body, key)))

    def _error(self, severity: str, title: str, body: str, key: str) -> None:
        row = self.router.own(self.clock(), severity, "error", title, body, f"error:{self.where.run_id}:{key}")
        self._write(outbox.tell(row))

    def _stand(self) -> None:
        """What each channel is, for the page and the command line."""
        found = {
            name: (cls.title, "missing" if name in self._lacking else "ready", self._lacking.get(name, ""))
            for name, cls in kinds().items()
        }
        self._write(outbox.standing(found, self.clock()))

    def _listen(self) -> None:
        if self.bot is not None:
            self.bot.stop()
            self.bot = None
        channel = self.router.channels.get("telegram")
        if channel is not None and self.settings.telegram_commands:
            self.bot = TelegramBot(
                channel, self.settings, self.engine, self.where.run_id, self._write, self.clock, self.doors.kill
            )
            self.bot.start()

    def _write(self, work: outbox.Write) -> None:
        self.doors.write(outbox.safe(work))

    def _begun(self) -> int | None:
        if self._first is None:
            self._first = summary.first_point(self.engine, self.where.run_id)
        return self._first

    def _span(self, since: int, until: int) -> str:
        return summary.span_of(self.engine, outbox.run_of(self.engine, self.where.run_id), since, until)
