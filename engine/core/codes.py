"""The words of the field as small integers, for compiled code, and back as text, for everyone else.

A code is never re-used and a list only grows at its end: stored snapshots and tapes carry these numbers.
They are np.int64, not int: see engine.core.jit.
"""

from typing import Literal, get_args

import numpy as np

Level = Literal["running", "paused", "reduce_only", "halted", "killed"]
LEVELS: tuple[Level, ...] = get_args(Level)
RUNNING, PAUSED, REDUCE_ONLY, HALTED, KILLED = np.arange(5)

SizingKind = Literal["share", "fixed", "risk", "volatility"]
SIZINGS: tuple[SizingKind, ...] = get_args(SizingKind)
SHARE, FIXED, RISK, VOLATILITY = np.arange(4)

STATUSES = ("flat", "entering", "open", "exiting")
FLAT, ENTERING, OPEN, EXITING = np.arange(4)

SLOT_STATES = ("enabled", "exit_only", "off", "failed")
SLOT_ENABLED, SLOT_EXIT_ONLY, SLOT_OFF, SLOT_FAILED = np.arange(4)

PURPOSES = (
    "entry",
    "exit",
    "stop",
    "target",
    "trail",
    "breakeven",
    "time",
    "flatten",
    "manual",
    "outage",
    "wiped_out",
)
(ENTRY, EXIT, STOP, TARGET, TRAIL, BREAKEVEN, TIME, FLATTEN, MANUAL, OUTAGE, WIPED_OUT) = np.arange(11)

ORDER_TYPES = ("market", "limit", "stop")
MARKET, LIMIT, STOP_ORDER = np.arange(3)

ORDER_STATES = ("queued", "sent", "partial", "filled", "cancelled", "refused", "rejected")
QUEUED, SENT, PARTIAL, FILLED, CANCELLED, REFUSED, REJECTED = np.arange(7)

SIGNAL_STATUSES = ("taken", "refused", "missed", "ignored")
S_TAKEN, S_REFUSED, S_MISSED, S_IGNORED = np.arange(4)

REASONS = (
    "",
    "no_position",
    "in_position",
    "pending",
    "opposite",
    "busy",
    "missed",
    "short_not_allowed",
    "slot_off",
    "level",
    "breaker",
    "cooldown",
    "max_positions",
    "no_stop",
    "no_volatility",
    "symbol_cap",
    "buying_power",
    "min_notional",
    "no_price",
    "moved",
    "expired",
    "superseded",
    "venue",
    "slot_failed",
    "order_rate",
    "collar",
    "sector_cap",
)
(
    R_NONE,
    R_NO_POSITION,
    R_IN_POSITION,
    R_PENDING,
    R_OPPOSITE,
    R_BUSY,
    R_MISSED,
    R_SHORT,
    R_SLOT_OFF,
    R_LEVEL,
    R_BREAKER,
    R_COOLDOWN,
    R_MAX_POSITIONS,
    R_NO_STOP,
    R_NO_VOLATILITY,
    R_SYMBOL_CAP,
    R_BUYING_POWER,
    R_MIN_NOTIONAL,
    R_NO_PRICE,
    R_MOVED,
    R_EXPIRED,
    R_SUPERSEDED,
    R_VENUE,
    R_SLOT_FAILED,
    R_ORDER_RATE,
    R_COLLAR,
    R_SECTOR_CAP,
) = np.arange(27)

BreakerKind = Literal[
    "consecutive_losses",
    "daily_loss",
    "drawdown",
    "stale_data",
    "feed_errors",
    "venue_errors",
    "ai_budget",
    "storage",
]
BREAKER_KINDS: tuple[BreakerKind, ...] = get_args(BreakerKind)
Unit = Literal["fraction", "count", "seconds"]
BREAKER_UNITS: dict[BreakerKind, Unit] = {
    "consecutive_losses": "count",
    "daily_loss": "fraction",
    "drawdown": "fraction",
    "stale_data": "seconds",
    "feed_errors": "count",
    "venue_errors": "count",
    "ai_budget": "fraction",
    "storage": "count",
}
LOSSES, DAILY_LOSS, DRAWDOWN, STALE_DATA, FEED_ERRORS, VENUE_ERRORS, AI_BUDGET, STORAGE = np.arange(8)
BreakerEnd = Literal["cooldown", "next_day", "person", "regained"]
BREAKER_ENDS: tuple[BreakerEnd, ...] = get_args(BreakerEnd)
END_COOLDOWN, END_NEXT_DAY, END_PERSON, END_REGAINED = np.arange(4)
FAULTS = ("feed", "venue", "ai", "storage")
FAULT_FEED, FAULT_VENUE, FAULT_AI, FAULT_STORAGE = np.arange(4)

EVENTS = (
    "trip",
    "release",
    "end",
    "stop_move",
    "funding",
    "wiped_out",
    "level",
    "cash",
    "outage_stop",
    "slot_state",
    "fault",
    "probation",
    "full_size",
)
(
    E_TRIP,
    E_RELEASE,
    E_END,
    E_STOP_MOVE,
    E_FUNDING,
    E_WIPED_OUT,
    E_LEVEL,
    E_CASH,
    E_OUTAGE_STOP,
    E_SLOT_STATE,
    E_FAULT,
    E_PROBATION,
    E_FULL_SIZE,
) = np.arange(13)
