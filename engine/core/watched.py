"""What breakers watch: whom each is about, and the number it compares with its threshold. Questions alone; trips are in risk."""

from engine.core.codes import (
    DAILY_LOSS,
    DRAWDOWN,
    FAULT_FEED,
    FAULT_STORAGE,
    FAULT_VENUE,
    FEED_ERRORS,
    LOSSES,
    STALE_DATA,
    STORAGE,
    VENUE_ERRORS,
)
from engine.core.jit import ZERO, helper
from engine.core.types import RATE


@helper
def covers(breaker, slot, i):
    """Whether a breaker is about slot i: the slot's own, its symbol's or the account's."""
    if breaker["slot"] >= 0:
        return breaker["slot"] == i
    return breaker["symbol"] < 0 or breaker["symbol"] == slot["symbol"]


@helper
def of_account(breaker):
    return breaker["slot"] < 0 and breaker["symbol"] < 0


@helper
def _fall(top, now):
    return (top - now) / top if top > 0.0 else 0.0


@helper
def measure(account, losses, breaker):
    """The number a breaker watches: a count of losses (given) or failures, or a fraction of equity or budget."""
    kind = breaker["kind"]
    if kind == LOSSES:
        return float(losses)
    if kind == DAILY_LOSS:
        return _fall(account["day_start"], account["equity"])
    if kind == DRAWDOWN:
        return _fall(account["peak"], account["equity"])
    if kind == FEED_ERRORS:
        return float(account["feed_faults"])
    if kind == VENUE_ERRORS:
        return float(account["venue_faults"])
    if kind == STORAGE:
        return float(account["storage_faults"])
    return account["ai_used"]


@helper
def measure_wide(account, slots, symbols, breaker, ts):
    """The same for what is reckoned from slots or symbols: seconds without a bar, or what a part has lost today."""
    if breaker["kind"] == STALE_DATA:
        last = symbols[breaker["symbol"]]["ts"]
        return float(ts - last) / 1000.0 if last > 0 else 0.0
    lost = 0.0
    for i in range(slots.size):
        if covers(breaker, slots[i], i):
            lost += slots[i]["day_base"] - made(account, slots[i], symbols)
    return lost / account["day_start"] if account["day_start"] > 0.0 else 0.0


@helper
def made(account, slot, symbols):
    """What a slot has made since the run began, in quote: closed trades and the open position at its mark, net of costs."""
    settled = slot["realized"] - slot["fees"] - slot["funding"]
    settled += slot["direction"] * (slot["exit_notional"] - slot["entry_notional"])
    symbol = symbols[slot["symbol"]]
    held = float(slot["direction"] * slot["qty"]) * float(symbol["mark"]) * symbol["unit"]
    return settled / account["quantum_scale"] + held


@helper
def begin_day(account, slots, symbols):
    for i in range(slots.size):
        slots[i]["day_base"] = made(account, slots[i], symbols)


@helper
def losses_of(account, slots, breaker):
    return slots[breaker["slot"]]["losses"] if breaker["slot"] >= 0 else account["losses"]


@helper
def watched(account, slots, symbols, breaker, ts):
    if breaker["wide"] == 1:
        return measure_wide(account, slots, symbols, breaker, ts)
    return measure(account, losses_of(account, slots, breaker), breaker)


@helper
def measure_all(account, slots, symbols, breakers, ts):
    for b in range(breakers.size):
        breakers[b]["value"] = watched(account, slots, symbols, breakers[b], ts)


@helper
def closed_in(slots, breaker):
    """Trades closed in a breaker's scope since the run began."""
    total = ZERO
    for i in range(slots.size):
        if covers(breaker, slots[i], i):
            total += slots[i]["closed"]
    return total


@helper
def note_fault(account, source, amount):
    """A recorded failure: feed and venue in a row, storage that does not keep what happens (1, else 0), the AI's spent budget in
    1e-9."""
    if source == FAULT_FEED:
        account["feed_faults"] = amount
    elif source == FAULT_VENUE:
        account["venue_faults"] = amount
    elif source == FAULT_STORAGE:
        account["storage_faults"] = amount
    else:
        account["ai_used"] = amount / float(RATE)
