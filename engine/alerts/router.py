"""Decides where alerts go and puts them on their way: one `tick` does everything that is due at an instant.

Reads the database and hands every change to `write`; sending is the senders'. Not thread-safe: one thread ticks.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from engine.access.redact import known, said
from engine.alerts import outbox
from engine.alerts.message import Channel, Message, Receipt
from engine.alerts.outbox import Delivery, Row
from engine.alerts.routing import plans, summed
from engine.alerts.sender import Sender
from engine.alerts.times import daily_due
from engine.alerts.troubles import troubles
from engine.config.alerts import AlertsSection

log = logging.getLogger("evenkeel.alerts.router")

DAY_MS = 86_400_000
LARGEST = 1 << 53
LOOK_MS = 60_000
WORST = ("info", "warning", "critical")


@dataclass(frozen=True)
class Place:
    """Which run this is; `summary(from, to)` puts a span of it (exchange ms) in words; `days` is the clock its days go by."""

    run_id: int
    begun: Callable[[], int | None]
    days: Callable[[], int]
    summary: Callable[[int, int], str]


class Router:
    """Routes, sums up, escalates, answers and tells the day."""

    def __init__(
        self, engine: Engine, settings: AlertsSection, channels: Mapping[str, Channel], place: Place,
        write: Callable[[outbox.Write], None], clock: Callable[[], int],
    ) -> None:  # fmt: skip
        """`channels` are those in use."""
        self.engine, self.place, self.write, self.clock = engine, place, write, clock
        self.senders: dict[str, Sender] = {}
        self.on_new: Callable[[Sender], None] = lambda sender: None
        self._routed: set[int] = set()
        self._known: set[tuple[int, str]] = set()
        self._dead: set[tuple[int, str]] = set()
        self._handled: set[int] = set()
        self._summing: set[int] = set()
        self._escalated: set[int] = set()
        self._counts: dict[tuple[str, str], deque[int]] = {}
        self._told: str | None = None
        self._looked = 0
        self._counted = False
        self.use(settings, channels)

    def use(self, settings: AlertsSection, channels: Mapping[str, Channel]) -> None:
        """Another configuration: senders of channels that stay keep their queues."""
        self.settings, self.channels = settings, dict(channels)
        for name, sender in list(self.senders.items()):
            if name not in channels:
                sender.stop()
                del self.senders[name]
                self._known = {key for key in self._known if key[1] != name}
        for name, channel in channels.items():
            if name in self.senders:
                self.senders[name].use(channel, settings.tries)
            else:
                self.senders[name] = Sender(channel, settings.tries, self.clock, self._settled)
                self.on_new(self.senders[name])

    def tick(self) -> None:
        """Everything that is due."""
        now = self.clock()
        if not self._counted:
            self._count_again(now)
        self._daily(now)
        self._look_around(now)
        self._take_up(now)
        self._route(now)
        self._escalate(now)
        self._answer(now)

    # ---- alerts to channels ------------------------------------------------------------------------------------------
    def _count_again(self, now: int) -> None:
        """What left before the start counts for the throttle, too."""
        for row in outbox.recent(self.engine, now - self.settings.throttle_minutes * 60_000):
            self._counts.setdefault((row["kind"], row["channel"]), deque()).append(int(row["created_ts"]))
        self._counted = True

    def _count(self, now: int, kind: str, channel: str) -> int:
        times = self._counts.setdefault((kind, channel), deque())
        while times and times[0] <= now - self.settings.throttle_minutes * 60_000:
            times.popleft()
        return len(times)

    def _route(self, now: int) -> None:
        for row in outbox.unrouted(self.engine):
            number, kind = int(row["id"]), str(row["kind"])
            if number in self._routed:
                continue
            self._routed.add(number)
            ready = [] if row["demo"] else self.senders
            chosen = plans(
                self.settings,
                str(row["severity"]),
                kind,
                ready,
                now,
                partial(self._count, now, kind),
            )
            self.write(outbox.route(number, chosen, now))
            for plan in chosen:
                if not plan.until:
                    self._counts[kind, plan.channel].append(now)
                    self._send(Delivery(outbox.message_of(row), plan.channel))

    def _send(self, delivery: Delivery) -> None:
        self._known.add(delivery.key)
        self.senders[delivery.channel].put(delivery)

    def _take_up(self, now: int) -> None:
        """What is open in the database and not on its way: from before the start, made in other transactions, held back."""
        held: dict[str, list[Row]] = {}
        for row in outbox.open_deliveries(self.engine):
            delivery = Delivery(outbox.message_of(row), str(row["channel"]), int(row["tries"]), int(row["next_ts"]))
            if delivery.channel not in self.senders:
                self._settled(delivery, "dead", Receipt("refused", "this channel is not in use any more"))
            elif row["state"] == "held":
                held.setdefault(delivery.channel, []).append(row)
            elif delivery.key not in self._known:
                self._send(delivery)
        for channel, found in held.items():
            self._sum_up(channel, found, now)

    def _sum_up(self, channel: str, held: list[Row], now: int) -> None:
        """As soon as one is due, one message for all that would be due within the next throttle_minutes."""
        waiting = [row for row in held if row["delivery"] not in self._summing]
        if not any(row["next_ts"] <= now for row in waiting):
            return
        found = [row for row in waiting if row["next_ts"] <= now + self.settings.throttle_minutes * 60_000]
        self._summing |= {row["delivery"] for row in found}
        title, body = summed((str(row["kind"]), str(row["title"])) for row in found)
        first, last = found[0]["delivery"], found[-1]["delivery"]
        worst = max((str(row["severity"]) for row in found), key=WORST.index)
        alert = self.own(now, worst, "digest", title, body, f"digest:{channel}:{first}-{last}")
        self.write(outbox.sum_up(alert, channel, [row["delivery"] for row in found], [int(row["id"]) for row in found]))

    def _settled(self, delivery: Delivery, state: str, receipt: Receipt) -> None:
        """On a sender's thread, or our own."""
        now = self.clock()
        self.write(outbox.settle(delivery, state, receipt, now))
        if state == "dead":
            self._dead.add(delivery.key)
        if receipt.broken and delivery.message.kind != "channel":
            title = self.channels[delivery.channel].title if delivery.channel in self.channels else delivery.channel
            day = datetime.fromtimestamp(now / 1000, UTC).date().isoformat()
            words = f"{title} does not take messages: {receipt.words}"
            row = self.own(now, "warning", "channel", words, "", f"channel:{delivery.channel}:{day}")
            self.write(outbox.tell(row))

    # ---- our own alerts ----------------------------------------------------------------------------------------------
    def own(self, now: int, severity: str, kind: str, title: str, body: str, dedupe_key: str) -> Row:
        """An alert's row, of this run and moment."""
        return {
            "run_id": self.place.run_id, "ts": now, "severity": severity, "kind": kind, "title": title, "body": body,
            "dedupe_key": dedupe_key, "created_ts": now,
        }  # fmt: skip

    def _escalate(self, now: int) -> None:
        minutes = self.settings.escalate_minutes
        channels = [name for name in self.settings.escalate_to if name in self.senders]
        if not minutes or not channels or not self.settings.enabled:
            return
        for row in outbox.unheard(self.engine, now - DAY_MS, now - minutes * 60_000):
            if row["id"] in self._escalated:
                continue
            self._escalated.add(row["id"])
            title = f"nobody acknowledged for {(now - row['created_ts']) // 60_000} min: {row['title']}"
            alert = self.own(now, "critical", "escalation", title, str(row["body"]), f"escalation:{row['id']}")
            self.write(outbox.escalate(int(row["id"]), alert, channels, now))

    def _daily(self, now: int) -> None:
        """The summary of the newest day that is over, once."""
        begun = self.place.begun()
        if not self.settings.daily_at or begun is None:
            return
        if self._told is None:
            self._told = outbox.last_daily(self.engine, self.place.run_id)
        zone = ZoneInfo(self.settings.timezone)
        due = daily_due(self.place.days(), self.settings.daily_at, zone, begun, self._told)
        if due is None:
            return
        day, since, until = due
        self._told = day.isoformat()
        try:
            text = self.place.summary(since, until)
        except Exception as error:  # a day that cannot be reckoned is told all the same
            log.exception("the daily summary could not be made")
            text = f"the day could not be summed up: {type(error).__name__}"
        title, _, body = text.strip().partition("\n")
        key = f"daily:{self.place.run_id}:{self._told}"
        self.write(outbox.tell(self.own(now, "info", "daily", f"Daily summary: {title}", body, key)))

    def _look_around(self, now: int) -> None:
        """Now and then: what failed beside the loop."""
        if now - self._looked < LOOK_MS:
            return
        self._looked = now
        for one in troubles(self.engine, self.place.run_id, now):
            self.write(outbox.tell(self.own(now, "warning", one.kind, one.title, one.body, one.key)))

    # ---- commands ----------------------------------------------------------------------------------------------------
    def _answer(self, now: int) -> None:
        for row in outbox.asked(self.engine):
            number, args = int(row["id"]), dict(row["args"] or {})
            if number in self._handled:
                continue
            self._handled.add(number)
            try:
                self._obey(number, str(row["kind"]), args, str(row["source"]), now)
            except (ValueError, TypeError) as error:
                self.write(outbox.answer(number, False, f"not understood: {error}", now))

    def _obey(self, number: int, kind: str, args: Mapping[str, Any], source: str, now: int) -> None:
        if kind == "alert_test":
            self._test(number, str(args.get("channel", "")))
            return
        which = None if args.get("which") == "all" else int(args.get("which", 0))
        if which is not None and not 0 < which < LARGEST:
            raise ValueError("which is a number of an alert or a dead letter, or all")
        if kind == "alert_ack":
            words = "acknowledged"
            self.write(
                outbox.acknowledge(
                    which, source, now,
                    lambda c, n: outbox.reply(c, number, bool(n), f"{n} {words}" if n else "none was open", now),
                )
            )  # fmt: skip
            return

        def again(connection: Connection, count: int) -> None:
            self._known -= self._dead  # they are taken up from the database, once this has landed
            self._dead.clear()
            words = f"{count} on the way again" if count else "no dead letter there"
            outbox.reply(connection, number, bool(count), words, now)

        self.write(outbox.resend(which, now, again))

    def _test(self, number: int, name: str) -> None:
        """On a thread of its own: a provider may take its time."""
        channel = self.channels.get(name)
        if channel is None:
            self.write(
                outbox.answer(number, False, f"{name or 'no channel'} is not in use: it lacks a setting", self.clock())
            )
            return
        run = str(outbox.run_of(self.engine, self.place.run_id).get("name", ""))
        threading.Thread(target=self._try, args=(number, channel, run), name=f"alerts-test-{name}", daemon=True).start()

    def _try(self, number: int, channel: Channel, run: str) -> None:
        receipt = attempt(channel, sample(number, self.clock(), run))
        self.write(outbox.answer(number, receipt.outcome == "sent", receipt.words, self.clock()))


def sample(number: int, now: int, run: str) -> Message:
    """What a test sends."""
    return Message(-number, now, "info", "test", "Test message", "Evenkeel reaches you here.", run)


def attempt(channel: Channel, message: Message) -> Receipt:
    """One try whose failure is words, whatever it was."""
    secrets = known()
    message = replace(message, title=said(message.title, secrets), body=said(message.body, secrets))
    try:
        return channel.send(message)
    except Exception as error:  # a channel is one file, anybody's: its defect is this message's receipt
        log.exception("the channel %s failed", channel.name)
        return Receipt("retry", f"the channel failed: {type(error).__name__}")
