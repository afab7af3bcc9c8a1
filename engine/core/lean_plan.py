# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""Many sets of one plan at a time: long while one moving mean of closes is above another, without an array for each set.

The bars are taken in blocks that fit the cache; in a block each distinct mean is reckoned once, for all sets; a set is then
a comparison of two rows and a visit of each turn, by the functions of engine.core.lean. Means are compared by exact sums.
"""

import numpy as np

from engine.core.jit import entry, helper
from engine.core.lean import LEFT
from engine.core.lean_levels import fill_levels
from engine.core.lean_run import run_some

BLOCK = 1024
EXACT = 2.0**53
_ONES = np.uint64(0x0101010101010101)


def sums_of(closes: np.ndarray) -> np.ndarray:
    """int64[n + 1]: running sums of closes in ticks, divided by what all closes can be divided by, which changes no order."""
    divisor = max(int(np.gcd.reduce(closes)), 1)
    return np.concatenate(([0], np.cumsum(closes // divisor)))


def exact(closes: np.ndarray, sums: np.ndarray, longest: int, scale: float) -> bool:
    """Whether sums multiplied crosswise in float64 tell the same as the means that a strategy compares, ties included.

    Two different means of whole ticks are then further apart than two roundings to float64, and equal ones are equal. `scale`
    is that of the prices, `longest` the longest window.
    """
    if not closes.size:
        return True
    largest, reduced = float(closes.max()), float(np.diff(sums).max())
    apart = reduced * longest * longest < 2.0**51 and float(sums[-1]) < EXACT
    return apart and largest * longest < EXACT and scale == np.rint(scale) and scale * longest < EXACT


@helper
def _row(row, later, earlier):
    for i in range(row.size):
        row[i] = later[i] - earlier[i]


@helper
def _rows(rows, sums, windows, start, size):
    """rows[w, i]: sum of the closes of windows[w] bars up to bar start + i; 0 where there are fewer."""
    for w in range(windows.size):
        window = windows[w]
        lead = min(max(window - 1 - start, 0), size)
        row = rows[w]
        for i in range(lead):
            row[i] = 0.0
        if lead < size:
            first = start + lead + 1
            _row(row[lead:size], sums[first : start + size + 1], sums[first - window : start + size + 1 - window])


@helper
def _above(signs, upper, lower, of_upper, of_lower):
    """1 where the mean `upper` / of_upper is above `lower` / of_lower."""
    for i in range(signs.size):
        signs[i] = upper[i] * of_lower > lower[i] * of_upper


@helper
def _byte(lowest):
    """Which of eight bytes holds the one bit, the first of its byte, that is set: how many bytes lie below it."""
    return np.int64((((lowest - np.uint64(1)) & _ONES) * _ONES) >> np.uint64(56))


@helper
def _turns(words, before, size, start, warm, at, enters, leaves):
    """How many times the condition turned in this block, each written as an event; no entry before bar `warm`."""
    count, last = 0, np.uint64(before)
    for w in range((size + 7) // 8):
        word = words[w]
        turned = word ^ ((word << np.uint64(8)) | last)
        last = word >> np.uint64(56)
        while turned != np.uint64(0):
            lowest = turned & (~turned + np.uint64(1))
            turned ^= lowest
            bar = start + 8 * w + _byte(lowest)
            rises = 1 if word & lowest != np.uint64(0) else 0
            at[count], enters[count], leaves[count] = bar, rises, 1 - rises
            count += 1 if rises == 0 or bar >= warm else 0
    return count


@entry
def run_plans(states, tallies, days, results, bars, day_last, sums, sets, before, work, nothing, start):
    """All sets from bar `start` on; returns the bar they have come to, short of the end when `results` has too little room.

    states LEAN[k], tallies TALLY[k], days f8[k, d + 1], results i8[k, room]; bars, day_last as in lean.run_events; sums
    f8[n + 1]; sets: (windows i8[w], upper i8[k], lower i8[k]: which windows, warm i8[k]: bars without entries); before
    u1[k]: the condition at the last bar; work: (rows f8[w, BLOCK], signs u1[BLOCK], the same as words u8[BLOCK / 8], events
    of BLOCK); nothing: distances and volatility, of size 0.
    """
    windows, upper, lower, warm = sets
    rows, signs, words, events, levels, logs = work
    distances, volatility = nothing
    n = bars.shape[1]
    while start < n:
        size = min(BLOCK, n - start)
        for k in range(states.size):
            if tallies[k]["trades"] + size + 2 > results.shape[1]:
                return start
        _rows(rows, sums, windows, start, size)
        fill_levels(levels, bars[3, start : start + size], bars[2, start : start + size], bars[4, start : start + size])
        for k in range(states.size):
            state = states[k]
            if state["status"] == LEFT:
                continue
            over, under = windows[upper[k]], windows[lower[k]]
            _above(signs[:size], rows[upper[k]], rows[lower[k]], float(over), float(under))
            for i in range(min(max(max(over, under) - 1 - start, 0), size)):
                signs[i] = 0
            for i in range(size, (size + 7) // 8 * 8):
                signs[i] = signs[size - 1]
            was = before[k] if start > 0 else signs[0]
            count = _turns(words, was, size, start, warm[k], events[0], events[1], events[2])
            before[k] = signs[size - 1]
            tally = tallies[k]
            run_some(
                state,
                tally,
                days[k],
                results[k],
                bars,
                day_last,
                events,
                count,
                distances,
                volatility,
                start + size,
                levels,
                logs,
                start,
            )
        start += size
    return start
