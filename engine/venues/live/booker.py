"""What the venue's answers mean for the ledger: trades become events of the tape, once each; an order ends when the venue says so
and all of its trades are here. Asks nobody; what it cannot tell whose it is, it keeps until somebody has looked it up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select
from sqlmodel import col

from db.models import ExternalTrade
from engine.core.types import Instrument
from engine.venues.live import ids
from engine.venues.live.amounts import booked, text
from engine.venues.live.gate import Gate
from engine.venues.live.mirror import Key, Mind, Mirror, Open
from engine.venues.live.rows import advise, warn
from engine.venues.live.states import TERMINAL
from engine.venues.port import NotFound, Seen, Trade

log = logging.getLogger("evenkeel.live")

STRANGER_MS = 60_000
FINAL = {"cancelled": "canceled", "expired": "expired", "rejected": "rejected", "filled": "filled"}
Facts = Callable[[], Mapping[str, Instrument]]


class Doors(Protocol):
    """The ways back to the loop."""

    def event(self, kind: str, *words: Any) -> None: ...
    def write(self, work: Callable[[Connection], None], soon: bool = False) -> None: ...


@dataclass
class Booker:
    """`instruments` gives the run's by symbol. `strangers` are trades whose order nobody knows yet, and since when."""

    gate: Gate
    mirror: Mirror
    doors: Doors
    instruments: Facts
    run_id: int
    strangers: dict[Key, tuple[Trade, int]] = field(default_factory=dict)

    # ---- trades ----------------------------------------------------------------------------------------------------------
    def trades(self, symbol: str, found: Sequence[Trade], now: int) -> None:
        """Executions as the venue lists them; those that are booked already change nothing."""
        known = self.mirror.booked(symbol, [one.trade_id for one in found])
        for one in found:
            if one.trade_id not in known:
                self._trade(one, now)

    def _trade(self, trade: Trade, now: int) -> None:
        key = (trade.symbol, trade.trade_id)
        mine = self._owner(trade)
        if mine is not None:
            self.strangers.pop(key, None)
            self._book(mine, trade)
            return
        stored = self.mirror.find(trade.client_id, trade.venue_id)
        if stored is not None and stored.run_id == self.run_id:
            self.strangers.pop(key, None)
            self._late(stored, trade)
        elif trade.client_id and not ids.is_ours(self.gate.tag, trade.client_id):
            self._external(trade, now)
        elif trade.client_id:
            self._recovered(trade, now)
        else:
            self.strangers.setdefault(key, (trade, now))

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
        mind.handed[(trade.symbol, trade.trade_id)] = trade.qty
        order = mine.order_seq if mine.role != "stop" or mine.order_seq else 0
        self._fill(trade, mine.client, mine.slot_key, mine.role, order, mine.known >= mine.qty)

    def _late(self, stored: Any, trade: Trade) -> None:
        """Money beats state: a fill of an order that was over is booked, and the symbol takes no entry until a person says so."""
        mind = self.mirror.minds.setdefault(stored.client_order_id, Mind())
        mind.handed[(trade.symbol, trade.trade_id)] = trade.qty
        self._fill(trade, stored.client_order_id, stored.slot_key, stored.role, stored.order_seq or 0, False)
        if stored.state in TERMINAL:
            self.halt(trade.symbol)

    def _fill(self, trade: Trade, client: str, slot: str, role: str, order: int, last: bool) -> None:
        instrument = self.instruments().get(trade.symbol)
        lots, ticks, fee = booked(trade, instrument) if instrument is not None else (0, 0, 0)
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
        """The venue tells how an order of ours stands."""
        mind = mine.mind
        if answer.filled > mine.known and mine.known < mine.qty:
            mind.ending = answer if answer.state != "open" else None
            if mine.unsure:
                self.advise(mine, "acked", now, source, _words(answer), venue_order_id=answer.venue_id)
            return  # its trades come first
        if answer.state != "open":
            self.end(mine, FINAL[answer.state], _words(answer), answer.venue_id)
        elif mine.unsure or not mine.venue_id:
            state = "acked" if mine.unsure else mine.state
            self.advise(mine, state, now, source, _words(answer), venue_order_id=answer.venue_id)

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
        self.doors.write(lambda connection: warn(connection, run_id, now, title, body, key, severity))


def _words(answer: Seen) -> str:
    return f"{answer.state}, {text(answer.filled)} of {text(answer.qty)} filled, as {answer.venue_id}"
