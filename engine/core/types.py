"""The nouns of the core: the rows that go in and come out, the codes they carry, and what a run is made of.

Rows are aligned structured arrays (one row one C struct), so that compiled code and Python read the same bytes. Times are
int64 milliseconds UTC, prices int64 ticks, quantities int64 lots, money int64 quanta unless a field says otherwise.
No rule of trading is in this file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from math import gcd
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.core.codes import BreakerEnd, BreakerKind, Level, SizingKind

MS_SECOND = 1_000
MS_DAY = 86_400_000
MS_YEAR = 365 * MS_DAY
NEVER = np.int64(2**62)
"""A time that never comes."""
RATE = np.int64(1_000_000_000)
"""Rates (fees, slippage, shares) are integers in units of 1e-9."""
MONEY_LIMIT = 4_500_000_000_000_000
"""Largest amount in quanta: below it a stored REAL gives its decimal back exactly."""

Rows = npt.NDArray[np.void]

FLAG_GAP = 1
"""Back-filled data: marks and warms, never fills."""
FLAG_NO_DECISION = 2
"""The bar that was in progress at subscription: no decision is made on it."""

EXEC_BAR = np.dtype(
    [
        ("symbol", "i4"),
        ("flags", "i4"),
        ("open", "i8"),
        ("high", "i8"),
        ("low", "i8"),
        ("close", "i8"),
        ("volume", "f8"),
        ("bid_open", "i8"),
        ("ask_open", "i8"),
        ("bid_close", "i8"),
        ("ask_close", "i8"),
    ],
    align=True,
)
"""One symbol's second (or candle) in a frame; a quote of 0 is no quote."""

TF_BAR = np.dtype(
    [("ts", "i8"), ("open", "i8"), ("high", "i8"), ("low", "i8"), ("close", "i8"), ("volume", "f8"), ("flags", "i8")],
    align=True,
)
"""A strategy's bar."""

DECISION = np.dtype(
    [
        ("slot", "i4"),
        ("entry", "i1"),
        ("exit", "i1"),
        ("missed", "i1"),
        ("tag", "i4"),
        ("decided_at", "i8"),
        ("known_at", "i8"),
        ("stop", "i8"),
        ("target", "i8"),
        ("trail", "i8"),
        ("limit_offset", "i8"),
        ("limit_bars", "i4"),
        ("strength", "f8"),
        ("volatility", "f8"),
        ("scale", "f8"),
        ("signal_id", "i8"),
    ],
    align=True,
)
"""What a strategy says at one bar's end: entry -1/0/1, exit 0/1, distances in ticks (0 = none), the share of its size
(0 = whole)."""

FUNDING = np.dtype([("ts", "i8"), ("symbol", "i4"), ("rate", "i8")], align=True)
"""Funding of a perpetual: longs pay notional x rate (1e-9 units) when it is positive."""


@dataclass(frozen=True)
class Instrument:
    """A tradable symbol and its grid. `tick`, `lot` in quote and base units, `quantum` the smallest booked amount of cash."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    quantum: Decimal
    min_qty: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    maker: Decimal = Decimal("0.006")
    taker: Decimal = Decimal("0.012")
    kind: Literal["spot", "perp"] = "spot"

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "quantum"):
            value = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise ValueError(f"{self.symbol}: {name} must be above zero, got {value}")
        if self.num >= 2**31 or self.den >= 2**62:
            raise ValueError(
                f"{self.symbol}: tick {self.tick}, lot {self.lot} and quantum {self.quantum} are too far apart"
            )

    @staticmethod
    def unspecified(
        symbol: str, *, low_price: bool = False, maker: Decimal = Decimal("0.006"), taker: Decimal = Decimal("0.012")
    ) -> Instrument:
        """The grid of data without instrument facts: 1e-8 everywhere (tick 1e-12 where prices are below 0.01), no minimum."""
        base, _, quote = symbol.partition("/")
        fine = Decimal("1e-8")
        tick = Decimal("1e-12") if low_price else fine
        return Instrument(symbol, base, quote or "USD", tick, fine, fine, maker=maker, taker=taker)

    @cached_property
    def tick_ratio(self) -> tuple[int, int]:
        """(tn, 10**d) with tick == tn / 10**d."""
        return _decimal_ratio(self.tick)

    @cached_property
    def lot_ratio(self) -> tuple[int, int]:
        return _decimal_ratio(self.lot)

    @cached_property
    def _scale(self) -> tuple[int, int]:
        """notional in quanta = ticks * lots * num / den."""
        tick, lot, quantum = (_decimal_ratio(v) for v in (self.tick, self.lot, self.quantum))
        num, den = tick[0] * lot[0] * quantum[1], tick[1] * lot[1] * quantum[0]
        divisor = gcd(num, den)
        return num // divisor, den // divisor

    @property
    def num(self) -> int:
        return self._scale[0]

    @property
    def den(self) -> int:
        return self._scale[1]

    def price(self, ticks: int) -> float:
        """Ticks as a price: k * tn / 10**d, correctly rounded, so that it equals its decimal."""
        return int(ticks) * self.tick_ratio[0] / self.tick_ratio[1]

    def qty(self, lots: int) -> float:
        return int(lots) * self.lot_ratio[0] / self.lot_ratio[1]

    def money(self, quanta: int) -> float:
        ratio = _decimal_ratio(self.quantum)
        return int(quanta) * ratio[0] / ratio[1]

    def prices(self, ticks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Ticks of shape [n] as float64 prices; equal to `price` row by row."""
        return (ticks * self.tick_ratio[0]) / float(self.tick_ratio[1])

    def to_ticks(self, prices: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Prices of shape [n] to the nearest tick. ValueError for what is not finite, not positive, or out of range."""
        scaled = np.asarray(prices, dtype=np.float64) * self.tick_ratio[1] / self.tick_ratio[0]
        if scaled.size and not (np.isfinite(scaled).all() and (scaled > 0).all() and scaled.max() < 9.0e15):
            raise ValueError(
                f"{self.symbol}: prices must be finite, above zero and below {9.0e15 * float(self.tick):g}"
            )
        return np.rint(scaled).astype(np.int64)

    def ticks(self, price: float) -> int:
        return int(self.to_ticks(np.array([price]))[0])


def _decimal_ratio(value: Decimal) -> tuple[int, int]:
    _, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, digits)))
    return (number * 10**exponent, 1) if exponent >= 0 else (number, 10**-exponent)


@dataclass(frozen=True)
class Sizing:
    """How much an entry buys. share: fraction of equity; fixed: quote amount; risk: fraction of equity lost at the stop;
    volatility: yearly deviation the position should contribute."""

    kind: SizingKind = "share"
    value: float = 0.2


@dataclass(frozen=True)
class Protection:
    """Exits every entry gets unless its signal brings its own: fractions of the fill price; `time_stop` in strategy bars."""

    stop: float | None = None
    target: float | None = None
    trail: float | None = None
    breakeven: float | None = None
    time_stop: int | None = None


@dataclass(frozen=True)
class SlotSpec:
    """One strategy on one symbol at one timeframe."""

    label: str
    strategy: str
    symbol: str
    timeframe_ms: int
    sizing: Sizing = field(default_factory=Sizing)
    protection: Protection = field(default_factory=Protection)
    allow_short: bool = False
    cooldown_ms: int = 0

    @property
    def key(self) -> str:
        text = "|".join((self.strategy, self.symbol, str(self.timeframe_ms), self.label))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class BreakerSpec:
    """A rule that stops trading: scope, trigger, action and how it ends.

    `threshold`: a count for consecutive losses and failures; seconds without a bar for stale data; a fraction of the budget for
    the AI; a fraction of equity for the others. `action` running blocks nothing and is only told. `end` regained:
    once what it watches is back at half of the threshold. After any end, entries of its scope have `probation` of their size
    until `probation_trades` trades have closed. From the `trips_a_day`-th trip of a UTC day on a cool-down waits for a person.
    """

    name: str
    kind: BreakerKind
    scope: Literal["slot", "symbol", "account"]
    threshold: float
    action: Level
    flatten: bool = False
    end: BreakerEnd = "person"
    minutes: int = 0
    probation: float = 0.5
    probation_trades: int = 0
    trips_a_day: int = 0


@dataclass(frozen=True)
class AccountSpec:
    """One cash account in one quote currency, its limits and how its orders are filled. A limit of 0 is none, but for
    `max_gross` and `max_positions`; `sectors` are (symbol, sector); `collar` is a fraction of the mark; `order_most`,
    `symbol_most` and `gross_most` are amounts of quote currency; the first `first_trades` positions have the smallest size."""

    cash: Decimal
    quote: str
    quantum: Decimal
    max_gross: float = 1.0
    max_positions: int = 4
    symbol_cap: float = 0.2
    sector_cap: float = 0.0
    sectors: tuple[tuple[str, str], ...] = ()
    collar: float = 0.0
    orders_symbol_minute: int = 0
    orders_minute: int = 0
    orders_day: int = 0
    order_most: float = 0.0
    symbol_most: float = 0.0
    gross_most: float = 0.0
    first_trades: int = 0
    slippage_bps: float = 5.0
    delay_ms: int = 0
    auto_ack_ms: int = 0
    research: bool = False
    fills: Literal["model", "venue"] = "model"
    venue_stops: bool = False

    @property
    def cash_quanta(self) -> int:
        ratio = _decimal_ratio(self.quantum)
        quanta, rest = divmod(_numerator(self.cash, ratio), ratio[0])
        if self.cash <= 0 or rest or not 0 < quanta < MONEY_LIMIT:
            limit = Decimal(MONEY_LIMIT) * self.quantum
            raise ValueError(f"cash must be a multiple of {self.quantum} above 0 and below {limit:f}, got {self.cash}")
        return quanta


def _numerator(value: Decimal, ratio: tuple[int, int]) -> int:
    number, scale = _decimal_ratio(value) if value else (0, 1)
    return number * ratio[1] // scale if (number * ratio[1]) % scale == 0 else -1
