"""The books: orders made and ended, fills booked, positions opened and closed, trades written.

`book_fill` is the one place where cash, positions and fees change. Whoever made the fill (the fill model of backtest and
paper, or a venue's report) is not known here.
"""

import numpy as np

from engine.core.codes import (
    BREAKEVEN,
    CANCELLED,
    ENTERING,
    EXITING,
    FILLED,
    FLAT,
    OPEN,
    OUTAGE,
    PARTIAL,
    QUEUED,
    R_NONE,
    SENT,
    STOP,
    TRAIL,
)
from engine.core.costs import fee_of, level_above, level_below, notional_of
from engine.core.jit import BY_RATE, ZERO, helper
from engine.core.layout import FILL_LOG, K_FILL, K_TRADE, TRADE_LOG
from engine.core.log import log_entry, log_exit, next_row
from engine.core.money import mul_div
from engine.core.types import NEVER

FILL_WORDS, TRADE_WORDS = (np.int64(kind.itemsize // 8) for kind in (FILL_LOG, TRADE_LOG))


@helper
def queue_exit(account, slot, symbol, log, i, purpose, known_at, signal, ts):
    """Make the exit order of slot i's whole position; at a venue it is sent at once."""
    account["orders"] += 1
    account["n_queued"] += 1
    slot["x_purpose"] = purpose
    slot["x_known_at"] = known_at
    slot["x_signal"] = signal
    slot["x_order"] = account["orders"]
    slot["x_ref"] = symbol["close"]
    slot["x_ts"] = ts
    slot["x_qty"] = slot["qty"]
    slot["x_filled"] = 0
    slot["x_sent"] = 0
    log_exit(account, log, slot, i, QUEUED, R_NONE, ts)
    if account["venue"] == 1:
        send_exit(account, slot, log, i, ts)


@helper
def send_exit(account, slot, log, i, ts):
    slot["x_sent"] = 1
    slot["status"] = EXITING
    log_exit(account, log, slot, i, SENT, R_NONE, ts)


@helper
def send_entry(account, slot, log, i, ts):
    slot["q_sent"] = 1
    slot["status"] = ENTERING
    log_entry(account, log, slot, i, SENT, R_NONE, ts)


@helper
def clear_entry(account, slot):
    account["reserved"] -= slot["q_reserved"]
    account["n_queued"] -= 1
    slot["q_reserved"] = 0
    slot["q_entry"] = 0
    slot["q_sent"] = 0
    if slot["status"] == ENTERING:
        slot["status"] = OPEN if slot["qty"] > 0 else FLAT


@helper
def clear_exit(account, slot):
    account["n_queued"] -= 1
    slot["x_purpose"] = 0
    slot["x_sent"] = 0
    if slot["status"] == EXITING:
        slot["status"] = OPEN if slot["qty"] > 0 else FLAT


@helper
def cancel_entry(account, slot, log, i, reason, ts):
    log_entry(account, log, slot, i, CANCELLED, reason, ts)
    clear_entry(account, slot)


@helper
def cancel_exit(account, slot, log, i, reason, ts):
    log_exit(account, log, slot, i, CANCELLED, reason, ts)
    clear_exit(account, slot)


@helper
def _log_fill(account, log, i, order, side, purpose, maker, qty, price, base, notional, fee, ts):
    n = next_row(log, K_FILL, FILL_WORDS)
    account["fills"] += 1
    log[n] = account["fills"]
    log[n + 1] = order
    log[n + 2] = i
    log[n + 3] = side
    log[n + 4] = purpose
    log[n + 5] = maker
    log[n + 6] = qty
    log[n + 7] = price
    log[n + 8] = base
    log[n + 9] = notional
    log[n + 10] = fee
    log[n + 11] = ts
    log[n + 12] = account["cash"]


@helper
def book_fill(account, slot, symbol, log, i, entry, qty, price, base, venue_fee, purpose, maker, ts, kind_price):
    """Book `qty` lots at `price` for slot i's entry (1) or exit (0) order.

    venue_fee is the fee a venue reported, below zero a rebate; BY_RATE: notional x the instrument's rate. kind_price: the
    price the kind assumption would have given an ambiguous exit, 0 if it is not ambiguous.
    """
    notional = notional_of(symbol, price, qty)
    fee = venue_fee
    if fee == BY_RATE:
        fee = fee_of(notional, symbol["maker"] if maker == 1 else symbol["taker"])
    side = slot["q_entry"] if entry == 1 else -slot["direction"]
    account["cash"] -= side * notional + fee
    account["cash_value"] = account["cash"] / account["quantum_scale"]
    slot["fees"] += fee
    order = slot["q_order"] if entry == 1 else slot["x_order"]
    _log_fill(account, log, i, order, side, purpose, maker, qty, price, base, notional, fee, ts)
    if entry == 1:
        _enter(account, slot, log, i, qty, price, notional, ts)
    else:
        _leave(account, slot, symbol, log, i, qty, price, notional, purpose, ts, kind_price)


@helper
def _enter(account, slot, log, i, qty, price, notional, ts):
    if slot["qty"] == 0:
        _start_position(account, slot, price, ts)
    slot["qty"] += qty
    slot["entry_qty"] += qty
    slot["entry_notional"] += notional
    slot["entry_price"] += mul_div(price - slot["entry_price"], qty, slot["entry_qty"])
    slot["high"] = max(slot["high"], price)
    slot["low"] = min(slot["low"], price)
    _set_protection(slot)
    account["wake"] = min(account["wake"], slot["time_exit"])
    slot["q_filled"] += qty
    if slot["q_filled"] >= slot["q_qty"]:
        log_entry(account, log, slot, i, FILLED, R_NONE, ts)
        clear_entry(account, slot)
    else:
        log_entry(account, log, slot, i, PARTIAL, R_NONE, ts)


@helper
def _start_position(account, slot, price, ts):
    account["n_open"] += 1
    account["trades"] += 1
    slot["trade"] = account["trades"]
    slot["direction"] = slot["q_entry"]
    slot["signal"] = slot["q_signal"]
    slot["entry_order"] = slot["q_order"]
    slot["entry_ts"] = ts
    slot["best"] = price
    slot["high"] = price
    slot["low"] = price
    slot["stop"] = 0
    if slot["status"] == FLAT:
        slot["status"] = OPEN
    slot["time_exit"] = NEVER
    if slot["time_stop"] > 0:
        frame = slot["timeframe_ms"]
        slot["time_exit"] = (ts // frame + slot["time_stop"]) * frame


@helper
def _set_protection(slot):
    """Stop, target, trail and break-even levels from the (average) entry price; called again when more is filled."""
    price = slot["entry_price"]
    long = slot["direction"] > 0
    before = slot["stop"]
    slot["stop"] = _level(price, slot["q_stop"], slot["stop_rate"], not long)
    slot["stop_kind"] = STOP
    slot["target"] = _level(price, slot["q_target"], slot["target_rate"], long)
    slot["trail"] = slot["q_trail"]
    if slot["trail"] == 0 and slot["trail_rate"] > 0:
        slot["trail"] = max(price - level_below(price, slot["trail_rate"]), 1)
    slot["breakeven"] = _level(price, ZERO, slot["breakeven_rate"], long)
    if slot["trail"] > 0 and slot["stop"] == 0:
        slot["stop"] = max(price - slot["trail"], 1) if long else price + slot["trail"]
        slot["stop_kind"] = TRAIL
    slot["stop_initial"] = slot["stop"]
    if before > 0 and (before > slot["stop"] if long else before < slot["stop"]):
        slot["stop"] = before  # a later part of the entry never loosens a stop that has moved


@helper
def _level(price, distance, rate, above):
    if distance > 0:
        return price + distance if above else max(price - distance, 1)
    if rate > 0:
        return level_above(price, rate) if above else level_below(price, rate)
    return 0


@helper
def _leave(account, slot, symbol, log, i, qty, price, notional, purpose, ts, kind_price):
    slot["qty"] -= qty
    slot["exit_qty"] += qty
    slot["exit_notional"] += notional
    slot["exit_price"] += mul_div(price - slot["exit_price"], qty, slot["exit_qty"])
    slot["high"] = max(slot["high"], price)
    slot["low"] = min(slot["low"], price)
    slot["x_filled"] += qty
    if slot["qty"] > 0:
        log_exit(account, log, slot, i, PARTIAL, R_NONE, ts)
        return
    log_exit(account, log, slot, i, FILLED, R_NONE, ts)
    _log_trade(account, slot, symbol, log, i, purpose, ts, kind_price)
    clear_exit(account, slot)
    _end_position(account, slot)
    if purpose == STOP or purpose == TRAIL or purpose == BREAKEVEN or purpose == OUTAGE:
        slot["blocked_until"] = ts + slot["cooldown_ms"]


@helper
def _log_trade(account, slot, symbol, log, i, purpose, ts, kind_price):
    direction = slot["direction"]
    pnl = direction * (slot["exit_notional"] - slot["entry_notional"]) - slot["fees"] - slot["funding"]
    kind_pnl = pnl
    if kind_price > 0:
        account["ambiguous"] += 1
        kind_pnl = _kind_pnl(slot, symbol, pnl, kind_price)
    n = next_row(log, K_TRADE, TRADE_WORDS)
    log[n] = slot["trade"]
    log[n + 1] = i
    log[n + 2] = direction
    log[n + 3] = purpose
    log[n + 4] = 1 if kind_price > 0 else 0
    log[n + 5] = slot["entry_qty"]
    log[n + 6] = slot["entry_ts"]
    log[n + 7] = ts
    log[n + 8] = slot["entry_price"]
    log[n + 9] = slot["exit_price"]
    log[n + 10] = slot["entry_notional"]
    log[n + 11] = slot["exit_notional"]
    log[n + 12] = slot["fees"]
    log[n + 13] = slot["funding"]
    log[n + 14] = pnl
    log[n + 15] = kind_pnl
    log[n + 16] = slot["high"]
    log[n + 17] = slot["low"]
    log[n + 18] = slot["stop_initial"]
    log[n + 19] = ts // slot["timeframe_ms"] - slot["entry_ts"] // slot["timeframe_ms"]
    log[n + 20] = slot["signal"]
    log[n + 21] = slot["entry_order"]
    log[n + 22] = slot["x_order"]
    slot["realized"] += pnl
    slot["closed"] += 1
    if pnl < 0:
        slot["losses"] += 1
        account["losses"] += 1
    elif pnl > 0:
        slot["losses"] = 0
        account["losses"] = 0


@helper
def _kind_pnl(slot, symbol, pnl, kind_price):
    """The trade's result had the target been reached before the stop: other exit price, maker fee."""
    qty = slot["exit_qty"]
    was = slot["exit_notional"]
    kind = notional_of(symbol, kind_price, qty)
    fees = fee_of(kind, symbol["maker"]) - fee_of(was, symbol["taker"])
    return pnl + slot["direction"] * (kind - was) - fees


@helper
def _end_position(account, slot):
    account["n_open"] -= 1
    slot["status"] = FLAT if slot["status"] != ENTERING else ENTERING
    slot["direction"] = 0
    slot["entry_qty"] = 0
    slot["exit_qty"] = 0
    slot["entry_price"] = 0
    slot["exit_price"] = 0
    slot["entry_notional"] = 0
    slot["exit_notional"] = 0
    slot["fees"] = 0
    slot["funding"] = 0
    slot["stop"] = 0
    slot["target"] = 0
    slot["trail"] = 0
    slot["breakeven"] = 0
    slot["time_exit"] = NEVER
    slot["outage_stop"] = 0
