"""Whether a trade can be one of the order that it names. Pure.

A fill is booked because the exchange says so, but never beyond what was asked for: what no honest exchange could have done to
that order is kept aside, shown, and left to a person. So the books never hold more,
owe more or have sold more than was ordered.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from engine.venues.port import Side, Trade

FAR = 10
"""How many times above or below the price of our own feed a fill is no price any more. Crashes are less than that."""
OVERDRAFT = Decimal("1.1")
"""How far beyond the account's cash a buy may cost: sizes are fixed before the price is known."""


@dataclass(frozen=True)
class Asked:
    """What was ordered, and what of it is booked or on its way to be. `limit` None: at the market's price."""

    symbol: str
    side: Side
    qty: Decimal
    limit: Decimal | None
    known: Decimal


def doubt(asked: Asked, trade: Trade, mark: Decimal | None, cash: Decimal | None) -> str:
    """Why `trade` cannot be of this order; "" if it can. `mark` is the price of our own feed, `cash` the account's money in quote
    currency; None where they are not known."""
    if trade.symbol != asked.symbol:
        return f"it is of {trade.symbol}, the order of {asked.symbol}"
    if trade.side != asked.side:
        return f"it is a {trade.side}, the order a {asked.side}"
    if asked.known + trade.qty > asked.qty:
        return f"with it {asked.known + trade.qty} of {asked.qty} would be filled"
    if asked.limit is not None and (trade.price > asked.limit if asked.side == "buy" else trade.price < asked.limit):
        return f"its price {trade.price} is worse than the order's limit {asked.limit}"
    if mark is not None and not mark / FAR <= trade.price <= mark * FAR:
        return f"its price {trade.price} is far from the market's {mark}"
    cost = trade.qty * trade.price
    if asked.side == "buy" and cash is not None and cost > cash * OVERDRAFT:
        return f"it costs {cost} and the account has {cash}"
    return ""
