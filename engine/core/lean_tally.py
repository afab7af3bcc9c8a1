# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""What a sweep keeps of a run instead of its logs: counts, extremes and sums, folded in as trades and equity points come.

One TALLY a parameter set, and the level at each UTC day's end. Sums of results are added up as numpy adds them, so that a
statistic made of a tally equals the one made of the trades to the last bit. No strategy and no money is in this file.
"""

import numpy as np

from engine.core.jit import entry, helper
from engine.core.layout import FILL_LOG, K_FILL, K_TRADE, TRADE_LOG
from engine.core.types import MS_DAY

TALLY = np.dtype(
    [
        (name, "i8")
        for name in (
            "trades wins losses longs ambiguous best worst hold win_streak loss_streak "  # best, worst: quanta
            "fees "  # quanta, of all fills
            "points held day open hash"  # day: days whose level is settled; hash: of all trades' integers in order
        ).split()
    ]
    + [
        (name, "f8")
        for name in (
            "start level peak fall "  # fall: the deepest so far, zero or negative
            "gross_profit gross_loss profit deviation"  # set by `finish`, in money
        ).split()
    ],
    align=True,
)
"""Times in ms, `hold` their sum over closed trades; levels in the quote currency."""

STACK = 128
"""Words of memory that adding up needs; enough for 2**42 values."""
_BLOCK = 128
_DAY = np.int64(MS_DAY)
_MIX = np.int64(6364136223846793005)
_HASHED = (
    "direction reason ambiguous qty entry_ts exit_ts entry_price exit_price fees pnl kind_pnl stop_initial bars_held"
)
HASHED = tuple(np.int64((TRADE_LOG.names or ()).index(name)) for name in _HASHED.split())
_DIRECTION, _AMBIGUOUS, _ENTRY_TS, _EXIT_TS, _PNL = (
    np.int64((TRADE_LOG.names or ()).index(name)) for name in "direction ambiguous entry_ts exit_ts pnl".split()
)
_FEE = np.int64((FILL_LOG.names or ()).index("fee"))
_TRADE_WORDS, _FILL_WORDS = (np.int64(kind.itemsize // 8) for kind in (TRADE_LOG, FILL_LOG))


def begin(tallies: np.ndarray, start: float, first: np.ndarray) -> None:
    """Empty tallies of an account that begins with `start`; `first` f8[k] is each one's level before its first day."""
    tallies[:] = np.zeros(1, TALLY)
    for name in ("start", "level", "peak"):
        tallies[name] = start
    first[:] = start


@helper
def mixed(seen, value):
    """A hash of what was `seen` and then `value`: order counts."""
    return (seen ^ value) * _MIX + (seen >> 29)


@helper
def take_trade(tally, direction, ambiguous, hold):
    """One closed trade; its result in quanta the caller keeps, in order, until `finish`."""
    tally["trades"] += 1
    tally["hold"] += hold
    tally["longs"] += 1 if direction > 0 else 0
    tally["ambiguous"] += ambiguous


@helper
def _take_results(tally, results, n):
    """Counts, extremes and streaks of the results."""
    wins, losses, streak, win_streak, loss_streak = 0, 0, 0, 0, 0
    best, worst = results[0], results[0]
    for i in range(n):
        pnl = results[i]
        best, worst = max(best, pnl), min(worst, pnl)
        if pnl > 0:
            wins += 1
            streak = max(streak, 0) + 1
            win_streak = max(win_streak, streak)
        elif pnl < 0:
            losses += 1
            streak = min(streak, 0) - 1
            loss_streak = max(loss_streak, -streak)
        else:
            streak = 0
    tally["best"], tally["worst"], tally["wins"], tally["losses"] = best, worst, wins, losses
    tally["win_streak"], tally["loss_streak"] = win_streak, loss_streak


@helper
def _take_level(tally, days, day, level):
    """A level stands from its time on: the days before its own end with the one before it."""
    for d in range(tally["day"], min(day, days.size - 1)):
        days[d + 1] = tally["level"]
    tally["day"] = max(tally["day"], day)
    tally["level"] = level
    if level > tally["peak"]:
        tally["peak"] = level
    else:
        tally["fall"] = min(tally["fall"], level / tally["peak"] - 1.0)


@entry
def take_logs(tallies, at, days, results, log, starts, curve, n_curve, first_day):
    """Fold the kernel's log and `n_curve` equity points into tallies[at]; days f8[k, d + 1], `first_day` since 1970."""
    tally = tallies[at]
    row = days[at]
    for n in range(starts[K_TRADE], log[K_TRADE], _TRADE_WORDS):
        hold = log[n + _EXIT_TS] - log[n + _ENTRY_TS]
        results[tally["trades"]] = log[n + _PNL]
        take_trade(tally, log[n + _DIRECTION], log[n + _AMBIGUOUS], hold)
        for word in HASHED:
            tally["hash"] = mixed(tally["hash"], log[n + word])
    for n in range(starts[K_FILL], log[K_FILL], _FILL_WORDS):
        tally["fees"] += log[n + _FEE]
    for n in range(n_curve):
        point = curve[n]
        tally["points"] += 1
        if point["exposure"] != 0.0:
            tally["held"] += 1
        _take_level(tally, row, (point["ts"] - 1) // _DAY - first_day, point["equity"])


@entry
def finish(tallies, at, days, results, money, frames, sums, scale):
    """The last day's level and the sums of results: money f8[n], frames i8[STACK], sums f8[STACK] are memory to work in."""
    tally = tallies[at]
    row = days[at]
    for d in range(tally["day"], row.size - 1):
        row[d + 1] = tally["level"]
    tally["day"] = row.size - 1
    n, won, lost = tally["trades"], 0, 0
    if n > 0:
        _take_results(tally, results, n)
    for i in range(n):
        if results[i] > 0:
            money[won] = results[i] / scale
            won += 1
    tally["gross_profit"] = pairwise(money, won, frames, sums)
    for i in range(n):
        if results[i] < 0:
            money[lost] = results[i] / scale
            lost += 1
    tally["gross_loss"] = pairwise(money, lost, frames, sums)
    for i in range(n):
        money[i] = results[i] / scale
    tally["profit"] = pairwise(money, n, frames, sums)
    if n > 1:
        mean = tally["profit"] / n
        for i in range(n):
            apart = money[i] - mean
            money[i] = apart * apart
        tally["deviation"] = np.sqrt(pairwise(money, n, frames, sums) / (n - 1))


@helper
def _block(values, start, n):
    """Sum of at most 128 values: eight running sums, joined in pairs, then the rest."""
    if n < 8:
        total = 0.0
        for i in range(start, start + n):
            total += values[i]
        return total
    a, b, c, d = values[start], values[start + 1], values[start + 2], values[start + 3]
    e, f, g, h = values[start + 4], values[start + 5], values[start + 6], values[start + 7]
    whole = n - n % 8
    for i in range(start + 8, start + whole, 8):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
        e += values[i + 4]
        f += values[i + 5]
        g += values[i + 6]
        h += values[i + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for i in range(start + whole, start + n):
        total += values[i]
    return total


@helper
def pairwise(values, n, frames, sums):
    """Sum of the first `n` by halves, in the order in which numpy adds a float64[n]. frames i8[STACK], sums f8[STACK] hold
    what is still to be added: start, size, how many halves are done; the left half's sum."""
    top, total = 0, 0.0
    frames[0], frames[1], frames[2] = 0, n, 0
    while top >= 0:
        at = 3 * top
        start, size, done = frames[at], frames[at + 1], frames[at + 2]
        half = size // 2
        half -= half % 8
        if size <= _BLOCK:
            total = _block(values, start, size)
            top -= 1
        elif done == 2:
            total = sums[top] + total
            top -= 1
        else:
            if done == 1:
                sums[top] = total
            frames[at + 2] = done + 1
            frames[at + 3] = start + half if done == 1 else start
            frames[at + 4] = size - half if done == 1 else half
            frames[at + 5] = 0
            top += 1
    return total
