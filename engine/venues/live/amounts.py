"""Quantities and money between the venue's decimals and the books' integers. Pure; what cannot be held is rounded down.

A fee in the bought coin makes the position smaller, not the cash: what is booked is what can be sold again, and the cash is the
venue's to the quantum. A fee in any other coin is booked as money, by the venue's price of that coin at the trade; a rebate is a
fee below zero.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from engine.core.types import Instrument
from engine.venues.bounds import LIKELY_FEE
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


def too_small(qty: Decimal, price: Decimal, rules: Rules | None, market: bool = False) -> str:
    """Why the venue would not take `qty` at about `price`; "" if it would, or names no minimum. `market`: at its price."""
    if qty <= 0:
        return "nothing is left to send"
    if rules is None:
        return ""
    least = max(rules.min_qty, rules.market_min) if market else rules.min_qty
    if qty < least:
        return f"{text(qty)} is below the venue's minimum of {text(least)}"
    if price and qty * price < rules.min_notional and (rules.market_notional or not market):
        return f"{text(qty)} at {text(price)} is below the venue's minimum of {text(rules.min_notional)} {rules.quote}"
    return ""


def fitted(qty: Decimal, rules: Rules, market: bool) -> Decimal:
    """As much of a quantity as one order may have, on the venue's grid."""
    most = rules.most_of(market)
    return down(min(qty, most) if most else qty, rules.lot_of(market))


def too_many(stops: int, rules: Rules | None) -> str:
    """Why no position is opened where the venue would not keep one more stop in the market; "" where it would."""
    most = rules.max_stops if rules is not None else 0
    return f"the exchange keeps at most {most} stops in a market" if most and stops >= most else ""


def booked(trade: Trade, instrument: Instrument, before: Decimal = ZERO) -> tuple[int, int, int]:
    """(lots, ticks, fee quanta) by which the trade is booked: its cash to the quantum, and of the coin what is left of it.

    `before`: what of its order was executed before it. Pieces of a sale may be finer than a lot; counted together they take
    away all the lots that were sold, where each rounded down would leave some that nobody has.
    """
    paid = trade.price * trade.qty
    in_base = trade.fee if trade.fee_currency == instrument.base and trade.side == "buy" else ZERO
    in_quote = ZERO if in_base else fee_in_quote(trade, instrument)
    begun = before if trade.side == "sell" else ZERO
    lots = _lots(begun + trade.qty - in_base, instrument) - _lots(begun, instrument)
    ticks = int((trade.price / instrument.tick).to_integral_value(ROUND_HALF_EVEN))
    notional = _quanta(instrument, ticks, lots)
    sign = 1 if trade.side == "buy" else -1
    cash = int(((paid * sign + in_quote) / instrument.quantum).to_integral_value(ROUND_HALF_EVEN))
    return lots, ticks, cash - sign * notional


def _lots(qty: Decimal, instrument: Instrument) -> int:
    return int((qty / instrument.lot).to_integral_value(ROUND_DOWN))


def fee_in_quote(trade: Trade, instrument: Instrument) -> Decimal:
    """The fee as money of the quote currency, whatever it was paid in.

    A third coin goes by the venue's price of it at the trade. Where the venue has none, the market's whole fee rate stands for
    it: coins that fees are paid with bring a discount, so that is never less.
    """
    if trade.fee_currency == instrument.quote or not trade.fee:
        return trade.fee
    if trade.fee_currency == instrument.base:  # of a sale: it leaves the account besides
        return trade.fee * trade.price
    if trade.fee_value is not None and not guessed(trade, instrument):
        return trade.fee_value
    return trade.price * trade.qty * (instrument.maker if trade.maker else instrument.taker)


def guessed(trade: Trade, instrument: Instrument) -> bool:
    """Whether a fee was paid in a coin that the venue names no price for, or one that makes it larger than a fee can be."""
    if not trade.fee or trade.fee_currency in (instrument.quote, instrument.base):
        return False
    return trade.fee_value is None or abs(trade.fee_value) > trade.price * trade.qty * LIKELY_FEE


def _quanta(instrument: Instrument, ticks: int, lots: int) -> int:
    """Notional as the kernel books it: half to even."""
    exact_notional = Decimal(ticks) * lots * instrument.num / instrument.den
    return int(exact_notional.to_integral_value(ROUND_HALF_EVEN))
