"""Stops at the venue that do not do what they are for: one that was reached and does not fill, and one that is not there.

The price is the run's own feed's. What follows goes over the tape; nothing is asked or sent from here.
"""

from __future__ import annotations

from engine.venues.live.amounts import ZERO, text
from engine.venues.live.booker import Booker
from engine.venues.live.gate import Gate
from engine.venues.live.mirror import Open
from engine.venues.live.reconcile import Rounds

EMERGENCY_MS = 5_000
BARE_MS = 10_000


class Watch:
    """Looks at each step of the lane; `rounds` is told where trades are expected."""

    def __init__(self, gate: Gate, booker: Booker, rounds: Rounds) -> None:
        self.gate, self.booker, self.rounds = gate, booker, rounds

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
        """A position whose stop the exchange has not confirmed."""
        for row in self.booker.mirror.stops:
            if row.bare_ts is not None and now - row.bare_ts > BARE_MS:
                self.booker.say(
                    now, f"{row.symbol}: a position is without its stop", "the exchange has not confirmed the stop for 10 s",
                    f"bare:{row.slot_id}:{row.trade_seq}:{row.bare_ts}",
                )  # fmt: skip
