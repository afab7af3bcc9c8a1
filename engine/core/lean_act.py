# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""One decision of the short way: what `engine.core.decide` and `book` do for one slot with market entries and no breakers.

No bar is looked at here, and nothing but the decision's own prices comes in.
"""

from engine.core.codes import EXIT, RISK
from engine.core.costs import level_below
from engine.core.jit import ZERO, helper
from engine.core.lean import enter, leave
from engine.core.lean_jit import inlined
from engine.core.lean_lots import lots, needed
from engine.core.lean_money import nearest, part_of, slipped_quick
from engine.core.money import mul_div


@helper
def _distance(state, own, price):
    """Ticks between entry and stop: `decide.stop_distance_of`; 0 = none."""
    if own > 0:
        return own
    if state["stop_rate"] > 0:
        return price - level_below(price, state["stop_rate"])
    return ZERO


@helper
def _equity(state, price):
    """Quanta, marked at the decision's close."""
    if state["qty"] > 0:
        return state["cash"] + state["direction"] * mul_div(price, state["qty"] * state["num"], state["den"])
    return state["cash"]


@inlined
def _allowed(state, decided, direction):
    short = direction < 0 and state["allow_short"] == 0 and state["perp"] == 0
    return not short and decided >= state["blocked_until"]


@inlined
def act(state, tally, decided, now, before, opened, direction, exits, stop, target, volatility, final):
    """A decision made at `decided` at the close `before`, and its orders at the open of the frame at `now`. Gives (whether a
    trade was closed, its result).

    direction: -1, 0, 1, of an entry; exits: 0, 1; stop and target: the signal's own distances in ticks, 0 = none. `final`: no
    frame comes any more; an amount that is out of range is refused all the same, so it is reckoned.
    """
    held, pnl = state["qty"] > 0, ZERO
    leaving = held and exits == 1
    wanted = direction != 0 and (not held or (leaving and direction != state["direction"]))
    exact, base, equity = state["research"] == 0, before, ZERO
    wanted = wanted and _allowed(state, decided, direction)
    if wanted and exact:
        equity = _equity(state, before)
    leaving = leaving and not final
    if leaving:
        pnl = leave(state, tally, now, EXIT, slipped_quick(opened, -state["direction"], state["slippage"]), ZERO)
    if not wanted or (final and not exact):
        return leaving, pnl
    price = slipped_quick(opened, direction, state["slippage"])
    if not exact:
        base, equity = price, state["cash"]
    distance = ZERO
    if state["sizing"] == RISK:
        distance = _distance(state, stop, base)
        if distance <= 0:
            return leaving, pnl
    qty, notional = lots(state, equity, base, distance, volatility)
    if qty <= 0 or final:
        return leaving, pnl
    room = ZERO
    if exact:
        if now >= decided + state["timeframe_ms"]:
            return leaving, pnl
        room = needed(state, notional)
        notional = nearest(price, qty * state["num"], state["den"], state["inverse"], state["most"])
    fee = part_of(notional, state["taker"])
    if exact and notional + fee > room:
        return leaving, pnl
    enter(state, tally, now, direction, qty, price, notional, fee, stop, target)
    return leaving, pnl
