"""Phase 5: a strategy's decision becomes queued orders, or a signal that says why not."""

import numpy as np

from engine.core.book import cancel_entry, queue_exit, send_entry
from engine.core.codes import (
    ENTERING,
    EXIT,
    EXITING,
    HALTED,
    QUEUED,
    R_BUSY,
    R_IN_POSITION,
    R_LEVEL,
    R_MAX_POSITIONS,
    R_MIN_NOTIONAL,
    R_MISSED,
    R_NO_POSITION,
    R_NO_PRICE,
    R_NO_STOP,
    R_NONE,
    R_OPPOSITE,
    R_ORDER_RATE,
    R_PENDING,
    R_SHORT,
    R_SUPERSEDED,
    RISK,
    S_IGNORED,
    S_MISSED,
    S_REFUSED,
    S_TAKEN,
)
from engine.core.costs import level_below
from engine.core.jit import ZERO, helper
from engine.core.log import log_entry, log_signal
from engine.core.risk import count_order, entry_block, open_count, over_rate
from engine.core.sizing import entry_lots, need_of, scaled_lots
from engine.core.types import NEVER


@helper
def decide(account, slots, symbols, breakers, log, decision):
    """Act on one decision and log what became of it."""
    i = np.int64(decision["slot"])
    ts = decision["decided_at"]
    order, status, reason = ZERO, S_IGNORED, R_NO_POSITION
    if decision["exit"] == 1:
        order, status, reason = _exit(account, slots, symbols, log, i, decision)
    if decision["entry"] != 0:
        entry_order, status, reason = _entry(account, slots, symbols, breakers, log, i, decision)
        order = entry_order if entry_order > 0 else order
    mark = symbols[slots[i]["symbol"]]["mark"]
    log_signal(account, log, decision["signal_id"], i, status, reason, order, mark, ts)


@helper
def _exit(account, slots, symbols, log, i, decision):
    slot = slots[i]
    ts = decision["decided_at"]
    if slot["q_entry"] != 0 and slot["q_sent"] == 0:
        cancel_entry(account, slot, log, i, R_SUPERSEDED, ts)
    if slot["qty"] == 0:
        return ZERO, S_IGNORED, R_BUSY if slot["status"] == ENTERING else R_NO_POSITION
    if slot["status"] == EXITING or slot["status"] == ENTERING:
        return ZERO, S_IGNORED, R_BUSY
    if slot["x_purpose"] > 0:
        return ZERO, S_IGNORED, R_PENDING
    if account["level"] >= HALTED:
        return ZERO, S_REFUSED, R_LEVEL
    symbol = symbols[slot["symbol"]]
    queue_exit(account, slot, symbol, log, i, EXIT, decision["known_at"], decision["signal_id"], ts)
    return slot["x_order"], S_TAKEN, R_NONE


@helper
def _entry(account, slots, symbols, breakers, log, i, decision):
    slot = slots[i]
    status, reason = _entry_conflict(slot, decision)
    if reason != R_NONE:
        return ZERO, status, reason
    if decision["missed"] == 1:
        return ZERO, S_MISSED, R_MISSED
    symbol = symbols[slot["symbol"]]
    if symbol["close"] <= 0:
        return ZERO, S_REFUSED, R_NO_PRICE
    if decision["entry"] < 0 and slot["allow_short"] == 0 and symbol["perp"] == 0:
        return ZERO, S_REFUSED, R_SHORT
    block = entry_block(account, slot, breakers, i, decision["decided_at"])
    if block != R_NONE:
        return ZERO, S_REFUSED, block
    if slot["qty"] == 0 and open_count(slots) >= account["max_positions"]:
        return ZERO, S_REFUSED, R_MAX_POSITIONS
    if over_rate(account, symbol, decision["decided_at"]):
        return ZERO, S_REFUSED, R_ORDER_RATE
    return _queue_entry(account, slots, symbols, log, i, decision)


@helper
def _entry_conflict(slot, decision):
    """What the slot is already doing that leaves no room for this entry."""
    if slot["q_entry"] != 0:
        return S_IGNORED, R_PENDING
    if slot["qty"] > 0:
        if slot["direction"] == decision["entry"]:
            return S_IGNORED, R_IN_POSITION
        if slot["x_purpose"] == 0:
            return S_IGNORED, R_OPPOSITE
    elif slot["status"] == EXITING or slot["status"] == ENTERING:
        return S_IGNORED, R_BUSY
    return S_TAKEN, R_NONE


@helper
def stop_distance_of(slot, signal_stop, price):
    """Ticks between entry and stop, the signal's own first, then the slot's fraction of the price."""
    if signal_stop > 0:
        return signal_stop
    if slot["stop_rate"] > 0:
        return price - level_below(price, slot["stop_rate"])
    return ZERO


@helper
def _queue_entry(account, slots, symbols, log, i, decision):
    slot = slots[i]
    symbol = symbols[slot["symbol"]]
    price = symbol["close"]
    limit = _limit_price(price, decision)
    stop = stop_distance_of(slot, decision["stop"], limit if limit > 0 else price)
    if slot["sizing"] == RISK and stop <= 0:
        return ZERO, S_REFUSED, R_NO_STOP
    qty, reserved = ZERO, ZERO
    if account["research"] == 0:
        qty, reason = entry_lots(
            account, slots, symbols, i, limit if limit > 0 else price, stop, decision["volatility"]
        )
        if reason != R_NONE:
            return ZERO, S_REFUSED, reason
        qty = scaled_lots(symbol, qty, limit if limit > 0 else price, decision["scale"])
        if qty == 0:
            return ZERO, S_REFUSED, R_MIN_NOTIONAL
        reserved = need_of(symbol, limit if limit > 0 else price, qty)
    count_order(account, symbol, decision["decided_at"])
    account["orders"] += 1
    account["n_queued"] += 1
    account["reserved"] += reserved
    slot["q_entry"] = decision["entry"]
    slot["q_qty"] = qty
    slot["q_reserved"] = reserved
    slot["q_known_at"] = decision["known_at"]
    slot["q_expires"] = _expiry(account, slot, decision, limit)
    slot["q_limit"] = limit
    slot["q_stop"] = decision["stop"]
    slot["q_target"] = decision["target"]
    slot["q_trail"] = decision["trail"]
    slot["q_volatility"] = decision["volatility"]
    slot["q_signal"] = decision["signal_id"]
    slot["q_order"] = account["orders"]
    slot["q_ref"] = price
    slot["q_ts"] = decision["decided_at"]
    slot["q_filled"] = 0
    slot["q_sent"] = 0
    log_entry(account, log, slot, i, QUEUED, R_NONE, decision["decided_at"])
    if account["venue"] == 1 and slot["x_purpose"] == 0:
        send_entry(account, slot, log, i, decision["decided_at"])
    return slot["q_order"], S_TAKEN, R_NONE


@helper
def _limit_price(price, decision):
    offset = decision["limit_offset"]
    if offset == 0:
        return ZERO
    return max(price - offset, 1) if decision["entry"] > 0 else price + offset


@helper
def _expiry(account, slot, decision, limit):
    """A market entry lives one strategy bar after known_at, a limit entry its life in bars; research never expires one."""
    if limit > 0:
        return decision["known_at"] + max(decision["limit_bars"], 1) * slot["timeframe_ms"]
    if account["research"] == 1:
        return NEVER
    return decision["known_at"] + slot["timeframe_ms"]
