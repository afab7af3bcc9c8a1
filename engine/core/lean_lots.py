# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""How many lots an entry may have, for one slot with nothing else open: `sizing.entry_lots` without the walks over slots.

Tested equal to it, by whole runs. Where plain floats show by a wide margin that buying power does not bind, it is not reckoned.
"""

from math import floor, isfinite

import numpy as np

from engine.core.codes import FIXED, RISK, SHARE
from engine.core.costs import fee_of
from engine.core.jit import ZERO, helper
from engine.core.lean_jit import inlined
from engine.core.lean_money import RATE_INVERSE, RATE_REACH, down, nearest
from engine.core.money import mul_div, mul_div_floor
from engine.core.types import RATE

_BUFFER, _BUFFER_BASE = np.int64(1005), np.int64(1000)
REFUSED = np.int64(-1)
_MARGIN, _ROOM = 1.0 + 1e-9, 4.0e18


@inlined
def _part(quanta, rate):
    return quanta if rate == RATE else down(quanta, rate, RATE, RATE_INVERSE, RATE_REACH)


@inlined
def _lots_for(state, quanta, price):
    if quanta <= 0:
        return ZERO
    divisor = price * state["num"]
    inverse = 1.0 / float(divisor)
    return down(quanta, state["den"], divisor, inverse, min(2.0e18, 1.99e33 * inverse - 2.1e15))


@helper
def needed(state, notional):
    """What an order of this notional reserves: `sizing.need_of`."""
    return mul_div(mul_div(notional, _BUFFER, _BUFFER_BASE), RATE + state["taker"], RATE)


@helper
def _lots_of(state, quanta, price):
    """`_lots_for` where it is not asked at every trade."""
    return _lots_for(state, quanta, price)


@helper
def _wanted(state, equity, price, stop_distance, volatility):
    """For every sizing but a share of equity."""
    kind = state["sizing"]
    if kind == FIXED:
        return _lots_of(state, state["size"], price)
    if kind == RISK:
        return _lots_of(state, _part(equity, state["size"]), stop_distance) if stop_distance > 0 else REFUSED
    if not isfinite(volatility) or volatility <= 0.0:
        return REFUSED
    share = min(int(floor(state["size_volatility"] / volatility * RATE)), state["max_gross"])
    return _lots_of(state, _part(equity, share), price)


@helper
def _affordable(state, power, price):
    net = mul_div_floor(power, RATE, RATE + state["taker"])
    if state["research"] == 0:
        return _lots_of(state, mul_div_floor(net, _BUFFER_BASE, _BUFFER), price)
    qty = _lots_of(state, net, price)
    while qty > 0:
        notional = mul_div(price, qty * state["num"], state["den"])
        if notional + fee_of(notional, state["taker"]) <= power:
            break
        qty -= 1
    return qty


@inlined
def lots(state, equity, price, stop_distance, volatility):
    """(lots, notional at `price`) of an entry; (0, 0) for one that is refused. Equity in quanta, price and distance in ticks."""
    if equity <= 0:
        return ZERO, ZERO
    if state["sizing"] == SHARE:
        qty = _lots_for(state, _part(equity, state["size"]), price)
    else:
        qty = _wanted(state, equity, price, stop_distance, volatility)
    if qty == REFUSED:
        return ZERO, ZERO
    if state["symbol_cap"] > 0:
        qty = min(qty, _lots_of(state, mul_div_floor(equity, state["symbol_cap"], RATE), price))
    power = _part(equity, state["max_gross"])
    worth = float(price) * state["worth"]  # quanta a lot
    binds = float(qty) * worth * state["load"] * _MARGIN + 8.0 > float(power)
    if binds or float(power) * float(state["num"]) > _ROOM * worth:  # what is out of range must say so here, too
        qty = min(qty, _affordable(state, power, price)) if power > 0 else ZERO
    if qty <= 0 or qty < state["min_qty"]:
        return ZERO, ZERO
    notional = nearest(price, qty * state["num"], state["den"], state["inverse"], state["most"])
    if notional < state["min_notional"]:
        return ZERO, ZERO
    return qty, notional
