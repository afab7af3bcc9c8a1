"""Writing the kernel's log: what happened, one int64 row each, columns as engine.core.layout names them."""

from engine.core.codes import LIMIT, MARKET, TARGET
from engine.core.jit import helper
from engine.core.layout import K_EVENT, K_ORDER, K_SIGNAL
from engine.core.types import RATE

_ENTRY_PURPOSE = 0


@helper
def next_row(account):
    n = account["n_log"]
    account["n_log"] = n + 1
    return n


@helper
def log_signal(account, log, signal, i, status, reason, order, mark, ts):
    n = next_row(account)
    log[n, 0] = K_SIGNAL
    log[n, 1] = signal
    log[n, 2] = i
    log[n, 3] = status
    log[n, 4] = reason
    log[n, 5] = order
    log[n, 6] = mark
    log[n, 7] = ts


@helper
def log_event(account, log, ts, kind, i, breaker, level, amount, value, threshold, until):
    """value and threshold are floats, kept as integers of 1e-9."""
    n = next_row(account)
    account["events"] += 1
    log[n, 0] = K_EVENT
    log[n, 1] = account["events"]
    log[n, 2] = ts
    log[n, 3] = kind
    log[n, 4] = i
    log[n, 5] = breaker
    log[n, 6] = level
    log[n, 7] = amount
    log[n, 8] = int(round(value * RATE))
    log[n, 9] = int(round(threshold * RATE))
    log[n, 10] = until


@helper
def log_entry(account, log, slot, i, state, reason, ts):
    """One change of slot i's waiting entry, as it stands now."""
    n = next_row(account)
    log[n, 0] = K_ORDER
    log[n, 1] = slot["q_order"]
    log[n, 2] = i
    log[n, 3] = slot["q_entry"]
    log[n, 4] = _ENTRY_PURPOSE
    log[n, 5] = LIMIT if slot["q_limit"] > 0 else MARKET
    log[n, 6] = state
    log[n, 7] = reason
    log[n, 8] = slot["q_qty"]
    log[n, 9] = slot["q_filled"]
    log[n, 10] = slot["q_ref"]
    log[n, 11] = slot["q_limit"]
    log[n, 12] = slot["q_reserved"]
    log[n, 13] = slot["q_signal"]
    log[n, 14] = slot["q_ts"]
    log[n, 15] = slot["q_known_at"]
    log[n, 16] = ts


@helper
def log_exit(account, log, slot, i, state, reason, ts):
    """One change of slot i's waiting exit, as it stands now."""
    n = next_row(account)
    resting = slot["x_purpose"] == TARGET
    log[n, 0] = K_ORDER
    log[n, 1] = slot["x_order"]
    log[n, 2] = i
    log[n, 3] = -slot["direction"]
    log[n, 4] = slot["x_purpose"]
    log[n, 5] = LIMIT if resting else MARKET
    log[n, 6] = state
    log[n, 7] = reason
    log[n, 8] = slot["x_qty"]
    log[n, 9] = slot["x_filled"]
    log[n, 10] = slot["x_ref"]
    log[n, 11] = slot["target"] if resting else 0
    log[n, 12] = 0
    log[n, 13] = slot["x_signal"]
    log[n, 14] = slot["x_ts"]
    log[n, 15] = slot["x_known_at"]
    log[n, 16] = ts
