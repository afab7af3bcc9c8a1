"""Fills that the exchange tells of and whose trades it does not show: what is asked for again, what its other answers prove, and
what is left to a person.

An order's own figures stand for the trades that are missing only where the account's balances have moved by exactly that while
nothing else did. No figure is made up: what is not proven in a quarter of an hour is set aside with its funds reserved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.core.types import Instrument
from engine.venues.live.amounts import ZERO, text
from engine.venues.live.booker import PATIENCE_MS, Booker
from engine.venues.live.mirror import STANDS, Open
from engine.venues.port import Balance, Port, Seen, Side, Trade, Unknown

FIRST_MS, TELL_MS, PROVEN_MS, AGAIN_MS = 60_000, 180_000, 300_000, 60_000
"""When the longer history is asked for; when a person hears; from when on figures may stand for trades; how often."""
LONG_MS = 24 * 3_600_000
"""So much before the order was sent the longer history begins: whatever clock its trades were stamped by."""
ROUNDED = 10
"""By how many quanta of money roundings of other fills may have moved the ledger against the account."""


@dataclass(frozen=True)
class Figures:
    """What of an order is filled and has no trade: `qty` coins for `cost` of quote currency. `fee`: what the order itself names
    as its fee in quote currency, None where the exchange does not."""

    side: Side
    qty: Decimal
    cost: Decimal
    fee: Decimal | None


def proven(of: Figures, base: Decimal, quote: Decimal, instrument: Instrument) -> tuple[Decimal, str] | str:
    """(fee, its currency) where an account whose coins have grown by `base` and whose money by `quote` beyond the ledger shows
    just these fills; else why it does not."""
    buys, most = of.side == "buy", 2 * instrument.taker
    coins, money = (of.qty, -of.cost) if buys else (-of.qty, of.cost)
    rounding = instrument.quantum * ROUNDED
    if not of.qty:
        return (
            (ZERO, instrument.quote) if abs(base) < instrument.lot and abs(quote) <= rounding else _moved(base, quote)
        )
    in_base, in_quote = coins - base, money - quote
    if in_base:
        fits = buys and 0 < in_base <= of.qty * most + instrument.lot and abs(in_quote) <= rounding and not of.fee
        return (in_base, instrument.base) if fits else _moved(base, quote)
    told = of.fee is not None and abs(in_quote - of.fee) <= rounding
    usual = (
        of.fee is None
        and (in_quote > 0 if most else abs(in_quote) <= rounding)
        and in_quote <= of.cost * most + rounding
    )
    return (in_quote, instrument.quote) if told or usual else _moved(base, quote)


def _moved(base: Decimal, quote: Decimal) -> str:
    return f"beyond the ledger the account's coins have moved by {text(base)} and its money by {text(quote)}"


Heard = Callable[[bool, str, int], None]


@dataclass
class Case:
    """One order's: when to ask next, what comes next (0 the order, 1 its trades, 2 the balances), and what was answered."""

    due: int
    stage: int = 0
    seen: Seen | None = None
    listed: Sequence[Trade] = ()
    why: str = "the exchange has not answered"


class Missing:
    """`note` hears of balances while nothing is under way, `step` asks one question. `waits`: the venue asked for silence, ms."""

    def __init__(self, port: Port, booker: Booker) -> None:
        self.port, self.booker = port, booker
        self.cases: dict[str, Case] = {}
        self.accepted: dict[str, Heard] = {}
        self.before: dict[
            str, Decimal
        ] = {}  # by currency: what the account had beyond the ledger when nothing was under way
        self.waits = 0

    # ---- balances ----------------------------------------------------------------------------------------------------------
    def note(self, there: Mapping[str, Balance]) -> None:
        """The account when no order is under way: what the next one is measured against."""
        self.before = self._beyond(there)

    def _beyond(self, there: Mapping[str, Balance]) -> dict[str, Decimal]:
        cash, found = self.booker.gate.cash(), dict[str, Decimal]()
        positions = self.booker.mirror.positions.values()
        for one in self.booker.instruments().values():
            held = sum((p.qty if p.long else -p.qty for p in positions if p.symbol == one.symbol), ZERO)
            found[one.base] = _total(there, one.base) - held
            if cash is not None:
                found[one.quote] = _total(there, one.quote) - cash
        return found

    # ---- questions ---------------------------------------------------------------------------------------------------------
    def step(self, now: int) -> bool:
        """False if nothing is due."""
        waiting = {one.client: one for one in self.booker.mirror.intents.values() if self._waits(one)}
        for client in self.accepted.keys() - waiting.keys():
            self._told(client, "the order is over", now)
        self.cases = {client: self.cases.get(client) or self._case(one, now) for client, one in waiting.items()}
        for client, case in self.cases.items():
            if now >= case.due and not waiting[client].busy:
                self._ask(waiting[client], case, now)
                return True
        return False

    def _waits(self, one: Open) -> bool:
        if one.client in self.accepted:
            return not one.mind.over
        lacks = one.mind.ending is not None and one.mind.ending_ts > 0 and not one.ended
        return lacks and not one.mind.over and one.state != "quarantined"

    def _case(self, one: Open, now: int) -> Case:
        return Case(now if one.client in self.accepted else max(one.mind.ending_ts + FIRST_MS, now))

    def accept(self, client: str, heard: Heard) -> None:
        """A person says that what the exchange's own order says is filled is so; `heard` gets what came of it."""
        self.accepted[client] = heard
        self.cases.pop(client, None)

    def _told(self, client: str, why: str, now: int, good: bool = False) -> None:
        if client in self.accepted:
            self.accepted.pop(client)(good, why, now)

    def _ask(self, one: Open, case: Case, now: int) -> None:
        asked = (self._order, self._trades, self._balances)[case.stage](one, case, now)
        if isinstance(asked, Unknown):
            self.waits, case.why = asked.wait_ms, f"the exchange does not answer ({asked.why})"
        if isinstance(asked, Unknown) or case.stage == 2:
            case.stage, case.due = 0, now + AGAIN_MS
            self._told(one.client, f"nothing was changed: {case.why}", now)
            if now >= one.mind.ending_ts + TELL_MS and one.state != "quarantined" and not one.ended:
                self._tell(one, case.why, now)
            if (
                one.state != "quarantined"
                and now >= one.mind.ending_ts + PATIENCE_MS
                and not one.ended
                and not one.mind.over
            ):
                self._set_aside(one, case.why, now)
        else:
            case.stage += 1

    def _order(self, one: Open, case: Case, now: int) -> Any:
        answer = self.port.look_up(one.symbol, one.client, one.venue_id, one.since)
        case.seen = answer if isinstance(answer, Seen) and self.booker.fits(one, answer) else None
        if case.seen is not None:
            self.booker.seen(one, case.seen, now, "look_up")
        return answer

    def _trades(self, one: Open, case: Case, now: int) -> Any:
        answer = self.port.trades_since(one.symbol, max(one.sent_ts - LONG_MS, 0))
        if isinstance(answer, Unknown):
            return answer
        begun = self.booker.mirror.marks.get(("trades", ""), 0) - 60_000
        self.booker.trades(one.symbol, [trade for trade in answer if trade.ts >= begun or self._of(one, trade)], now)
        case.listed = [trade for trade in answer if self._of(one, trade)]
        return answer

    def _of(self, one: Open, trade: Trade) -> bool:
        return trade.client_id == one.client or (not trade.client_id and trade.venue_id == one.venue_id)

    def _balances(self, one: Open, case: Case, now: int) -> Any:
        answer = self.port.balances()
        if isinstance(answer, Unknown):
            return answer
        case.why = self._judge(one, case, answer, now)
        return answer

    # ---- what they prove ---------------------------------------------------------------------------------------------------
    def _judge(self, one: Open, case: Case, there: Mapping[str, Balance], now: int) -> str:
        """Why nothing is proven; "" where the order is settled by it."""
        seen, instrument = case.seen, self.booker.instruments().get(one.symbol)
        if seen is None or seen.state == "open" or instrument is None:
            return "the exchange does not show the order as over"
        if one.mind.handed or sum((trade.qty for trade in case.listed), ZERO) != one.known:
            return "its trades do not add up to what is booked"
        if one.client in self.accepted:
            return self._as_said(one, case, instrument, now)
        if now < one.mind.ending_ts + PROVEN_MS:
            return "its trades may come still"
        if not {instrument.base, instrument.quote} <= self.before.keys() or self._others(one):
            return "what the account had before the order is not known, or something else was under way"
        of = figures(one, seen, case.listed)
        if isinstance(of, str):
            return of
        now_there = self._beyond(there)
        moved = [now_there[name] - self.before[name] for name in (instrument.base, instrument.quote)]
        found = proven(of, moved[0], moved[1], instrument)
        if isinstance(found, str):
            return found
        return self.booker.take(one, seen, stand_in(one, seen, of, *found, now) if of.qty else None, now)

    def _as_said(self, one: Open, case: Case, instrument: Instrument, now: int) -> str:
        """A person has compared: the order's own figures, and where they name no fee the market's whole rate."""
        assert case.seen is not None
        of = figures(one, case.seen, case.listed)
        if isinstance(of, str):
            return of
        fee = of.cost * instrument.taker if of.fee is None else of.fee
        trade = stand_in(one, case.seen, of, fee, instrument.quote, now) if of.qty else None
        why = self.booker.take(one, case.seen, trade, now)
        if not why:
            booked = (
                f"{text(of.qty)} for {text(of.cost)} {instrument.quote}, fee {text(fee.quantize(instrument.quantum))}"
            )
            self._told(one.client, f"taken into the books: {booked}", now, good=True)
        return why

    def _others(self, one: Open) -> bool:
        others = [other for other in self.booker.mirror.intents.values() if other is not one]
        return any(o.mind.handed or o.mind.over or (o.role != "stop" and o.state != "ready") for o in others)

    def _tell(self, one: Open, why: str, now: int) -> None:
        self.booker.say(
            now, f"{one.symbol}: fills without trades",
            f"the exchange says that {text(one.mind.told)} of order {one.client} are filled, and its trades show "
            f"{text(one.known)} ({why}). It is asked again and again; what the order holds stays reserved",
            f"missing:{one.client}", "warning",
        )  # fmt: skip

    def _set_aside(self, one: Open, why: str, now: int) -> None:
        told = text(one.mind.told)
        said = f"fills without trades: {why}"
        self.booker.advise(one, "quarantined", now, "engine", said, soon=True, reason=said[:200])
        self.booker.say(
            now, f"{one.symbol}: the exchange shows no trades of what it says is filled",
            f"it says that {told} of order {one.client} are filled, and its trades show {text(one.known)}; {why}. What the order "
            f"holds stays reserved and {one.symbol} takes no entry. Trades are booked as soon as they are shown. Compare with "
            "the exchange's own page, and if the order's figures there are right, take them into the books: "
            f"run_engine.py live settle {one.client} --filled", f"ending:{one.client}",
        )  # fmt: skip


def figures(one: Open, seen: Seen, listed: Sequence[Trade]) -> Figures | str:
    """What the exchange's order tells beyond the trades that are listed of it; or why that cannot be said."""
    qty = seen.filled - sum((trade.qty for trade in listed), ZERO)
    if qty == 0:
        return Figures(one.side, ZERO, ZERO, None)
    if qty < 0 or seen.cost is None:
        return "the exchange does not say what was paid for it"
    quote = one.symbol.partition("/")[2]
    cost = seen.cost - sum((trade.qty * trade.price for trade in listed), ZERO)
    paid = [trade.fee for trade in listed if trade.fee_currency == quote]
    fee = seen.fee - sum(paid, ZERO) if seen.fee is not None and len(paid) == len(listed) else None
    return Figures(one.side, qty, cost, fee) if cost > 0 else "what it says was paid cannot be"


def stand_in(one: Open, seen: Seen, of: Figures, fee: Decimal, currency: str, now: int) -> Trade:
    """The missing trades as one, named by the exchange's own figures: the same facts give the same name, whenever it is asked."""
    name = f"{STANDS}{seen.venue_id}:{text(seen.filled - of.qty)}-{text(seen.filled)}"
    price = of.cost / of.qty
    return Trade(name, seen.venue_id, one.client, one.symbol, one.side, of.qty, price, fee, currency, False, now)


def _total(there: Mapping[str, Balance], currency: str) -> Decimal:
    return there[currency].total if currency in there else ZERO
