"""Levels, limits and breakers: who may trade, what trips, and how a trip ends. Runs the same in backtest, paper and live."""

import numpy as np

from engine.core.book import cancel_entry, cancel_exit, queue_exit
from engine.core.codes import (
    DAILY_LOSS,
    DRAWDOWN,
    E_END,
    E_FULL_SIZE,
    E_LEVEL,
    E_PROBATION,
    E_RELEASE,
    E_TRIP,
    E_WIPED_OUT,
    END_COOLDOWN,
    END_NEXT_DAY,
    END_REGAINED,
    FEED_ERRORS,
    FLATTEN,
    KILLED,
    LOSSES,
    PAUSED,
    R_BREAKER,
    R_COOLDOWN,
    R_LEVEL,
    R_NONE,
    R_SLOT_OFF,
    R_SUPERSEDED,
    SLOT_ENABLED,
    STALE_DATA,
    STORAGE,
    VENUE_ERRORS,
    WIPED_OUT,
)
from engine.core.jit import MINUS_ONE, NO_VALUE, ZERO, helper
from engine.core.log import log_event
from engine.core.types import MS_DAY, NEVER, RATE
from engine.core.watched import closed_in, covers, made, of_account, watched

_DAY, _MINUTE = np.int64(MS_DAY), np.int64(60_000)


@helper
def entry_block(account, slot, breakers, i, ts):
    """Why slot i may not open a position now; R_NONE if it may."""
    if slot["state"] != SLOT_ENABLED:
        return R_SLOT_OFF
    if account["level"] >= PAUSED:
        return R_LEVEL
    for b in range(breakers.size):
        if breakers[b]["tripped"] == 1 and not of_account(breakers[b]) and covers(breakers[b], slot, i):
            return R_BREAKER
    if ts < slot["blocked_until"]:
        return R_COOLDOWN
    return R_NONE


@helper
def over_rate(account, symbol, ts):
    """Whether one more entry now would exceed what a UTC minute or day may have."""
    minute = ts // _MINUTE
    here = account["max_symbol_minute"]
    if here > 0 and symbol["minute"] == minute and symbol["minute_orders"] >= here:
        return True
    if account["max_minute"] > 0 and account["minute"] == minute and account["minute_orders"] >= account["max_minute"]:
        return True
    return account["max_day"] > 0 and account["day"] == ts // _DAY and account["day_orders"] >= account["max_day"]


@helper
def count_order(account, symbol, ts):
    """One more entry was queued."""
    minute, day = ts // _MINUTE, ts // _DAY
    symbol["minute_orders"] = symbol["minute_orders"] + 1 if symbol["minute"] == minute else 1
    account["minute_orders"] = account["minute_orders"] + 1 if account["minute"] == minute else 1
    account["day_orders"] = account["day_orders"] + 1 if account["day"] == day else 1
    symbol["minute"] = minute
    account["minute"] = minute
    account["day"] = day


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
        if breakers[b]["tripped"] == 1 and of_account(breakers[b]):
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
def check_breakers(account, slots, symbols, breakers, log, ts):
    """Phase 4: trip what has reached its threshold, end what has regained half of it or served its probation, once a frame;
    then the level that follows."""
    if account["equity"] <= 0.0 and account["operator"] < KILLED:
        account["operator"] = KILLED
        log_event(account, log, ts, E_WIPED_OUT, MINUS_ONE, MINUS_ONE, KILLED, ZERO, account["equity"], NO_VALUE, NEVER)
        refresh_level(account, slots, breakers, log, ts)
        flatten(account, slots, symbols, log, MINUS_ONE, WIPED_OUT, ts)
    changed = False
    for b in range(breakers.size):
        breaker = breakers[b]
        value = watched(account, slots, symbols, breaker, ts)
        if breaker["tripped"] == 0:
            if breaker["probation_end"] > 0 and closed_in(slots, breaker) >= breaker["probation_end"]:
                breaker["probation_end"] = 0
                log_event(account, log, ts, E_FULL_SIZE, breaker["slot"], b, ZERO, ZERO, NO_VALUE, NO_VALUE, ZERO)
                changed = True
            if value >= breaker["threshold"]:
                _trip(account, slots, symbols, breaker, b, value, log, ts)
                changed = True
        elif breaker["end"] == END_REGAINED and value <= 0.5 * breaker["threshold"]:
            _end(account, slots, breaker, b, log, ts)
            changed = True
    if changed:
        refresh_sizes(slots, breakers)
        refresh_level(account, slots, breakers, log, ts)


@helper
def _trip(account, slots, symbols, breaker, b, value, log, ts):
    day = ts // _DAY
    breaker["trips"] = breaker["trips"] + 1 if breaker["day"] == day else 1
    breaker["day"] = day
    breaker["tripped"] = 1
    breaker["since"] = ts
    breaker["value"] = value
    breaker["probation_end"] = 0
    breaker["until"] = _until(account, breaker, ts)
    account["wake"] = min(account["wake"], breaker["until"])
    equity = np.int64(round(account["equity"] * account["quantum_scale"]))
    log_event(
        account,
        log,
        ts,
        E_TRIP,
        breaker["slot"],
        b,
        breaker["level"],
        equity,
        value,
        breaker["threshold"],
        breaker["until"],
    )
    whole = of_account(breaker)
    for i in range(slots.size):
        if not whole and covers(breaker, slots[i], i):
            cancel_entries(account, slots, log, i, R_BREAKER, ts)
    if breaker["flatten"] == 1:
        for i in range(slots.size):
            if covers(breaker, slots[i], i):
                flatten(account, slots, symbols, log, i, FLATTEN, ts)


@helper
def _until(account, breaker, ts):
    """When a trip at `ts` ends by time; NEVER where it needs a person or what it watches to come back."""
    often = breaker["trips_a_day"] > 0 and breaker["trips"] >= breaker["trips_a_day"]
    if breaker["end"] == END_COOLDOWN and not often:
        return ts + breaker["cooldown_ms"]
    if breaker["end"] == END_NEXT_DAY:
        return account["midnight"]
    if breaker["end"] != END_REGAINED and account["auto_ack_ms"] > 0:
        return ts + account["auto_ack_ms"]
    return NEVER


@helper
def rearm(account, slots, symbols, breaker):
    """Start a breaker anew from now: peak = equity, loss count 0, the day's loss from here, failures forgotten."""
    kind = breaker["kind"]
    if kind == DRAWDOWN:
        account["peak"] = account["equity"]
    elif kind == DAILY_LOSS and of_account(breaker):
        account["day_start"] = account["equity"]
    elif kind == DAILY_LOSS:
        for i in range(slots.size):
            if covers(breaker, slots[i], i):
                slots[i]["day_base"] = made(account, slots[i], symbols)
    elif kind == LOSSES and breaker["slot"] >= 0:
        slots[breaker["slot"]]["losses"] = 0
    elif kind == LOSSES:
        account["losses"] = 0
    elif kind == FEED_ERRORS:
        account["feed_faults"] = 0
    elif kind == VENUE_ERRORS:
        account["venue_faults"] = 0
    elif kind == STORAGE:
        account["storage_faults"] = 0
    elif kind != STALE_DATA:
        account["ai_used"] = 0.0


@helper
def _let_go(account, slots, breaker, b, log, ts):
    """A trip is over: its probation begins if it has one."""
    breaker["tripped"] = 0
    breaker["until"] = NEVER
    if breaker["probation_trades"] > 0:
        breaker["probation_end"] = closed_in(slots, breaker) + breaker["probation_trades"]
        rate = breaker["probation_rate"] / float(RATE)
        trades = breaker["probation_trades"]
        log_event(account, log, ts, E_PROBATION, breaker["slot"], b, ZERO, trades, rate, NO_VALUE, ZERO)


@helper
def _end(account, slots, breaker, b, log, ts):
    value, threshold = breaker["value"], breaker["threshold"]
    log_event(account, log, ts, E_END, breaker["slot"], b, ZERO, ZERO, value, threshold, ts)
    _let_go(account, slots, breaker, b, log, ts)


@helper
def refresh_sizes(slots, breakers):
    """Each slot's share of its sizes: the smallest of the probations it is on."""
    for i in range(slots.size):
        rate = ZERO
        for b in range(breakers.size):
            breaker = breakers[b]
            if breaker["probation_end"] > 0 and covers(breaker, slots[i], i):
                rate = breaker["probation_rate"] if rate == 0 else min(rate, breaker["probation_rate"])
        slots[i]["size_rate"] = rate


@helper
def end_breakers(account, slots, symbols, breakers, log, ts):
    """End every trip whose time has come."""
    changed = False
    for b in range(breakers.size):
        breaker = breakers[b]
        if breaker["tripped"] == 1 and breaker["until"] <= ts:
            rearm(account, slots, symbols, breaker)
            _end(account, slots, breaker, b, log, ts)
            changed = True
    if changed:
        refresh_sizes(slots, breakers)
        refresh_level(account, slots, breakers, log, ts)


@helper
def release(account, slots, symbols, breakers, log, b, ts):
    """A person ends breaker b, or the kill latch (b = -1)."""
    if b >= 0:
        breaker = breakers[b]
        rearm(account, slots, symbols, breaker)
        log_event(account, log, ts, E_RELEASE, breaker["slot"], b, ZERO, ZERO, breaker["value"], NO_VALUE, ts)
        _let_go(account, slots, breaker, b, log, ts)
        breaker["trips"] = 0
        refresh_sizes(slots, breakers)
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
