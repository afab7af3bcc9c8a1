# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""The short way for a parameter sweep: one slot, one symbol, market entries, fixed stop and target, nothing else that binds.

It goes from decision to decision instead of from bar to bar and keeps a tally instead of logs. Prices, fees and quantities
come from the same functions as the kernel's, and tests/laws/test_lean.py proves every trade and every statistic equal to
the kernel's, bit for bit. A set whose equity falls to zero is left to the kernel (status LEFT).
"""

import numpy as np

from engine.core.codes import EXIT, RISK, STOP, TARGET
from engine.core.costs import fee_of, level_below
from engine.core.jit import ONE, ZERO, entry, helper
from engine.core.layout import ACCOUNT, SLOT, SYMBOL
from engine.core.lean_lots import lots, needed
from engine.core.lean_money import nearest, part_of, reach, slipped_quick
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
_MORE = [(name, "f8") for name in ("worth", "load", "inverse", "most")]
_MORE += [(name, "i8") for name in ("checked", "status", "hashed")]
LEAN = np.dtype([*_CONFIG, *_MORE], align=True)
"""One set's settings and books, named as in the kernel's records. `worth`: quanta of a tick x lot; `load`: what an order
needs over its notional; `inverse`, `most`: of `den`, see lean_money; `checked`: the first frame that is still to be looked
at; `hashed` 1: trades are hashed, for tests."""
RUNNING, LEFT = np.arange(2)
_BEYOND = 1.0 + 1e-12  # a level above this much of the deepest one is no deeper fall, however it is rounded


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
@helper
def _pay(state, amount):
    state["cash"] -= amount
    state["cash_value"] = state["cash"] / state["quantum_scale"]


@helper
def _leave(state, tally, ts, purpose, price, kind_price):
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
        if above:
            return part_of(price, RATE + rate)
        return max(part_of(price, RATE - rate), 1) if rate < RATE else ONE
    return ZERO


# ---- what is between decisions ---------------------------------------------------------------------------------------------
@helper
def _point(tally, lowest, highest):
    """Equity went between these two, in one of the two orders; False if it might hide a fall that must be looked for."""
    peak = tally["peak"]
    if highest > peak:
        if lowest <= highest * (1.0 + tally["fall"]) * _BEYOND and lowest < highest:
            return False
        tally["peak"] = highest
    elif lowest <= peak * (1.0 + tally["fall"]) * _BEYOND:
        tally["fall"] = min(tally["fall"], lowest / peak - 1.0)
    return True


@helper
def _limits(state):
    """(floor, ceiling): a bar that reaches down to the floor or above the ceiling meets stop or target."""
    stop, target = state["stop"], state["target"]
    if state["direction"] > 0:
        return stop, target if target > 0 else NEVER
    return target - 1, stop - 1 if stop > 0 else NEVER


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
def _leave_protected(state, tally, ts, opened, high, low):
    purpose, base, kind_price = _met(state, opened, high, low)
    price = base if purpose == TARGET else slipped_quick(base, -state["direction"], state["slippage"])
    return _leave(state, tally, ts, purpose, price, kind_price)


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
def act(state, tally, decided, now, before, opened, enter, leave, stop, target, volatility):
    """A decision made at `decided` at the close `before`, and its orders at the open of the frame at `now`. Gives (whether a
    trade was closed, its result).

    enter: -1, 0, 1; leave: 0, 1; stop and target: the signal's own distances in ticks, 0 = none.
    """
    leaving, wanted = _wants(state, enter, leave)
    qty, room, pnl = ZERO, ZERO, ZERO
    if wanted:
        wanted, qty, room = _queue(state, decided, now, before, enter, stop, volatility)
    if leaving:
        price = slipped_quick(opened, -state["direction"], state["slippage"])
        pnl = _leave(state, tally, now, EXIT, price, ZERO)
    if not wanted:
        return leaving, pnl
    price = slipped_quick(opened, enter, state["slippage"])
    if state["research"] == 1:
        distance = _stop_distance(state, stop, price) if state["sizing"] == RISK else ZERO
        qty, notional = lots(state, state["cash"], price, distance, volatility)
        if qty <= 0:
            return leaving, pnl
    else:
        notional = nearest(price, qty * state["num"], state["den"], state["inverse"], state["most"])
    fee = part_of(notional, state["taker"])
    if state["research"] == 0 and notional + fee > room:
        return leaving, pnl
    _enter(state, tally, now, enter, qty, price, notional, fee, stop, target)
    return leaving, pnl


# ---- from decision to decision ---------------------------------------------------------------------------------------------
@helper
def run_some(state, tally, days, results, bars, day_last, events, count, distances, volatility, last):
    """The first `count` events, and with `last` what comes after them. As for `run_events`, of one set.

    It is long because what looks at bars is written out: a call that hands arrays on costs more than what it would do.
    """
    ts, opens, highs, lows, closes = bars[0], bars[1], bars[2], bars[3], bars[4]
    at, enters, leaves = events
    stops, targets = distances
    n, n_days, frame = ts.size, day_last.size, state["timeframe_ms"]
    own_stop, own_target, deviation = ZERO, ZERO, 0.0
    e = 0
    while e < count or last:
        end = at[e] + 1 if e < count else np.int64(n)
        start = state["checked"]
        state["checked"] = end
        day = tally["day"]
        if state["qty"] > 0 and start < end:
            floor_price, ceiling = _limits(state)
            high, low, close = highs[start:end], lows[start:end], closes[start:end]
            deep, top, lowest, highest = low[0], high[0], close[0], close[0]
            for i in range(low.size):
                deep = min(deep, low[i])
                top = max(top, high[i])
                lowest = min(lowest, close[i])
                highest = max(highest, close[i])
            out = end
            if deep <= floor_price or top > ceiling:
                out = start
                while lows[out] > floor_price and highs[out] <= ceiling:
                    out += 1
                lowest, highest = closes[start], closes[start]
                for i in range(start, out):
                    lowest = min(lowest, closes[i])
                    highest = max(highest, closes[i])
            if out > start:
                size = float(state["qty"]) if state["direction"] > 0 else -float(state["qty"])
                unit, cash = state["unit"], state["cash_value"]
                tally["points"] += out - start
                tally["held"] += out - start
                worst = cash + size * float(lowest if size > 0.0 else highest) * unit
                if worst <= 0.0:
                    state["status"] = LEFT
                    return
                if not _point(tally, worst, cash + size * float(highest if size > 0.0 else lowest) * unit):
                    peak, fall = tally["peak"], tally["fall"]
                    for i in range(start, out):
                        level = cash + size * float(closes[i]) * unit
                        if level > peak:
                            peak = level
                        else:
                            fall = min(fall, level / peak - 1.0)
                    tally["peak"], tally["fall"] = peak, fall
                while day < n_days and day_last[day] < out:
                    days[day + 1] = cash + size * float(closes[day_last[day]]) * unit
                    day += 1
                tally["level"] = cash + size * float(closes[out - 1]) * unit
            if out < end:
                pnl = _leave_protected(state, tally, ts[out], opens[out], highs[out], lows[out])
                results[tally["trades"] - 1] = pnl
            start = out
        if start < end:
            level = state["cash_value"]
            if level <= 0.0:
                state["status"] = LEFT
                return
            tally["points"] += end - start
            _point(tally, level, level)
            while day < n_days and day_last[day] < end:
                day += 1
                days[day] = level
            tally["level"] = level
        tally["day"] = day
        if e >= count:
            return
        if stops.size > 0:
            own_stop = stops[e]
        if targets.size > 0:
            own_target = targets[e]
        if volatility.size > 0:
            deviation = volatility[e]
        before, decided = closes[end - 1], ts[end - 1] + frame
        enter, leave = np.int64(enters[e]), np.int64(leaves[e])
        if end == n:  # nothing fills any more; an amount out of range is refused all the same
            would_act(state, decided, before, enter, leave, own_stop, deviation)
            return
        closed, pnl = act(
            state, tally, decided, ts[end], before, opens[end], enter, leave, own_stop, own_target, deviation
        )
        if closed:
            results[tally["trades"] - 1] = pnl
        e += 1


@entry
def run_events(states, tallies, days, k, results, bars, day_last, events, distances, volatility):
    """Set k over all frames. bars: i8[5, n]: ts, open, high, low, close; day_last i8[d]: each UTC day's last frame; events:
    (bar i8[e], enter i1[e], leave i1[e]), the bars at whose end there is a decision; distances: (stop, target) i8[e] or
    i8[0]; volatility f8[e] or f8[0]. results i8: room for as many trades as there are entries."""
    count = events[0].size
    run_some(states[k], tallies[k], days[k], results, bars, day_last, events, count, distances, volatility, True)


@entry
def changes(entries, exits, entry_words, exit_words, bars, enter, leave):
    """Where (entry i1[n], exit i1[n]) change from the bar before to something: their number, written to bars i8, enter i1,
    leave i1 as far as those have room; -1 for an entry that is none. The words are the same bytes, eight at a time."""
    count, before, i, n = 0, 0, 0, entries.size
    while i < n:
        if before == 0 and i % 8 == 0 and i + 8 <= n:
            # where nothing is said, eight bars at a time
            j = i // 8
            while j < entry_words.size and entry_words[j] == 0 and exit_words[j] == 0:
                j += 1
            i = 8 * j
            if i >= n:
                break
        said = 2 * entries[i] + exits[i]
        if said != before:
            if entries[i] < -1 or entries[i] > 1:
                return -1
            if said != 0:
                if count < bars.size:
                    bars[count], enter[count], leave[count] = i, entries[i], exits[i]
                count += 1
            before = said
        i += 1
    return count
