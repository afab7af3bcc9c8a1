"""Indicators: causal to the bit, exact on ticks, and equal to pandas (live) and TA-Lib (recorded)."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core import indicators as ind
from engine.core import rolling
from engine.core.series import Prices, plain

TALIB = json.loads(Path(__file__).with_name("expected_talib.json").read_text())
DAY = 86_400_000


def market(ticks, scale=100.0):
    close = np.array(ticks, np.int64)
    opened = np.concatenate((close[:1], close[:-1]))
    wide = 1 + close % 7
    high, low = np.maximum(opened, close) + wide, np.minimum(opened, close) - wide
    return {
        "ts": np.arange(close.size) * (DAY // 10),
        "high": Prices(high / scale, scale),
        "low": Prices(low / scale, scale),
        "close": Prices(close / scale, scale),
        "volume": (close % 11).astype(float),
    }


def walk(size=400, seed=5):
    return market(20_000 + np.cumsum(np.random.default_rng(seed).integers(-80, 81, size)))


CASES = {
    "sma": lambda m: ind.sma(m["close"], 5),
    "sma of floats": lambda m: ind.sma(m["close"] * 1.1, 5),
    "ema": lambda m: ind.ema(m["close"], 5),
    "ema of ema": lambda m: ind.ema(ind.ema(m["close"], 3), 4),
    "rsi": lambda m: ind.rsi(m["close"], 5),
    "true range": lambda m: ind.true_range(m["high"], m["low"], m["close"]),
    "atr": lambda m: ind.atr(m["high"], m["low"], m["close"], 5),
    "bollinger": lambda m: ind.bollinger(m["close"], 5, 2.0),
    "donchian": lambda m: ind.donchian(m["high"], m["low"], 5),
    "macd": lambda m: ind.macd(m["close"], 3, 6, 4),
    "rolling std": lambda m: ind.rolling_std(m["close"], 5),
    "rolling std of floats": lambda m: ind.rolling_std(m["close"] * 1.1, 5, ddof=1),
    "zscore": lambda m: ind.zscore(m["close"], 5),
    "zscore of floats": lambda m: ind.zscore(m["close"] * 1.1, 5),
    "vwap": lambda m: ind.vwap(m["high"], m["low"], m["close"], m["volume"], 5),
    "day vwap": lambda m: ind.day_vwap(m["ts"], m["high"], m["low"], m["close"], m["volume"]),
    "crossed above": lambda m: ind.crossed_above(m["close"], ind.sma(m["close"], 3)),
    "crossed below": lambda m: ind.crossed_below(m["close"], ind.sma(m["close"], 3)),
}
WINDOWS = ["sma", "sma of floats", "bollinger", "donchian", "rolling std", "rolling std of floats", "zscore"]
WINDOWS += ["zscore of floats", "vwap"]


def outputs(name, m):
    found = CASES[name](m)
    return found if isinstance(found, tuple) else (found,)


def cut(m, part):
    return {name: column[part] for name, column in m.items()}


def same(a, b):
    assert a.dtype == b.dtype
    assert a.tobytes() == b.tobytes()


paths = st.lists(st.integers(1_000, 1_200), min_size=1, max_size=60)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(ticks=paths, data=st.data())
def test_a_prefix_gives_the_prefix_of_the_values(name, ticks, data):
    m = market(ticks)
    k = data.draw(st.integers(0, len(ticks)))
    for whole, part in zip(outputs(name, m), outputs(name, cut(m, slice(k))), strict=True):
        assert type(whole) is np.ndarray
        assert whole.size == len(ticks)
        same(whole[:k], part)


@pytest.mark.parametrize("name", WINDOWS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(ticks=paths, data=st.data())
def test_a_window_does_not_know_where_the_series_started(name, ticks, data):
    m = market(ticks)
    k = data.draw(st.integers(0, len(ticks)))
    for whole, part in zip(outputs(name, m), outputs(name, cut(m, slice(k, None))), strict=True):
        same(whole[k + 4 :], part[4:])


def test_means_that_are_equal_as_fractions_are_equal_as_floats():
    close = Prices(np.tile([10.01, 10.02, 10.06], 30), 100.0)
    means = [ind.sma(close, n)[-1] for n in (3, 6, 9, 30)]
    assert means == [10.03] * 4


@pytest.mark.parametrize("given", [Prices(np.full(50, 0.1), 10.0), np.full(50, 0.1)], ids=["ticks", "floats"])
def test_equal_values_deviate_by_exactly_nothing(given):
    assert (ind.rolling_std(given, 7)[6:] == 0).all()
    assert (ind.zscore(given, 7)[6:] == 0).all()


def test_pandas_agrees():
    m = walk()
    close, high, low, volume = (pd.Series(plain(m[name])) for name in ("close", "high", "low", "volume"))
    typical = (high + low + close) / 3
    spread, mean = close.rolling(20).std(ddof=0), close.rolling(20).mean()
    seeded = pd.concat([pd.Series([np.nan] * 9 + [close[:10].mean()]), close[10:]]).reset_index(drop=True)
    pairs = {
        "sma": (ind.sma(m["close"], 20), mean),
        "sma of floats": (ind.sma(plain(m["close"]), 20), mean),
        "ema": (ind.ema(m["close"], 10), seeded.ewm(span=10, adjust=False).mean()),
        "std": (ind.rolling_std(m["close"], 20), spread),
        "sample std": (ind.rolling_std(plain(m["close"]), 20, ddof=1), close.rolling(20).std()),
        "zscore": (ind.zscore(m["close"], 20), (close - mean) / spread),
        "zscore of floats": (ind.zscore(plain(m["close"]), 20), (close - mean) / spread),
        "lower": (ind.bollinger(m["close"], 20, 2.5)[0], mean - 2.5 * spread),
        "upper": (ind.bollinger(m["close"], 20, 2.5)[2], mean + 2.5 * spread),
        "lowest": (ind.donchian(m["high"], m["low"], 20)[0], low.rolling(20).min()),
        "highest": (ind.donchian(m["high"], m["low"], 20)[1], high.rolling(20).max()),
        "vwap": (
            ind.vwap(m["high"], m["low"], m["close"], m["volume"], 20),
            (typical * volume).rolling(20).sum() / volume.rolling(20).sum(),
        ),
        "day vwap": (
            ind.day_vwap(m["ts"], m["high"], m["low"], m["close"], m["volume"]),
            (typical * volume).groupby(m["ts"] // DAY).cumsum() / volume.groupby(m["ts"] // DAY).cumsum(),
        ),
    }
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=name)


def test_talib_agrees():
    h, lo, c = (Prices(TALIB["given"][name], 100.0) for name in ("high", "low", "close"))
    ours = {
        "sma": ind.sma(c, 10), "ema": ind.ema(c, 10), "rsi": ind.rsi(c, 14),
        "true_range": ind.true_range(h, lo, c), "atr": ind.atr(h, lo, c, 14),
        "std": ind.rolling_std(c, 20),
    }  # fmt: skip
    ours["lower"], ours["middle"], ours["upper"] = ind.bollinger(c, 20, 2.0)
    ours["macd"], ours["signal"], ours["histogram"] = ind.macd(c, 12, 26, 9)
    ours["lowest"], ours["highest"] = ind.donchian(h, lo, 20)
    assert ours.keys() == TALIB["expected"].keys()
    for name, column in TALIB["expected"].items():
        np.testing.assert_allclose(ours[name], np.array(column, float), rtol=1e-9, atol=1e-8, err_msg=name)


def test_nan_in_front_is_skipped_and_nan_in_a_window_shows():
    x = np.concatenate(([np.nan] * 3, np.arange(10.0)))
    same(ind.ema(x, 4)[3:], ind.ema(x[3:], 4))
    same(ind.rsi(x, 4)[3:], ind.rsi(x[3:], 4))
    gap = np.arange(1.0, 13.0)
    gap[5] = np.nan
    for series in (gap, Prices(gap, 1.0)):
        for found in (ind.sma(series, 3), ind.rolling_std(series, 3), *ind.donchian(series, series, 3)):
            assert np.flatnonzero(np.isnan(found)).tolist() == [0, 1, 5, 6, 7]
    assert np.isnan(ind.ema(gap, 3)[5:]).all()
    assert np.isnan(ind.rsi(gap, 3)[5:]).all()


def test_crossing_needs_the_other_side_before():
    a, b = [1, 2, 3, 2, 1, np.nan, 3], [2, 2, 2, 2, 2, 2, 2]
    assert ind.crossed_above(a, b).tolist() == [False, False, True, False, False, False, False]
    assert ind.crossed_below(a, 2).tolist() == [False, False, False, False, True, False, False]


def test_prices_keep_their_scale_through_views_and_lose_it_in_sums():
    close = Prices([1.25, 1.5, 1.75], 4)
    for kept in (close[1:], close[::-1], close.copy(), pickle.loads(pickle.dumps(close))):
        assert isinstance(kept, Prices)
        assert kept.scale == 4
    for computed in (close * 2, close / close, np.log(close), np.diff(close), np.full_like(close, 0.3), close.cumsum()):
        assert type(computed) is np.ndarray


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ind.sma([1.0], 0), "whole number of bars"),
        (lambda: ind.sma([1.0], 2.5), "whole number of bars"),
        (lambda: ind.macd([1.0], 26, 12, 9), "fast must be below slow"),
        (lambda: ind.atr([1.0], [1.0, 2.0], [1.0], 3), "need one length"),
        (lambda: ind.ema([[1.0]], 3), "one dimension"),
        (lambda: ind.sma(Prices([1e9], 1e8), 3), "too large for a tick"),
        (lambda: Prices([1.0], 0.0), "positive number of ticks"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(("scale", "level"), [(100.0, 5e4), (1e8, 100.0), (20.0, 3e3)])
@pytest.mark.parametrize("n", [1, 2, 7, 400])
def test_the_quick_mean_of_ticks_is_the_general_one_to_the_bit(scale: float, level: float, n: int) -> None:
    steps = np.random.default_rng(n).standard_normal(900) * 1e-3
    prices = np.rint(level * np.exp(np.cumsum(steps)) * scale) / scale
    quick, general = rolling._mean_of_small(prices, n, scale), rolling._mean_of_any(prices, n, scale)[0]
    assert quick.tobytes() == general.tobytes()
    assert np.isnan(quick[: n - 1]).all()
