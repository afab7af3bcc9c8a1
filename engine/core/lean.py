# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""The short way for a parameter sweep: one slot, one symbol, market entries, fixed stop and target, nothing else that binds.

It goes from decision to decision instead of from bar to bar and keeps a tally instead of logs. Prices, fees and quantities
come from the same functions as the kernel's, and tests/laws/test_lean.py proves every trade and every statistic equal to
the kernel's, bit for bit. A set whose equity falls to zero is left to the kernel (status LEFT).
"""

import numpy as np

from engine.core.codes import EXIT, RISK, STOP, TARGET
from engine.core.costs import fee_of, level_above, level_below, slipped
from engine.core.jit import ONE, ZERO, entry, helper
from engine.core.layout import ACCOUNT, SLOT, SYMBOL
from engine.core.lean_lots import lots, needed
from engine.core.lean_tally import mixed, take_trade
from engine.core.money import mul_div
from engine.core.types import NEVER, RATE

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
_MORE = [("worth", "f8"), ("load", "f8"), ("checked", "i8"), ("status", "i8"), ("hashed", "i8")]
LEAN = np.dtype([*_CONFIG, *_MORE], align=True)
"""One set's settings and books, named as in the kernel's records. `worth`: quanta of a tick x lot; `load`: what an order needs
over its notional; `checked`: the first frame that is still to be looked at; `hashed` 1: trades are hashed, for tests."""
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
    row["load"] = (1.0 if row["research"] else 1.005) * (1.0 + row["taker"] / RATE)
    return state


# ---- the books -----------------------------------------------------------------------------------------------------------
@helper
def _pay(state, amount):
    state["cash"] -= amount
    state["cash_value"] = state["cash"] / state["quantum_scale"]


@helper
def _leave(state, tally, results, ts, purpose, price, kind_price):
    """Book the exit of the whole position at `price`, and the trade."""
    qty, direction = state["qty"], state["direction"]
    notional = mul_div(price, qty * state["num"], state["den"])
    fee = fee_of(notional, state["maker"] if purpose == TARGET else state["taker"])
    _pay(state, fee - direction * notional)
    tally["fees"] += fee
    fees = state["fees"] + fee
    pnl = direction * (notional - state["entry_notional"]) - fees
    ambiguous = ONE if kind_price > 0 else ZERO
    take_trade(tally, results, direction, ambiguous, ts - state["entry_ts"], pnl)
    if state["hashed"] == 1:
        _hash(state, tally, ts, purpose, price, kind_price, notional, fees, pnl)
    state["qty"] = 0
    if purpose == STOP:
        state["blocked_until"] = ts + state["cooldown_ms"]


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


@helper
def _enter(state, tally, ts, direction, qty, price, notional, fee, stop, target):
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


@helper
def _level(price, distance, rate, above):
    if distance > 0:
        return price + distance if above else max(price - distance, 1)
    if rate > 0:
        return level_above(price, rate) if above else level_below(price, rate)
    return ZERO


# ---- from one decision to the next -----------------------------------------------------------------------------------------
@helper
def _point(tally, lowest, highest):
    """Equity went between these two, in one of the two orders, and no new fall can hide in it. False if one might."""
    peak = tally["peak"]
    if highest > peak:
        if lowest / highest - 1.0 < tally["fall"]:
            return False
        tally["peak"] = highest
    elif lowest < peak:
        tally["fall"] = min(tally["fall"], lowest / peak - 1.0)
    return True


@helper
def _settle_flat(state, tally, days, day_last, start, end):
    """Frames start to end passed without a position."""
    level = state["cash_value"]
    if end > start:
        tally["points"] += end - start
        _point(tally, level, level)
        day = tally["day"]
        while day < day_last.size and day_last[day] < end:
            day += 1
            days[day] = level
        tally["day"] = day
        tally["level"] = level
        if level <= 0.0:
            state["status"] = LEFT


@helper
def _settle_held(state, tally, days, day_last, closes, start, end, lowest, highest):
    """Frames start to end passed in a position; their lowest and highest close are given."""
    size = float(state["qty"]) if state["direction"] > 0 else -float(state["qty"])
    unit, cash = state["unit"], state["cash_value"]
    tally["points"] += end - start
    tally["held"] += end - start
    down, up = (lowest, highest) if size > 0.0 else (highest, lowest)
    worst = cash + size * float(down) * unit
    if worst <= 0.0:
        state["status"] = LEFT
    if not _point(tally, worst, cash + size * float(up) * unit):
        peak, fall = tally["peak"], tally["fall"]
        for i in range(start, end):
            level = cash + size * float(closes[i]) * unit
            if level > peak:
                peak = level
            else:
                fall = min(fall, level / peak - 1.0)
        tally["peak"], tally["fall"] = peak, fall
    day = tally["day"]
    while day < day_last.size and day_last[day] < end:
        days[day + 1] = cash + size * float(closes[day_last[day]]) * unit
        day += 1
    tally["day"] = day
    tally["level"] = cash + size * float(closes[end - 1]) * unit


@helper
def _range(values, start, end):
    part = values[start:end]
    low, high = part[0], part[0]
    for i in range(part.size):
        low = min(low, part[i])
        high = max(high, part[i])
    return low, high


@helper
def _touched(lows, highs, start, end, floor_price, ceiling):
    """The first frame whose bar reaches down to floor_price or above ceiling; `end` if none does."""
    low, high = lows[start:end], highs[start:end]
    deep, top = low[0], high[0]
    for i in range(low.size):
        deep = min(deep, low[i])
        top = max(top, high[i])
    if deep > floor_price and top <= ceiling:
        return end
    for i in range(low.size):
        if low[i] <= floor_price or high[i] > ceiling:
            return start + i
    return end


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
def pass_frames(state, tally, days, results, ts, opens, highs, lows, closes, day_last, end):
    """Everything that frames state.checked to `end` bring without a decision: stop or target, marks, days."""
    start = state["checked"]
    state["checked"] = end
    if start >= end:
        return
    if state["qty"] > 0:
        stop, target = state["stop"], state["target"]
        if state["direction"] > 0:
            floor_price, ceiling = stop, target if target > 0 else NEVER
        else:
            floor_price, ceiling = target - 1, stop - 1 if stop > 0 else NEVER
        out = end
        if stop > 0 or target > 0:
            out = _touched(lows, highs, start, end, floor_price, ceiling)
        if out > start:
            low, high = _range(closes, start, out)
            _settle_held(state, tally, days, day_last, closes, start, out, low, high)
        if out == end:
            return
        purpose, base, kind_price = _met(state, opens[out], highs[out], lows[out])
        price = base if purpose == TARGET else slipped(base, -state["direction"], state["slippage"])
        _leave(state, tally, results, ts[out], purpose, price, kind_price)
        start = out
    _settle_flat(state, tally, days, day_last, start, end)


# ---- decisions -------------------------------------------------------------------------------------------------------------
@helper
def _stop_distance(state, own, price):
    """Ticks between entry and stop: `decide.stop_distance_of`."""
    if own > 0:
        return own
    if state["stop_rate"] > 0:
        return price - level_below(price, state["stop_rate"])
    return ZERO


@helper
def _queue(state, decided, now, before, enter, stop, volatility):
    """(whether an entry is queued and lives at `now`, its lots, what is reserved for it); lots and reserve 0 in research."""
    if enter < 0 and state["allow_short"] == 0 and state["perp"] == 0:
        return False, ZERO, ZERO
    if decided < state["blocked_until"]:
        return False, ZERO, ZERO
    distance = ZERO
    if state["sizing"] == RISK:
        distance = _stop_distance(state, stop, before)
        if distance <= 0:
            return False, ZERO, ZERO
    if state["research"] == 1:
        return True, ZERO, ZERO
    equity = state["cash"]
    if state["qty"] > 0:
        equity += state["direction"] * mul_div(before, state["qty"] * state["num"], state["den"])
    qty, notional = lots(state, equity, before, distance, volatility)
    alive = qty > 0 and now < decided + state["timeframe_ms"]
    return alive, qty, needed(state, notional) if alive else ZERO


@helper
def _wants(state, enter, leave):
    """(whether the position is to be left, whether an entry is to be queued)."""
    held = state["qty"] > 0
    leaving = held and leave == 1
    return leaving, enter != 0 and (not held or (leaving and enter != state["direction"]))


@helper
def would_act(state, decided, before, enter, leave, stop, volatility):
    """A decision after which there is no frame."""
    _, wanted = _wants(state, enter, leave)
    if wanted:
        _queue(state, decided, decided, before, enter, stop, volatility)


@helper
def act(state, tally, results, decided, now, before, opened, enter, leave, stop, target, volatility):
    """A decision made at `decided` at the close `before`, and its orders at the open of the frame at `now`.

    enter: -1, 0, 1; leave: 0, 1; stop and target: the signal's own distances in ticks, 0 = none.
    """
    leaving, wanted = _wants(state, enter, leave)
    qty, room = ZERO, ZERO
    if wanted:
        wanted, qty, room = _queue(state, decided, now, before, enter, stop, volatility)
    if leaving:
        price = slipped(opened, -state["direction"], state["slippage"])
        _leave(state, tally, results, now, EXIT, price, ZERO)
    if not wanted:
        return
    price = slipped(opened, enter, state["slippage"])
    if state["research"] == 1:
        distance = _stop_distance(state, stop, price) if state["sizing"] == RISK else ZERO
        qty, notional = lots(state, state["cash"], price, distance, volatility)
        if qty <= 0:
            return
    else:
        notional = mul_div(price, qty * state["num"], state["den"])
    fee = fee_of(notional, state["taker"])
    if state["research"] == 0 and notional + fee > room:
        return
    _enter(state, tally, now, enter, qty, price, notional, fee, stop, target)


@entry
def run_events(states, tallies, days, k, results, ts, prices, day_last, events, distances, volatility):
    """Set k over all frames. prices: (open, high, low, close) i8[n] in ticks; day_last i8[d]: each UTC day's last frame;
    events: (bar i8[e], enter i1[e], leave i1[e]), the bars at whose end there is a decision; distances: (stop, target) i8[e]
    or i8[0]; volatility f8[e] or f8[0]. results i8: room for as many trades as there are entries."""
    opens, highs, lows, closes = prices
    bars, enters, leaves = events
    stops, targets = distances
    state, tally, row = states[k], tallies[k], days[k]
    frame, n = state["timeframe_ms"], ts.size
    stop, target, deviation = ZERO, ZERO, 0.0
    for e in range(bars.size):
        bar = bars[e]
        pass_frames(state, tally, row, results, ts, opens, highs, lows, closes, day_last, bar + 1)
        if state["status"] == LEFT:
            return
        if stops.size > 0:
            stop = stops[e]
        if targets.size > 0:
            target = targets[e]
        if volatility.size > 0:
            deviation = volatility[e]
        if bar + 1 == n:  # nothing fills any more; an amount out of range is refused all the same
            would_act(state, ts[bar] + frame, closes[bar], np.int64(enters[e]), np.int64(leaves[e]), stop, deviation)
            return
        decided, now = ts[bar] + frame, ts[bar + 1]
        enter, leave = np.int64(enters[e]), np.int64(leaves[e])
        act(state, tally, results, decided, now, closes[bar], opens[bar + 1], enter, leave, stop, target, deviation)
    pass_frames(state, tally, row, results, ts, opens, highs, lows, closes, day_last, n)


@entry
def changes(entries, exits, bars, enter, leave):
    """Where (entry i1[n], exit i1[n]) change from the bar before to something: their number, written to bars i8, enter i1,
    leave i1 as far as those have room."""
    count, before = 0, 0
    for i in range(entries.size):
        said = 2 * entries[i] + exits[i]
        if said != before:
            if said != 0:
                if count < bars.size:
                    bars[count], enter[count], leave[count] = i, entries[i], exits[i]
                count += 1
            before = said
    return count
