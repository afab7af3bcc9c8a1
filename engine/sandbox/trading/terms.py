"""The venue's words: instruments, orders, fills, transfers, and money as whole numbers. Values only, no rules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from engine.sandbox.products import Product, decimal

DIGITS = 30
TEN: tuple[int, ...] = tuple(10**n for n in range(2 * DIGITS + 1))
ATOM: int = TEN[DIGITS]
"""Money and coins are whole numbers of 10**-30: the product of any price, size and fee rate listed here is exact."""
RATE_DIGITS = 6
"""Fee rates are whole millionths."""

Kind = Literal["market", "limit", "stop", "stop_limit"]
State = Literal["open", "filled", "cancelled", "expired", "rejected"]
Life = Literal["GTC", "IOC", "FOK", "GTD"]
BUY, SELL = 1, -1


class Refusal(Exception):
    """The venue will not do it. `why` is a word of this room; each tongue has its own code for it."""

    def __init__(self, why: str, words: str = "") -> None:
        super().__init__(words or why)
        self.why = why


@dataclass(slots=True, eq=False)
class Instrument:
    """A market of the venue: its own name and grid, and the product whose prices it has.

    Prices are ticks of 10**-price_digits, quantities lots of 10**-size_digits; minimum and maximum in lots, the least
    notional in atoms of the quote currency. Quantities are multiples of `step` lots: the one thing that may change.
    """

    name: str
    product: str
    base: str
    quote: str
    price_digits: int
    size_digits: int
    least: int
    most: int
    least_notional: int
    step: int = 1

    def value(self, ticks: int, lots: int) -> int:
        """What so many lots cost at a price, in atoms of the quote currency; exact."""
        return ticks * lots * TEN[DIGITS - self.price_digits - self.size_digits]

    def coins(self, lots: int) -> int:
        """Atoms of the base currency."""
        return lots * TEN[DIGITS - self.size_digits]

    def lots(self, coins: int) -> int:
        """The whole lots in so many atoms of the base currency."""
        return coins // TEN[DIGITS - self.size_digits]

    def price_text(self, ticks: int) -> str:
        return decimal(ticks, self.price_digits)

    def size_text(self, lots: int) -> str:
        return decimal(lots, self.size_digits)


def instrument(product: Product, name: str, quote: str, size_digits: int, least_notional: int) -> Instrument:
    """A listing of `product` under a name and quote currency of its own; `least_notional` in whole quote units."""
    if product.price_digits + size_digits + RATE_DIGITS > DIGITS:
        raise ValueError(f"{product.id}: {product.price_digits} + {size_digits} digits are more than the books hold")
    return Instrument(name, product.id, product.base, quote, product.price_digits, size_digits, 1,
                      10 ** (9 + size_digits), least_notional * ATOM)  # fmt: skip


@dataclass(slots=True)
class Fill:
    """One execution. `fee` in atoms of `fee_asset`; `number` counts per venue, `serial` per market only."""

    number: int
    serial: int
    order: Order
    ts: int
    ticks: int
    lots: int
    value: int
    fee: int
    fee_asset: str
    maker: bool


@dataclass(slots=True)
class Ask:
    """An order as it is asked for, read but not yet judged. `spend`: a market buy of so much quote, in atoms."""

    instrument: Instrument
    client_id: str
    side: int
    kind: Kind
    lots: int = 0
    spend: int = 0
    limit: int = 0
    stop: int = 0
    stop_up: bool = False
    post_only: bool = False
    life: Life = "GTC"
    end: int = 0
    by: str = "api"


@dataclass(slots=True)
class Order:
    """An order the venue took. Everything that changes carries its time, so that it can be told as of any moment."""

    number: int
    id: str
    ask: Ask
    created: int
    state: State = "open"
    closed: int = 0
    triggered: int = 0
    pending: int = 0
    """Lots that have met their price and are filled in pieces later."""
    filled: int = 0
    hold: int = 0
    why: str = ""
    unseen_until: int = 0
    """Until then, once closed, no list and no look-up knows it."""
    fills: list[Fill] = field(default_factory=list)

    @property
    def instrument(self) -> Instrument:
        return self.ask.instrument

    @property
    def left(self) -> int:
        return self.ask.lots - self.filled

    @property
    def resting(self) -> bool:
        """It waits for its limit; a stop waits for its trigger before that."""
        return self.state == "open" and self.ask.limit > 0 and (not self.ask.stop or self.triggered > 0)


FIAT = ("USD", "EUR", "GBP")
"""What comes from a bank."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A deposit (amount > 0) or a withdrawal (< 0), in atoms; the person's, not the key's."""

    number: int
    asset: str
    amount: int
    ts: int


def atoms(text: str) -> int:
    """Atoms of decimal text such as `12.5`. ValueError for anything else, and beyond 20 digits after the point."""
    whole, _, rest = text.partition(".")
    sign = -1 if whole.startswith("-") else 1
    digits = whole.lstrip("+-") + rest
    if not (digits.isascii() and digits.isdigit()) or len(rest) > DIGITS or len(digits) > 60:
        raise ValueError(f"{text!r} is no plain decimal number")
    return sign * int(digits) * TEN[DIGITS - len(rest)]


def units(text: str, digits: int) -> int:
    """Whole units of 10**-digits in decimal text. ValueError: no number, or finer than that."""
    value, rest = divmod(atoms(text), TEN[DIGITS - digits])
    if rest:
        raise ValueError(f"{text!r} has more than {digits} digits after the point")
    return value


def text(amount: int) -> str:
    """Atoms as exact decimal text."""
    return decimal(amount, DIGITS) if amount >= 0 else "-" + decimal(-amount, DIGITS)


def fixed(amount: int, digits: int) -> str:
    """Atoms cut to so many digits after the point, zeros kept."""
    whole, rest = divmod(abs(amount) // TEN[DIGITS - digits], TEN[digits])
    return f"{'-' if amount < 0 else ''}{whole}.{rest:0{digits}d}"


def rate(share: str) -> int:
    """A fee rate in millionths."""
    return units(share, RATE_DIGITS)


def chance(seed: int, *what: object) -> float:
    """A number in [0, 1) that depends on the seed and what it is for, and on nothing else."""
    word = hashlib.blake2b(repr((seed, what)).encode(), digest_size=8).digest()
    return (int.from_bytes(word, "little") >> 11) * 2.0**-53


def uuid(*what: object) -> str:
    """An id in the shape of a UUID: a hash of what it names."""
    word = hashlib.blake2b(repr(what).encode(), digest_size=16).hexdigest()
    return f"{word[:8]}-{word[8:12]}-4{word[13:16]}-a{word[17:20]}-{word[20:]}"
