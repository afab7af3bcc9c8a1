"""Quantities and money between the venue's decimals and the books' integers. Pure; what cannot be held is rounded down.

A fee in the bought coin makes the position smaller, not the cash: what is booked is what can be sold again, and the cash is the
venue's to the quantum.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from engine.core.types import Instrument
from engine.venues.port import Rules, Trade

ZERO = Decimal(0)


def text(value: Decimal) -> str:
    """A decimal in the one way it is stored: no exponent, no zeros behind."""
    return f"{value.normalize():f}" if value else "0"


def exact(real: float) -> Decimal:
    """A stored REAL as the decimal it was written for."""
    return Decimal(repr(float(real)))


def lots_of(instrument: Instrument, lots: int) -> Decimal:
    return instrument.lot * int(lots)


def price_of(instrument: Instrument, ticks: int) -> Decimal:
    return instrument.tick * int(ticks)


def down(value: Decimal, step: Decimal) -> Decimal:
    """To a multiple of `step`, never up; a step of 0 keeps the value."""
    return (value / step).to_integral_value(ROUND_DOWN) * step if step else value


def nearest_down(price: Decimal, step: Decimal, *, up: bool = False) -> Decimal:
    """A price on the grid, at or below (with `up`: at or above) the one asked for."""
    if not step:
        return price
    return (price / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step


def too_small(qty: Decimal, price: Decimal, rules: Rules | None) -> str:
    """Why the venue would not take `qty` at about `price`; "" if it would, or names no minimum."""
    if qty <= 0:
        return "nothing is left to send"
    if rules is None:
        return ""
    if qty < rules.min_qty:
        return f"{text(qty)} is below the venue's minimum of {text(rules.min_qty)}"
    if price and qty * price < rules.min_notional:
        return f"{text(qty)} at {text(price)} is below the venue's minimum of {text(rules.min_notional)} {rules.quote}"
    return ""


def booked(trade: Trade, instrument: Instrument) -> tuple[int, int, int]:
    """(lots, ticks, fee quanta) by which the trade is booked: its cash to the quantum, and of the coin what is left of it."""
    paid = trade.price * trade.qty
    in_quote = trade.fee if trade.fee_currency == instrument.quote else ZERO
    in_base = trade.fee if trade.fee_currency == instrument.base and trade.side == "buy" else ZERO
    lots = int(((trade.qty - in_base) / instrument.lot).to_integral_value(ROUND_DOWN))
    ticks = int((trade.price / instrument.tick).to_integral_value(ROUND_HALF_EVEN))
    notional = _quanta(instrument, ticks, lots)
    sign = 1 if trade.side == "buy" else -1
    cash = int(((paid * sign + in_quote) / instrument.quantum).to_integral_value(ROUND_HALF_EVEN))
    return lots, ticks, max(cash - sign * notional, 0)


def _quanta(instrument: Instrument, ticks: int, lots: int) -> int:
    """Notional as the kernel books it: half to even."""
    exact_notional = Decimal(ticks) * lots * instrument.num / instrument.den
    return int(exact_notional.to_integral_value(ROUND_HALF_EVEN))
