"""The one lane to the venue: `pump` does at most one request and returns, so that a thread or a simulation may drive it.

What it does first is what protects money: cancels, then exits and stops, then entries, then questions. It sends nothing before
it has reconciled (`reconcile`), and never waits: an intent that nobody can tell about holds up nothing but its own symbol.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from engine.venues.live import proof
from engine.venues.live.amounts import ZERO, fitted, nearest_down, text, too_many, too_small
from engine.venues.live.booker import Booker, Doors, Facts
from engine.venues.live.egress import AFTER_A_KILL, Egress
from engine.venues.live.gate import DRY, REPLACE_MS, ROOM, Gate
from engine.venues.live.listening import heard
from engine.venues.live.mirror import Mirror, Open
from engine.venues.live.reconcile import Rounds
from engine.venues.live.resolve import Resolver
from engine.venues.live.settling import Settler
from engine.venues.live.watching import EMERGENCY_MS, Watch
from engine.venues.port import Accepted, Placed, Port, Refused, Request, Unknown

log = logging.getLogger("evenkeel.live")

STALE_ENTRY_MS = 10_000
CANCEL_AGAIN_MS = 2_000
MOST_UNSURE = 3
BACK_MS = 5_000
"""A clock that goes back by more was set; by less it was only measured better."""
LONG_MS, SAME_MS = 60_000, 2_000
HOLD_MS = (5_000, 30_000, 300_000)
"""How long an exit waits that the venue has refused once, twice, more often."""


@dataclass
class Held:
    """A symbol whose exits the venue refuses: how often, and until when the next waits."""

    times: int
    until: int


class Lane:
    """`engine` reads the ledger; `doors` are the ways back to the loop; `instruments` the run's by symbol."""

    def __init__(self, gate: Gate, port: Port, engine: Engine, run_id: int, doors: Doors, instruments: Facts) -> None:
        port, self.heard = heard(port)
        self.gate, self.port = gate, port
        self.egress = Egress(port, engine, gate)
        self.mirror = Mirror(engine, run_id)
        self.booker = Booker(gate, self.mirror, doors, instruments, run_id)
        self.resolver = Resolver(port, self.booker)
        self.rounds = Rounds(port, self.booker, self.resolver)
        self.watch = Watch(gate, self.booker, self.rounds)
        self.settler = Settler(port, engine, run_id, self.booker, self.rounds.missing)
        self.former: set[str] | None = None  # waiting and being sent as this process found them: a former one's
        self.quiet_until = self.latest = 0
        self.turn = False
        self.untimed: set[str] = set()
        self.held: dict[str, Held] = {}
        self.requests = 0

    @property
    def started(self) -> bool:
        return self.rounds.done > 0

    # ---- one step ----------------------------------------------------------------------------------------------------------
    def pump(self, now: int) -> bool:
        """At venue time `now` (ms): at most one request. True if there was something to do."""
        if self.mirror.stale and not self._read():
            return False
        if self.former is None:
            self.former = {one.client for one in self._all() if one.state in ("ready", "sending")}
        if now < self.latest - BACK_MS:
            self._turn_back(self.latest - now)
        self.latest = now
        self._first(now)
        if now < self.quiet_until and self.rounds.timed:
            return False
        if self._cancels(now) or (self.started and self._sends(now)):
            return True
        if not self.rounds.timed:
            return self._set_the_clock(now)
        steps = (self.rounds.step, self.resolver.step) if self.turn else (self.resolver.step, self.rounds.step)
        self.turn = not self.turn  # by turns: whatever one of them has to ask, the other gets to speak
        missing = self.rounds.missing
        if (self.started and (self.settler.step(now) or missing.step(now))) or steps[0](now) or steps[1](now):
            self._hear(self.settler.waits or missing.waits or self.resolver.waits or self.rounds.waits, now)
            self._open(now)
            return True
        self._open(now)
        return False

    def _set_the_clock(self, now: int) -> bool:
        """The venue's time is asked before anything is reckoned with one: until then `now` is this machine's, which may be an
        hour off, and so is every moment that was noted by it."""
        asked = self.rounds.step(now)
        if asked:
            self._hear(self.rounds.waits, now)
        if self.rounds.timed:
            self.quiet_until = self.latest = 0
            self.untimed = {one.client for one in self._all() if one.role == "entry"}  # nobody knows how old they are
            self._forget_times()
            self.rounds.turned_back(0)
        return asked

    def _forget_times(self) -> None:
        for mind in self.mirror.minds.values():
            mind.look_ts = mind.look_due = mind.cancel_ts = mind.touched_ts = 0
            mind.ending_ts = min(mind.ending_ts, 1)

    def _turn_back(self, by: int) -> None:
        """The venue's clock was set back: nothing may wait for a time that comes again only after hours."""
        log.warning("the exchange's clock went back by %.0f s", by / 1000)
        self._forget_times()
        self.quiet_until = max(self.quiet_until - by, 0)
        for held in self.held.values():
            held.until = 0
        self.settler.read_ts = 0
        self.rounds.turned_back(by)

    def landed(self) -> None:
        """A transaction of the loop has landed: read anew. Any thread."""
        self.mirror.stale = True

    def _read(self) -> bool:
        try:
            self.mirror.read()
        except SQLAlchemyError as error:
            self.mirror.stale = True
            log.warning("the ledger cannot be read (%s): nothing is sent until it can", type(error).__name__)
            return bool(self.gate.killed() and self.mirror.intents)  # cancels of a kill go by what is known
        return True

    def _hear(self, wait_ms: int, now: int) -> None:
        """The venue asked for silence."""
        self.requests += 1
        self.settler.waits = self.rounds.missing.waits = self.resolver.waits = self.rounds.waits = 0
        if wait_ms:
            self.quiet_until = now + wait_ms
            if abs(self.quiet_until - self.mirror.marks.get(("silence", ""), 0)) > SAME_MS:
                self.rounds.mark("silence", "", self.quiet_until)  # a restart is no reason to ask during a ban
            if wait_ms > LONG_MS:
                words = f"it asked for silence of {wait_ms / 60_000:.0f} min, or has banned this address: until then orders can "
                words += "be neither sent nor cancelled from here; stops kept at the exchange stay"
                self.booker.say(now, "the exchange wants no requests", words, f"silence:{self.quiet_until // 600_000}")

    def _open(self, now: int) -> None:
        """How many intents the next commit may hold as being sent."""
        waiting = sum(one.state == "sending" and one.client not in self.egress.sent for one in self._all())
        self.gate.room = max(ROOM - waiting, 0) if self.started and not self.gate.dry and now >= self.quiet_until else 0

    def _all(self) -> list[Open]:
        return [one for one in self.mirror.intents.values() if not one.mind.over]

    # ---- what needs no request ---------------------------------------------------------------------------------------------
    def _first(self, now: int) -> None:
        for one in self._all():
            if one.busy:
                continue
            if one.state == "sending" and one.client not in self.egress.sent:
                self._unsent(one, now)
            elif one.state == "sending" and now > one.sent_ts + 2 * proof.LEASE_MS:
                self.booker.advise(one, "unknown", now, "engine", "sent, and what was answered is lost", soon=True)
            elif one.state == "ready":
                self._ready(one, now)
            if one.role == "stop" and one.resting:
                self.watch.stop(one, now)
        self.watch.bare(now)

    def _unsent(self, one: Open, now: int) -> None:
        """Committed as being sent and not sent by this process: a former one may have, before it died; we ourselves were late."""
        if self._inherited(one):
            self.booker.advise(
                one, "unknown", now, "engine", "found as being sent at a start: it may have been", soon=True
            )
        elif not self._leased(one, now):
            self.booker.end(one, "canceled", "late: it never left this process")

    def _leased(self, one: Open, now: int) -> bool:
        """Whether it may be sent still: its proof reckons with that time. Before it is no better: the clock was set back."""
        return one.sent_ts - proof.LEASE_MS <= now <= one.sent_ts + proof.LEASE_MS

    def _inherited(self, one: Open) -> bool:
        """Of a former process: by what stood there, not by times, since the clocks of two lives need not agree."""
        return self.former is None or one.client in self.former

    def _ready(self, one: Open, now: int) -> None:
        """From READY to SENDING by a commit of its own, or back to nothing; neither asks the venue."""
        if self.gate.dry:
            self.booker.end(one, "canceled", DRY)
        elif one.role == "entry" and self._inherited(one):
            self.booker.end(one, "canceled", "crash_before_send: it was never sent")
        elif self.started and (why := self._against(one, now)):
            self.booker.end(one, "canceled", why)
        elif self.started and self._may_go(one, now):
            self._second(one, now)

    def _against(self, one: Open, now: int) -> str:
        """Why a waiting intent will never be sent."""
        if one.role == "entry":
            if abs(now - one.created_ts) > STALE_ENTRY_MS:
                return "late: it waited too long to be sent"
            if one.client in self.untimed:
                return "late: it was decided before the exchange had told its time"
            unsure = [other for other in self._all() if other.state in ("unknown", "quarantined")]
            if any(other.symbol == one.symbol for other in unsure):
                return "another order of this symbol is unresolved"
            if len(unsure) > MOST_UNSURE:
                return f"{len(unsure)} orders are unresolved"
            stops = sum(other.role == "stop" and other.symbol == one.symbol for other in self._all())
            return too_many(stops, self.rounds.rules.get(one.symbol)) or self.egress.against(one.role, one.purpose)
        if one.role == "stop":
            held = self.mirror.positions.get(one.slot_id)
            if held is None or held.stop != one.stop or held.qty != one.qty or held.status == "exiting":
                return "the position has changed"
            return self.egress.against(one.role, one.purpose)
        if one.order_seq and self._left(one) <= 0:
            return "its stop has filled first"
        return ""

    def _may_go(self, one: Open, now: int) -> bool:
        """Whether nothing stands before it: an exit waits for its slot's stop to be gone, and after a refusal."""
        if one.role != "exit":
            return True
        held = self.held.get(one.symbol)
        mine = [
            other for other in self.mirror.intents.values() if other.role == "stop" and other.slot_id == one.slot_id
        ]
        stop = any(not proof.nowhere(other, now) for other in mine)
        return not stop and (held is None or now >= held.until) and not self.egress.against(one.role, one.purpose)

    def _second(self, one: Open, now: int) -> None:
        """C2: what is sent after this commit may be at the venue."""
        if self.former is not None:
            self.former.discard(one.client)  # this process sends it
        qty = self._sized(one)
        until = proof.expires(now, self.gate.expiry_ms)
        self.booker.advise(
            one, "sending", now, "engine", "to be sent", soon=True, sent_ts=now, expires_ts=until, qty=text(qty)
        )

    def _left(self, one: Open) -> Decimal:
        try:
            return self.mirror.left(one.order_seq)
        except SQLAlchemyError:
            return one.qty

    def _sized(self, one: Open) -> Decimal:
        """Never more than the order still wants, on the venue's grid, rounded down."""
        qty = min(one.qty, self._left(one)) if one.role == "exit" and one.order_seq else one.qty
        rules = self.rounds.rules.get(one.symbol)
        return fitted(qty, rules, one.at_market) if rules is not None else qty

    # ---- cancels -----------------------------------------------------------------------------------------------------------
    def _cancels(self, now: int) -> bool:
        """The most pressing cancel that is due, if any. Safe to repeat: only a look-up says what became of an order."""
        killed = self.gate.killed() or self.gate.level() == "killed"
        if not self.started and not killed:
            return False
        for one in self._all():
            why = self._cancel_why(one, now, killed)
            if why and now >= one.mind.cancel_ts + CANCEL_AGAIN_MS and now >= one.mind.look_due:
                self._cancel(one, why, now)
                return True
        return False

    def _cancel_why(self, one: Open, now: int, killed: bool) -> str:
        unsure = one.state in ("unknown", "quarantined")
        if one.mind.ending is not None or not (one.resting or (unsure and killed and one.role == "entry")):
            return ""  # the venue has said that it is over, or there is none
        if one.state == "canceling":
            return "asked again"
        if one.role == "entry":
            if killed or self.gate.level() != "running":
                return "the account takes no entries"
            if self.gate.leaving:
                return "the engine is about to end: nobody would look after what it buys"
            return "its time is over" if one.good_till_ts and now >= one.good_till_ts else ""
        return self._stop_why(one, now) if one.role == "stop" else ""

    def _stop_why(self, one: Open, now: int) -> str:
        mind, held = one.mind, self.mirror.positions.get(one.slot_id)
        if mind.taken_over:
            return "triggered and not filled" if now >= mind.touched_ts + EMERGENCY_MS else ""
        if self.gate.killed() or self.gate.level() == "killed":
            exits = [other for other in self._all() if other.role == "exit" and other.slot_id == one.slot_id]
            return "the position leaves" if any(other.purpose in AFTER_A_KILL for other in exits) else ""
        if held is None or held.status == "exiting":
            return "the position leaves"
        moved = held.stop != one.stop or held.qty != one.qty - one.known
        return "it has moved" if moved and now >= mind.acked_ts + REPLACE_MS and not self.gate.leaving else ""

    def _cancel(self, one: Open, why: str, now: int) -> None:
        one.mind.cancel_ts = now
        answer = self.port.cancel(one.symbol, one.client, one.venue_id)
        said = f"cancel ({why}): {_words(answer)}"
        one.mind.look_due = now + (500 if isinstance(answer, Accepted) else 0)
        one.mind.look_ts = 0
        to = "canceling" if one.resting else one.state
        self.booker.advise(one, to, now, "ack", said, soon=True)  # an exit or a new stop waits for it
        self._hear(answer.wait_ms if isinstance(answer, Unknown) else 0, now)

    # ---- sends -------------------------------------------------------------------------------------------------------------
    def _sends(self, now: int) -> bool:
        order = {"exit": 0, "stop": 1, "entry": 2}
        ready = [
            one for one in self._all() if one.state == "sending" and not one.busy and one.client not in self.egress.sent
        ]
        for one in sorted(ready, key=lambda one: (order.get(one.role, 3), one.id)):
            if not self._inherited(one) and self._leased(one, now):
                self._send(one, now)
                return True
        return False

    def _send(self, one: Open, now: int) -> None:
        rules = self.rounds.rules.get(one.symbol)
        at = one.limit or one.stop or ZERO
        mark = self.gate.mark(one.symbol) or at if one.kind == "market" else at
        qty = self._sized(one)
        if why := too_small(qty, mark, rules, one.at_market):
            self._refused(one, Refused("below_minimum", why, "filter"), now)
            return
        tick = rules.tick if rules is not None else ZERO
        buys = one.side == "buy"
        request = Request(
            client_id=one.client, symbol=one.symbol, side=one.side, qty=qty, kind=one.kind,
            limit=None if one.limit is None else nearest_down(one.limit, tick, up=not buys),
            stop=None if one.stop is None else nearest_down(one.stop, tick, up=buys),
            post_only=one.kind == "limit" and one.role == "entry", reduce_only=one.role != "entry",
            expires_ts=one.expires_ts,
        )  # fmt: skip
        answer = self.egress.place(request)
        self._hear(answer.wait_ms if isinstance(answer, Unknown) else 0, now)
        if isinstance(answer, Accepted) and not self.booker.anothers(answer.venue_id, one.client):
            self._accepted(one, answer, now)
        elif isinstance(answer, Refused) and answer.reason not in ("duplicate", "unknown_order"):
            self._refused(one, answer, now)
        else:
            one.mind.look_ts = now
            self.booker.advise(one, "unknown", now, "ack", _words(answer), soon=True)

    def _accepted(self, one: Open, answer: Accepted, now: int) -> None:
        one.mind.acked_ts = now
        one.mind.look_due = now + (250 if one.kind == "market" else 10_000)
        self.rounds.poll(one.symbol, now)
        if one.role == "exit":
            self.held.pop(one.symbol, None)
            self.gate.held_back.discard(one.symbol)
        self.booker.advise(one, "acked", now, "ack", _words(answer), venue_order_id=answer.venue_id)

    def _refused(self, one: Open, answer: Refused, now: int) -> None:
        """Beyond doubt not placed. A refused stop takes the position out; a refused exit waits before it is tried anew."""
        final = "canceled" if answer.code == "guard" else "rejected"
        one.venue_id = one.venue_id or ""
        self.booker.end(one, final, f"{answer.code}: {answer.words}")
        if answer.code == "guard":
            return
        if one.role == "stop":
            self.booker.doors.event("venue_stop", one.slot_key, "")
            self.booker.say(
                now, f"{one.symbol}: the exchange refused the stop", f"{answer.words}; the position is closed at market",
                f"stop:{one.client}",
            )  # fmt: skip
        elif one.role == "exit":
            times = self.held[one.symbol].times + 1 if one.symbol in self.held else 1
            self.held[one.symbol] = Held(times, now + HOLD_MS[min(times, len(HOLD_MS)) - 1])
            self.gate.held_back.add(one.symbol)
            if times == 2:
                self.booker.say(
                    now, f"{one.symbol}: the exchange refuses the exit",
                    f"{answer.code}: {answer.words}. It is tried again from time to time; look whether the position is too small",
                    f"exit:{one.slot_key}:{answer.code}:{one.order_seq}",
                )  # fmt: skip

    def vitals(self) -> Mapping[str, Any]:
        unsure = [one for one in self.mirror.intents.values() if one.state in ("unknown", "quarantined")]
        return {
            "live_open": len(self.mirror.intents), "live_unresolved": len(unsure), "live_sends": self.egress.sends,
            "live_requests": self.requests, "live_unanswered": self.heard.unanswered,
            "live_reconciled": self.rounds.last,
        }  # fmt: skip


def _words(answer: Placed) -> str:
    if isinstance(answer, Accepted):
        return f"accepted as {answer.venue_id}"
    if isinstance(answer, Refused):
        return f"refused, {answer.code}: {answer.words}"
    return f"no answer that says anything: {answer.why}"
