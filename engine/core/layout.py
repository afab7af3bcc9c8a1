"""The records that hold a machine's whole state, and the logs it writes: field by field, with units.

A snapshot is the bytes of ACCOUNT, SLOT, SYMBOL and BREAKER. Fields may be added; one is never re-used for something else,
because an older snapshot is read back by field name. No logic here.
"""

import numpy as np

ACCOUNT = np.dtype(
    [
        # configuration
        ("quantum_scale", "f8"),  # quanta in one unit of the quote currency
        ("max_gross", "i8"),  # 1e-9 of equity
        ("symbol_cap", "i8"),  # 1e-9 of equity, 0 = none
        ("sector_cap", "i8"),  # 1e-9 of equity, 0 = none
        ("collar", "i8"),  # 1e-9 of the mark that an entry may fill away from it, 0 = none
        ("max_symbol_minute", "i8"),  # entries of a symbol in one UTC minute, 0 = no limit
        ("max_minute", "i8"),
        ("max_day", "i8"),
        ("max_positions", "i8"),
        ("order_most", "i8"),  # quanta of an entry, of a symbol, of all positions; 0 = none
        ("symbol_most", "i8"),
        ("gross_most", "i8"),
        ("first_trades", "i8"),  # so many positions are opened at the exchange's smallest size
        ("delay_ms", "i8"),
        ("auto_ack_ms", "i8"),
        ("bucket_ms", "i8"),  # the finest timeframe: an equity point at each of its closes
        ("research", "i8"),
        ("venue", "i8"),  # 1: fills come from a venue's reports
        ("venue_stops", "i8"),  # 1: the venue holds the stops
        # books
        ("start", "i8"),
        ("cash", "i8"),
        ("reserved", "i8"),
        # marks
        ("cash_value", "f8"),  # cash in the quote currency
        ("equity", "f8"),
        ("exposure", "f8"),
        ("peak", "f8"),
        ("day_start", "f8"),
        # clock
        ("now", "i8"),  # open of the last frame
        ("due", "i8"),  # next instant at which time alone does something
        ("bucket_end", "i8"),  # NEVER when no frame fell into the bucket
        ("midnight", "i8"),
        ("wake", "i8"),  # earliest time stop or breaker end
        # state
        ("operator", "i8"),  # level set by a person
        ("level", "i8"),  # the most severe of operator and breakers
        ("losses", "i8"),
        ("n_open", "i8"),
        ("n_queued", "i8"),
        ("minute", "i8"),  # UTC minute of the last entry queued, and how many were in it
        ("minute_orders", "i8"),
        ("day", "i8"),
        ("day_orders", "i8"),
        ("feed_faults", "i8"),  # failures in a row, as recorded events tell
        ("venue_faults", "i8"),
        ("storage_faults", "i8"),  # 1: what happens cannot be kept, or soon cannot
        ("ai_used", "f8"),  # fraction of the AI budget spent
        # counters
        ("orders", "i8"),
        ("fills", "i8"),
        ("trades", "i8"),
        ("events", "i8"),
        ("ambiguous", "i8"),
        ("n_curve", "i8"),  # equity points that nobody has taken yet
    ],
    align=True,
)

SLOT = np.dtype(
    [
        # configuration
        ("symbol", "i8"),
        ("timeframe_ms", "i8"),
        ("sizing", "i8"),
        ("size", "i8"),  # share, risk: 1e-9; fixed: quanta
        ("size_volatility", "f8"),
        ("stop_rate", "i8"),  # fractions of the fill price in 1e-9, 0 = none
        ("target_rate", "i8"),
        ("trail_rate", "i8"),
        ("breakeven_rate", "i8"),
        ("time_stop", "i8"),  # strategy bars, 0 = none
        ("allow_short", "i8"),
        ("cooldown_ms", "i8"),
        ("state", "i8"),  # SLOT_STATES
        # position
        ("status", "i8"),  # STATUSES
        ("direction", "i8"),
        ("qty", "i8"),  # lots held now
        ("entry_qty", "i8"),  # lots entered in this trade
        ("entry_price", "i8"),  # average of the entry's fills, to the nearest tick
        ("exit_price", "i8"),
        ("entry_notional", "i8"),
        ("exit_notional", "i8"),
        ("exit_qty", "i8"),
        ("fees", "i8"),
        ("funding", "i8"),
        ("entry_ts", "i8"),
        ("entry_order", "i8"),
        ("signal", "i8"),
        ("trade", "i8"),
        ("fresh_limit", "i8"),  # filled by a limit within this frame: its open and its target are past
        # protection
        ("stop", "i8"),
        ("stop_kind", "i8"),  # purpose the stop exits with
        ("stop_initial", "i8"),
        ("target", "i8"),
        ("trail", "i8"),  # distance
        ("breakeven", "i8"),  # price that arms it
        ("time_exit", "i8"),
        ("best", "i8"),  # best price of past bars and the fill: what trailing and break-even look at
        ("high", "i8"),  # extremes for MAE and MFE
        ("low", "i8"),
        ("outage_stop", "i8"),
        # entry waiting
        ("q_entry", "i8"),  # direction, 0 = none
        ("q_qty", "i8"),
        ("q_known_at", "i8"),
        ("q_expires", "i8"),
        ("q_reserved", "i8"),
        ("q_limit", "i8"),  # price, 0 = market
        ("q_stop", "i8"),
        ("q_target", "i8"),
        ("q_trail", "i8"),
        ("q_volatility", "f8"),
        ("q_signal", "i8"),
        ("q_order", "i8"),
        ("q_ref", "i8"),
        ("q_ts", "i8"),
        ("q_filled", "i8"),
        ("q_sent", "i8"),
        # exit waiting
        ("x_purpose", "i8"),  # 0 = none (ENTRY is never an exit's purpose)
        ("x_known_at", "i8"),
        ("x_signal", "i8"),
        ("x_order", "i8"),
        ("x_ref", "i8"),
        ("x_ts", "i8"),
        ("x_qty", "i8"),
        ("x_filled", "i8"),
        ("x_sent", "i8"),
        # history
        ("losses", "i8"),
        ("blocked_until", "i8"),
        ("realized", "i8"),  # quanta net of fees and funding, closed trades
        ("day_base", "f8"),  # what the slot had made when the day began, open position at its mark
        ("size_rate", "i8"),  # 1e-9 of its sizes on probation, 0 = whole
        ("closed", "i8"),
    ],
    align=True,
)

SYMBOL = np.dtype(
    [
        # instrument
        ("num", "i8"),
        ("den", "i8"),
        ("unit", "f8"),  # value of one tick x one lot in quote
        ("min_qty", "i8"),
        ("min_notional", "i8"),
        ("maker", "i8"),
        ("taker", "i8"),
        ("slippage", "i8"),
        ("perp", "i8"),
        ("sector", "i8"),  # -1 = none
        # last bar
        ("fresh", "i8"),  # 1: has a bar in this frame
        ("gap", "i8"),
        ("ts", "i8"),
        ("open", "i8"),
        ("high", "i8"),
        ("low", "i8"),
        ("close", "i8"),
        ("bid_open", "i8"),
        ("ask_open", "i8"),
        ("mark", "i8"),
        ("next_mark", "i8"),
        ("minute", "i8"),  # as the account's
        ("minute_orders", "i8"),
    ],
    align=True,
)

BREAKER = np.dtype(
    [
        ("kind", "i8"),
        ("slot", "i8"),  # -1 = account or symbol
        ("symbol", "i8"),  # -1 = account or slot
        ("wide", "i8"),  # 1: what it watches is reckoned from slots or symbols
        ("threshold", "f8"),
        ("level", "i8"),
        ("flatten", "i8"),
        ("end", "i8"),
        ("cooldown_ms", "i8"),
        ("probation_rate", "i8"),  # 1e-9 of its sizes after a trip
        ("probation_trades", "i8"),  # for so many closed trades, 0 = none
        ("trips_a_day", "i8"),  # the trip of a UTC day from which a cool-down waits for a person, 0 = never
        ("tripped", "i8"),
        ("since", "i8"),
        ("until", "i8"),
        ("value", "f8"),
        ("day", "i8"),  # UTC day of the last trip, and how many were in it
        ("trips", "i8"),
        ("probation_end", "i8"),  # count of closed trades that ends the probation, 0 = on none
    ],
    align=True,
)

# ---- what the kernel logs: rows of int64, columns as named here and in this order ------------------------------------------
# One flat int64 buffer holds a stretch of rows for each kind. Its first words say, by kind, where the next row goes, and
# then how far a kind may have come for one more instant to have room whatever happens in it: see engine.core.log.
K_ORDER, K_FILL, K_TRADE, K_SIGNAL, K_EVENT = np.arange(
    5
)  # events last: theirs is the one stretch that is mostly empty
LOG_KINDS = 5
LOG_HEAD = 2 * LOG_KINDS


def _row(names: str) -> np.dtype[np.void]:
    return np.dtype([(name, "i8") for name in names.split()])


ORDER_LOG = _row(
    "seq slot side purpose type state reason qty filled ref limit reserved signal created known_at ts"
)  # ref: close when it was made; ts: of this change
FILL_LOG = _row("seq order slot side purpose maker qty price base notional fee ts cash")
TRADE_LOG = _row(
    "seq slot direction reason ambiguous qty entry_ts exit_ts entry_price exit_price entry_notional exit_notional fees "
    "funding pnl kind_pnl high low stop_initial bars_held signal entry_order exit_order"
)
EVENT_LOG = _row("seq ts kind slot breaker level amount value threshold until")  # value, threshold in 1e-9
SIGNAL_LOG = _row("signal slot status reason order mark ts")
EQUITY_LOG = np.dtype([("ts", "i8"), ("equity", "f8"), ("cash", "f8"), ("exposure", "f8")])
LOG_TYPES = (ORDER_LOG, FILL_LOG, TRADE_LOG, SIGNAL_LOG, EVENT_LOG)
