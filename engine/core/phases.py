"""The phases of a frame that change the books: waiting orders at the open, stops and targets, gaps.

Called by the kernel only when there is something to do; what is asked on every bar stands in `kernel` and `protect`.
"""

from engine.core.book import (
    book_fill,
    cancel_entry,
    cancel_exit,
    clear_entry,
    queue_exit,
    send_entry,
    send_exit,
)
from engine.core.codes import (
    CANCELLED,
    E_FUNDING,
    E_OUTAGE_STOP,
    E_STOP_MOVE,
    ENTRY,
    EXIT,
    FLATTEN,
    HALTED,
    KILLED,
    MANUAL,
    OUTAGE,
    PAUSED,
    R_COLLAR,
    R_EXPIRED,
    R_LEVEL,
    R_MOVED,
    R_NONE,
    R_SUPERSEDED,
    TARGET,
    TIME,
    WIPED_OUT,
)
from engine.core.costs import fee_of, notional_of, open_price, slipped
from engine.core.decide import stop_distance_of
from engine.core.jit import BY_RATE, MINUS_ONE, NO_VALUE, ONE, ZERO, helper
from engine.core.log import log_entry, log_event
from engine.core.money import mul_div_floor
from engine.core.protect import absorb_bar, move_stop, stop_touched
from engine.core.sizing import entry_lots
from engine.core.types import RATE


@helper
def time_stops(account, slots, symbols, log, ts):
    """Queue the exit of every position that has been held for its number of strategy bars."""
    for i in range(slots.size):
        slot = slots[i]
        if slot["qty"] > 0 and slot["time_exit"] <= ts and slot["x_purpose"] == 0 and account["level"] < KILLED:
            known_at = slot["time_exit"] + account["delay_ms"]
            queue_exit(account, slot, symbols[slot["symbol"]], log, i, TIME, known_at, ZERO, ts)


@helper
def pay_funding(account, slots, symbols, log, event):
    for i in range(slots.size):
        slot = slots[i]
        if slot["qty"] > 0 and slot["symbol"] == event["symbol"]:
            symbol = symbols[slot["symbol"]]
            rate = event["rate"]
            notional = notional_of(symbol, symbol["mark"], slot["qty"])
            payment = slot["direction"] * (fee_of(notional, rate) if rate >= 0 else -fee_of(notional, -rate))
            account["cash"] -= payment
            account["cash_value"] = account["cash"] / account["quantum_scale"]
            slot["funding"] += payment
            value = rate / RATE
            log_event(account, log, event["ts"], E_FUNDING, i, MINUS_ONE, ZERO, payment, value, NO_VALUE, ZERO)


# ---- phase 1 -----------------------------------------------------------------------------------------------------------
@helper
def fill_waiting(account, slots, symbols, log, ts):
    for i in range(slots.size):
        slot = slots[i]
        if slot["x_purpose"] > 0 and ts >= slot["x_known_at"] and symbols[slot["symbol"]]["fresh"] == 1:
            _fill_exit(account, slot, symbols[slot["symbol"]], log, i, ts)
        if slot["q_entry"] != 0 and slot["q_sent"] == 0 and slot["x_purpose"] == 0:
            _try_entry(account, slots, symbols, log, i, ts)


@helper
def _fill_exit(account, slot, symbol, log, i, ts):
    purpose = slot["x_purpose"]
    if account["level"] == KILLED and purpose != FLATTEN and purpose != WIPED_OUT and purpose != MANUAL:
        return
    if account["level"] == HALTED and purpose == EXIT:
        known_at = slot["time_exit"] + account["delay_ms"]
        if ts < known_at:
            return
        # the strategy's exit waits for the halt to end; a time stop, like any protection, does not
        cancel_exit(account, slot, log, i, R_SUPERSEDED, ts)
        queue_exit(account, slot, symbol, log, i, TIME, known_at, ZERO, ts)
        purpose = TIME
    if account["venue"] == 1:
        if slot["x_sent"] == 0:
            send_exit(account, slot, log, i, ts)
        return
    base = open_price(symbol, -slot["direction"])
    price = slipped(base, -slot["direction"], symbol["slippage"])
    book_fill(account, slot, symbol, log, i, ZERO, slot["qty"], price, base, BY_RATE, purpose, ZERO, ts, ZERO)


@helper
def _try_entry(account, slots, symbols, log, i, ts):
    slot = slots[i]
    if account["level"] >= PAUSED:
        cancel_entry(account, slot, log, i, R_LEVEL, ts)
        return
    if ts >= slot["q_expires"]:
        cancel_entry(account, slot, log, i, R_EXPIRED, ts)
        return
    symbol = symbols[slot["symbol"]]
    if ts < slot["q_known_at"] or symbol["fresh"] == 0:
        return
    if account["venue"] == 1:
        send_entry(account, slot, log, i, ts)
        return
    limit = slot["q_limit"]
    if limit > 0:
        # a resting entry fills at its price, and only when the bar trades at least a tick beyond it
        passed = symbol["low"] < limit if slot["q_entry"] > 0 else symbol["high"] > limit
        if not passed:
            return
        base, price, maker = limit, limit, ONE
    else:
        base, maker = open_price(symbol, slot["q_entry"]), ZERO
        price = slipped(base, slot["q_entry"], symbol["slippage"])
        if account["collar"] > 0 and abs(price - symbol["mark"]) > mul_div_floor(
            symbol["mark"], account["collar"], RATE
        ):
            cancel_entry(account, slot, log, i, R_COLLAR, ts)
            return
    if account["research"] == 1:
        if not _size_now(account, slots, symbols, log, i, price, ts):
            return
    elif _moved(slot, symbol, price):
        cancel_entry(account, slot, log, i, R_MOVED, ts)
        return
    slot["fresh_limit"] = maker
    book_fill(account, slot, symbol, log, i, ONE, slot["q_qty"], price, base, BY_RATE, ENTRY, maker, ts, ZERO)


@helper
def _moved(slot, symbol, price):
    """The fill would cost more than was reserved for it."""
    notional = notional_of(symbol, price, slot["q_qty"])
    return notional + fee_of(notional, symbol["taker"]) > slot["q_reserved"]


@helper
def _size_now(account, slots, symbols, log, i, price, ts):
    """Research mode: the quantity is fixed at the fill's own price, as other libraries do."""
    slot = slots[i]
    stop = stop_distance_of(slot, slot["q_stop"], price)
    qty, reason = entry_lots(account, slots, symbols, i, price, stop, slot["q_volatility"])
    if reason != R_NONE:
        log_entry(account, log, slot, i, CANCELLED, reason, ts)
        clear_entry(account, slot)
        return False
    slot["q_qty"] = qty
    return True


# ---- phase 2 -----------------------------------------------------------------------------------------------------------
@helper
def exit_protected(account, slot, symbol, log, i, purpose, base, kind_price, ts):
    """Fill (model) or send (venue) the exit that stop or target asks for; an exit that still waits is replaced.

    Returns True if the position is closed.
    """
    if slot["x_sent"] == 1 or account["level"] == KILLED or (account["venue_stops"] == 1 and purpose != TARGET):
        return False
    if slot["x_purpose"] > 0:
        cancel_exit(account, slot, log, i, R_SUPERSEDED, ts)
    queue_exit(account, slot, symbol, log, i, purpose, ts, ZERO, ts)
    if account["venue"] == 1:
        return False
    maker = ONE if purpose == TARGET else ZERO
    price = base
    if purpose != TARGET:
        price = slipped(base, -slot["direction"], symbol["slippage"])
    book_fill(account, slot, symbol, log, i, ZERO, slot["qty"], price, base, BY_RATE, purpose, maker, ts, kind_price)
    return True


@helper
def log_stop_move(account, slot, log, i, ts):
    log_event(account, log, ts, E_STOP_MOVE, i, MINUS_ONE, ZERO, slot["stop"], NO_VALUE, NO_VALUE, ZERO)


# ---- gaps ----------------------------------------------------------------------------------------------------------------
@helper
def watch_gap(account, slots, symbols, log, ts):
    """Back-filled bars: what they would have stopped is remembered and leaves at the first price really to be had."""
    for i in range(slots.size):
        slot = slots[i]
        symbol = symbols[slot["symbol"]]
        if slot["qty"] > 0 and symbol["fresh"] == 1:
            if move_stop(slot):
                log_stop_move(account, slot, log, i, ts)
            if slot["outage_stop"] == 0 and account["venue_stops"] == 0 and stop_touched(slot, symbol):
                slot["outage_stop"] = 1
                log_event(account, log, ts, E_OUTAGE_STOP, i, MINUS_ONE, ZERO, slot["stop"], NO_VALUE, NO_VALUE, ZERO)
            absorb_bar(slot, symbol)


@helper
def leave_outage(account, slots, symbols, log, ts):
    """On the first live frame after a gap: the stops that the gap passed become exits at its open."""
    for i in range(slots.size):
        slot = slots[i]
        symbol = symbols[slot["symbol"]]
        ready = slot["outage_stop"] == 1 and slot["x_sent"] == 0 and account["level"] < KILLED
        if ready and symbol["fresh"] == 1:
            slot["outage_stop"] = 0
            if slot["x_purpose"] > 0:
                cancel_exit(account, slot, log, i, R_SUPERSEDED, ts)
            queue_exit(account, slot, symbol, log, i, OUTAGE, ts, ZERO, ts)
