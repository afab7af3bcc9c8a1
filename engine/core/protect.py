"""Protective exits: where the stop stands in this bar, and whether bar and stop or target met.

Pure questions about one slot and one bar; the answers are acted on by the kernel.
"""

from engine.core.codes import BREAKEVEN, TARGET, TRAIL
from engine.core.costs import open_price
from engine.core.jit import ZERO, helper


@helper
def move_stop(slot):
    """Trail and break-even by the extremes of past bars; never loosens. True if the stop moved."""
    moved = False
    long = slot["direction"] > 0
    if slot["trail"] > 0:
        level = slot["best"] - slot["trail"] if long else slot["best"] + slot["trail"]
        if level > 0 and _tighter(slot, level, long):
            slot["stop"] = level
            slot["stop_kind"] = TRAIL
            moved = True
    if slot["breakeven"] > 0:
        reached = slot["best"] >= slot["breakeven"] if long else slot["best"] <= slot["breakeven"]
        if reached and _tighter(slot, slot["entry_price"], long):
            slot["stop"] = slot["entry_price"]
            slot["stop_kind"] = BREAKEVEN
            moved = True
    return moved


@helper
def _tighter(slot, level, long):
    return slot["stop"] == 0 or (level > slot["stop"] if long else level < slot["stop"])


@helper
def stop_touched(slot, symbol):
    if slot["stop"] == 0:
        return False
    return symbol["low"] <= slot["stop"] if slot["direction"] > 0 else symbol["high"] >= slot["stop"]


@helper
def target_passed(slot, symbol):
    """A resting target fills when the bar trades at least a tick beyond it: a touch is no fill."""
    if slot["target"] == 0:
        return False
    return symbol["high"] > slot["target"] if slot["direction"] > 0 else symbol["low"] < slot["target"]


@helper
def meet(slot, symbol):
    """(purpose, base price, kind price) of what this bar does to an open position; purpose 0 = nothing.

    Gaps at the open come first, then the stop, then the target; a bar that holds both is ambiguous and takes the stop.
    """
    stop_hit = stop_touched(slot, symbol)
    target_hit = target_passed(slot, symbol)
    if not stop_hit and not target_hit:
        return ZERO, ZERO, ZERO
    long = slot["direction"] > 0
    fresh = slot["fresh_limit"] == 1
    if stop_hit:
        stop = slot["stop"]
        opened_beyond = symbol["open"] <= stop if long else symbol["open"] >= stop
        if opened_beyond and not fresh:
            at_open = open_price(symbol, -slot["direction"])
            return slot["stop_kind"], min(at_open, stop) if long else max(at_open, stop), ZERO
    if target_hit and not fresh:
        target = slot["target"]
        if symbol["open"] > target if long else symbol["open"] < target:
            return TARGET, symbol["open"], ZERO
        if not stop_hit:
            return TARGET, target, ZERO
        return slot["stop_kind"], slot["stop"], target
    if stop_hit:
        return slot["stop_kind"], slot["stop"], ZERO
    return ZERO, ZERO, ZERO


@helper
def absorb_bar(slot, symbol):
    """Take a finished bar's extremes into what trailing, break-even, MAE and MFE will look at from the next bar on."""
    high, low = symbol["high"], symbol["low"]
    slot["high"] = max(slot["high"], high)
    slot["low"] = min(slot["low"], low)
    slot["best"] = max(slot["best"], high) if slot["direction"] > 0 else min(slot["best"], low)
