"""Seconds out of prints, as tables one can read."""

import numpy as np
import pytest

from engine.core.bars import Beat, Frame, FrameBuilder, Quote, Resampler, Tick
from engine.core.types import EXEC_BAR, FLAG_GAP, FLAG_NO_DECISION

T = 1_700_000_000_000


def frames_of(builder: FrameBuilder, *events: Tick | Quote | Beat) -> list[Frame]:
    return [frame for event in events for frame in builder.push(event)]


def row(frame: Frame, i: int = 0) -> tuple[object, ...]:
    return tuple(frame.bars[i].tolist())


def test_a_second_closes_when_the_grace_is_over_and_not_before():
    builder = FrameBuilder(1)
    assert frames_of(builder, Tick(0, T + 100, 50, 1.0, 1), Tick(0, T + 900, 60, 2.0, 2), Beat(T + 1999)) == []
    (frame,) = builder.push(Beat(T + 2000))
    assert frame.ts == T
    assert row(frame) == (0, 0, 50, 60, 50, 60, 3.0, 0, 0, 0, 0)
    assert builder.watermark == T + 1000


def test_a_second_without_prints_has_no_frame_but_the_watermark_moves():
    builder = FrameBuilder(1)
    assert frames_of(builder, Beat(T), Beat(T + 5000)) == []
    assert builder.watermark == T + 4000


def test_open_and_close_go_by_exchange_time_and_id_not_by_arrival():
    builder = FrameBuilder(1)
    ticks = [
        Tick(0, T + 500, 3, 1.0, 9),
        Tick(0, T + 500, 4, 1.0, 10),
        Tick(0, T + 100, 2, 1.0, 5),
        Tick(0, T + 100, 1, 1.0, 4),
    ]
    (frame,) = frames_of(builder, *ticks, Beat(T + 3000))
    assert row(frame)[2:6] == (1, 4, 1, 4)


def test_symbols_share_a_frame_and_are_sorted():
    builder = FrameBuilder(3)
    (frame,) = frames_of(builder, Tick(2, T, 7, 1.0, 1), Tick(0, T + 1, 8, 1.0, 1), Beat(T + 2000))
    assert frame.bars["symbol"].tolist() == [0, 2]


def test_the_quote_standing_at_the_open_fills_and_the_one_at_the_close_marks():
    builder = FrameBuilder(1)
    events = [Quote(0, T - 10, 48, 49), Quote(0, T + 10, 50, 51), Quote(0, T + 999, 52, 53), Quote(0, T + 1000, 54, 55)]
    builder.push(Beat(T - 20))
    (frame,) = frames_of(builder, *events, Tick(0, T + 500, 50, 1.0, 1), Beat(T + 2000))
    assert row(frame)[7:] == (48, 49, 52, 53)


def test_a_quote_dies_of_age():
    builder = FrameBuilder(1, quote_life_ms=5000)
    events = [Quote(0, T, 48, 49), Tick(0, T + 1000, 50, 1.0, 1), Tick(0, T + 5000, 50, 1.0, 2), Beat(T + 9000)]
    frames = frames_of(builder, *events)
    assert [row(f)[7:] for f in frames] == [(48, 49, 48, 49), (48, 49, 0, 0)]


@pytest.mark.parametrize(
    "bad",
    [
        Quote(0, T, 50, 49),
        Quote(0, T, 0, 49),
        Tick(0, T, 0, 1.0, 1),
        Tick(0, T, 5, float("nan"), 1),
        Tick(1, T, 5, 1.0, 1),
    ],
)
def test_what_cannot_be_is_counted_and_changes_nothing(bad):
    builder = FrameBuilder(1)
    assert frames_of(builder, bad, Beat(T + 3000)) == []
    assert builder.invalid == 1


def test_late_and_duplicate_prints_are_told_apart():
    builder = FrameBuilder(1)
    tick = Tick(0, T, 50, 1.0, 1)
    frames = frames_of(builder, tick, tick, Beat(T + 2000), tick, Tick(0, T + 1, 99, 1.0, 2))
    assert len(frames) == 1
    assert builder.counters() == {"prints": 1, "late": 1, "duplicate": 2, "invalid": 0}


def test_prints_an_earlier_process_closed_are_duplicates():
    builder = FrameBuilder(1)
    builder.remember(0, [7])
    frames_of(builder, Beat(T + 9000), Tick(0, T, 50, 1.0, 7))
    assert (builder.duplicate, builder.late) == (1, 0)


def test_closing_by_hand_sets_flags_and_leaves_quotes_out():
    builder = FrameBuilder(1)
    frames_of(builder, Beat(T), Quote(0, T, 4, 5), Tick(0, T + 1500, 5, 1.0, 1))
    builder.add(Tick(0, T + 200, 6, 1.0, 2))
    frames = builder.close_until(T + 2000, flags=FLAG_GAP, quotes=False)
    assert [(f.ts, row(f)[1], row(f)[7:]) for f in frames] == [
        (T, FLAG_GAP, (0, 0, 0, 0)),
        (T + 1000, FLAG_GAP, (0, 0, 0, 0)),
    ]
    assert builder.push(Beat(T + 2500)) == []


def bar(symbol: int, flags: int, o: int, h: int, low: int, c: int, v: float) -> np.ndarray:
    return np.array([(symbol, flags, o, h, low, c, v, 0, 0, 0, 0)], EXEC_BAR)


def test_a_timeframe_bar_closes_when_the_watermark_passes_its_end():
    minute = T // 60_000 * 60_000
    resampler = Resampler(60_000)
    assert resampler.push(minute, bar(0, 0, 5, 9, 4, 6, 1.0)) == []
    assert resampler.push(minute + 59_000, bar(0, FLAG_GAP | FLAG_NO_DECISION, 6, 7, 3, 7, 2.0)) == []
    assert resampler.close_until(minute + 59_999) == []
    ((symbol, record),) = resampler.close_until(minute + 60_000)
    assert (symbol, record.tolist()) == (0, (minute, 5, 9, 3, 7, 3.0, 3))
    assert resampler.close_until(minute + 600_000) == []


def test_a_frame_of_a_later_bar_closes_the_earlier_ones_of_every_symbol():
    minute = T // 60_000 * 60_000
    resampler = Resampler(60_000)
    resampler.push(minute, np.concatenate([bar(0, 0, 1, 1, 1, 1, 1.0), bar(2, 0, 2, 2, 2, 2, 1.0)]))
    closed = resampler.push(minute + 180_000, bar(2, 0, 3, 3, 3, 3, 1.0))
    assert [(symbol, int(record["ts"])) for symbol, record in closed] == [(0, minute), (2, minute)]


def test_a_timeframe_is_whole_seconds():
    with pytest.raises(ValueError, match="whole number of seconds"):
        Resampler(1500)
