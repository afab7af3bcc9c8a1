"""Stops at the venue that do not do what they are for: one that was reached and does not fill, and one that is not there.

The price is the run's own feed's. What follows goes over the tape; nothing is asked or sent from here.
"""

from __future__ import annotations

from typing import Any

from engine.venues.live.amounts import ZERO, text
from engine.venues.live.booker import Booker
from engine.venues.live.gate import Gate
from engine.venues.live.mirror import Open
from engine.venues.live.reconcile import Rounds

EMERGENCY_MS = 5_000
BARE_MS, MOST_STEP_MS = 10_000, 5_000
"""A step of a clock that was set is no time that has passed."""
STANDING = ("acked", "partial")
Bare = tuple[int, int | None]
"""A slot and its trade."""


class Watch:
    """Looks at each step of the lane; `rounds` is told where trades are expected."""

    def __init__(self, gate: Gate, booker: Booker, rounds: Rounds) -> None:
        self.gate, self.booker, self.rounds = gate, booker, rounds
        self.bare_for: dict[Bare, tuple[int, int, int]] = {}  # for so long, ms, as looked at last, and since when
        self.left: set[str] = set()

    def stop(self, one: Open, now: int) -> None:
        """A stop whose price has come and that has not filled in five seconds is no protection: the engine leaves at market."""
        mind, mark = one.mind, self.gate.mark(one.symbol)
        if mind.taken_over:
            mind.touched_ts = mind.touched_ts or now
            return
        beyond = (
            mark is not None and one.stop is not None and (mark <= one.stop if one.side == "sell" else mark >= one.stop)
        )
        if not beyond:
            mind.touched_ts = 0
            return
        if not mind.touched_ts:
            mind.touched_ts, mind.look_due = now, now
            self.rounds.poll(one.symbol, now)
        elif now >= mind.touched_ts + EMERGENCY_MS and self.gate.level() != "killed":
            mind.taken_over = True
            self.booker.doors.event("venue_stop", one.slot_key, one.client)
            self.booker.say(
                now, f"{one.symbol}: the stop has not filled",
                f"the price passed {text(one.stop or ZERO)} and the exchange's stop did not fill in 5 s: leaving at market",
                f"unfilled:{one.client}", "warning",
            )  # fmt: skip

    def bare(self, now: int) -> None:
        """Positions whose stop the exchange has not confirmed: a person is told, then they leave at market."""
        mirror = self.booker.mirror
        rows = {(row.slot_id, row.trade_seq): row for row in mirror.stops}
        there = {key for key, row in rows.items() if row.bare_ts is None}
        waiting = {*self.bare_for, *rows} - there  # one that has ended counts on until the next is confirmed
        self.bare_for = {key: self.bare_for.get(key, (0, now, now)) for key in waiting if key[0] in mirror.positions}
        for key, (spent, last, since) in list(self.bare_for.items()):
            spent += min(max(now - last, 0), MOST_STEP_MS)
            self.bare_for[key] = spent, now, since
            if key in rows:
                self._bare(key, rows[key], spent, now)

    def may_end(self) -> bool:
        """Whether the exchange may be left alone: nothing is there but stops at rest, one of every position that is to stay. What
        nobody can tell about is not waited for. Any thread."""
        mirror, killed = self.booker.mirror, self.gate.killed() or self.gate.level() == "killed"
        known = [one for one in list(mirror.intents.values()) if not one.unsure]
        resting = {one.slot_id for one in known if one.role == "stop" and one.state in STANDING and not one.busy}
        staying = {slot for slot, one in list(mirror.positions.items()) if one.stop and one.status != "exiting"}
        if mirror.stale or len(resting) < len(known):
            return False
        return killed or not self.gate.native_stop or staying <= resting

    def _bare(self, key: Bare, row: Any, spent: int, now: int) -> None:
        which = f"{row.slot_id}:{row.trade_seq}:{self.bare_for[key][2]}"
        if spent > BARE_MS:
            self.booker.say(
                now, f"{row.symbol}: a position is without its stop", "the exchange has not confirmed the stop for 10 s",
                f"bare:{which}",
            )  # fmt: skip
        if 0 < self.gate.bare_ms < spent and self.rounds.done and which not in self.left:
            self._leave(which, row, now)

    def _leave(self, which: str, row: Any, now: int) -> None:
        """At market, by the way of a stop that was refused: the exit waits until the stop is known not to be there."""
        held = self.booker.mirror.positions.get(row.slot_id)
        stop = next((one for one in self.booker.mirror.intents.values() if one.id == row.intent_id), None)
        if held is None or stop is None or held.status == "exiting" or self.gate.level() == "killed":
            return
        self.left.add(which)
        self.booker.doors.event("venue_stop", stop.slot_key, "")
        self.booker.halt(row.symbol)
        seconds = self.gate.bare_ms // 1000
        self.booker.say(
            now, f"{row.symbol}: leaving, the stop is not there",
            f"the exchange has not confirmed the stop for {seconds} s: the position is closed at market, and no entry is made on "
            f"{row.symbol} until you switch its slots on again", f"left:{which}",
        )  # fmt: skip
