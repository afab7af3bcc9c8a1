"""What a fill costs: its price against the quote, its slippage, its fee. Integers in, integers out."""

from engine.core.jit import ONE, helper
from engine.core.money import mul_div, mul_div_ceil, mul_div_floor
from engine.core.types import RATE


@helper
def notional_of(symbol, price, qty):
    """Quanta of `qty` lots at `price` ticks, half-even."""
    return mul_div(price, qty * symbol["num"], symbol["den"])


@helper
def fee_of(notional, rate):
    return mul_div(notional, rate, RATE)


@helper
def open_price(symbol, side):
    """Where a market order meets the market at this bar's open: the quote's side if the bar carries one, else the open."""
    quote = symbol["ask_open"] if side > 0 else symbol["bid_open"]
    return quote if quote > 0 else symbol["open"]


@helper
def slipped(base, side, slippage):
    """A market or stop fill: slippage against the trader, rounded against the trader, never below one tick."""
    if side > 0:
        return mul_div_ceil(base, RATE + slippage, RATE)
    price = mul_div_floor(base, RATE - slippage, RATE)
    return price if price > 0 else ONE


@helper
def level_below(price, rate):
    """price x (1 - rate) to the nearest tick, at least one tick."""
    level = mul_div(price, RATE - rate, RATE) if rate < RATE else ONE
    return level if level > 0 else ONE


@helper
def level_above(price, rate):
    """price x (1 + rate) to the nearest tick."""
    return mul_div(price, RATE + rate, RATE)
