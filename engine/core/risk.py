"""Levels, limits and breakers: who may trade, what trips, and how a trip ends. Runs the same in backtest, paper and live."""

from engine.core.book import cancel_entry, cancel_exit, queue_exit
from engine.core.codes import (
    DAILY_LOSS,
    DRAWDOWN,
    E_END,
    E_LEVEL,
    E_RELEASE,
    E_TRIP,
    E_WIPED_OUT,
    END_COOLDOWN,
    END_NEXT_DAY,
    FLATTEN,
    KILLED,
    PAUSED,
    R_BREAKER,
    R_COOLDOWN,
    R_LEVEL,
    R_NONE,
    R_SLOT_OFF,
    R_SUPERSEDED,
    SLOT_ENABLED,
    WIPED_OUT,
)
from engine.core.jit import MINUS_ONE, NO_VALUE, ZERO, helper
from engine.core.log import log_event
from engine.core.types import NEVER


@helper
def entry_block(account, slot, breakers, i, ts):
    """Why slot i may not open a position now; R_NONE if it may."""
    if slot["state"] != SLOT_ENABLED:
        return R_SLOT_OFF
    if account["level"] >= PAUSED:
        return R_LEVEL
    for b in range(breakers.size):
        if breakers[b]["tripped"] == 1 and breakers[b]["slot"] == i:
            return R_BREAKER
    if ts < slot["blocked_until"]:
        return R_COOLDOWN
    return R_NONE


@helper
def open_count(slots):
    """Positions held plus entries waiting on slots that hold none: what `max_positions` counts."""
    count = 0
    for i in range(slots.size):
        if slots[i]["qty"] > 0 or slots[i]["q_entry"] != 0:
            count += 1
    return count


@helper
def refresh_level(account, slots, breakers, log, ts):
    """The most severe of the operator's level and tripped account breakers; PAUSED or worse cancels waiting entries."""
    level = account["operator"]
    for b in range(breakers.size):
        if breakers[b]["tripped"] == 1 and breakers[b]["slot"] < 0:
            level = max(level, breakers[b]["level"])
    if level == account["level"]:
        return
    log_event(account, log, ts, E_LEVEL, MINUS_ONE, MINUS_ONE, level, account["level"], NO_VALUE, NO_VALUE, ZERO)
    account["level"] = level
    if level >= PAUSED:
        cancel_entries(account, slots, log, MINUS_ONE, R_LEVEL, ts)


@helper
def cancel_entries(account, slots, log, only, reason, ts):
    """Cancel waiting entries that have not been sent to a venue; `only` >= 0 for one slot."""
    for i in range(slots.size):
        if (only < 0 or only == i) and slots[i]["q_entry"] != 0 and slots[i]["q_sent"] == 0:
            cancel_entry(account, slots[i], log, i, reason, ts)


@helper
def flatten(account, slots, symbols, log, only, purpose, ts):
    """Queue the exit of every position (or of slot `only`), replacing an exit that waits for another reason."""
    for i in range(slots.size):
        slot = slots[i]
        if (only < 0 or only == i) and slot["qty"] > 0 and slot["x_sent"] == 0:
            if slot["x_purpose"] > 0:
                cancel_exit(account, slot, log, i, R_SUPERSEDED, ts)
            symbol = symbols[slot["symbol"]]
            queue_exit(account, slot, symbol, log, i, purpose, ts + account["delay_ms"], ZERO, ts)


@helper
def _fall(top, now):
    return (top - now) / top if top > 0.0 else 0.0


@helper
def measure(account, losses, breaker):
    """The number a breaker watches: a count of losses (given), or a fraction of equity lost."""
    if breaker["kind"] == DAILY_LOSS:
        return _fall(account["day_start"], account["equity"])
    if breaker["kind"] == DRAWDOWN:
        return _fall(account["peak"], account["equity"])
    return float(losses)


@helper
def losses_of(account, slots, breaker):
    return slots[breaker["slot"]]["losses"] if breaker["slot"] >= 0 else account["losses"]


@helper
def check_breakers(account, slots, symbols, breakers, log, ts):
    """Phase 4: trip what has reached its threshold, once a frame, then the level that follows."""
    if account["equity"] <= 0.0 and account["operator"] < KILLED:
        account["operator"] = KILLED
        log_event(account, log, ts, E_WIPED_OUT, MINUS_ONE, MINUS_ONE, KILLED, ZERO, account["equity"], NO_VALUE, NEVER)
        refresh_level(account, slots, breakers, log, ts)
        flatten(account, slots, symbols, log, MINUS_ONE, WIPED_OUT, ts)
    changed = False
    for b in range(breakers.size):
        breaker = breakers[b]
        if breaker["tripped"] == 0:
            value = measure(account, losses_of(account, slots, breaker), breaker)
            if value >= breaker["threshold"]:
                _trip(account, slots, symbols, breaker, b, value, log, ts)
                changed = True
    if changed:
        refresh_level(account, slots, breakers, log, ts)


@helper
def _trip(account, slots, symbols, breaker, b, value, log, ts):
    breaker["tripped"] = 1
    breaker["since"] = ts
    breaker["value"] = value
    breaker["until"] = NEVER
    if breaker["end"] == END_COOLDOWN:
        breaker["until"] = ts + breaker["cooldown_ms"]
    elif breaker["end"] == END_NEXT_DAY:
        breaker["until"] = account["midnight"]
    elif account["auto_ack_ms"] > 0:
        breaker["until"] = ts + account["auto_ack_ms"]
    account["wake"] = min(account["wake"], breaker["until"])
    only = breaker["slot"]
    log_event(account, log, ts, E_TRIP, only, b, breaker["level"], ZERO, value, breaker["threshold"], breaker["until"])
    if only >= 0:
        cancel_entries(account, slots, log, only, R_BREAKER, ts)
    if breaker["flatten"] == 1:
        flatten(account, slots, symbols, log, only, FLATTEN, ts)


@helper
def rearm(account, slots, breaker):
    """Start a breaker anew from now: peak = equity, loss count 0, the day's loss from here."""
    if breaker["kind"] == DRAWDOWN:
        account["peak"] = account["equity"]
    elif breaker["kind"] == DAILY_LOSS:
        account["day_start"] = account["equity"]
    elif breaker["slot"] >= 0:
        slots[breaker["slot"]]["losses"] = 0
    else:
        account["losses"] = 0
    breaker["tripped"] = 0
    breaker["until"] = NEVER


@helper
def end_breakers(account, slots, breakers, log, ts):
    """End every trip whose time has come."""
    changed = False
    for b in range(breakers.size):
        breaker = breakers[b]
        if breaker["tripped"] == 1 and breaker["until"] <= ts:
            rearm(account, slots, breaker)
            log_event(
                account, log, ts, E_END, breaker["slot"], b, ZERO, ZERO, breaker["value"], breaker["threshold"], ts
            )
            changed = True
    if changed:
        refresh_level(account, slots, breakers, log, ts)


@helper
def release(account, slots, breakers, log, b, ts):
    """A person ends breaker b, or the kill latch (b = -1)."""
    if b >= 0:
        rearm(account, slots, breakers[b])
        log_event(account, log, ts, E_RELEASE, breakers[b]["slot"], b, ZERO, ZERO, breakers[b]["value"], NO_VALUE, ts)
    else:
        account["operator"] = 0
        log_event(account, log, ts, E_RELEASE, MINUS_ONE, MINUS_ONE, ZERO, ZERO, NO_VALUE, NO_VALUE, ts)
    refresh_level(account, slots, breakers, log, ts)


@helper
def next_wake(slots, breakers, ts):
    """The earliest time stop or breaker end after `ts`."""
    wake = NEVER
    for i in range(slots.size):
        if slots[i]["qty"] > 0 and slots[i]["x_purpose"] == 0 and slots[i]["time_exit"] > ts:
            wake = min(wake, slots[i]["time_exit"])
    for b in range(breakers.size):
        if breakers[b]["tripped"] == 1 and breakers[b]["until"] > ts:
            wake = min(wake, breakers[b]["until"])
    return wake
