"""Laws of the bars: what arrival order, duplicates and interruptions may never change."""

import json
from math import fsum

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.bars import Beat, Frame, FrameBuilder, Quote, Resampler, Tick
from engine.core.types import EXEC_BAR

T = 1_700_000_000_000
GRACE = 1000

ticks = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 9_999),
        st.integers(1, 50),
        st.floats(0, 10, allow_nan=False),
        st.integers(0, GRACE),
    ),
    min_size=1,
    max_size=60,
)
quotes = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 9_999), st.integers(1, 50), st.integers(0, 5), st.integers(0, GRACE)),
    max_size=20,
)


def arrivals(tick_rows, quote_rows, delayed: bool):
    """Events in order of arrival: exchange time plus each one's own delay of at most the grace (or none)."""
    events = [
        (ts + delay * delayed, 1, Tick(symbol, T + ts, price, qty, 1000 + i))
        for i, (symbol, ts, price, qty, delay) in enumerate(tick_rows)
    ]
    events += [
        (ts + delay * delayed, 0, Quote(symbol, T + ts, bid, bid + spread, i))
        for i, (symbol, ts, bid, spread, delay) in enumerate(quote_rows)
    ]
    return [event for _, _, event in sorted(events, key=lambda e: e[:2])]


def fold(builder: FrameBuilder, events) -> list[Frame]:
    return [frame for event in events for frame in builder.push(event)]


def flat(frames: list[Frame]):
    return [(frame.ts, frame.bars.tolist()) for frame in frames]


def run(events):
    return flat(fold(FrameBuilder(3, GRACE), [Beat(T), *events, Beat(T + 20_000)]))


@given(ticks, quotes)
def test_shuffles_within_the_grace_change_nothing(tick_rows, quote_rows):
    assert run(arrivals(tick_rows, quote_rows, True)) == run(arrivals(tick_rows, quote_rows, False))


@given(ticks, quotes, st.lists(st.integers(0, 10**6), max_size=20))
def test_duplicates_change_nothing(tick_rows, quote_rows, places):
    events = arrivals(tick_rows, quote_rows, True)
    doubled = list(events)
    for place in places:
        at = place % len(doubled)
        doubled.insert(at + 1 + place % 7, doubled[at])
    assert run(doubled) == run(events)


@given(ticks)
def test_bars_equal_their_definition(tick_rows):
    """Against the plain reading: group by second and symbol, sort by (time, id), take first, extremes, last, sum."""
    groups: dict[tuple[int, int], list[Tick]] = {}
    for event in arrivals(tick_rows, [], False):
        groups.setdefault((event.ts // 1000 * 1000, event.symbol), []).append(event)
    expected = {}
    for key, group in groups.items():
        group.sort(key=lambda t: (t.ts, t.trade_id))
        prices = [t.price for t in group]
        expected[key] = (prices[0], max(prices), min(prices), prices[-1], fsum(t.qty for t in group))
    got = {(ts, bar[0]): bar[2:7] for ts, bars in run(arrivals(tick_rows, [], True)) for bar in bars}
    assert got == expected


@given(ticks, quotes, st.integers(0, 80))
def test_state_and_restore_at_any_cut_change_nothing(tick_rows, quote_rows, cut):
    events = [Beat(T), *arrivals(tick_rows, quote_rows, True), Beat(T + 20_000)]
    whole = FrameBuilder(3, GRACE)
    expected = flat(fold(whole, events))
    first = FrameBuilder(3, GRACE)
    frames = fold(first, events[:cut])
    second = FrameBuilder(3, GRACE)
    second.restore(json.loads(json.dumps(first.state())))
    frames += fold(second, events[cut:])
    assert flat(frames) == expected
    assert second.state() == whole.state()


bars = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 2), st.integers(0, 3), st.integers(1, 99), st.integers(0, 9)),
    max_size=60,
)


def frames_from(rows) -> list[Frame]:
    by_second: dict[int, dict[int, tuple]] = {}
    for second, symbol, flags, price, spread in rows:
        bar = (symbol, flags, price, price + spread, price, price + spread, 0.1 * spread, 0, 0, 0, 0)
        by_second.setdefault(T + second * 1000, {})[symbol] = bar
    return [Frame(ts, np.array([b[s] for s in sorted(b)], EXEC_BAR)) for ts, b in sorted(by_second.items())]


def resample(resampler: Resampler, frames):
    return [(s, r.tolist()) for frame in frames for s, r in resampler.push(frame.ts, frame.bars)]


@settings(max_examples=60)
@given(bars, st.integers(0, 60), st.sampled_from([1000, 60_000, 90_000]))
def test_a_resampler_restored_at_any_cut_goes_on(rows, cut, timeframe):
    frames = frames_from(rows)
    whole = Resampler(timeframe)
    expected = resample(whole, frames) + [(s, r.tolist()) for s, r in whole.close_until(T + 10**6)]
    first, second = Resampler(timeframe), Resampler(timeframe)
    got = resample(first, frames[:cut])
    second.restore(json.loads(json.dumps(first.state())))
    got += resample(second, frames[cut:]) + [(s, r.tolist()) for s, r in second.close_until(T + 10**6)]
    assert got == expected


@given(bars)
def test_seconds_to_minutes_to_five_minutes_equals_seconds_to_five_minutes(rows):
    frames = frames_from(rows)
    minute, five, straight = Resampler(60_000), Resampler(300_000), Resampler(300_000)
    minutes = [m for f in frames for m in minute.push(f.ts, f.bars)] + minute.close_until(T + 10**6)
    expected = resample(straight, frames) + [(s, r.tolist()) for s, r in straight.close_until(T + 10**6)]
    got = []
    for symbol, m in minutes:
        _, o, h, low, c, v, flags = m.tolist()
        got += five.push(int(m["ts"]), np.array([(symbol, flags, o, h, low, c, v, 0, 0, 0, 0)], EXEC_BAR))
    got += five.close_until(T + 10**6)
    assert [(s, r.tolist()[:5] + r.tolist()[6:]) for s, r in got] == [(s, r[:5] + r[6:]) for s, r in expected]
    assert np.allclose([float(r["volume"]) for _, r in got], [r[5] for _, r in expected], rtol=1e-12)
