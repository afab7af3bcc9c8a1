"""Writing the kernel's log: what happened, one int64 row each, columns as engine.core.layout names them.

A kind's rows lie side by side, so that they are handed out without a copy. Compiled code checks no bounds: `has_room` is
asked before every instant, and `rows_of_an_instant` says how many rows one can write at most.
"""

import numpy as np
import numpy.typing as npt

from engine.core.codes import LIMIT, MARKET, TARGET
from engine.core.jit import helper
from engine.core.layout import (
    EVENT_LOG,
    K_EVENT,
    K_ORDER,
    K_SIGNAL,
    LOG_HEAD,
    LOG_KINDS,
    LOG_TYPES,
    ORDER_LOG,
    SIGNAL_LOG,
)
from engine.core.types import RATE

_ENTRY_PURPOSE = 0
ORDER_WORDS, EVENT_WORDS, SIGNAL_WORDS = (np.int64(kind.itemsize // 8) for kind in (ORDER_LOG, EVENT_LOG, SIGNAL_LOG))


def rows_of_an_instant(slots: int, breakers: int) -> tuple[int, ...]:
    """The most rows of each kind (orders, fills, trades, signals, events) that one frame, decision or due time writes.

    A slot's orders in one frame: its outage stop replaces an exit (cancelled, queued, sent), exit and entry fill, stop or
    target replaces an exit and fills (4), its entry is cancelled; then each flattening breaker and a wiped out account
    replace the exit once more (3 each). Events: two stop moves, an outage stop and a funding a slot; a trip of each breaker,
    or its end, and where its probation begins or ends; a wiped out account, two changes of level, a fault.
    """
    orders = slots * (12 + 3 * (breakers + 1))
    return orders, 3 * slots, 2 * slots, 1, 4 * slots + 3 * breakers + 5


def new_log(rows: tuple[int, ...], spare: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """An empty log for `rows` of each kind; `has_room` turns False before fewer than `spare` are left of one."""
    words = [kind.itemsize // 8 for kind in LOG_TYPES]
    sizes = [(n + more) * wide for n, more, wide in zip(rows, spare, words, strict=True)]
    log = np.empty(LOG_HEAD + sum(sizes), np.int64)
    start = LOG_HEAD
    for kind in range(LOG_KINDS):
        log[kind] = start
        log[LOG_KINDS + kind] = start + rows[kind] * words[kind]
        start += sizes[kind]
    return log


@helper
def has_room(log):
    for kind in range(LOG_KINDS):  # noqa: SIM110 (a generator is slow to compile)
        if log[kind] > log[LOG_KINDS + kind]:
            return False
    return True


@helper
def next_row(log, kind, words):
    """Where the next row of `kind` begins."""
    n = log[kind]
    log[kind] = n + words
    return n


@helper
def log_signal(account, log, signal, i, status, reason, order, mark, ts):
    n = next_row(log, K_SIGNAL, SIGNAL_WORDS)
    log[n] = signal
    log[n + 1] = i
    log[n + 2] = status
    log[n + 3] = reason
    log[n + 4] = order
    log[n + 5] = mark
    log[n + 6] = ts


@helper
def log_event(account, log, ts, kind, i, breaker, level, amount, value, threshold, until):
    """value and threshold are floats, kept as integers of 1e-9."""
    n = next_row(log, K_EVENT, EVENT_WORDS)
    account["events"] += 1
    log[n] = account["events"]
    log[n + 1] = ts
    log[n + 2] = kind
    log[n + 3] = i
    log[n + 4] = breaker
    log[n + 5] = level
    log[n + 6] = amount
    log[n + 7] = int(round(value * RATE))
    log[n + 8] = int(round(threshold * RATE))
    log[n + 9] = until


@helper
def log_entry(account, log, slot, i, state, reason, ts):
    """One change of slot i's waiting entry, as it stands now."""
    n = next_row(log, K_ORDER, ORDER_WORDS)
    log[n] = slot["q_order"]
    log[n + 1] = i
    log[n + 2] = slot["q_entry"]
    log[n + 3] = _ENTRY_PURPOSE
    log[n + 4] = LIMIT if slot["q_limit"] > 0 else MARKET
    log[n + 5] = state
    log[n + 6] = reason
    log[n + 7] = slot["q_qty"]
    log[n + 8] = slot["q_filled"]
    log[n + 9] = slot["q_ref"]
    log[n + 10] = slot["q_limit"]
    log[n + 11] = slot["q_reserved"]
    log[n + 12] = slot["q_signal"]
    log[n + 13] = slot["q_ts"]
    log[n + 14] = slot["q_known_at"]
    log[n + 15] = ts


@helper
def log_exit(account, log, slot, i, state, reason, ts):
    """One change of slot i's waiting exit, as it stands now."""
    n = next_row(log, K_ORDER, ORDER_WORDS)
    resting = slot["x_purpose"] == TARGET
    log[n] = slot["x_order"]
    log[n + 1] = i
    log[n + 2] = -slot["direction"]
    log[n + 3] = slot["x_purpose"]
    log[n + 4] = LIMIT if resting else MARKET
    log[n + 5] = state
    log[n + 6] = reason
    log[n + 7] = slot["x_qty"]
    log[n + 8] = slot["x_filled"]
    log[n + 9] = slot["x_ref"]
    log[n + 10] = slot["target"] if resting else 0
    log[n + 11] = 0
    log[n + 12] = slot["x_signal"]
    log[n + 13] = slot["x_ts"]
    log[n + 14] = slot["x_known_at"]
    log[n + 15] = ts
