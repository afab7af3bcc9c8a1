# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""The short way for a parameter sweep: one slot, one symbol, market entries, fixed stop and target, nothing else that binds.

Here are a set's settings and books. It goes from decision to decision (engine.core.lean_run) instead of from bar to bar and
keeps a tally instead of logs. Prices, fees and quantities come from the same functions as the kernel's, and
tests/laws/test_lean.py proves every trade and every statistic equal to the kernel's, bit for bit. A set whose equity falls to
zero is left to the kernel (status LEFT).

What every trade needs is inlined: the functions are small, and calling them took longer than what they do.
"""

import numpy as np

from engine.core.codes import STOP, TARGET
from engine.core.costs import fee_of
from engine.core.jit import ONE, ZERO, helper
from engine.core.layout import ACCOUNT, SLOT, SYMBOL
from engine.core.lean_jit import inlined
from engine.core.lean_money import nearest, part_of, reach, slipped_quick
from engine.core.lean_tally import mixed, take_trade
from engine.core.money import mul_div
from engine.core.types import RATE

_CONFIG = [
    (name, kind[name])
    for kind, names in (
        (ACCOUNT, "quantum_scale max_gross symbol_cap research cash cash_value"),
        (SLOT, "timeframe_ms sizing size size_volatility stop_rate target_rate allow_short cooldown_ms blocked_until"),
        (SLOT, "direction qty entry_price entry_notional fees entry_ts stop target stop_initial"),
        (SYMBOL, "num den unit min_qty min_notional maker taker slippage perp"),
    )
    for name in names.split()
]
_MORE = [(name, "f8") for name in ("worth", "load", "inverse", "most")]
_MORE += [(name, "i8") for name in ("checked", "status", "hashed")]
LEAN = np.dtype([*_CONFIG, *_MORE], align=True)
"""One set's settings and books, named as in the kernel's records. `worth`: quanta of a tick x lot; `load`: what an order
needs over its notional; `inverse`, `most`: of `den`, see lean_money; `checked`: the first frame that is still to be looked
at; `hashed` 1: trades are hashed, for tests."""
RUNNING, LEFT = np.arange(2)


def lean_state(account: np.void, slot: np.void, symbol: np.void) -> np.ndarray:
    """LEAN[1] of a fresh machine's records."""
    state = np.zeros(1, LEAN)
    for record, dtype in ((account, ACCOUNT), (slot, SLOT), (symbol, SYMBOL)):
        for name in dtype.names or ():
            if name in (LEAN.names or ()):
                state[name] = record[name]
    row = state[0]
    row["worth"] = row["num"] / row["den"]
    row["inverse"], row["most"] = 1.0 / float(row["den"]), reach(float(row["den"]))
    row["load"] = (1.0 if row["research"] else 1.005) * (1.0 + row["taker"] / RATE)
    return state


# ---- the books -----------------------------------------------------------------------------------------------------------
@inlined
def _pay(state, amount):
    state["cash"] -= amount
    state["cash_value"] = state["cash"] / state["quantum_scale"]


@inlined
def leave(state, tally, ts, purpose, price, kind_price):
    """Book the exit of the whole position at `price`, and the trade; its result in quanta."""
    qty, direction = state["qty"], state["direction"]
    notional = nearest(price, qty * state["num"], state["den"], state["inverse"], state["most"])
    fee = part_of(notional, state["maker"] if purpose == TARGET else state["taker"])
    _pay(state, fee - direction * notional)
    tally["fees"] += fee
    fees = state["fees"] + fee
    pnl = direction * (notional - state["entry_notional"]) - fees
    ambiguous = ONE if kind_price > 0 else ZERO
    take_trade(tally, direction, ambiguous, ts - state["entry_ts"])
    if state["hashed"] == 1:
        _hash(state, tally, ts, purpose, price, kind_price, notional, fees, pnl)
    state["qty"] = 0
    if purpose == STOP:
        state["blocked_until"] = ts + state["cooldown_ms"]
    return pnl


@helper
def _hash(state, tally, ts, purpose, price, kind_price, notional, fees, pnl):
    """The trade's integers, in the order of lean_tally.HASHED."""
    qty, direction = state["qty"], state["direction"]
    kind_pnl = pnl
    if kind_price > 0:
        kind = mul_div(kind_price, qty * state["num"], state["den"])
        more = fee_of(kind, state["maker"]) - fee_of(notional, state["taker"])
        kind_pnl = pnl + direction * (kind - notional) - more
    seen = mixed(tally["hash"], direction)
    seen = mixed(seen, np.int64(purpose))
    seen = mixed(seen, ONE if kind_price > 0 else ZERO)
    seen = mixed(seen, qty)
    seen = mixed(seen, state["entry_ts"])
    seen = mixed(seen, ts)
    seen = mixed(seen, state["entry_price"])
    seen = mixed(seen, price)
    seen = mixed(seen, fees)
    seen = mixed(seen, pnl)
    seen = mixed(seen, kind_pnl)
    seen = mixed(seen, state["stop_initial"])
    frame = state["timeframe_ms"]
    tally["hash"] = mixed(seen, ts // frame - state["entry_ts"] // frame)


@inlined
def enter(state, tally, ts, direction, qty, price, notional, fee, stop, target):
    """Book an entry, and set its stop and target."""
    _pay(state, direction * notional + fee)
    tally["fees"] += fee
    state["fees"] = fee
    state["qty"] = qty
    state["direction"] = direction
    state["entry_price"] = price
    state["entry_notional"] = notional
    state["entry_ts"] = ts
    long = direction > 0
    state["stop"] = _level(price, stop, state["stop_rate"], not long)
    state["target"] = _level(price, target, state["target_rate"], long)
    state["stop_initial"] = state["stop"]


@inlined
def _level(price, distance, rate, above):
    if distance > 0:
        return price + distance if above else max(price - distance, 1)
    if rate > 0:
        if above:
            return part_of(price, RATE + rate)
        return max(part_of(price, RATE - rate), 1) if rate < RATE else ONE
    return ZERO


@helper
def _met(state, opened, high, low):
    """(purpose, base, kind price) of a bar that reaches stop or target: `protect.meet` without quotes and limit entries."""
    long, stop, target = state["direction"] > 0, state["stop"], state["target"]
    stop_hit = stop > 0 and (low <= stop if long else high >= stop)
    if stop_hit and (opened <= stop if long else opened >= stop):
        return np.int64(STOP), opened, ZERO
    if target > 0 and (high > target if long else low < target):
        if opened > target if long else opened < target:
            return np.int64(TARGET), opened, ZERO
        if not stop_hit:
            return np.int64(TARGET), target, ZERO
        return np.int64(STOP), stop, target
    return np.int64(STOP), stop, ZERO


@helper
def leave_protected(state, tally, ts, opened, high, low):
    purpose, base, kind_price = _met(state, opened, high, low)
    price = base if purpose == TARGET else slipped_quick(base, -state["direction"], state["slippage"])
    return leave(state, tally, ts, purpose, price, kind_price)
