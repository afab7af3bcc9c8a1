"""Hypothesis strategies for whole scenes: markets with gaps and jumps, decisions of every kind, limits and breakers.

The choices that shape a scene are hypothesis's own, so that it can shrink them; the bars and decisions in bulk come
from one seeded generator, so that a scene costs little to draw.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from engine.core.types import (
    DECISION,
    EXEC_BAR,
    FLAG_GAP,
    FUNDING,
    MS_DAY,
    AccountSpec,
    BreakerSpec,
    Instrument,
    Protection,
    Sizing,
    SlotSpec,
)
from tests.oracles.agree import Scene

MINUTE = 60_000
START = 1_700_000_000_000 // MS_DAY * MS_DAY + MS_DAY - 40 * MINUTE  # forty minutes before a midnight
SYMBOLS = ("BTC/USD", "ETH/USD", "DOGE/USD")

fraction = st.sampled_from([None, 0.002, 0.005, 0.01, 0.03])


@st.composite
def instruments(draw: st.DrawFn, count: int, research: bool) -> list[Instrument]:
    out = []
    for symbol in SYMBOLS[:count]:
        tick, lot = draw(st.sampled_from([("0.01", "0.00001"), ("0.1", "0.001"), ("0.0005", "0.1"), ("1e-8", "1e-8")]))
        minimum = Decimal(0) if research else Decimal(draw(st.sampled_from(["0", "1", "25"])))
        fees = draw(st.sampled_from([("0", "0"), ("0.001", "0.001"), ("0.006", "0.012"), ("0.00025", "0.000333")]))
        kind = draw(st.sampled_from(["spot", "spot", "perp"]))
        base, quote = symbol.split("/")
        out.append(
            Instrument(
                symbol,
                base,
                quote,
                Decimal(tick),
                Decimal(lot),
                Decimal("1e-6"),
                min_notional=minimum,
                maker=Decimal(fees[0]),
                taker=Decimal(fees[1]),
                kind=kind,
            )
        )
    return out


@st.composite
def slot(draw: st.DrawFn, number: int, symbols: int) -> SlotSpec:
    sizing = draw(
        st.sampled_from(
            [
                Sizing("share", 0.2),
                Sizing("share", 0.9),
                Sizing("fixed", 150.0),
                Sizing("fixed", 12.345678),
                Sizing("risk", 0.01),
                Sizing("volatility", 0.3),
            ]
        )
    )
    protection = Protection(
        stop=draw(fraction),
        target=draw(fraction),
        trail=draw(fraction),
        breakeven=draw(fraction),
        time_stop=draw(st.sampled_from([None, None, 1, 3])),
    )
    return SlotSpec(
        f"slot {number}",
        "any",
        SYMBOLS[draw(st.integers(0, symbols - 1))],
        draw(st.sampled_from([1, 1, 5])) * MINUTE,
        sizing,
        protection,
        draw(st.booleans()),
        draw(st.sampled_from([0, 0, 4 * MINUTE])),
    )


_FRACTIONS = [0.00037, 0.0013, 0.0057, 0.021]
_COUNTS = [1.0, 2.0, 3.0]
THRESHOLDS: dict[str, list[float]] = {
    "consecutive_losses": _COUNTS,
    "daily_loss": _FRACTIONS,
    "drawdown": _FRACTIONS,
    "stale_data": [0.7, 61.3, 190.1],
    "feed_errors": _COUNTS,
    "venue_errors": _COUNTS,
    "storage": [1.0],
    "ai_budget": [0.8, 1.0],
}
SCOPES = {
    "consecutive_losses": ["slot", "account"],
    "daily_loss": ["slot", "symbol", "account"],
    "stale_data": ["symbol"],
}


@st.composite
def breaker(draw: st.DrawFn, number: int) -> BreakerSpec:
    kind = draw(st.sampled_from([*THRESHOLDS, "consecutive_losses", "daily_loss", "drawdown"]))
    return BreakerSpec(
        name=f"breaker {number}",
        kind=kind,
        scope=draw(st.sampled_from(SCOPES.get(kind, ["account"]))),
        threshold=draw(st.sampled_from(THRESHOLDS[kind])),
        action=draw(st.sampled_from(["running", "paused", "reduce_only", "halted", "killed"])),
        flatten=draw(st.booleans()),
        end=draw(st.sampled_from(["cooldown", "next_day", "person", "regained"])),
        minutes=draw(st.sampled_from([5, 12])),
        probation=draw(st.sampled_from([0.5, 0.217])),
        probation_trades=draw(st.sampled_from([0, 0, 1, 3])),
        trips_a_day=draw(st.sampled_from([0, 0, 2])),
    )


@st.composite
def limits(draw: st.DrawFn, single: bool) -> dict[str, Any]:
    """Limits that refuse an entry; none for the short way of a single slot, which has none."""
    if single or draw(st.booleans()):
        return {}
    return {
        "sector_cap": draw(st.sampled_from([0.0, 0.15, 0.3])),
        "sectors": (("BTC/USD", "majors"), ("ETH/USD", "majors")),
        "collar": draw(st.sampled_from([0.0, 0.0004, 0.004])),
        "orders_symbol_minute": draw(st.sampled_from([0, 1, 1])),
        "orders_minute": draw(st.sampled_from([0, 1, 2])),
        "orders_day": draw(st.sampled_from([0, 2, 5])),
        "order_most": draw(st.sampled_from([0.0, 0.0, 60.0, 150.0])),
        "symbol_most": draw(st.sampled_from([0.0, 0.0, 90.5, 200.0])),
        "gross_most": draw(st.sampled_from([0.0, 0.0, 120.0, 500.0])),
        "first_trades": draw(st.sampled_from([0, 0, 2, 5])),
    }


def failures(rng: np.random.Generator, ts: Any) -> tuple[tuple[int, str, float], ...]:
    """Recorded failures of feed, venue, storage and the AI's budget, at instants that are no frame's."""
    made = []
    if ts[-1] <= ts[0] + 1:
        return ()
    for at in np.unique(rng.integers(ts[0] + 1, ts[-1], 9)).tolist():
        source = ("feed", "venue", "ai", "storage")[int(rng.integers(4))]
        value = float(rng.choice([0.1, 0.9, 1.05])) if source == "ai" else float(rng.integers(0, 5))
        if at not in ts:
            made.append((int(at), source, value))
    return tuple(made)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """One run: 1-3 symbols, 1-4 slots, up to 90 frames (300 for one slot), decisions at strategy bars' ends, limits
    and breakers.
    """
    research = draw(st.integers(0, 4)) == 0
    single = draw(st.integers(0, 2)) == 0  # one slot on one symbol's candles, as most backtests are
    symbols = 1 if single else draw(st.integers(1, 3))
    kinds = draw(instruments(symbols, research))
    slots = [draw(slot(n, symbols)) for n in range(1 if single else draw(st.integers(1, 4)))]
    breakers = [] if single else [draw(breaker(n)) for n in range(draw(st.integers(0, 5)))]
    account = AccountSpec(
        cash=Decimal(draw(st.sampled_from(["1000", "100", "25000.5"]))),
        quote="USD",
        quantum=Decimal("1e-6"),
        max_gross=draw(st.sampled_from([1.0, 1.0, 0.5, 2.0])),
        max_positions=draw(st.sampled_from([1, 2, 4])),
        symbol_cap=draw(st.sampled_from([0.0, 0.2, 0.55])),
        **draw(limits(single)),
        slippage_bps=draw(st.sampled_from([0.0, 5.0, 33.3])),
        delay_ms=draw(st.sampled_from([0, 0, 1_500])),
        auto_ack_ms=draw(st.sampled_from([0, 8 * MINUTE])),
        research=research,
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    step = draw(st.sampled_from([MINUTE, 20_000, 1_000]))
    quotes, gaps = not single and draw(st.booleans()), draw(st.booleans())
    wild = draw(st.sampled_from([0.002, 0.006, 0.05]))
    ts, rows = market(rng, kinds, draw(st.integers(20, 300 if single else 90)), step, wild, quotes, gaps)
    decisions = decisions_for(
        rng, slots, kinds, ts, rows, account.delay_ms, draw(st.sampled_from([0.03, 0.1, 0.35, 0.8]))
    )
    funding = payments(rng, symbols, ts) if draw(st.booleans()) else np.zeros(0, FUNDING)
    faults = failures(rng, ts) if breakers else ()
    return Scene(account, kinds, slots, ts, rows, decisions, breakers, funding, int(ts[-1]) + 10 * MINUTE, faults)


def market(
    rng: np.random.Generator, kinds: list[Instrument], frames: int, step: int, wild: float, quotes: bool, gaps: bool
) -> tuple[Any, Any]:
    """(ts, EXEC_BAR rows) of random walks with jumps between bars, sparse symbols, and now and then a back-filled
    stretch.
    """
    stamps, rows = [], []
    price = [
        (60_000, 3_000, 25)[k] / float(kind.tick) * float(np.exp(rng.normal(0, 0.3))) for k, kind in enumerate(kinds)
    ]
    at = START - START % step + int(rng.integers(0, 30)) * step
    back_filled = 0
    for _ in range(frames):
        at += step * (1 if rng.random() < 0.9 else int(rng.integers(2, 40)))
        if gaps and rng.random() < 0.08:
            back_filled = int(rng.integers(1, 6))
        back_filled -= back_filled > 0
        for k in range(len(kinds)):
            if len(kinds) > 1 and rng.random() < 0.25:
                continue
            row = np.zeros(1, EXEC_BAR)[0]
            price[k] = _bar(rng, row, price[k], wild)
            row["symbol"], row["flags"] = k, FLAG_GAP if back_filled else 0
            if quotes and not back_filled and rng.random() < 0.8:
                _quote(rng, row)
            stamps.append(at)
            rows.append(row)
    if not rows:  # every symbol was silent: one bar, so that there is a run
        return market(rng, kinds[:1], frames, step, wild, quotes, gaps)
    return np.array(stamps, np.int64), np.array(rows, EXEC_BAR)


def _bar(rng: np.random.Generator, row: Any, last: float, wild: float) -> float:
    opening = last * float(np.exp(rng.normal(0, wild) if rng.random() < 0.2 else 0.0))
    close = opening * float(np.exp(rng.normal(0, wild)))
    high = max(opening, close) * float(np.exp(abs(rng.normal(0, wild / 2)) if rng.random() < 0.8 else 0.0))
    low = min(opening, close) * float(np.exp(-abs(rng.normal(0, wild / 2)) if rng.random() < 0.8 else 0.0))
    for name, value in zip(("open", "high", "low", "close"), (opening, high, low, close), strict=True):
        row[name] = max(1, round(value))
    return close


def _quote(rng: np.random.Generator, row: Any) -> None:
    for side in ("open", "close"):
        half = max(1, int(row[side] * abs(rng.normal(0, 2e-4))))
        row[f"bid_{side}"], row[f"ask_{side}"] = max(1, row[side] - half), row[side] + half + int(rng.integers(0, 2))


def decisions_for(
    rng: np.random.Generator,
    slots: list[SlotSpec],
    kinds: list[Instrument],
    ts: Any,
    rows: Any,
    delay: int,
    often: float,
) -> Any:
    """Decisions at the ends of strategy bars that have bars: entries, exits, flips, limits, missed ones, own
    distances.
    """
    names = [kind.symbol for kind in kinds]
    out = []
    for number, spec in enumerate(slots):
        mine = rows["symbol"] == names.index(spec.symbol)
        ends = np.unique(ts[mine] // spec.timeframe_ms) * spec.timeframe_ms + spec.timeframe_ms
        for end in ends[ends <= ts[-1]].tolist():
            if rng.random() < often:
                last = rows[mine & (ts < end)][-1]
                out.append(_decision(rng, number, end, delay, int(last["close"])))
    out.sort(key=lambda row: (row["decided_at"], row["slot"]))
    for number, row in enumerate(out):
        row["signal_id"] = number + 1
    return np.array(out, DECISION) if out else np.zeros(0, DECISION)


def _decision(rng: np.random.Generator, slot_number: int, end: int, delay: int, close: int) -> Any:
    row = np.zeros(1, DECISION)[0]
    row["slot"], row["decided_at"] = slot_number, end
    row["known_at"] = end + delay
    row["entry"] = rng.choice([1, 1, -1, 0])
    row["exit"] = row["entry"] == 0 or rng.random() < 0.4
    row["missed"] = rng.random() < 0.07
    for name in ("stop", "target", "trail"):
        if rng.random() < 0.3:
            row[name] = max(1, int(close * abs(rng.normal(0, 0.01))))
    if rng.random() < 0.25:
        row["limit_offset"], row["limit_bars"] = max(1, int(close * abs(rng.normal(0, 0.004)))), rng.integers(0, 5)
    row["volatility"] = np.nan if rng.random() < 0.2 else abs(rng.normal(0, 0.8))
    return row


def payments(rng: np.random.Generator, symbols: int, ts: Any) -> Any:
    """Funding now and then, of either sign."""
    times = np.sort(rng.integers(ts[0], ts[-1] + MINUTE, 6))
    rates = np.rint(rng.normal(0, 3e-4, 6) * 1e9).astype(np.int64)
    return np.array([(int(t), int(rng.integers(symbols)), int(r)) for t, r in zip(times, rates, strict=True)], FUNDING)
