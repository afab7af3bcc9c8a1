"""Where events become history: onto the tape first, then to the trader; and what an event brings about is an event too.

Everything that ever reaches a trader comes through here or, at a recovery, from the tape itself. No queue, clock or database.
"""

from __future__ import annotations

from engine.core.types import MS_DAY
from engine.market.tape import Event, Tape
from engine.runtime.budget import SlotBudget
from engine.runtime.challengers import Challenger
from engine.runtime.crash import point
from engine.runtime.trader import Step, Trader


class Desk:
    """A tape and its trader; `step` gathers what happened until the next commit takes it."""

    def __init__(self, tape: Tape, trader: Trader, step: Step, budget: SlotBudget) -> None:
        self.tape, self.trader, self.step, self.budget = tape, trader, step, budget
        self.taken = 0
        self.challengers: list[Challenger] = []

    def event(self, ts: int, event: Event) -> None:
        """Take one event of exchange time `ts` (ms UTC)."""
        trader = self.trader
        if event[0] == "frame":
            self._begin_challengers(ts, event[3])
        for one in self.challengers:
            if one.begun and ts // MS_DAY != one.trader.now // MS_DAY and (cuts := one.trader.cuts()):
                self._append(one.trader.now, one.event(["cut", one.trader.now, cuts]))
        if trader.now and ts // MS_DAY != trader.now // MS_DAY and (cuts := trader.cuts()):
            self._append(trader.now, ["cut", trader.now, cuts])
        point("event.taken")
        self._append(ts, event)
        point("machine.stepped")
        self.taken += 1
        self._stop_slow_slots()
        self.tell_failures()

    def levels(self) -> dict[str, str]:
        """By run id, how each account beside ours may trade: it is paused and released by itself."""
        return {str(one.run_id): one.trader.machine.level for one in self.challengers if one.begun and not one.ended}

    def tell_failures(self) -> None:
        """Slots that have failed, as commands of the tape."""
        now, failed = self.trader.now, self.trader.unsaid
        self.trader.unsaid = []
        for key, bar_end, why in failed:
            args = {"slot": key, "state": "failed", "why": why, "bar_end": bar_end}
            self._append(now, ["command", now, "slot_state", args, 0])
        for one in self.challengers:
            now, failed, one.trader.unsaid = one.trader.now, one.trader.unsaid, []
            for key, bar_end, why in failed:
                args = {"slot": key, "state": "failed", "why": why, "bar_end": bar_end}
                self._append(now, one.event(["command", now, "slot_state", args, 0]))

    def _begin_challengers(self, ts: int, seen: int) -> None:
        """Those that wait begin where a bar of theirs begins: the account's bars up to there are closed, then they look back."""
        for one in self.challengers:
            if edge := one.may_begin(ts, self.trader):
                self._append(edge, ["clock", edge, seen])
                self._append(edge, one.warm_event(edge, self.trader))

    def begin_challengers(self, now: int) -> None:
        """At the run's own beginning, before its first frame: all of them, with what the account looks back on."""
        for one in self.challengers:
            if not one.begun:
                self._append(now, one.warm_event(now, self.trader))

    def _append(self, ts: int, event: Event) -> None:
        self.tape.append(max(ts, 1), event)
        point("tape.appended")
        self.trader.take(event, self.step)
        for one in self.challengers:
            one.take(event, self.trader)

    def _stop_slow_slots(self) -> None:
        keys = [slot.key for slot in self.trader.setup.slots]
        for key, why in self.budget.over(self.trader.spent).items():
            self.trader.fail(keys.index(key), self.trader.now + 1, why, self.step)
        self.trader.spent.clear()
        for one in self.challengers:
            for why in one.budget.over(one.trader.spent).values():
                one.trader.fail(0, one.trader.now + 1, why, one.step)
            one.trader.spent.clear()
