"""Indicators are reckoned once for shared arrays, and never confused with others."""

import numpy as np
import pytest

from engine.core.indicators import bollinger, sma
from engine.core.memo import Memo, memo_of
from engine.core.series import Prices


def prices(seed: int, n: int = 500) -> Prices:
    return Prices(np.round(np.random.default_rng(seed).uniform(90, 110, n), 2), 100.0)


def test_once_for_each_parameter() -> None:
    close = prices(1)
    with Memo([close]):
        assert sma(close, 5) is sma(close, 5)
        assert sma(close, 5) is not sma(close, 6)
        assert bollinger(close, 5)[0] is bollinger(close, 5)[0]
        np.testing.assert_array_equal(sma(close, 7), sma(prices(1), 7))
        with pytest.raises(ValueError, match="read-only"):
            sma(close, 5)[0] = 1.0
    assert memo_of(close) is None
    assert sma(close, 5) is not sma(close, 5)


def test_other_arrays_are_not_remembered() -> None:
    close = prices(1)
    with Memo([close]) as memo:
        assert sma(close[:100], 5) is not sma(close[:100], 5)
        assert sma(close * 2, 5) is not sma(close * 2, 5)
        assert memo.bytes == 0


def test_it_keeps_no_more_than_it_may() -> None:
    close = prices(1)
    with Memo([close], most_bytes=3 * close.nbytes) as memo:
        first = sma(close, 2)
        for n in range(3, 20):
            sma(close, n)
            assert memo.bytes <= 3 * close.nbytes
        assert sma(close, 2) is not first
        assert sma(close, 19) is sma(close, 19)
