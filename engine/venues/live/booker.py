"""What the venue's answers mean for the ledger: trades become events of the tape, once each; an order ends when the venue says so
and all of its trades are here. Asks nobody; what it cannot tell whose it is, it keeps until somebody has looked it up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from db.models import ExternalTrade
from engine.core.types import Instrument
from engine.venues.live import ids
from engine.venues.live.amounts import ZERO, booked, guessed, text
from engine.venues.live.belief import Asked, doubt
from engine.venues.live.gate import Gate
from engine.venues.live.mirror import Key, Mind, Mirror, Open
from engine.venues.live.rows import advise, warn
from engine.venues.live.states import TERMINAL
from engine.venues.port import NotFound, Seen, Trade

log = logging.getLogger("evenkeel.live")

STRANGER_MS = 60_000
MOST_KEPT, MOST_OUTSIDE, MOST_SAID = 200, 500, 2_000
"""Trades kept until somebody can tell whose they are; trades from outside of one list; words remembered as said. What is beyond
comes with the next list, or is said twice."""
PATIENCE_MS = 15 * 60_000
SHOWN_LATE = "shown late: it was booked before, by its order's own figures"
FINAL = {"cancelled": "canceled", "expired": "expired", "rejected": "rejected", "filled": "filled"}
Facts = Callable[[], Mapping[str, Instrument]]


class Doors(Protocol):
    """The ways back to the loop."""

    def event(self, kind: str, *words: Any) -> None: ...
    def write(self, work: Callable[[Connection], None], soon: bool = False) -> None: ...


@dataclass
class Booker:
    """`instruments` gives the run's by symbol. `strangers` are trades whose order nobody knows yet, and since when; `doubted`
    those that cannot be of the order they name; `outside` those from elsewhere that have not landed."""

    gate: Gate
    mirror: Mirror
    doors: Doors
    instruments: Facts
    run_id: int
    strangers: dict[Key, tuple[Trade, int]] = field(default_factory=dict)
    doubted: dict[Key, int] = field(default_factory=dict)
    outside: set[Key] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    late: dict[Key, tuple[str, Decimal]] = field(default_factory=dict)

    # ---- trades ----------------------------------------------------------------------------------------------------------
    def trades(self, symbol: str, found: Sequence[Trade], now: int) -> None:
        """Executions as the venue lists them; those that are booked already change nothing."""
        known = self.mirror.booked(symbol, [one.trade_id for one in found])
        self.outside = {key for key in self.outside if key[0] != symbol or key[1] not in known}
        self.late = {key: found for key, found in self.late.items() if key in self.outside}
        for one in found:
            if one.trade_id not in known and (one.symbol, one.trade_id) not in self.outside:
                self._trade(one, now)

    def _trade(self, trade: Trade, now: int) -> None:
        key = (trade.symbol, trade.trade_id)
        mine = self._owner(trade)
        if mine is not None:
            self.strangers.pop(key, None)
            if self._shown_late(mine.client, mine.anomaly, trade, now):
                return
            asked = Asked(mine.symbol, mine.side, mine.qty, mine.limit, mine.known)
            if self._believed(trade, mine.client, asked, now):
                self._book(mine, trade)
            return
        stored = self.mirror.find(trade.client_id, trade.venue_id)
        if stored is not None and stored.run_id == self.run_id:
            self.strangers.pop(key, None)
            if self._shown_late(stored.client_order_id, stored.anomaly, trade, now):
                return
            if self._believed(trade, stored.client_order_id, self._asked(stored), now):
                self._late(stored, trade)
        elif trade.client_id and not ids.is_ours(self.gate.tag, trade.client_id):
            self._external(trade, now)
        elif trade.client_id:
            self._recovered(trade, now)
        elif key in self.strangers or len(self.strangers) < MOST_KEPT:
            self.strangers.setdefault(key, (trade, now))

    def _shown_late(self, client: str, anomaly: str, trade: Trade, now: int) -> bool:
        """Whether the order's own figures stand for this trade in the books already: then it is noted, and booked no more."""
        stood = self.mirror.stood(client, anomaly)
        if not stood:
            return False
        former = self.mirror.shown(trade.venue_id, SHOWN_LATE) | {
            key: qty for key, (of, qty) in self.late.items() if of == trade.venue_id
        }
        if sum(former.values(), ZERO) + trade.qty > stood:
            return False  # more than was booked: looked at as any other
        self.late[trade.symbol, trade.trade_id] = trade.venue_id, trade.qty
        self._external(trade, now, SHOWN_LATE, touched=True)
        return True

    def take(self, mine: Open, seen: Seen, trade: Trade | None, now: int) -> str:
        """The exchange's last word on an order whose trades it does not show, once something else says the same: what is missing
        is booked as `trade`, None where nothing is. Why it cannot be; "" where it is done."""
        mind = mine.mind
        asked = Asked(mine.symbol, mine.side, mine.qty, mine.limit, mine.known)
        if trade is not None and (why := doubt(asked, trade, self.gate.mark(mine.symbol), self._cash())):
            return why
        mind.told, mind.ending = seen.filled, seen
        if trade is not None:
            self.say(
                now, f"{mine.symbol}: fills were booked without their trades",
                f"the exchange shows no trades of {text(trade.qty)} of order {mine.client}: they are booked by what its "
                "order says was filled and paid", f"stands:{mine.client}", "warning",
            )  # fmt: skip
            self._book(mine, trade)
        self.seen(mine, seen, now, "reconcile")
        return ""

    def _asked(self, stored: Any) -> Asked:
        """What an order that may be over still could fill."""
        mind = self.mirror.minds.get(stored.client_order_id)
        handed = sum(mind.handed.values(), ZERO) if mind is not None else ZERO
        limit = Decimal(stored.limit_price) if stored.limit_price else None
        return Asked(stored.symbol, stored.side, Decimal(stored.qty), limit, Decimal(stored.filled) + handed)

    def _believed(self, trade: Trade, client: str, asked: Asked, now: int) -> bool:
        """Whether the trade can be of that order. One that cannot halts the symbol at once; the exchange has a minute to tell it
        otherwise, then it is shown as a trade from outside."""
        key = (trade.symbol, trade.trade_id)
        why = doubt(asked, trade, self.gate.mark(trade.symbol), self._cash())
        if not why:
            self.doubted.pop(key, None)
            return True
        if key in self.doubted:
            if now - self.doubted[key] > STRANGER_MS:
                self.doubted.pop(key)
                self._external(trade, now, "it cannot be of the order that it names", touched=True)
            return False
        if len(self.doubted) < MOST_KEPT:
            self.doubted[key] = now
            self.halt(asked.symbol)
            self.say(
                now, f"{asked.symbol}: the exchange tells a trade that cannot be",
                f"trade {trade.trade_id} names order {client}, but {why}. It is not booked, and no entry is made on "
                f"{asked.symbol} until you have compared with the exchange's own page and switched its slots on again",
                f"doubt:{client}:{trade.trade_id}",
            )  # fmt: skip
        return False

    def _cash(self) -> Decimal | None:
        """The account's money, less what buys on their way to the books will take."""
        cash = self.gate.cash()
        return None if cash is None else cash - sum((mind.costs for mind in self.mirror.minds.values()), ZERO)

    def _owner(self, trade: Trade) -> Open | None:
        intents = self.mirror.intents
        if trade.client_id in intents:
            return intents[trade.client_id]
        if trade.client_id or not trade.venue_id:
            return None
        return next((one for one in intents.values() if one.venue_id == trade.venue_id), None)

    def _book(self, mine: Open, trade: Trade) -> None:
        mind = mine.mind
        if mine.role == "stop" and not mind.taken_over:
            mind.taken_over = True
            self.doors.event("venue_stop", mine.slot_key, mine.client)
        before = mine.known
        mind.hand(trade)
        order = mine.order_seq if mine.role != "stop" or mine.order_seq else 0
        self._fill(trade, mine.client, mine.slot_key, mine.role, order, mine.known >= mine.qty, before)

    def _late(self, stored: Any, trade: Trade) -> None:
        """Money beats state: a fill of an order that was over is booked, and the symbol takes no entry until a person says so."""
        mind = self.mirror.minds.setdefault(stored.client_order_id, Mind())
        before = self._asked(stored).known
        mind.hand(trade)
        self._fill(trade, stored.client_order_id, stored.slot_key, stored.role, stored.order_seq or 0, False, before)
        if stored.state in TERMINAL:
            self.halt(trade.symbol)

    def _fill(
        self, trade: Trade, client: str, slot: str, role: str, order: int, last: bool, before: Decimal
    ) -> None:  # fmt: skip
        instrument = self.instruments().get(trade.symbol)
        lots, ticks, fee = booked(trade, instrument, before) if instrument is not None else (0, 0, 0)
        if instrument is not None and guessed(trade, instrument):
            self.say(
                trade.ts, f"{trade.symbol}: a fee in {trade.fee_currency} is booked at the market's rate",
                f"the exchange names no price of {trade.fee_currency} in {instrument.quote}, so that {text(trade.fee)} of it "
                "were booked as the whole fee rate of the trade", f"fee:{trade.fee_currency}:{instrument.quote}", "warning",
            )  # fmt: skip
        side = 1 if trade.side == "buy" else -1
        self.doors.event(
            "venue_fill", slot, int(role == "entry"), lots, ticks, fee, int(trade.maker), trade.trade_id, client, side,
            order, int(last), text(trade.qty),
        )  # fmt: skip

    def halt(self, symbol: str) -> None:
        """No entry on the symbol until a person switches its slots on again; it survives restarts and is replayed."""
        self.doors.event("command", "slot_off", {"slot": symbol, "source": "venue"}, 0)

    # ---- trades that are not ours ----------------------------------------------------------------------------------------
    def looked_up(self, key: Key, answer: Seen | NotFound, now: int) -> None:
        """Whose a stranger is: the order behind it has been asked for."""
        trade, since = self.strangers[key]
        if isinstance(answer, Seen) and ids.is_ours(self.gate.tag, answer.client_id):
            mine = self.mirror.intents.get(answer.client_id)
            if mine is not None:
                mine.venue_id = answer.venue_id
            self.strangers.pop(key)
            self._trade(replace(trade, client_id=answer.client_id), now)
        elif isinstance(answer, Seen) or now - since > STRANGER_MS:
            self.strangers.pop(key)
            self._external(trade, now)

    def _external(self, trade: Trade, now: int, reason: str = "a trade made elsewhere", touched: bool = False) -> None:
        run_id = self.run_id
        if len(self.outside) >= MOST_OUTSIDE:
            return  # it comes again with the next list
        self.outside.add((trade.symbol, trade.trade_id))

        def work(connection: Connection) -> None:
            mine = (
                (col(ExternalTrade.run_id) == run_id)
                & (col(ExternalTrade.symbol) == trade.symbol)
                & (col(ExternalTrade.venue_trade_id) == trade.trade_id)
            )
            if connection.execute(select(col(ExternalTrade.id)).where(mine)).first() is None:
                connection.execute(
                    insert(ExternalTrade).values(
                        run_id=run_id, symbol=trade.symbol, venue_trade_id=trade.trade_id, venue_order_id=trade.venue_id,
                        client_order_id=trade.client_id, side=trade.side, qty=text(trade.qty), price=text(trade.price),
                        fee=text(trade.fee), fee_currency=trade.fee_currency, ts=trade.ts, seen_ts=now, touched=touched,
                        reason=reason,
                    )
                )  # fmt: skip

        self.doors.write(work)

    def _recovered(self, trade: Trade, now: int) -> None:
        """By its id ours, but this database never heard of it: it was restored from an older one. Nothing is invented."""
        self._external(trade, now, "an order of this installation that the database does not know", touched=True)
        self.halt(trade.symbol)
        self.say(
            now, f"{trade.symbol}: a trade of ours that the database does not know",
            "the database is older than the account, as after a restore: no entry is made on this symbol until you have compared "
            "what the exchange holds and switched its slots on again",
            f"recovered:{trade.symbol}:{trade.trade_id}",
        )  # fmt: skip

    # ---- orders ----------------------------------------------------------------------------------------------------------
    def seen(self, mine: Open, answer: Seen, now: int, source: str) -> None:
        """The venue tells how an order of ours stands. What it once said is filled stays said: an answer with less is an older
        one or a lie, and ends nothing before the trades are here."""
        mind = mine.mind
        if not self.fits(mine, answer):
            return
        mind.told = max(mind.told, min(answer.filled, mine.qty))
        if mind.told > mine.known:
            self._expect(mine, answer, now)
            if mine.unsure and mine.state != "quarantined":
                self.advise(mine, "acked", now, source, _words(answer), venue_order_id=answer.venue_id)
            return  # its trades come first
        mind.ending_ts = 0
        if answer.state != "open":
            self.end(mine, FINAL[answer.state], _words(answer), answer.venue_id)
        elif mine.unsure or not mine.venue_id:
            state = "acked" if mine.unsure else mine.state
            self.advise(mine, state, now, source, _words(answer), venue_order_id=answer.venue_id)

    def fits(self, mine: Open, answer: Seen) -> bool:
        """Whether what the venue tells can be of this order at all: an id alone may be another's."""
        if answer.client_id not in ("", mine.client) or (answer.symbol, answer.side) != (mine.symbol, mine.side):
            return False
        return answer.venue_id == mine.venue_id or not self.anothers(answer.venue_id, mine.client)

    def anothers(self, venue_id: str, client: str) -> bool:
        """Whether the venue has given this id to another order of ours, or nobody can say."""
        try:
            stored = self.mirror.find("", venue_id)
        except SQLAlchemyError:
            return True
        return stored is not None and stored.client_order_id != client

    def _expect(self, mine: Open, answer: Seen, now: int) -> None:
        """Trades of it must come; what it holds stays reserved until they have (`missing` asks for them and tells a person)."""
        mind = mine.mind
        mind.ending, mind.ending_ts = answer if answer.state != "open" else None, mind.ending_ts or now
        if answer.state == "open" and now - mind.ending_ts > PATIENCE_MS:
            self.say(
                now, f"{mine.symbol}: fills without trades",
                f"the exchange says that {text(mind.told)} of order {mine.client} are filled so far, and its trades show "
                f"{text(mine.known)}. What the order holds stays reserved: compare with the exchange's own page",
                f"ending:{mine.client}",
            )  # fmt: skip

    def end(self, mine: Open, final: str, why: str, venue_id: str = "") -> None:
        """An intent is over, by what the venue said or because it never left; the machine hears of it over the tape."""
        if mine.mind.over or (final == "filled" and mine.known >= mine.qty):
            return  # its last fill has ended it
        final = "canceled" if final == "filled" else final  # whole for the venue, less than we asked for
        mine.mind.over, mine.mind.ending = True, None
        state = "rejected" if final in ("rejected", "not_placed") else "cancelled"
        order = mine.order_seq
        if mine.role == "stop":  # one that is no exit of the slot's ends no exit of it
            order = order if mine.mind.taken_over or order else -1
        elif not order:
            order = -1
        self.doors.event(
            "venue_done", mine.slot_key, int(mine.role == "entry"), state, mine.client, order, final, why[:400]
        )

    def advise(self, mine: Open, to: str, now: int, source: str, said: str, soon: bool = False, **values: Any) -> None:
        """An answer that moves no money, as a row of the next transaction; the lane waits until it has landed."""
        number, mine.mind.wait_rev = mine.id, mine.rev + 1

        def work(connection: Connection) -> None:
            advise(connection, number, to, ts=now, source=source, said=said, **values)

        self.doors.write(work, soon)

    def say(self, now: int, title: str, body: str, key: str, severity: str = "critical") -> None:
        """A person is told, once by `key`."""
        run_id, key = self.run_id, f"live:{self.run_id}:{key}"
        if key in self.said:
            return
        if len(self.said) >= MOST_SAID:
            self.said.clear()
        self.said.add(key)
        self.doors.write(lambda connection: warn(connection, run_id, now, title, body, key, severity))


def _words(answer: Seen) -> str:
    return f"{answer.state}, {text(answer.filled)} of {text(answer.qty)} filled, as {answer.venue_id}"
