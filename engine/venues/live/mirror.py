"""What the lane knows of the ledger: open intents, positions and stops as last read, and beside them what it has not yet seen
land. Reads; writes nothing, asks no venue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, bindparam, select
from sqlmodel import col

from db.models import CashFlow, ExternalTrade, Fill, Intent, Order, Watermark
from engine.ledger.statements import LIVE_STOPS, OPEN_POSITIONS, table_of
from engine.venues.live.amounts import ZERO, exact
from engine.venues.live.states import RESTING, TERMINAL, UNSURE
from engine.venues.port import Seen, Side, Trade

_MINE: Any = bindparam("mine")
_INTENT, _MARK = table_of(Intent), table_of(Watermark)
OPEN_INTENTS = (
    select(_INTENT).where(_INTENT.c.run_id == _MINE, _INTENT.c.state.not_in(sorted(TERMINAL))).order_by(_INTENT.c.id)
)
WATERMARKS = select(_MARK).where(_MARK.c.run_id == _MINE)
STORED = [
    select(c.venue_trade_id).where(
        c.run_id == _MINE, c.symbol == bindparam("symbol"), c.venue_trade_id.in_(bindparam("ids", expanding=True))
    )
    for c in (table_of(Fill).c, table_of(ExternalTrade).c)
]
"""Of these trades of a symbol, those that are booked."""
Key = tuple[str, str]
"""A trade: its symbol and the venue's id."""
STANDS, BY_FIGURES = "order:", "booked by the order's own figures"
"""How the id of a fill begins that stands for trades which the venue does not show: then the order's id, and from how much to how
much; and what its intent then bears as its anomaly."""


@dataclass
class Mind:
    """What the lane remembers of an intent from one reading to the next; all of it may be forgotten by a crash."""

    wait_rev: int = 0  # a write of ours has landed once the row has this `rev`
    over: bool = False  # its end is on the tape; nothing more to do
    look_ts: int = 0  # when it was looked up last
    look_due: int = 0  # look it up from then on (0: not asked for)
    late_not_found: int = 0
    late_lists: int = 0
    ending: Seen | None = None  # the venue says it is over, its trades are not all here yet
    ending_ts: int = 0  # since when trades are missing
    told: Decimal = ZERO  # the most that the venue ever said is filled
    taken_over: bool = False  # a stop that is the slot's exit now
    touched_ts: int = 0  # since when the price has been beyond a stop
    cancel_ts: int = 0
    acked_ts: int = 0
    handed: dict[Key, Decimal] = field(default_factory=dict)  # trades on the tape that have not landed
    cost: dict[Key, Decimal] = field(default_factory=dict)  # what the buys among them cost

    def patience(self, now: int, soon: int) -> int:
        """How long to wait before its trades are asked for again: `soon` ms, and seldom where a minute has not brought them."""
        return soon if not self.ending_ts or now - self.ending_ts < 60_000 else 15_000

    def hand(self, trade: Trade) -> None:
        """The trade goes onto the tape."""
        key = (trade.symbol, trade.trade_id)
        self.handed[key] = trade.qty
        if trade.side == "buy":
            self.cost[key] = trade.qty * trade.price

    def landed(self, key: Key) -> None:
        self.handed.pop(key, None)
        self.cost.pop(key, None)

    @property
    def costs(self) -> Decimal:
        return sum(self.cost.values(), ZERO)


@dataclass
class Open:
    """An intent that is not over."""

    id: int
    client: str
    symbol: str
    role: str
    purpose: str
    side: Side
    kind: Any
    qty: Decimal
    limit: Decimal | None
    stop: Decimal | None
    filled: Decimal
    state: str
    venue_id: str
    created_ts: int
    sent_ts: int
    expires_ts: int
    good_till_ts: int
    order_seq: int
    slot_id: int
    slot_key: str
    look_ups: int
    not_found: int
    rev: int
    mind: Mind
    anomaly: str = ""

    @property
    def known(self) -> Decimal:
        """Booked, and on its way to be."""
        return self.filled + sum(self.mind.handed.values(), ZERO)

    @property
    def ended(self) -> bool:
        """The venue has said that it is over, and every fill it ever told of is here."""
        return self.mind.ending is not None and self.known >= max(self.mind.told, self.mind.ending.filled)

    @property
    def since(self) -> int:
        """From when on the venue's lists may hold it."""
        return max(self.sent_ts - 60_000, 0)

    @property
    def at_market(self) -> bool:
        """Whether it goes out at whatever the market's price is; with a worst price it is a limit to the venue."""
        return self.kind == "market" and self.limit is None

    @property
    def resting(self) -> bool:
        return self.state in RESTING

    @property
    def unsure(self) -> bool:
        return self.state in UNSURE

    @property
    def busy(self) -> bool:
        """A write of ours about it has not landed."""
        return self.mind.over or self.rev < self.mind.wait_rev


@dataclass(frozen=True)
class Held:
    """A slot's position as committed."""

    slot_id: int
    symbol: str
    qty: Decimal
    stop: Decimal | None
    long: bool
    status: str
    trade_seq: int
    entry_ts: int


class Mirror:
    """`read` takes everything anew; `intents` by client id."""

    def __init__(self, engine: Engine, run_id: int) -> None:
        self.engine, self.run_id = engine, run_id
        self.intents: dict[str, Open] = {}
        self.positions: dict[int, Held] = {}
        self.stops: list[Any] = []
        self.minds: dict[str, Mind] = {}
        self.marks: dict[tuple[str, str], int] = {}
        self.stale = True

    def read(self) -> None:
        """One consistent state of the database."""
        self.stale, mine = False, {"mine": self.run_id}
        with self.engine.connect() as connection:
            rows = connection.execute(OPEN_INTENTS, mine).all()
            self._landed(connection)
            held = connection.execute(OPEN_POSITIONS, mine).all()
            self.stops = list(connection.execute(LIVE_STOPS, mine))
            marks = connection.execute(WATERMARKS, mine)
            self.marks = {(row.stream, row.symbol): int(row.ts) for row in marks}
        self.intents = {row.client_order_id: self._open(row) for row in rows}
        self.positions = {row.slot_id: _held(row) for row in held}
        self.minds = {client: mind for client, mind in self.minds.items() if client in self.intents or mind.handed}

    def _open(self, row: Any) -> Open:
        return Open(
            row.id, row.client_order_id, row.symbol, row.role, row.purpose, row.side, row.kind, Decimal(row.qty),
            Decimal(row.limit_price) if row.limit_price else None, Decimal(row.stop_price) if row.stop_price else None,
            Decimal(row.filled), row.state, row.venue_order_id, row.created_ts, row.sent_ts or 0, row.expires_ts or 0,
            row.good_till_ts or 0, row.order_seq or 0, row.slot_id or 0, row.slot_key, row.look_ups, row.not_found, row.rev,
            self.minds.setdefault(row.client_order_id, Mind()), row.anomaly,
        )  # fmt: skip

    def _landed(self, connection: Any) -> None:
        """Trades that were on their way and are booked now."""
        for mind in self.minds.values():
            for symbol in {symbol for symbol, _ in mind.handed}:
                ids = [number for of, number in mind.handed if of == symbol]
                for number in _stored(connection, self.run_id, symbol, ids):
                    mind.landed((symbol, number))

    # ---- questions -------------------------------------------------------------------------------------------------------
    def booked(self, symbol: str, ids: Iterable[str]) -> set[str]:
        """Which of these trades the ledger has, or will have."""
        wanted = list(ids)
        on_the_way = {number for mind in self.minds.values() for of, number in mind.handed if of == symbol}
        with self.engine.connect() as connection:
            return (set(wanted) & on_the_way) | _stored(connection, self.run_id, symbol, wanted)

    def find(self, client: str, venue_id: str) -> Any:
        """Any intent, over or not and of whatever run, by our id or the venue's; None."""
        with self.engine.connect() as connection:
            query = select(Intent.__table__)  # type: ignore[attr-defined]
            if client:
                return connection.execute(query.where(col(Intent.client_order_id) == client)).first()
            if not venue_id:
                return None
            mine = (col(Intent.run_id) == self.run_id) & (col(Intent.venue_order_id) == venue_id)
            return connection.execute(query.where(mine)).first()

    def stood(self, client: str, anomaly: str) -> Decimal:
        """How much of an order is booked, or will be, by its own figures in place of its trades."""
        mind, names = self.minds.get(client), set[str | None]()
        if mind is not None:
            names |= {number for _, number in mind.handed}
        if anomaly.startswith(BY_FIGURES):
            names |= self._fills(client)
        spans = [name.rpartition(":")[2].split("-") for name in names if name and name.startswith(STANDS)]
        return sum((Decimal(until) - Decimal(since) for since, until in spans), ZERO)

    def _fills(self, client: str) -> set[str | None]:
        mine = (col(Fill.run_id) == self.run_id) & (col(Fill.client_order_id) == client)
        with self.engine.connect() as connection:
            return set(connection.execute(select(col(Fill.venue_trade_id)).where(mine)).scalars())

    def shown(self, venue_id: str, reason: str) -> dict[Key, Decimal]:
        """Trades of an order that were put aside for `reason`."""
        with self.engine.connect() as connection:
            mine = (col(ExternalTrade.run_id) == self.run_id) & (col(ExternalTrade.venue_order_id) == venue_id)
            query = select(col(ExternalTrade.symbol), col(ExternalTrade.venue_trade_id), col(ExternalTrade.qty))
            rows = connection.execute(query.where(mine, col(ExternalTrade.reason) == reason)).all()
        return {(symbol, number): Decimal(qty) for symbol, number, qty in rows}

    def left(self, order_seq: int) -> Decimal:
        """What of an order has not been filled."""
        with self.engine.connect() as connection:
            query = select(col(Order.qty), col(Order.filled_qty)).where(
                col(Order.run_id) == self.run_id, col(Order.seq) == order_seq
            )
            row = connection.execute(query).first()
        return exact(row[0]) - exact(row[1]) if row is not None else ZERO

    def has_flow(self, flow_id: str) -> bool:
        with self.engine.connect() as connection:
            mine = (col(CashFlow.run_id) == self.run_id) & (col(CashFlow.flow_id) == flow_id)
            return connection.execute(select(col(CashFlow.id)).where(mine)).first() is not None


def _held(row: Any) -> Held:
    return Held(
        row.slot_id, row.symbol, exact(row.qty), exact(row.stop) if row.stop else None, row.direction > 0, row.status,
        row.trade_seq or 0, row.entry_ts,
    )  # fmt: skip


def _stored(connection: Any, run_id: int, symbol: str, ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        wanted = {"mine": run_id, "symbol": symbol, "ids": ids[start : start + 500]}
        for query in STORED:
            found |= set(connection.execute(query, wanted).scalars())
    return found
