"""The same round at every start and every 30 s: trades since the watermark, open orders, balances, money that came or went.

It compares and tells; it books no fill without a trade's id, cancels nothing, and sells nothing. A shortfall that stands twice
is told to the account, which then only reduces, or, where somebody else's trade explains it, to the symbol alone.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlmodel import col

from db.models import ExternalTrade, Watermark
from engine.venues.live import ids
from engine.venues.live.amounts import ZERO, text
from engine.venues.live.booker import Booker
from engine.venues.live.missing import Missing
from engine.venues.live.resolve import Resolver
from engine.venues.live.rows import adopt
from engine.venues.port import Balance, Flow, Port, Rules, Seen, Unknown

log = logging.getLogger("evenkeel.live")

EVERY_MS, RETRY_MS, POLL_MS = 30_000, 3_000, 1_000
OVERLAP_MS, FIRST_MS = 120_000, 24 * 3_600_000
CLOCK_MS, RULES_MS = 600_000, 6 * 3_600_000
MOST_TOLD = 200
"""Orders of ours that nobody knows and deposits that one process takes; what is beyond waits for a restart."""
MOST_TIMES = 100
"""A deposit of more than so many times what the account has is asked about, not believed."""
SPARE = Decimal("0.0001")
"""Of the cash: what rounding may have taken from the venue's side and not from the ledger's."""
Question = Callable[[int], bool]


class Rounds:
    """`done` rounds so far, the last at venue time `last`; `rules` of each symbol as the venue has them."""

    def __init__(self, port: Port, booker: Booker, resolver: Resolver) -> None:
        self.port, self.booker, self.resolver = port, booker, resolver
        self.mirror, self.missing = booker.mirror, Missing(port, booker)
        self.rules: dict[str, Rules] = {}
        self.done = self.last = 0
        self.waits = 0
        self.behind = (
            0  # by how much the venue's clock was set back at most, ms: its times may be so much older than ours
        )
        self.short: dict[str, int] = {}
        self.unfunded = 0
        self.told: set[str] = set()
        self._asked: deque[Question] = deque()
        self._next = 0
        self._polls: dict[str, int] = {}
        self._clock_ts = self._rules_ts = 0

    @property
    def timed(self) -> bool:
        """Whether the venue has told its time."""
        return self._clock_ts > 0

    def step(self, now: int) -> bool:
        """One question of the round that is under way, or a poll that is due; False if neither is."""
        self._next = min(self._next, now + EVERY_MS)  # a clock that is set back makes nobody wait
        if self.done and self._poll(now):
            return True
        if not self._asked and now >= self._next:
            self._begin(now)
        if not self._asked or now < self._next:
            return False
        question = self._asked[0]
        if not question(now):
            self._next = now + RETRY_MS  # the same question again; nothing is concluded from silence
            if len(self._asked) > 2 and self.timed:
                self._asked.insert(len(self._asked) - 1, self._asked.popleft())  # others first; balances stay the last
            return True
        self._asked.popleft()
        if not self._asked:
            self.done, self.last, self._next = self.done + 1, now, now + EVERY_MS
        return True

    def turned_back(self, by: int) -> None:
        """The venue's clock was set back by `by` ms: what was to be at a time that will come again is due now."""
        self.behind = max(self.behind, min(by, FIRST_MS))
        self._next = 0
        self._polls.clear()

    def poll(self, symbol: str, now: int) -> None:
        """Trades of the symbol are expected."""
        self._polls[symbol] = min(self._polls.get(symbol, now), now)

    def _poll(self, now: int) -> bool:
        for one in self.mirror.intents.values():
            waits = (one.mind.ending_ts and one.state != "quarantined") or (one.resting and one.kind == "market")
            if waits and one.symbol not in self._polls:
                self._polls[one.symbol] = now + one.mind.patience(now, POLL_MS)
        for symbol, due in list(self._polls.items()):
            if now >= due:
                del self._polls[symbol]
                self._trades(symbol, now)
                return True
        return False

    def _begin(self, now: int) -> None:
        symbols = sorted({*self.booker.instruments(), *(one.symbol for one in self.mirror.intents.values())})
        if now >= self._clock_ts + CLOCK_MS or not self._clock_ts:
            self._asked.append(self._clock)
        if now >= self._rules_ts + RULES_MS or not self._rules_ts:
            self._asked += [partial(self._rules, symbol) for symbol in symbols]
        self._asked += [partial(self._trades, symbol) for symbol in symbols]
        self._asked += [partial(self._orders, symbols), self._flows, partial(self._balances, symbols)]

    def _answered(self, answer: Any) -> bool:
        if isinstance(answer, Unknown):
            self.waits = answer.wait_ms
            return False
        return True

    # ---- questions ---------------------------------------------------------------------------------------------------------
    def _clock(self, now: int) -> bool:
        answer = self.port.sync()
        if isinstance(answer, Unknown):
            return self._answered(answer)
        self.resolver.clock, self._clock_ts = answer, self.port.now()
        return True

    def _rules(self, symbol: str, now: int) -> bool:
        answer = self.port.rules(symbol)
        mark = self.booker.gate.mark(symbol)
        if isinstance(answer, Rules) and (
            not mark or answer.tick * 10 <= mark
        ):  # a tick like that would end every stop
            self.rules[symbol] = answer
        self._rules_ts = now
        return self._answered(answer)

    def _trades(self, symbol: str, now: int) -> bool:
        since = self._since(symbol, now)
        answer = self.port.trades_since(symbol, since)
        if isinstance(answer, Unknown):
            if self.done:
                self.poll(symbol, now + RETRY_MS)
            return self._answered(answer)
        self.booker.trades(symbol, answer, now)
        for one in list(self.mirror.intents.values()):
            if one.mind.ending is not None and one.symbol == symbol and not one.mind.over and one.ended:
                self.booker.seen(one, one.mind.ending, now, "trade")
        if now - self.mirror.marks.get(("trades", symbol), 0) > OVERLAP_MS + EVERY_MS // 2:
            self.mark("trades", symbol, now - OVERLAP_MS)
        return True

    def _since(self, symbol: str, now: int) -> int:
        """From the watermark, or the oldest order that may still fill, whichever is earlier; at a start a day more, but nothing
        of before the run began: what the account did then is nobody's business here."""
        begun = self.mirror.marks.get(("trades", ""))
        if begun is None:
            self.mark("trades", "", now)
            begun = now
        known = min(self.mirror.marks.get(("trades", symbol), begun), now)
        waiting = (one.sent_ts for one in self.mirror.intents.values() if one.symbol == symbol and one.sent_ts)
        since = min((known, *waiting)) - 60_000 - self.behind
        return since if self.done else min(since, max(known - FIRST_MS, begun - 60_000))

    def _orders(self, symbols: Sequence[str], now: int) -> bool:
        answer = self.port.open_orders(symbols)
        if isinstance(answer, Unknown):
            return self._answered(answer)
        there = {one.client_id: one for one in answer if one.client_id}
        by_venue = {one.venue_id: one for one in answer}
        for mine in list(self.mirror.intents.values()):
            seen = there.get(mine.client) or by_venue.get(mine.venue_id)
            if seen is not None and not self.booker.fits(mine, seen):
                continue  # an id of ours with another order's words: it is looked up by itself
            if mine.busy or mine.state in ("planned", "ready") or (mine.state == "sending" and seen is None):
                continue
            if seen is not None:
                self.booker.seen(mine, seen, now, "reconcile")
                if seen.filled > mine.known:
                    self.poll(mine.symbol, now)
            elif mine.resting:
                mine.mind.look_due = mine.mind.look_due or now  # not in the list: ask for it by its id
        for seen in answer:
            if ids.is_ours(self.booker.gate.tag, seen.client_id) and seen.client_id not in self.mirror.intents:
                self._adopt(seen, now)
        return True

    def _adopt(self, seen: Seen, now: int) -> None:
        """An open order of ours that the ledger does not hold as open: of an older life, or of a database that was restored."""
        stored = self.mirror.find(seen.client_id, "")
        if (
            stored is not None
            and stored.run_id == self.booker.run_id
            and stored.state not in ("not_placed", "rejected")
        ):
            return  # it has just ended; the list is older than that
        key = f"adopted:{seen.client_id}"
        if key in self.told or len(self.told) >= MOST_TOLD:
            return
        self.told.add(key)
        self.booker.halt(seen.symbol)
        self.booker.say(
            now, f"{seen.symbol}: an open order of ours that the database does not hold",
            f"order {seen.client_id} ({seen.side} {text(seen.qty)}) is open at the exchange: no entry is made on this symbol "
            "until you have looked after it and switched its slots on again", key,
        )  # fmt: skip
        if stored is None:
            run_id = self.booker.run_id
            self.booker.doors.write(lambda connection: adopt(connection, run_id, seen, now))

    def _flows(self, now: int) -> bool:
        mark = self.mirror.marks.get(("flows", ""))
        if mark is None:
            self.mark("flows", "", now)
            return True
        quotes = sorted({one.quote for one in self.booker.instruments().values()})
        answer = self.port.flows_since(mark - OVERLAP_MS, quotes)
        if isinstance(answer, Unknown):
            self._answered(answer)
            return True  # a venue that does not tell of money that moves is no reason to stop
        for flow in answer:
            self._flow(flow, mark)
        if now - mark > OVERLAP_MS + 10 * EVERY_MS:
            self.mark("flows", "", now - OVERLAP_MS)
        return True

    def _flow(self, flow: Flow, mark: int) -> None:
        """Money of the account's own currency moves its capital; other coins are none of the run's."""
        instruments = list(self.booker.instruments().values())
        key = f"flow:{flow.flow_id}"
        if (
            not instruments
            or flow.currency != instruments[0].quote
            or key in self.told
            or len(self.told) >= MOST_TOLD
            or self.mirror.has_flow(flow.flow_id)
        ):
            return
        if self.done == 0 and flow.ts < mark - OVERLAP_MS:
            return
        self.told.add(key)
        cash = self.booker.gate.cash()
        if cash is not None and flow.amount > max(cash, instruments[0].quantum) * MOST_TIMES:
            words = f"the exchange tells of it as {flow.flow_id}; the account has {text(cash)}. It was not taken into the books: "
            words += f"if it is true, say so with `cash {text(flow.amount)}`"
            self.booker.say(self.last, f"a deposit of {text(flow.amount)} {flow.currency}?", words, key)
            return
        quanta = int((flow.amount / instruments[0].quantum).to_integral_value())
        if quanta:
            self.booker.doors.event(
                "flow", quanta, flow.flow_id, flow.words or ("deposit" if quanta > 0 else "withdrawal")
            )

    # ---- the comparison ----------------------------------------------------------------------------------------------------
    def _balances(self, symbols: Sequence[str], now: int) -> bool:
        answer = self.port.balances()
        if isinstance(answer, Unknown):
            return self._answered(answer)
        for symbol in symbols:
            instrument = self.booker.instruments().get(symbol)
            if instrument is None or self._moving(symbol):
                continue
            held = sum((p.qty for p in self.mirror.positions.values() if p.symbol == symbol and p.long), ZERO)
            total = answer.get(instrument.base, Balance(ZERO, ZERO)).total
            self._compare(symbol, held - total, instrument.lot, now)
        self._funds(symbols, answer, now)
        if not any(self._moving(symbol) for symbol in symbols):
            self.missing.note(answer)
        return True

    def _funds(self, symbols: Sequence[str], there: Mapping[str, Balance], now: int) -> None:
        """Whether the venue has the money that the ledger would spend. The balance may be larger than the capital, never smaller:
        then entries are kept back until it is there, and a person is told; exits and stops need none."""
        gate, cash = self.booker.gate, self.booker.gate.cash()
        instruments = list(self.booker.instruments().values())
        if cash is None or not instruments or any(self._moving(symbol) for symbol in symbols):
            return
        quote = instruments[0].quote
        missing = cash - there.get(quote, Balance(ZERO, ZERO)).free
        if missing <= cash * SPARE:
            if gate.unfunded:
                gate.unfunded = ""
                self.booker.say(
                    now, f"{quote}: the exchange has the money again", "entries go on", f"funded:{self.done}", "info"
                )
            self.unfunded = 0
            return
        self.unfunded += 1
        if self.unfunded < 2:
            return
        words = f"{text(missing)} {quote} of what the ledger would spend are not free at the exchange"
        if not gate.unfunded:
            self.booker.say(
                now, f"{quote}: the exchange has less than the ledger takes for granted",
                f"{words}: no entry is sent until they are. Deposit them, free what other orders hold, or lower the capital",
                f"unfunded:{self.done}",
            )  # fmt: skip
        gate.unfunded = f"{words}: no entries"

    def _moving(self, symbol: str) -> bool:
        """Orders under way: what the account holds cannot be said to the step now."""
        mine = [one for one in self.mirror.intents.values() if one.symbol == symbol]
        return any(one.mind.handed or one.mind.over or (one.role != "stop" and one.state != "ready") for one in mine)

    def _compare(self, symbol: str, missing: Decimal, step: Decimal, now: int) -> None:
        if missing <= step:
            self.short.pop(symbol, None)
            return
        times = self.short[symbol] = self.short.get(symbol, 0) + 1
        if times != 2:
            return
        words = f"the ledger holds {text(missing)} more than the exchange"
        if self._sold_elsewhere(symbol):
            self.booker.halt(symbol)
            title = f"{symbol}: somebody else has sold what the engine holds"
            words += "; no entry is made on this symbol"
        else:
            self.booker.doors.event("command", "reduce_only", {"source": "reconciliation", "reason": words}, 0)
            title = f"{symbol}: the exchange does not hold what the ledger says"
            words += "; positions may only shrink until you have found out why and resumed"
        self.booker.say(now, title, words, f"short:{symbol}:{self.done}")

    def _sold_elsewhere(self, symbol: str) -> bool:
        run_id = self.booker.run_id
        mine = (col(ExternalTrade.run_id) == run_id) & (col(ExternalTrade.symbol) == symbol)
        sold = mine & (col(ExternalTrade.side) == "sell") & col(ExternalTrade.touched).is_(False)
        with self.mirror.engine.connect() as connection:
            if connection.execute(select(col(ExternalTrade.id)).where(sold)).first() is None:
                return False

        def work(connection: Connection) -> None:
            connection.execute(update(ExternalTrade).where(sold).values(touched=True))

        self.booker.doors.write(work)
        return True

    def mark(self, stream: str, symbol: str, ts: int) -> None:
        run_id = self.booker.run_id
        self.mirror.marks[(stream, symbol)] = ts

        def work(connection: Connection) -> None:
            key = (col(Watermark.run_id) == run_id, col(Watermark.stream) == stream, col(Watermark.symbol) == symbol)
            connection.execute(delete(Watermark).where(*key))
            connection.execute(insert(Watermark).values(run_id=run_id, stream=stream, symbol=symbol, ts=ts))

        self.booker.doors.write(work)
