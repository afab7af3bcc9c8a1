"""Failures of feed and venue in a row, counted from what their threads count, and of storage, as events for the limits.

Reads counters; nothing here opens, waits or decides. What a count brings about is the kernel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.market.assembler import Assembler
from engine.market.feeds import Feed
from engine.runtime.desk import Desk
from engine.runtime.trader import Trader

STEADY_S, KEPT_S = 30.0, 5.0
"""A feed, and a storage, that has held so long has recovered."""


@dataclass
class Failures:
    """The count of one source. `look` is called about once a second."""

    source: str
    seen: int = 0
    count: int = 0
    since: float = 0.0

    def look(self, failed: int, well: bool, now: float) -> dict[str, object] | None:
        """`failed`: failures since the process began; `well`: whether it works at this moment; `now` in monotonic seconds. The
        arguments of a `fault` command where the count in a row has changed, else None."""
        if failed > self.seen:
            self.count += failed - self.seen
            self.seen, self.since = failed, now
            return self._words()
        if not well:
            self.since = now
        elif self.count and now - self.since >= STEADY_S:
            self.count = 0
            return self._words()
        return None

    def _words(self) -> dict[str, object]:
        return {"source": self.source, "count": self.count}


def counted_so_far(trader: Trader, now: float) -> tuple[Failures, Failures]:
    """Feed and venue as the account has them: failures that a former life counted end by this one's steadiness."""
    account = trader.machine.account[0]
    return tuple(Failures(name, 0, int(account[f"{name}_faults"]), now) for name in ("feed", "venue"))  # type: ignore[return-value]


@dataclass
class Storage:
    """Whether what happens can be kept. `look` is called about once a second."""

    seen: float | None = None

    def look(self, failing: bool, desk: Desk, now: float) -> None:
        """On the loop's thread, at `now` in monotonic seconds: a change of it, as a command of the tape."""
        trader = desk.trader
        self.seen = now if failing else self.seen
        holds = self.seen is not None and (failing or now - self.seen < KEPT_S)
        if trader.now and bool(trader.machine.account["storage_faults"][0]) != holds:
            args = {"source": "storage", "count": int(holds)}
            desk.event(trader.now, ["command", trader.now, "fault", args, 0])


def tell_failures(
    sources: tuple[Failures, Failures],
    feed: Feed,
    assembler: Assembler,
    desk: Desk,
    now: float,
    counted: Mapping[str, Any],
) -> None:
    """On the loop's thread, at `now` in monotonic seconds: changed counts of feed and venue, as commands of the tape.

    `counted`: the services' numbers; requests about real orders that brought no answer are the venue's too.
    """
    trader = desk.trader
    counters: Mapping[str, int] = getattr(feed, "counters", {})
    lost = counters.get("disconnects", 0) + counters.get("refused", 0)
    unanswered = assembler.glance().counters.get("unanswered", 0) + int(counted.get("live_unanswered", 0))
    for source, failed, well in zip(sources, (lost, unanswered), (bool(feed.connected), True), strict=True):
        args = source.look(failed, well, now)
        if args is not None and trader.now:
            desk.event(trader.now, ["command", trader.now, "fault", args, 0])
