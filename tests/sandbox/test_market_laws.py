"""The market's laws: prints give their candles back, and every part is the same whichever way it is asked for."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sandbox import dice, paths
from engine.sandbox.market import Market, bars, gathered
from engine.sandbox.opening import open_market
from engine.sandbox.products import LISTED, decimal
from engine.sandbox.simulated import Candles
from tests.sandbox.reader import START_MS, same

MINUTE, DAY = 60_000, 86_400_000
STEPS = (1_000, MINUTE, 3_600_000, DAY)


@st.composite
def markets(draw: st.DrawFn) -> tuple[Candles, int]:
    """Any possible candles of one step, and the step: dojis, single lots, gaps and giants among them."""
    step = draw(st.sampled_from(STEPS))
    small, wick = st.integers(1, 40), st.one_of(st.just(0), st.integers(0, 30), st.integers(0, 10**9))
    rows, ts = [], START_MS // step * step
    for _ in range(draw(st.integers(1, 6))):
        open_ = draw(st.one_of(small, st.integers(1, 10**13)))
        close = draw(st.one_of(st.just(open_), small, st.integers(1, 10**13)))
        high, low = max(open_, close) + draw(wick), max(1, min(open_, close) - draw(wick))
        candle = Candles(*(np.array([v]) for v in (ts, open_, high, low, close, 10**6)))
        least = int(paths.needed(candle)[0])
        rows.append((ts, open_, high, low, close, least + draw(st.one_of(st.just(0), small, st.integers(0, 10**17)))))
        ts += step * draw(st.integers(1, 3))
    return Candles(*(np.array(column, np.int64) for column in zip(*rows, strict=True))), step


@settings(max_examples=150, deadline=None)
@given(markets(), st.integers(0, 2**64 - 1), st.floats(0.01, 10), st.floats(1, 1e12))
def test_prints_give_their_candles_back(market: tuple[Candles, int], name: int, rate: float, typical: float) -> None:
    candles, step = market
    made = paths.prints(candles, name, step, rate if step < DAY else rate / 100, typical)
    assert same(bars(made, step), candles)
    assert (made.size > 0).all()
    assert set(np.unique(made.side)) <= {-1, 1}
    assert (np.diff(made.id) > 0).all()
    assert (np.diff(made.ts) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(markets(), st.integers(0, 2**64 - 1))
def test_a_candles_prints_do_not_depend_on_its_neighbours(market: tuple[Candles, int], name: int) -> None:
    candles, step = market
    rate = 0.02 if step == DAY else 2.0
    together = paths.prints(candles, name, step, rate, 1e6)
    alone = [
        paths.prints(Candles(*(column[i : i + 1] for column in candles)), name, step, rate, 1e6)
        for i in range(len(candles.ts))
    ]
    assert all((a == b).all() for a, b in zip(together, paths.joined(alone), strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3 * DAY), st.integers(1, 2 * 3_600_000), st.integers(0, 5), st.sampled_from([1, 5, 15, 60]))
def test_candles_of_any_time_are_the_bars_of_its_prints(offset: int, span: int, which: int, minutes: int) -> None:
    product, step = LISTED[which].id, minutes * MINUTE
    start = (START_MS + offset) // step * step
    end = -(-(start + span) // step) * step
    market = Market(seed=offset % 5)
    prints = market.prints(product, start, end)
    assert same(market.candles(product, step, start, end), bars(prints, step))
    # The running candle holds what has been printed so far, and nothing later is told.
    now = start + span
    seen = market.candles(product, step, start, end, now)
    assert same(seen, bars(prints.slice(start, now), step))


def test_an_interval_cut_anywhere_gives_the_same_prints() -> None:
    whole = Market(7).prints("ETH-USD", START_MS, START_MS + DAY // 4)
    other, cuts = Market(7), [0, 1, 59_999, 600_000, 601_234, 9_999_999, DAY // 4]
    parts = [other.prints("ETH-USD", START_MS + a, START_MS + b) for a, b in reversed(list(itertools.pairwise(cuts)))]
    assert all((a == b).all() for a, b in zip(whole, paths.joined(parts[::-1]), strict=True))


def test_longer_candles_are_gathered_minutes() -> None:
    market = Market(7)
    minutes = market.candles("SOL-USD", MINUTE, START_MS // DAY * DAY - 40 * DAY, START_MS // DAY * DAY)
    days = market.candles("SOL-USD", DAY, START_MS - 41 * DAY, START_MS // DAY * DAY)
    assert len(days.ts) == 40
    assert same(gathered(minutes, DAY), days)


def test_the_same_seed_is_the_same_market_on_every_machine() -> None:
    """A digest of prints and candles, fixed once: a change of it breaks everybody's recorded sessions."""
    digest = hashlib.sha256()
    market = Market(7)
    for product in market.products:
        for columns in (
            market.prints(product, START_MS, START_MS + 600_000),
            market.candles(product, 3_600_000, START_MS - 30 * DAY, START_MS),
        ):
            for column in columns:
                digest.update(column.astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "dc0851ce893e13b4"


def test_another_seed_is_another_market() -> None:
    one, other = (Market(seed).candles("BTC-USD", MINUTE, START_MS, START_MS + DAY) for seed in (1, 2))
    assert (one.close != other.close).mean() > 0.99


def test_symbols_move_together_and_have_calm_and_wild_days() -> None:
    market = Market(7)
    hours = [market.candles(p, 3_600_000, START_MS - 60 * DAY, START_MS).close for p in market.products]
    returns = np.diff(np.log(np.array(hours, float)))
    correlation = np.corrcoef(returns)
    assert (correlation > 0.3).all()
    assert (np.abs(correlation - np.eye(len(hours))) < 0.97).all()
    daily = returns[0][:1416].reshape(-1, 24).std(axis=1)
    assert daily.max() > 3 * daily.min()
    kurtosis = ((returns[0] - returns[0].mean()) ** 4).mean() / returns[0].var() ** 2
    assert kurtosis > 4


def test_prints_come_in_bursts_with_empty_seconds_between() -> None:
    market = Market(7)
    for product in market.products:
        prints = market.prints(product, START_MS, START_MS + DAY)
        per_second = np.bincount((prints.ts - START_MS) // 1000, minlength=86_400)
        assert 0.9 <= per_second.mean() <= 3
        assert (per_second == 0).mean() > 0.2
        assert per_second.var() > 1.2 * per_second.mean()


def test_quotes_stand_around_the_last_print() -> None:
    market = Market(7)
    for product in market.products.values():
        prints = market.prints(product.id, START_MS, START_MS + MINUTE)
        assert len(prints.ts) > 10
        for ts in prints.ts.tolist():
            quote = market.quote(product.id, ts + 1)
            assert quote is not None
            if quote.ts == ts and quote.id == prints.id[np.searchsorted(prints.ts, ts, "right") - 1]:
                assert quote.bid < quote.ask
                assert quote.bid <= quote.price <= quote.ask
                assert quote.ask - quote.bid <= max(2, quote.price * 0.001)


def test_nothing_is_there_before_the_market_begins() -> None:
    market = Market(7)
    assert market.quote("BTC-USD", 1_000_000_000_000) is None
    assert len(market.candles("BTC-USD", MINUTE, 0, 1_000_000_000_000).ts) == 0
    first = market.source.span("BTC-USD")[0]
    assert len(market.latest("BTC-USD", first + MINUTE, 10**6).ts) == len(
        market.prints("BTC-USD", 0, first + MINUTE).ts
    )


@settings(max_examples=200)
@given(st.integers(0, 10**18), st.integers(0, 12))
def test_decimal_text_is_exact(units: int, digits: int) -> None:
    from decimal import Decimal

    text = decimal(units, digits)
    assert Decimal(text) == Decimal(units).scaleb(-digits)
    assert "E" not in text
    assert "." not in text or text[-1] not in ".0"


def test_dice_are_fair_and_exp_is_exp() -> None:
    draws = dice.uniform(dice.key("x"), np.arange(100_000))
    assert abs(draws.mean() - 0.5) < 0.005
    bell = dice.bell(dice.key("y"), np.arange(100_000))
    assert abs(bell.mean()) < 0.02
    assert abs(bell.std() - 1) < 0.01
    x = np.linspace(-30, 30, 10_001)
    np.testing.assert_allclose(dice.exp(x), np.exp(x), rtol=2e-15)


def test_the_choice_of_symbols_changes_nothing_else() -> None:
    few, all_ = open_market(7, symbols=["ETH/USD"]), Market(7)
    assert list(few.products) == ["ETH-USD"]
    assert same(
        few.candles("ETH-USD", MINUTE, START_MS, START_MS + DAY),
        all_.candles("ETH-USD", MINUTE, START_MS, START_MS + DAY),
    )
    with pytest.raises(KeyError):
        few.prints("BTC-USD", START_MS, START_MS + 1)
