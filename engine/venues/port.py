"""The port: what an exchange is to the engine when real orders go out. Plain types and one Protocol.

Both sides meet here: the protocol of intents above (engine.venues.live, which never imports an exchange's library) and
one adapter an exchange below (engine.venues.adapters). No I/O, no clock, no library of an exchange in this file.

Quantities are Decimals in coin (base currency), prices Decimals in quote currency, fees Decimals in `fee_currency`;
times are int64 ms UTC by the venue's clock. Symbols are canonical ("BTC/USD").

A Port never raises. Whatever is not an answer that says a thing beyond doubt is Unknown: an error, a timeout, a reset, a
page of HTML, a code nobody has listed. Unknown about an order means that it may exist and may fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

Side = Literal["buy", "sell"]
Kind = Literal["market", "limit", "stop", "stop_limit"]
State = Literal["open", "filled", "cancelled", "expired", "rejected"]
NativeStop = Literal["stop", "stop_limit", ""]
Reason = Literal[
    "funds",  # not enough free balance
    "filter",  # quantity, price or notional outside the venue's rules; the same request will be refused again
    "symbol",  # no such market, or not for this account
    "auth",  # key, signature or clock
    "permission",  # the key or account may not do this
    "unknown_order",  # the venue knows no such open order: look up, never "cancelled"
    "post_only",  # would have taken
    "halted",  # the market is closed, in maintenance, cancel-only, ...
    "rate",  # too many requests or orders, where the venue says that it did not take this one
    "expired",  # the request came after its own expiry
    "unsent",  # never left this process: a ban being sat out, or a request that cannot be written
    "other",
]


@dataclass(frozen=True, slots=True)
class Request:
    """One order as it is to be sent, once. `client_id` is ours, 32 lower-case hex.

    `limit` for limit and stop_limit; for market it may be given as the worst price (what is not filled at once within it is
    cancelled). `stop` (the trigger) for stop and stop_limit. None elsewhere. A stop sells when the price falls to it, buys
    when it rises to it. `expires_ts`: the venue must refuse the request if it comes later; 0 where the venue has no such
    thing (`Port.expiry_ms` is 0).
    """

    client_id: str
    symbol: str
    side: Side
    qty: Decimal
    kind: Kind
    limit: Decimal | None = None
    stop: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False
    expires_ts: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue took it. `venue_id` is never empty. Of a cancel: it was heard; only a look-up says what became of the order."""

    venue_id: str
    ts: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue, by a structured code its adapter lists, says that it did not do it. `code` is the venue's own."""

    code: str
    words: str
    reason: Reason = "other"


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer that says anything. `wait_ms` > 0: the venue asked for silence that long (429, 418, Retry-After)."""

    why: str
    wait_ms: int = 0


@dataclass(frozen=True, slots=True)
class NotFound:
    """An answer, not an error: the venue knows no order by that id (now; it may be late in knowing)."""

    words: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as the venue tells it. `client_id` is "" where the venue has none. `filled` is cumulative.

    `triggered`: a stop whose trigger was met. `ts` is the venue's time of the order's creation. `cost`: what was paid or got for
    all of `filled`, in quote currency, `fee` what that has cost besides; None where the venue's order does not say.
    """

    client_id: str
    venue_id: str
    symbol: str
    side: Side
    state: State
    qty: Decimal
    filled: Decimal
    ts: int
    triggered: bool = False
    cost: Decimal | None = None
    fee: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution. `trade_id` is unique for the venue, account and symbol. `fee` > 0 is paid, < 0 a rebate.

    `client_id` is "" where the venue tells only `venue_id` with its trades. `fee_value`: a fee in a coin that is neither side
    of the market, in quote currency by the venue's own price of that coin at the trade; None where it names no price.
    """

    trade_id: str
    venue_id: str
    client_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    ts: int
    fee_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one currency: `free` may be used for orders, `total` includes what orders hold."""

    free: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Flow:
    """A deposit (amount > 0) or withdrawal (< 0), completed, of one currency. `flow_id` is unique for the account."""

    flow_id: str
    currency: str
    amount: Decimal
    ts: int
    words: str


@dataclass(frozen=True, slots=True)
class Rules:
    """A market's precision and minimums, as the venue tells them. 0 = the venue names none (`max_qty`: no maximum).

    `market_...` are those of orders at the market's price, as far as they are closer; `market_notional`: whether the least
    notional holds for them too. `max_notional` holds for both. `max_orders` and `max_stops`: how many may be open at once.
    `buy_band`, `sell_band`: (least, most) of a limit as multiples of the market's mean price.
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal
    trading: bool
    market_lot: Decimal = Decimal(0)
    market_min: Decimal = Decimal(0)
    market_max: Decimal = Decimal(0)
    market_notional: bool = True
    max_notional: Decimal = Decimal(0)
    max_orders: int = 0
    max_stops: int = 0
    buy_band: tuple[Decimal, Decimal] | None = None
    sell_band: tuple[Decimal, Decimal] | None = None

    def lot_of(self, market: bool) -> Decimal:
        """The step of a quantity, for orders at the market's price or others."""
        return max(self.lot, self.market_lot) if market else self.lot

    def most_of(self, market: bool) -> Decimal:
        """The largest quantity of one order; 0: no maximum."""
        known = [one for one in (self.max_qty, self.market_max if market else Decimal(0)) if one]
        return min(known, default=Decimal(0))


@dataclass(frozen=True, slots=True)
class Fees:
    """Rates of this account's tier: 0.006 = 0.6 % of the notional."""

    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the key may do; None: the venue does not tell."""

    withdraw: bool | None
    trade: bool | None
    ip_bound: bool | None


@dataclass(frozen=True, slots=True)
class Clock:
    """Venue's time minus ours, and the round trip of the question that found it, ms. The error is at most half of it."""

    offset_ms: int
    round_trip_ms: int


Placed = Accepted | Refused | Unknown


@runtime_checkable
class Port(Protocol):
    """One account at one venue. Not thread-safe: one lane owns it and calls it one request at a time."""

    @property
    def name(self) -> str:
        """The exchange's name, as in the configuration."""

    @property
    def expiry_ms(self) -> int:
        """Life of a sent order request, ms; 0: requests have no expiry, so a lost one is never proven lost."""

    @property
    def native_stop(self) -> NativeStop:
        """The kind of stop the venue keeps, or ""."""

    def place(self, request: Request) -> Placed:
        """One request to the venue at most, whatever happens. Never repeated inside."""

    def cancel(self, symbol: str, client_id: str, venue_id: str) -> Placed:
        """`venue_id` may be "" where only the client id is known. May be repeated by the caller."""

    def look_up(self, symbol: str, client_id: str, venue_id: str, since: int = 0) -> Seen | NotFound | Unknown:
        """One order, open or ended, by the venue's id where given and by ours where that one finds nothing of ours.

        Where a venue cannot be asked by our id its orders created at or after `since` are listed (0: of the last day).
        """

    def open_orders(self, symbols: Sequence[str]) -> list[Seen] | Unknown:
        """Every open order of the account in these markets, other people's too."""

    def orders_since(self, symbol: str, ts: int) -> list[Seen] | Unknown:
        """Every order created at or after `ts`, open or ended, oldest first, all pages; a cut-off list is Unknown."""

    def trades_since(self, symbol: str, ts: int) -> list[Trade] | Unknown:
        """Every execution of the account at or after `ts`, oldest first, all pages; a cut-off list is Unknown."""

    def balances(self) -> dict[str, Balance] | Unknown:
        """By currency, the ones that are not zero."""

    def flows_since(self, ts: int, currencies: Sequence[str] = ()) -> list[Flow] | Unknown:
        """Completed deposits and withdrawals at or after `ts`, oldest first, of `currencies` (none named: of all, which may
        take a request for each).
        """

    def rules(self, symbol: str) -> Rules | NotFound | Unknown: ...

    def fees(self, symbol: str) -> Fees | Unknown: ...

    def permissions(self) -> Permissions | Unknown: ...

    def sync(self) -> Clock | Unknown:
        """Asks the venue's time; `now` uses what it found."""

    def now(self) -> int:
        """The venue's time by our clock and the offset last found; asks nobody."""

    def close(self) -> None: ...
