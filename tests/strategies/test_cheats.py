"""Strategies that look ahead are caught, each by the field that gives it away, in full and by the sample of every backtest."""

from __future__ import annotations

import numpy as np
import pytest

from engine.research.lookahead import check, sample
from engine.strategies.base import Bars, Signals, Strategy
from tests.strategies.market import BTC, bars


class Centred(Strategy):
    """A mean whose window is centred on the bar."""

    def signals(self, bars: Bars) -> Signals:
        return Signals.long_while(
            np.asarray(bars.close) > bars.frame()["close"].rolling(9, center=True).mean().to_numpy()
        )


class Tomorrow(Strategy):
    """The next bar's close, by shift(-1)."""

    def signals(self, bars: Bars) -> Signals:
        return Signals.long_while((bars.frame()["close"].shift(-1) > bars.frame()["close"]).to_numpy())


class Scaled(Strategy):
    """Closes measured by the mean and deviation of all of them."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        return Signals.long_while((close - close.mean()) / (close.std() or 1.0) > 0.3)


class KnowingStop(Strategy):
    """Honest entries whose stop stands just beyond the lowest low to come."""

    def signals(self, bars: Bars) -> Signals:
        close, low = np.asarray(bars.close), np.asarray(bars.low)
        rose = np.concatenate(([False], close[1:] > close[:-1]))
        lowest = np.minimum.accumulate(low[::-1])[::-1]
        return Signals.long_while(rose, stop=close - lowest + 1.0)


class Remembers(Strategy):
    """Says something else each time it is asked."""

    def signals(self, bars: Bars) -> Signals:
        self.asked = getattr(self, "asked", 0) + 1
        return Signals.long_while(np.arange(len(bars)) % (7 + self.asked) > 3)


class OnOpenTime(Strategy):
    """The hour's close merged on the hour's open time: known an hour early."""

    def signals(self, bars: Bars) -> Signals:
        frame = bars.frame()
        hours = frame["close"].resample("1h").last()
        return Signals.long_while((hours.reindex(frame.index, method="ffill") > frame["close"]).to_numpy())


class LastHigh(Strategy):
    """A ceiling taken from the last bar of the array."""

    def signals(self, bars: Bars) -> Signals:
        return Signals.long_while(np.asarray(bars.close) > float(bars.high[-1]) * 0.999)


class LeftLabels(Strategy):
    """Quarters of an hour named by their beginning, joined with the bars of that time."""

    def signals(self, bars: Bars) -> Signals:
        frame = bars.frame()
        quarter = frame.resample("15min", label="left", closed="left").agg({"high": "max", "low": "min"})
        middle = (quarter["high"] + quarter["low"]) / 2
        return Signals.long_while((frame["close"] < middle.reindex(frame.index, method="ffill")).to_numpy())


class NearestHour(Strategy):
    """The hour nearest in time, which may be the one to come."""

    def signals(self, bars: Bars) -> Signals:
        import pandas as pd

        frame = bars.frame()
        hours = frame["close"].resample("1h").first().rename("hour").to_frame()
        near = pd.merge_asof(frame, hours, left_index=True, right_index=True, direction="nearest")["hour"]
        return Signals.long_while((near > frame["close"]).to_numpy())


class FilledBack(Strategy):
    """Holes in an indicator filled from behind."""

    def signals(self, bars: Bars) -> Signals:
        close = bars.frame()["close"]
        return Signals.long_while((close.where(close.index.minute % 10 == 0).bfill() > close).to_numpy())


class Between(Strategy):
    """Holes in an indicator filled by a straight line to the next value."""

    def signals(self, bars: Bars) -> Signals:
        close = bars.frame()["close"]
        line = close.where(close.index.minute % 10 == 0).interpolate()
        return Signals.long_while((line > close).to_numpy())


class Slope(Strategy):
    """A slope by central differences."""

    def signals(self, bars: Bars) -> Signals:
        return Signals.long_while(np.gradient(np.asarray(bars.close)) > 0)


class Detrended(Strategy):
    """Below a straight line through all closes."""

    def signals(self, bars: Bars) -> Signals:
        close, at = np.asarray(bars.close), np.arange(len(bars))
        slope, level = np.polyfit(at, close, 1) if len(bars) > 1 else (0.0, close[0])
        return Signals.long_while(close < slope * at + level)


class Ranked(Strategy):
    """In the lowest fifth of all closes."""

    def signals(self, bars: Bars) -> Signals:
        return Signals.long_while((bars.frame()["close"].rank(pct=True) < 0.2).to_numpy())


class WholeDay(Strategy):
    """Compared with the day's volume, before the day is over."""

    def signals(self, bars: Bars) -> Signals:
        frame = bars.frame()
        daily = frame.groupby(frame.index.date)["volume"].transform("mean")
        return Signals.long_while((frame["volume"] > 2 * daily).to_numpy())


class Backwards(Strategy):
    """An average that runs from the end to the beginning."""

    def signals(self, bars: Bars) -> Signals:
        close = bars.frame()["close"]
        return Signals.long_while((close[::-1].ewm(span=20).mean()[::-1] > close).to_numpy())


class Swings(Strategy):
    """Lows of swings, bought where they were and not where they could be seen."""

    def signals(self, bars: Bars) -> Signals:
        low = bars.frame()["low"]
        deep = low == low.rolling(11, center=True, min_periods=1).min()
        return Signals(deep.to_numpy().astype(np.int8), (deep.shift(20) == True).to_numpy())  # noqa: E712


class Smoothed(Strategy):
    """Smoothed by a convolution that reaches both ways."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        return Signals.long_while(np.convolve(close, np.ones(15) / 15, mode="same") > close)


class Rare(Strategy):
    """Honest but for one bar in five hundred, where it knows the next."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        honest = close > np.concatenate((close[:1], close[:-1]))
        rises = np.concatenate((close[1:], close[-1:])) > close
        return Signals.long_while(np.where(np.arange(len(bars)) % 500 == 250, rises, honest))


class Best(Strategy):
    """The threshold that would have earned most on all of the data."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        change = np.diff(close, prepend=close[0])
        earned = [float(np.where(change[:-1] > level, change[1:], 0.0).sum()) for level in range(0, 60, 5)]
        return Signals.long_while(change > 5.0 * int(np.argmax(earned)))


SAMPLED = [Centred, Tomorrow, Scaled, KnowingStop, Remembers, OnOpenTime, LastHigh, LeftLabels, NearestHour, FilledBack, Between,
           Slope, Detrended, Ranked, WholeDay, Backwards, Swings, Smoothed, Best]  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "field"),
    [(Centred, "entry"), (Tomorrow, "entry"), (Scaled, "entry"), (KnowingStop, "stop"), (Remembers, "entry")],
)
def test_a_cheat_is_caught(cls: type[Strategy], field: str) -> None:
    found = check(cls(), bars(1_500, 3), BTC, most_decisions=40, others=20)
    assert field in {violation.field for violation in found}
    assert all(0 <= violation.bar < 1_500 for violation in found)


@pytest.mark.parametrize("cls", [*SAMPLED, Rare])
def test_the_classics_are_caught_in_full(cls: type[Strategy]) -> None:
    assert check(cls(), bars(6_000, 5), BTC), cls.__doc__


@pytest.mark.parametrize("cls", SAMPLED)
@pytest.mark.parametrize("seed", [2, 11])
def test_the_sample_of_every_backtest_catches_them_too(cls: type[Strategy], seed: int) -> None:
    found = sample(cls(), bars(6_000, seed), BTC)
    assert found, cls.__doc__
    assert "looks ahead" in " ".join(found) or "not repeatable" in " ".join(found)


class Honest(Strategy):
    """Looks like a cheat and is none: longer bars once they have closed, and statistics of what was."""

    def signals(self, bars: Bars) -> Signals:
        frame = bars.frame()
        hours = frame["close"].resample("1h", label="right", closed="left").last()
        whole = hours[hours.index <= frame.index[-1] + frame.index.to_series().diff().min()]
        known = whole.reindex(frame.index, method="ffill")
        scaled = (frame["close"] - frame["close"].rolling(50).mean()) / frame["close"].rolling(50).std()
        return Signals.long_while(((known < frame["close"]) & (scaled > 0.5)).to_numpy())


def test_the_honest_are_not_accused() -> None:
    for seed in (2, 11):
        assert check(Honest(), bars(2_500, seed), BTC, most_decisions=60, others=40, starts=0) == []
        assert [text for text in sample(Honest(), bars(6_000, seed), BTC) if "looks ahead" in text] == []
