# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""From decision to decision over the bars between: the short way of one set, and where its signals change.

What lies between two decisions is asked for at once: whether the stop or the target was reached, how low and how high the
equity went. How a decision is carried out is in engine.core.lean_act.
"""

import numpy as np

from engine.core.jit import ZERO, entry, helper
from engine.core.lean import LEFT, leave_protected
from engine.core.lean_act import act
from engine.core.lean_jit import inlined
from engine.core.lean_levels import HIGH, LEAST, LOW, MOST
from engine.core.types import NEVER

_BEYOND = 1.0 + 1e-12  # a level above this much of the deepest one is no deeper fall, however it is rounded


@inlined
def _point(tally, lowest, highest):
    """Equity went between these two, in one of the two orders; False if it might hide a fall that must be looked for."""
    peak = tally["peak"]
    if highest > peak:
        if lowest <= highest * (1.0 + tally["fall"]) * _BEYOND and lowest < highest:
            return False
        tally["peak"] = highest
    else:
        tally["fall"] = min(tally["fall"], lowest / peak - 1.0)
    return True


@inlined
def _limits(state):
    """(floor, ceiling): a bar that reaches down to the floor or above the ceiling meets stop or target."""
    stop, target = state["stop"], state["target"]
    if state["direction"] > 0:
        return stop, target if target > 0 else NEVER
    return target - 1, stop - 1 if stop > 0 else NEVER


@helper
def run_some(
    state, tally, days, results, bars, day_last, events, count, distances, volatility, upto, levels, logs, base
):
    """The first `count` events and what comes after them, up to bar `upto`. As for `run_events`, of one set; `levels`, `logs`
    as lean_levels has them, of the block from bar `base` on in which all of this lies, or of size 0: then bars are walked.

    It is long because what looks at bars is written out: a call that hands arrays on costs more than what it would do.
    """
    ts, opens, highs, lows, closes = bars[0], bars[1], bars[2], bars[3], bars[4]
    at, enters, exits = events
    stops, targets = distances
    n, n_days, frame = ts.size, day_last.size, state["timeframe_ms"]
    own_stop, own_target, deviation = ZERO, ZERO, 0.0
    e = 0
    while True:
        end = at[e] + 1 if e < count else upto
        start = state["checked"]
        state["checked"] = end
        day = tally["day"]
        if state["qty"] > 0 and start < end:
            floor_price, ceiling = _limits(state)
            out = end
            if logs.size > 0:
                j = logs[end - start]
                a, b = start - base, end - base - (1 << j)
                deep, top = min(levels[LOW, j, a], levels[LOW, j, b]), max(levels[HIGH, j, a], levels[HIGH, j, b])
                if deep <= floor_price or top > ceiling:
                    out = start
                    while lows[out] > floor_price and highs[out] <= ceiling:
                        out += 1
                    j = logs[out - start]
                    b = max(out - base - (1 << j), a)
                lowest, highest = (
                    min(levels[LEAST, j, a], levels[LEAST, j, b]),
                    max(levels[MOST, j, a], levels[MOST, j, b]),
                )
            else:
                high, low, close = highs[start:end], lows[start:end], closes[start:end]
                deep, top, lowest, highest = low[0], high[0], close[0], close[0]
                for i in range(low.size):
                    deep, top = min(deep, low[i]), max(top, high[i])
                    lowest, highest = min(lowest, close[i]), max(highest, close[i])
                if deep <= floor_price or top > ceiling:
                    out = start
                    lowest, highest = closes[start], closes[start]
                    while lows[out] > floor_price and highs[out] <= ceiling:
                        lowest, highest = min(lowest, closes[out]), max(highest, closes[out])
                        out += 1
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
                pnl = leave_protected(state, tally, ts[out], opens[out], highs[out], lows[out])
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
        final = end == n
        now, opened = (ts[end], opens[end]) if not final else (ts[n - 1] + frame, closes[n - 1])
        closed, pnl = act(
            state, tally, ts[end - 1] + frame, now, closes[end - 1], opened, np.int64(enters[e]), np.int64(exits[e]), own_stop,
            own_target, deviation, final,
        )  # fmt: skip
        if closed:
            results[tally["trades"] - 1] = pnl
        if final:
            return
        e += 1


@entry
def run_events(states, tallies, days, k, results, bars, day_last, events, distances, volatility, nothing):
    """Set k over all frames. bars: i8[5, n]: ts, open, high, low, close; day_last i8[d]: each UTC day's last frame; events:
    (bar i8[e], enter i1[e], leave i1[e]), the bars at whose end there is a decision; distances: (stop, target) i8[e] or
    i8[0]; volatility f8[e] or f8[0]. results i8: room for as many trades as there are entries; nothing: levels of size 0."""
    count, n = events[0].size, bars.shape[1]
    levels, logs = nothing
    run_some(
        states[k],
        tallies[k],
        days[k],
        results,
        bars,
        day_last,
        events,
        count,
        distances,
        volatility,
        n,
        levels,
        logs,
        ZERO,
    )


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
