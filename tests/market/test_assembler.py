"""The assembler against a market that is known in full: whatever is lost on the way, the frames are the market's."""

import random
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.bars import Beat, Frame, FrameBuilder, Quote, Resampler, Tick
from engine.core.types import EXEC_BAR, FLAG_GAP, FLAG_NO_DECISION, Instrument
from engine.market.assembler import Assembler
from engine.market.events import Connected, Disconnected, Gap, Malformed, SequenceGap, Watermark
from engine.market.venue import VenueError, VenueUnreachable

T = 1_700_000_040_000  # a whole minute
INSTRUMENTS = [Instrument.unspecified("BTC/USD"), Instrument.unspecified("ETH/USD")]


class Market:
    """Prints of two symbols over some seconds, and the REST side that serves them."""

    def __init__(
        self, seconds: int, seed: int = 1, serves_trades: bool = True, fails: Sequence[Exception] = ()
    ) -> None:
        rng = random.Random(seed)
        self.ticks: list[Tick] = []
        price = [1000, 500]
        for ms in range(0, seconds * 1000, 130):
            symbol = rng.randrange(2)
            price[symbol] += rng.randint(-3, 3)
            self.ticks.append(Tick(symbol, T + ms, price[symbol], rng.randint(1, 9) / 8, len(self.ticks) + 1))
        self.serves_trades, self.fails = serves_trades, list(fails)
        self.asked: list[tuple[str, int, int]] = []

    def trades(self, start, end):
        self.asked.append(("trades", start, end))
        if self.fails:
            raise self.fails.pop()
        return [t for t in self.ticks if start <= t.ts < end] if self.serves_trades else None

    def candles(self, start, end):
        self.asked.append(("candles", start, end))
        if self.fails:
            raise self.fails.pop()
        builder, resampler = FrameBuilder(2), Resampler(60_000)
        for tick in self.ticks:
            builder.add(tick)
        frames: dict[int, list[tuple]] = {}
        closed = [bar for f in builder.close_until(T + 10**8) for bar in resampler.push(f.ts, f.bars)]
        for symbol, bar in closed + resampler.close_until(T + 10**8):
            ts, o, h, low, c, v, _ = bar.tolist()
            if start <= ts < end:
                frames.setdefault(ts, []).append((symbol, 0, o, h, low, c, v, 0, 0, 0, 0))
        return [Frame(ts, np.array(bars, EXEC_BAR)) for ts, bars in sorted(frames.items())]

    def stream(self, start_ms=0, end_ms=10**9):
        """Live events of [start, end) ms after T: prints, a beat at each second."""
        events: list = [t for t in self.ticks if start_ms <= t.ts - T < end_ms]
        last = min(end_ms, self.ticks[-1].ts - T + 10_000)
        events += [Beat(T + ms) for ms in range(-(-start_ms // 1000) * 1000, last, 1000)]
        return sorted(events, key=lambda e: (e.ts, isinstance(e, Beat)))

    def whole(self):
        """The frames of an observer who missed nothing: (ts, symbol, o, h, l, c, volume)."""
        builder = FrameBuilder(2)
        frames = [f for e in [Beat(T), *self.stream()] for f in builder.push(e)]
        return rows(frames)


def rows(frames):
    return [(f.ts, b[0], *b[2:7]) for f in frames for b in f.bars.tolist()]


class Desk:
    """An assembler, what it handed on, and whether it kept to one call at a time."""

    def __init__(self, market, **kw) -> None:
        self.items: list = []
        self.inside = threading.Lock()
        self.assembler = Assembler(INSTRUMENTS, 1000, market, self.emit, **kw)

    def emit(self, item):
        assert self.inside.acquire(blocking=False)
        self.items.append(item)
        self.inside.release()

    def feed(self, events):
        for event in events:
            self.assembler.on_event(event)
        assert self.assembler.wait_live(10)

    def frames(self):
        return [
            f for i in self.items for f in (i.frames if isinstance(i, Gap) else [i] if isinstance(i, Frame) else [])
        ]

    def gaps(self):
        return [i for i in self.items if isinstance(i, Gap)]


def resumed(market, **kw):
    return Desk(market, resume_from=T, **kw)


def test_a_restart_is_a_gap_filled_before_the_first_live_frame():
    market = Market(30)
    desk = resumed(market)
    desk.feed([Connected(0), *market.stream(10_400)])
    first, mark = desk.items[:2]
    assert isinstance(first, Gap)
    assert (first.from_ts, first.to_ts, first.cause, first.source) == (T, T + 12_000, "restart", "trades")
    assert mark == Watermark(T + 12_000)
    assert all((f.bars["flags"] == FLAG_GAP).all() and (f.bars["ask_open"] == 0).all() for f in first.frames)
    assert rows(desk.frames()) == market.whole()
    assert all((f.bars["flags"] == 0).all() for f in desk.items if isinstance(f, Frame))


def test_a_disconnection_is_filled_from_its_first_open_second_on():
    market = Market(40)
    desk = resumed(market)
    lost = [Disconnected(T + 15_300, "reset"), Connected(0)]
    desk.feed([*market.stream(0, 15_300), *lost, *market.stream(21_700)])
    _, gap = desk.gaps()
    assert (gap.from_ts, gap.to_ts, gap.cause, gap.source) == (T + 14_000, T + 23_000, "reset", "trades")
    assert rows(desk.frames()) == market.whole()
    assert market.asked[-1] == ("trades", T + 14_000, T + 23_000)


def test_a_sequence_gap_on_a_standing_connection_is_filled():
    market = Market(40)
    desk = resumed(market)
    desk.feed([*market.stream(0, 15_300), SequenceGap(T + 16_100, "3 messages lost"), *market.stream(16_100)])
    gap = desk.gaps()[-1]
    assert (gap.from_ts, gap.to_ts, gap.cause) == (T + 14_000, T + 17_000, "3 messages lost")
    assert rows(desk.frames()) == market.whole()


def test_nothing_is_asked_before_the_exchange_clock_has_passed_the_gap():
    market = Market(40)
    desk = resumed(market)
    for event in market.stream(10_000, 12_000):
        desk.assembler.on_event(event)
    assert (market.asked, desk.items) == ([], [])
    assert desk.assembler.status().state == "settling"


def test_quotes_from_before_a_gap_do_not_stand_after_it():
    market = Market(40)
    desk = resumed(market)
    early, late = Quote(0, T + 14_900, 7, 8), Quote(0, T + 22_100, 9, 10)
    lost = [early, Disconnected(T + 15_000, "reset"), Connected(0), Beat(T + 21_700), late]
    desk.feed([*market.stream(0, 15_000), *lost, *market.stream(21_700)])
    live = [f for f in desk.items if isinstance(f, Frame) and f.ts >= T + 23_000 and 0 in f.bars["symbol"]]
    quotes = [b[7:] for f in live for b in f.bars.tolist() if b[0] == 0]
    assert set(quotes) == {(9, 10, 9, 10)}


def test_the_bar_in_progress_at_subscription_comes_from_candles_read_twice():
    market = Market(150)
    desk = Desk(market)
    desk.feed([Connected(0), *market.stream(17_000)])
    (gap,) = desk.gaps()
    assert (gap.from_ts, gap.to_ts, gap.cause, gap.source) == (T, T + 60_000, "start", "candles")
    assert [f.ts for f in gap.frames] == [T]
    assert (gap.frames[0].bars["flags"] == FLAG_GAP | FLAG_NO_DECISION).all()
    assert market.asked == [("candles", T, T + 60_000), ("candles", T, T + 60_000)]
    assert minutes(desk.frames()) == pytest.approx(minutes_of_whole(market))


def test_a_longer_timeframe_in_progress_is_taken_from_its_start():
    hour = T // 3_600_000 * 3_600_000
    market = Market(150)
    desk = Desk(market, bar_ms=3_600_000)
    desk.feed(market.stream(17_000))
    assert (desk.gaps()[0].from_ts, desk.gaps()[0].to_ts) == (hour, T + 60_000)


def minutes(frames):
    resampler = Resampler(60_000)
    closed = [bar for f in frames for bar in resampler.push(f.ts, f.bars)] + resampler.close_until(T + 10**8)
    return [value for symbol, bar in closed for value in (symbol, *bar.tolist()[:6])]


def minutes_of_whole(market):
    builder, resampler = FrameBuilder(2), Resampler(60_000)
    frames = [f for e in [Beat(T), *market.stream()] for f in builder.push(e)]
    closed = [bar for f in frames for bar in resampler.push(f.ts, f.bars)] + resampler.close_until(T + 10**8)
    return [value for symbol, bar in closed for value in (symbol, *bar.tolist()[:6])]


def test_without_trades_whole_minutes_are_waited_for_and_taken_as_candles():
    market = Market(200, serves_trades=False)
    desk = resumed(market)
    lost = [Disconnected(T + 75_300, "reset"), Connected(0)]
    desk.feed([*market.stream(0, 75_300), *lost, *market.stream(81_700)])
    gap = desk.gaps()[-1]
    assert (gap.from_ts, gap.to_ts, gap.source) == (T + 74_000, T + 120_000, "candles")
    assert [f.ts for f in gap.frames] == [T + 74_000]
    assert minutes(desk.frames()) == pytest.approx(minutes_of_whole(market))


def test_a_long_outage_takes_candles_between_prints():
    market = Market(2000)
    desk = resumed(market)
    desk.feed([*market.stream(0, 75_300), Disconnected(T + 75_300, "reset"), *market.stream(1_500_500)])
    gap = desk.gaps()[-1]
    assert (gap.from_ts, gap.to_ts, gap.source) == (T + 74_000, T + 1_502_000, "candles")
    assert {f.ts for f in gap.frames} >= set(range(T + 120_000, T + 1_500_000, 60_000))
    assert minutes(desk.frames()) == pytest.approx(minutes_of_whole(market))
    assert len({f.ts for f in desk.frames()}) == len(desk.frames())


def test_an_exchange_that_refuses_prints_gives_candles():
    market = Market(200, fails=[VenueError("404")])
    desk = resumed(market)
    desk.feed(market.stream(70_000))
    assert desk.gaps()[0].source == "candles"


def test_an_exchange_that_stays_silent_leaves_a_hole_that_is_told():
    market = Market(60, fails=[VenueUnreachable("down")] * 3)
    desk = resumed(market)
    desk.feed(market.stream(20_000))
    (gap,) = desk.gaps()
    assert (gap.source, gap.from_ts, gap.to_ts) == ("none", T, T + 21_000)
    assert [f.ts for f in gap.frames] == [T + 20_000]


def test_an_exchange_that_answers_late_is_asked_again():
    market = Market(60, fails=[VenueUnreachable("down")] * 2)
    desk = resumed(market)
    desk.feed(market.stream(20_000))
    assert desk.gaps()[0].source == "trades"
    assert rows(desk.frames()) == market.whole()


def test_no_time_missed_is_no_gap():
    market = Market(30)
    desk = resumed(market)
    desk.assembler.on_event(Beat(T - 1500))
    desk.feed(market.stream(0))
    assert desk.gaps() == []
    assert rows(desk.frames()) == market.whole()


def test_a_print_far_in_the_future_moves_nothing():
    market = Market(30)
    desk = resumed(market)
    events = market.stream(0)
    events.insert(150, Tick(0, T + 10**9, 5, 1.0, 999_999))
    desk.feed(events)
    assert rows(desk.frames()) == market.whole()
    assert desk.assembler.status().counters["future"] == 1


def test_malformed_messages_are_counted():
    desk = resumed(Market(5))
    desk.assembler.on_event(Malformed("x", "y"))
    assert desk.assembler.status().counters["malformed"] == 1


def test_every_second_has_a_watermark_even_without_prints():
    desk = resumed(Market(1))
    desk.feed([Beat(T + s * 1000) for s in range(20)])
    marks = [i.ts for i in desk.items if isinstance(i, Watermark)]
    assert marks == list(range(T + 1000, T + 19_000, 1000))


def test_nothing_is_emitted_after_stop():
    market = Market(30)
    desk = resumed(market)
    desk.assembler.stop()
    for event in market.stream():
        desk.assembler.on_event(event)
    assert desk.items == []


cuts = st.lists(
    st.tuples(st.integers(1000, 80_000), st.integers(0, 15_000), st.booleans()),
    min_size=1,
    max_size=4,
    unique_by=lambda c: c[0],
)


@settings(max_examples=40, deadline=None)
@given(cuts, st.integers(0, 5), st.integers(0, 2))
def test_whatever_is_lost_the_frames_are_the_markets(outages, seed, snapshot):
    """Disconnections and sequence gaps at any time, also while filling; reconnecting replays some prints already seen."""
    market = Market(100, seed)
    desk = resumed(market)
    events: list = []
    at = 0
    for start, length, closed in sorted(outages):
        if start < at:
            continue
        events += market.stream(at, start)
        at = start + length
        again = market.stream(max(0, at - 1000 * snapshot), at)
        seen = [e for e in again if isinstance(e, Tick)]
        events += [Disconnected(T + start, "reset"), Connected(0), *seen] if closed else [SequenceGap(T + at)]
    desk.feed([*events, *market.stream(at)])
    assert rows(desk.frames()) == market.whole()
    marks = [i.ts for i in desk.items if isinstance(i, Watermark)]
    assert marks == sorted(set(marks))


@settings(max_examples=30, deadline=None)
@given(cuts, st.integers(0, 5))
def test_where_only_candles_are_served_the_minutes_are_the_markets(outages, seed):
    market = Market(100, seed, serves_trades=False)
    desk = resumed(market)
    events: list = []
    at = 0
    for start, length, closed in sorted(outages):
        if start >= at:
            events += market.stream(at, start)
            at = start + length
            events += [Disconnected(T + start, "reset"), Connected(0)] if closed else [SequenceGap(T + at)]
    desk.feed([*events, *market.stream(at), *(Beat(T + s * 1000) for s in range(110, 200))])
    assert minutes(desk.frames()) == pytest.approx(minutes_of_whole(market))
