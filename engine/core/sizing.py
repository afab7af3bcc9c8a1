"""How many lots an entry may have: the slot's rule, then the symbol cap, then what the account can still buy.

Exact integers; floored to the lot. A result of 0 comes with the reason that bound it.
"""

from math import floor, isfinite

import numpy as np

from engine.core.codes import (
    FIXED,
    R_BUYING_POWER,
    R_MIN_NOTIONAL,
    R_NO_STOP,
    R_NO_VOLATILITY,
    R_NONE,
    R_SECTOR_CAP,
    R_SYMBOL_CAP,
    RISK,
    VOLATILITY,
)
from engine.core.costs import fee_of, notional_of
from engine.core.jit import ZERO, helper
from engine.core.money import mul_div, mul_div_floor
from engine.core.types import RATE

_BUFFER, _BUFFER_BASE = np.int64(1005), np.int64(1000)  # 0.5 % between the close an order is sized at and its fill

_ROOM, _ROOM_BASE = np.int64(6), np.int64(5)


@helper
def exact_equity(account, slots, symbols):
    """Cash plus every position at its mark, in quanta."""
    total = account["cash"]
    for i in range(slots.size):
        slot = slots[i]
        if slot["qty"] > 0:
            symbol = symbols[slot["symbol"]]
            total += slot["direction"] * notional_of(symbol, symbol["mark"], slot["qty"])
    return total


@helper
def used_power(slots, symbols, own):
    """Sum of |notional| at marks; a position of slot `own` that is on its way out does not count against its own flip."""
    total = ZERO
    for i in range(slots.size):
        slot = slots[i]
        if slot["qty"] > 0 and not (i == own and slot["x_purpose"] > 0):
            symbol = symbols[slot["symbol"]]
            total += notional_of(symbol, symbol["mark"], slot["qty"])
    return total


@helper
def used_cap(slots, symbols, own, symbol_index):
    """Notional held and reserved on one symbol, the own flip left out."""
    total = ZERO
    for i in range(slots.size):
        slot = slots[i]
        if slot["symbol"] == symbol_index:
            if slot["qty"] > 0 and not (i == own and slot["x_purpose"] > 0):
                symbol = symbols[symbol_index]
                total += notional_of(symbol, symbol["mark"], slot["qty"])
            total += slot["q_reserved"]
    return total


@helper
def used_sector(slots, symbols, own, sector):
    """Notional held and reserved on the symbols of one sector, the own flip left out."""
    total = ZERO
    for s in range(symbols.size):
        if symbols[s]["sector"] == sector:
            total += used_cap(slots, symbols, own, s)
    return total


@helper
def lots_for(symbol, quanta, price):
    """Whole lots that `quanta` of notional buy at `price` ticks."""
    if quanta <= 0:
        return ZERO
    return mul_div_floor(quanta, symbol["den"], price * symbol["num"])


@helper
def need_of(symbol, price, qty):
    """What a queued order reserves: notional x 1.005 x (1 + taker fee)."""
    padded = mul_div(notional_of(symbol, price, qty), _BUFFER, _BUFFER_BASE)
    return mul_div(padded, RATE + symbol["taker"], RATE)


@helper
def wanted_lots(account, slot, symbol, equity, price, stop_distance, volatility):
    """(lots, reason) by the slot's sizing rule alone; equity in quanta, price and stop distance in ticks."""
    kind = slot["sizing"]
    if kind == FIXED:
        return lots_for(symbol, slot["size"], price), R_NONE
    if kind == RISK:
        if stop_distance <= 0:
            return ZERO, R_NO_STOP
        return lots_for(symbol, mul_div_floor(equity, slot["size"], RATE), stop_distance), R_NONE
    share = slot["size"]
    if kind == VOLATILITY:
        if not isfinite(volatility) or volatility <= 0.0:
            return ZERO, R_NO_VOLATILITY
        share = min(int(floor(slot["size_volatility"] / volatility * RATE)), account["max_gross"])
    return lots_for(symbol, mul_div_floor(equity, share, RATE), price), R_NONE


@helper
def power_lots(symbol, power, price, research):
    """Lots that the buying power affords, with the order's own costs."""
    if power <= 0:
        return ZERO
    net = mul_div_floor(power, RATE, RATE + symbol["taker"])
    if not research:
        return lots_for(symbol, mul_div_floor(net, _BUFFER_BASE, _BUFFER), price)
    qty = lots_for(symbol, net, price)
    while qty > 0 and _cost(symbol, price, qty) > power:
        qty -= 1
    return qty


@helper
def _cost(symbol, price, qty):
    notional = notional_of(symbol, price, qty)
    return notional + fee_of(notional, symbol["taker"])


@helper
def least_lots(symbol, price):
    """The exchange's smallest order at `price`, with a sixth of room to fall before what it bought cannot be sold again."""
    notional = mul_div(symbol["min_notional"], _ROOM, _ROOM_BASE)
    return max(lots_for(symbol, notional, price) + 1, symbol["min_qty"])


@helper
def entry_lots(account, slots, symbols, own, price, stop_distance, volatility):
    """(lots, reason) for an entry of slot `own` at `price` ticks; reason says why it is 0."""
    slot = slots[own]
    symbol = symbols[slot["symbol"]]
    equity = exact_equity(account, slots, symbols)
    if equity <= 0:
        return ZERO, R_BUYING_POWER
    qty, reason = wanted_lots(account, slot, symbol, equity, price, stop_distance, volatility)
    if reason != R_NONE:
        return ZERO, reason
    bound = R_MIN_NOTIONAL
    if slot["size_rate"] > 0:  # on probation
        qty = mul_div_floor(qty, slot["size_rate"], RATE)
    if account["trades"] < account["first_trades"]:
        qty = min(qty, least_lots(symbol, price))
    if account["order_most"] > 0:
        cap = lots_for(symbol, account["order_most"], price)
        if cap < qty:
            qty, bound = cap, R_SYMBOL_CAP
    if account["symbol_most"] > 0:
        cap = lots_for(symbol, account["symbol_most"] - used_cap(slots, symbols, own, slot["symbol"]), price)
        if cap < qty:
            qty, bound = cap, R_SYMBOL_CAP
    if account["symbol_cap"] > 0:
        room = mul_div_floor(equity, account["symbol_cap"], RATE) - used_cap(slots, symbols, own, slot["symbol"])
        cap = lots_for(symbol, room, price)
        if cap < qty:
            qty, bound = cap, R_SYMBOL_CAP
    if account["sector_cap"] > 0 and symbol["sector"] >= 0:
        used = used_sector(slots, symbols, own, symbol["sector"])
        cap = lots_for(symbol, mul_div_floor(equity, account["sector_cap"], RATE) - used, price)
        if cap < qty:
            qty, bound = cap, R_SECTOR_CAP
    gross = mul_div_floor(equity, account["max_gross"], RATE)
    if account["gross_most"] > 0:
        gross = min(gross, account["gross_most"])
    power = gross - used_power(slots, symbols, own) - account["reserved"]
    affordable = power_lots(symbol, power, price, account["research"] == 1)
    if affordable < qty:
        qty, bound = affordable, R_BUYING_POWER
    if qty <= 0 or qty < symbol["min_qty"] or notional_of(symbol, price, qty) < symbol["min_notional"]:
        return ZERO, bound
    return qty, R_NONE


@helper
def scaled_lots(symbol, qty, price, scale):
    """A share of `qty` (0 or 1: all of it), floored to the lot; 0 where that is below what the exchange takes."""
    if scale <= 0.0 or scale >= 1.0:
        return qty
    part = np.int64(floor(float(qty) * scale))
    if part <= 0 or part < symbol["min_qty"] or notional_of(symbol, price, part) < symbol["min_notional"]:
        return ZERO
    return part
