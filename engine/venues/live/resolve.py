"""What became of an order that nobody can tell: the venue is asked until it says, or until it is proven that it was never placed,
or until a person has to decide. Absence, errors and time alone end nothing.
"""

from __future__ import annotations

from engine.venues.live import proof
from engine.venues.live.booker import Booker
from engine.venues.live.mirror import Open
from engine.venues.live.proof import Evidence
from engine.venues.port import Clock, NotFound, Port, Seen, Unknown

AGAIN_MS, RESTING_MS = 1_500, 20_000


class Resolver:
    """`clock` is what was last known of the venue's clock. `waits`: the venue asked for silence, ms."""

    def __init__(self, port: Port, booker: Booker) -> None:
        self.port, self.booker = port, booker
        self.clock = Clock(0, 0)
        self.waits = 0

    @property
    def clock_error_ms(self) -> int:
        return self.clock.round_trip_ms // 2 + 1

    def step(self, now: int) -> bool:
        """One question that is due; False if none is."""
        for one in list(self.booker.mirror.intents.values()):
            if one.busy:
                continue
            if one.state in ("unknown", "quarantined"):
                if self._unsure(one, now):
                    return True
            elif one.resting and self._due(one, now):
                self._look(one, now)
                return True
        return self._stranger(now)

    # ---- orders the venue has ------------------------------------------------------------------------------------------------
    def _due(self, one: Open, now: int) -> bool:
        """A resting order is looked up when something hints at a change, and now and then."""
        mind = one.mind
        if one.ended:
            return True
        if mind.look_due:
            return now >= mind.look_due
        return now >= (mind.look_ts or one.sent_ts) + (
            AGAIN_MS if one.state == "canceling" or one.kind == "market" else RESTING_MS
        )

    def _look(self, one: Open, now: int) -> None:
        mind = one.mind
        mind.look_ts, mind.look_due = now, 0
        answer = self.port.look_up(one.symbol, one.client, one.venue_id, one.since)
        if isinstance(answer, Seen):
            self.booker.seen(one, answer, now, "look_up")
            if mind.ending_ts:
                mind.look_due = now + mind.patience(now, AGAIN_MS)
        elif isinstance(answer, Unknown):
            self.waits = answer.wait_ms
            mind.look_due = now + 2 * AGAIN_MS

    # ---- orders nobody knows -------------------------------------------------------------------------------------------------
    def _unsure(self, one: Open, now: int) -> bool:
        found = self._evidence(one)
        there = bool(one.mind.ending_ts or one.venue_id)  # the venue has had it: no silence makes that undone
        if not there and proof.not_placed(found, now, self.clock_error_ms):
            self.booker.end(
                one, "not_placed", f"never placed: {found.not_found} times not found, the last after it had expired"
            )
            return False
        if one.state == "unknown" and proof.give_up(found, now):
            self._quarantine(one, now)
            return False
        if there:
            return self._slowly(one, now)
        if one.state == "quarantined" and found.look_ups >= proof.MOST_LOOK_UPS:
            return False
        if now < proof.next_look(found, one.mind.look_ts or one.sent_ts) and not self._just_expired(one, found, now):
            return False
        late = proof.expired_for_good(found, now, self.clock_error_ms)
        if late and found.late_not_found and not found.late_lists:
            self._lists(one, now)
        else:
            self._ask(one, now, late)
        return True

    def _slowly(self, one: Open, now: int) -> bool:
        due = now >= (one.mind.look_ts or one.sent_ts) + (RESTING_MS if one.state == "unknown" else proof.LATER_MS)
        if due:
            self._look(one, now)
        return due

    def _just_expired(self, one: Open, found: Evidence, now: int) -> bool:
        """The first moment at which a proof is possible; asked for at once, one request after another."""
        late = proof.expired_for_good(found, now, self.clock_error_ms)
        return late and one.state == "unknown" and now >= one.mind.look_ts + 500 and found.late_not_found <= 1

    def _evidence(self, one: Open) -> Evidence:
        mind = one.mind
        return Evidence(one.sent_ts, one.expires_ts, one.not_found, mind.late_not_found, mind.late_lists, one.look_ups)

    def _ask(self, one: Open, now: int, late: bool) -> None:
        one.mind.look_ts = now
        answer = self.port.look_up(one.symbol, one.client, one.venue_id, one.since)
        asked = one.look_ups + 1
        if isinstance(answer, Seen) and self.booker.fits(one, answer):
            self.booker.seen(one, answer, now, "look_up")
            return
        if isinstance(answer, Seen):
            answer = Unknown("the answer is of another order")
        if isinstance(answer, NotFound):
            one.mind.late_not_found += int(late)
            self.booker.advise(one, one.state, now, "look_up", "not found", look_ups=asked, not_found=one.not_found + 1)
            return
        self.waits = answer.wait_ms
        self.booker.advise(one, one.state, now, "look_up", f"no answer: {answer.why}", look_ups=asked)

    def _lists(self, one: Open, now: int) -> None:
        """The venue's own list of orders since shortly before the send: it is there, or it is one proof more that it is not."""
        one.mind.look_ts = now
        answer = self.port.orders_since(one.symbol, one.sent_ts - 60_000)
        if isinstance(answer, Unknown):
            self.waits = answer.wait_ms
            return
        for seen in answer:
            if seen.client_id == one.client:  # whatever else it says of it: it is no proof that there is none
                self.booker.seen(one, seen, now, "look_up")
                return
        one.mind.late_lists += 1

    def _quarantine(self, one: Open, now: int) -> None:
        self.booker.advise(one, "quarantined", now, "engine", "nothing was proven in time: a person decides", soon=True)
        self.booker.say(
            now, f"{one.symbol}: an order nobody can tell about",
            f"order {one.client} was sent and the exchange never said what became of it. Its funds stay reserved and the symbol "
            "takes no entry: look it up at the exchange",
            f"quarantine:{one.client}",
        )  # fmt: skip

    # ---- trades whose order nobody knows -------------------------------------------------------------------------------------
    def _stranger(self, now: int) -> bool:
        for key, (trade, since) in list(self.booker.strangers.items()):
            if now >= since + AGAIN_MS:
                answer = self.port.look_up(trade.symbol, "", trade.venue_id)
                if isinstance(answer, Unknown):
                    self.waits = answer.wait_ms
                    self.booker.strangers[key] = (trade, now)
                else:
                    self.booker.looked_up(key, answer, now)
                    if key in self.booker.strangers:
                        self.booker.strangers[key] = (trade, since)
                return True
        return False
