"""The one place where a run advances: frames and decisions in time order, through the phases of the design.

`run` takes a batch; one frame or one decision is a batch of one, so backtest, paper and live execute the same compiled
code. Nothing here reads a clock, a file or a random number.
"""

import numpy as np

from engine.core.book import book_fill, cancel_entry, clear_entry
from engine.core.codes import E_FAULT, END_REGAINED, ENTRY
from engine.core.decide import decide
from engine.core.jit import ONE, ZERO, entry, helper
from engine.core.log import has_room, log_entry, log_event, log_exit
from engine.core.phases import (
    exit_protected,
    fill_waiting,
    leave_outage,
    log_stop_move,
    pay_funding,
    time_stops,
    watch_gap,
)
from engine.core.protect import absorb_bar, meet, move_stop
from engine.core.risk import (
    check_breakers,
    end_breakers,
    flatten,
    next_wake,
    refresh_level,
    release,
)
from engine.core.types import FLAG_GAP, MS_DAY, NEVER
from engine.core.watched import begin_day, losses_of, measure, measure_all, measure_wide, note_fault

_DAY = np.int64(MS_DAY)


@helper
def _set_due(account):
    account["due"] = min(min(account["bucket_end"], account["midnight"]), account["wake"])


@helper
def _pass_time(account, slots, symbols, breakers, log):
    """Do what is due at account.due besides the equity point: a new day, time stops, ends of breakers."""
    ts = account["due"]
    if account["midnight"] <= ts:
        account["day_start"] = account["equity"]
        begin_day(account, slots, symbols)
        account["midnight"] = (ts // _DAY + 1) * _DAY
        account["wake"] = min(account["wake"], ts)
    if account["wake"] <= ts:
        end_breakers(account, slots, symbols, breakers, log, ts)
        time_stops(account, slots, symbols, log, ts)  # after a KILLED that just ended: what fell due meanwhile
        account["wake"] = next_wake(slots, breakers, ts)
    _set_due(account)


@helper
def _mark_one(slot, symbol):
    return float(slot["qty"]) * float(symbol["mark"]) * symbol["unit"]


@helper
def mark(account, slots, symbols):
    """Phase 3: equity and exposure at the last marks, as float64 views of the integer books."""
    equity, exposure = account["cash_value"], 0.0
    if account["n_open"] > 0:
        for i in range(slots.size):
            slot = slots[i]
            if slot["qty"] > 0:
                value = _mark_one(slot, symbols[slot["symbol"]])
                exposure += value
                equity += value if slot["direction"] > 0 else -value
    account["equity"] = equity
    account["exposure"] = exposure
    if equity > account["peak"]:
        account["peak"] = equity


@helper
def _load_quote(symbol, bid_open, ask_open, bid, ask):
    symbol["bid_open"] = bid_open
    symbol["ask_open"] = ask_open
    if bid > 0 and ask >= bid:
        symbol["next_mark"] = (bid + ask) // 2


@helper
def _load(symbol, ts, opened, high, low, close):
    symbol["fresh"] = 1
    symbol["ts"] = ts
    symbol["open"] = opened
    symbol["high"] = high
    symbol["low"] = low
    symbol["close"] = close
    symbol["bid_open"] = 0
    symbol["ask_open"] = 0
    symbol["next_mark"] = close


@helper
def _end_frame(account, ts):
    account["now"] = ts
    if account["midnight"] == NEVER:
        account["midnight"] = (ts // _DAY + 1) * _DAY
    account["bucket_end"] = (ts // account["bucket_ms"] + 1) * account["bucket_ms"]
    _set_due(account)


@helper
def _emit_point(account, point):
    point["ts"] = account["bucket_end"]
    point["equity"] = account["equity"]
    point["cash"] = account["cash_value"]
    point["exposure"] = account["exposure"]
    account["n_curve"] += 1
    account["bucket_end"] = NEVER
    _set_due(account)


@helper
def _quiet_stretch(account, slot, symbol, frame_ts, bars, gaps, f, before, curve):
    """Run through the frames from f on in which nothing can happen, with everything in registers; returns the next frame.

    One symbol, one slot, no order waiting, no trailing, no breaker: until instant `before`, a bar that meets stop or target,
    a gap, or the end of the curve. Does just what the general path would do on such bars (a law in the tests).
    """
    long, held = slot["direction"] > 0, slot["qty"] > 0
    stop, target = slot["stop"], slot["target"]
    floor_price = ZERO
    ceiling = NEVER
    if held:
        floor_price = (stop if stop > 0 else ZERO) if long else target - 1
        ceiling = (target if target > 0 else NEVER) if long else (stop - 1 if stop > 0 else NEVER)
    size = float(slot["qty"]) if long else -float(slot["qty"])
    unit, cash = symbol["unit"], account["cash_value"]
    equity, exposure, peak = account["equity"], account["exposure"], account["peak"]
    bucket_end, bucket_ms = account["bucket_end"], account["bucket_ms"]
    best, top, bottom = slot["best"], slot["high"], slot["low"]
    start, n_curve = f, account["n_curve"]
    n = min(np.int64(frame_ts.size), f + curve.size - 2 - n_curve)  # a bar makes at most one point
    while f < n:
        ts = frame_ts[f]
        if ts >= before or gaps[f] != 0:
            break
        if held:
            high, low = bars[f, 1], bars[f, 2]
            value = size * float(bars[f, 3]) * unit
            if low <= floor_price or high > ceiling or cash + value <= 0.0:
                break
            top = max(top, high)
            bottom = min(bottom, low)
        if bucket_end <= ts:
            point = curve[n_curve]
            point["ts"] = bucket_end
            point["equity"] = equity
            point["cash"] = cash
            point["exposure"] = exposure
            n_curve += 1
            bucket_end += bucket_ms
            if bucket_end <= ts:
                bucket_end = (ts // bucket_ms + 1) * bucket_ms
        elif bucket_end == NEVER:
            bucket_end = (ts // bucket_ms + 1) * bucket_ms
        if held:
            exposure = abs(value)
            equity = cash + value
            peak = max(peak, equity)
        f += 1
    if f > start:
        last = f - 1
        account["n_curve"] = n_curve
        account["equity"], account["exposure"], account["peak"] = equity, exposure, peak
        account["now"] = frame_ts[last]
        account["bucket_end"] = bucket_end
        _set_due(account)
        if held:
            slot["high"], slot["low"] = top, bottom
            slot["best"] = max(best, top) if long else min(best, bottom)
            slot["fresh_limit"] = 0
        _load(symbol, frame_ts[last], bars[last, 0], bars[last, 1], bars[last, 2], bars[last, 3])
        symbol["mark"] = symbol["next_mark"]
    return f


@entry
def run(account_, slots, symbols, breakers, frames, decisions, funding, until, cursor, log, curve):
    """Advance through `frames` and what is due before and between them, up to and including instant `until`.

    account_: ACCOUNT[1]; slots: SLOT[S]; symbols: SYMBOL[Y]; breakers: BREAKER[B]; frames: (ts i8[F], first i8[F+1],
    gap u1[F], symbol i4[N], bars i8[N, 4], quotes i8[N or 0, 4]) in ticks, bars of frame f are rows first[f] to
    first[f+1]; decisions: DECISION[D] sorted by (decided_at, slot); funding: FUNDING[K] sorted; cursor: i8[3], next
    frame, decision, funding; log: of engine.core.log.new_log; curve: EQUITY_LOG[C]. Returns True when everything was
    taken, False when a log ran full: take the rows and call again with the same cursor and new logs.

    The loop is long because what runs on every bar is written out: a call that passes arrays costs more than a bar.
    """
    account = account_[0]
    frame_ts, first, gaps, symbol_of, bars, quotes = frames
    has_quotes = quotes.shape[0] > 0
    curve_room = curve.size - 3
    single = symbols.size == 1 and symbol_of.size == frame_ts.size
    alone = single and slots.size == 1 and breakers.size == 0 and not has_quotes
    f, d, k = cursor[0], cursor[1], cursor[2]
    decided, paid = NEVER, NEVER
    n_frames, n_decisions, n_funding = frame_ts.size, decisions.size, funding.size
    complete = True
    while True:
        now = frame_ts[f] if f < n_frames else until
        # everything that time and decisions ask for before this instant, in order
        while True:
            due = account["due"]
            decided = decisions[d]["decided_at"] if d < n_decisions else NEVER
            paid = funding[k]["ts"] if k < n_funding else NEVER
            if min(min(due, decided), paid) > now:
                break
            if account["n_curve"] > curve_room or not has_room(log):
                complete = False
                break
            if paid <= due and paid <= decided:
                pay_funding(account, slots, symbols, log, funding[k])
                mark(account, slots, symbols)
                k += 1
            elif due <= decided:
                if account["bucket_end"] <= due:
                    _emit_point(account, curve[account["n_curve"]])
                else:
                    _pass_time(account, slots, symbols, breakers, log)
            else:
                decide(account, slots, symbols, breakers, log, decisions[d])
                d += 1
        if not complete or f >= n_frames:
            break
        if not has_room(log):
            complete = False
            break
        if alone and account["n_queued"] == 0 and account["midnight"] != NEVER and account["equity"] > 0.0:
            slot = slots[0]
            if slot["trail"] == 0 and slot["breakeven"] == 0 and slot["outage_stop"] == 0 and slot["fresh_limit"] == 0:
                before = min(min(account["midnight"], account["wake"]), min(decided, paid))
                g = _quiet_stretch(account, slot, symbols[0], frame_ts, bars, gaps, f, before, curve)
                if g > f:
                    f = g
                    continue
        # the frame's bars
        if single:
            _load(symbols[0], now, bars[f, 0], bars[f, 1], bars[f, 2], bars[f, 3])
            if has_quotes:
                _load_quote(symbols[0], quotes[f, 0], quotes[f, 1], quotes[f, 2], quotes[f, 3])
        else:
            for s in range(symbols.size):
                symbols[s]["fresh"] = 0
            for b in range(first[f], first[f + 1]):
                symbol = symbols[symbol_of[b]]
                _load(symbol, now, bars[b, 0], bars[b, 1], bars[b, 2], bars[b, 3])
                if has_quotes:
                    _load_quote(symbol, quotes[b, 0], quotes[b, 1], quotes[b, 2], quotes[b, 3])
        # phases 1 and 2
        if gaps[f] & FLAG_GAP != 0:
            if account["n_open"] > 0:
                watch_gap(account, slots, symbols, log, now)
        else:
            if account["n_open"] > 0:
                leave = False
                for i in range(slots.size):
                    leave = leave or slots[i]["outage_stop"] == 1
                if leave:
                    leave_outage(account, slots, symbols, log, now)
            if account["n_queued"] > 0:
                fill_waiting(account, slots, symbols, log, now)
            if account["n_open"] > 0:
                for i in range(slots.size):
                    slot = slots[i]
                    if slot["qty"] > 0:
                        symbol = symbols[slot["symbol"]]
                        if symbol["fresh"] == 1:
                            if (slot["trail"] > 0 or slot["breakeven"] > 0) and move_stop(slot):
                                log_stop_move(account, slot, log, i, now)
                            purpose, base, kind_price = meet(slot, symbol)
                            closed = False
                            if purpose > 0:
                                closed = exit_protected(account, slot, symbol, log, i, purpose, base, kind_price, now)
                            if not closed:
                                absorb_bar(slot, symbol)
                                slot["fresh_limit"] = 0
        # phases 3 and 4
        if account["midnight"] == NEVER:
            account["midnight"] = (now // _DAY + 1) * _DAY
        for s in range(symbols.size):
            if symbols[s]["fresh"] == 1:
                symbols[s]["mark"] = symbols[s]["next_mark"]
        mark(account, slots, symbols)
        tripped = account["equity"] <= 0.0
        for b in range(breakers.size):
            breaker = breakers[b]
            if breaker["wide"] == 0:
                value = measure(account, losses_of(account, slots, breaker), breaker)
            else:
                value = measure_wide(account, slots, symbols, breaker, now)
            if breaker["tripped"] == 0:
                tripped = tripped or value >= breaker["threshold"] or breaker["probation_end"] > 0
            else:
                tripped = tripped or (breaker["end"] == END_REGAINED and value <= 0.5 * breaker["threshold"])
        if tripped:
            check_breakers(account, slots, symbols, breakers, log, now)
        _end_frame(account, now)
        f += 1
    cursor[0], cursor[1], cursor[2] = f, d, k
    return complete


OP_LEVEL, OP_FLATTEN, OP_RELEASE, OP_CANCEL_ENTRY, OP_EVENT, OP_REFRESH, OP_FAULT, OP_DAY, OP_MEASURE = np.arange(9)


@entry
def operate(account_, slots, symbols, breakers, log, op, i, code, amount, ts):
    """One step of a command between frames: set the operator's level, flatten slot i (-1: all), release breaker i, cancel
    slot i's waiting entry, log event `code` with `amount`, re-mark, take a failure of `code` (FAULTS) that stands at `amount`,
    begin the slots' day, or write into each breaker's `value` what it watches now (of a copy). See engine.core.commands."""
    account = account_[0]
    if op == OP_LEVEL:
        account["operator"] = code
        refresh_level(account, slots, breakers, log, ts)
    elif op == OP_FLATTEN:
        flatten(account, slots, symbols, log, i, code, ts)
    elif op == OP_RELEASE:
        release(account, slots, symbols, breakers, log, i, ts)
    elif op == OP_CANCEL_ENTRY:
        cancel_entry(account, slots[i], log, i, code, ts)
    elif op == OP_EVENT:
        log_event(account, log, ts, code, i, np.int64(-1), amount, amount, 0.0, 0.0, ZERO)
    elif op == OP_FAULT:
        note_fault(account, code, amount)
        log_event(account, log, ts, E_FAULT, np.int64(-1), np.int64(-1), code, amount, 0.0, 0.0, ZERO)
        check_breakers(account, slots, symbols, breakers, log, ts)
    elif op == OP_DAY:
        begin_day(account, slots, symbols)
    elif op == OP_MEASURE:
        measure_all(account, slots, symbols, breakers, ts)
    else:
        account["cash_value"] = account["cash"] / account["quantum_scale"]
        mark(account, slots, symbols)
    # a killed account does nothing by time alone, so what is overdue must not wake it again and again
    account["wake"] = next_wake(slots, breakers, ts if account["level"] == 4 else np.int64(-1))
    _set_due(account)


@entry
def venue_fill(account_, slots, symbols, breakers, log, i, is_entry, qty, price, fee, maker, ts):
    """A venue's report that `qty` lots of slot i's entry (1) or exit (0) order were filled at `price` for `fee` quanta."""
    account = account_[0]
    slot = slots[i]
    symbol = symbols[slot["symbol"]]
    purpose = ENTRY if is_entry == 1 else slot["x_purpose"]
    book_fill(account, slot, symbol, log, i, is_entry, qty, price, price, fee, purpose, maker, ts, ZERO)
    mark(account, slots, symbols)
    check_breakers(account, slots, symbols, breakers, log, ts)
    _set_due(account)


@entry
def venue_done(account_, slots, log, i, is_entry, state, reason, ts):
    """A venue's report that slot i's order is over without being filled whole. An exit's rest is asked for again."""
    account = account_[0]
    slot = slots[i]
    if is_entry == ONE:
        log_entry(account, log, slot, i, state, reason, ts)
        clear_entry(account, slot)
        return
    log_exit(account, log, slot, i, state, reason, ts)
    account["orders"] += 1
    slot["x_sent"] = 0
    slot["x_order"] = account["orders"]
    slot["x_known_at"] = ts
    slot["x_qty"] = slot["qty"]
    slot["x_filled"] = 0
