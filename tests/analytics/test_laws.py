"""What must hold for any account: money's unit does not matter, falls are parts of a peak, order does not change a sum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analytics import chance, falls, ratios
from engine.analytics import trades as t
from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.table import DEFINITIONS, figures
from engine.analytics.trades import Trades
from tests.analytics.made import DAY, HOUR, START

MOVES = st.lists(st.floats(-0.2, 0.2).map(lambda x: round(x, 6)), min_size=3, max_size=80)
RESULTS = st.lists(st.integers(-10_000, 10_000).map(lambda cents: cents / 100), min_size=2, max_size=60)
MONEY = {name for name, row in DEFINITIONS.items() if row.unit == "money"}


def of(moves: list[float], pnl: list[float], unit: float = 1.0, flow: float = 0.0) -> Account:
    levels = 1000 * np.cumprod(1 + np.array(moves))
    ts = START + 6 * HOUR * np.arange(1, len(moves) + 1, dtype=np.int64)
    n = len(pnl)
    closed = Trades.of(
        {"pnl": np.array(pnl) * unit, "entry_notional": np.full(n, 200.0 * unit), "fees": np.full(n, 0.3 * unit),
         "risk": np.full(n, 5.0 * unit), "entry_ts": START + np.arange(n), "exit_ts": START + np.arange(n) + 60_000}
    )  # fmt: skip
    words = {}
    if flow:
        at = len(moves) // 2
        words = {"flow_ts": ts[at : at + 1], "flow": np.array([flow * unit])}
        paid = np.array([levels[at] / 1000 * 1000 + flow])
        levels = np.concatenate(
            [levels[:at], paid * np.cumprod(np.concatenate([[1.0], 1 + np.array(moves[at + 1 :])]))]
        )
    return Account(Curve(ts, levels * unit, 1000.0 * unit, START, int(ts[-1]), **words), closed)


@settings(max_examples=60, deadline=None)
@given(MOVES, RESULTS, st.sampled_from([2.0**-10, 0.25, 64.0, 2.0**20]))
def test_the_unit_of_money_changes_money_alone(moves: list[float], pnl: list[float], unit: float) -> None:
    one, other = figures(of(moves, pnl)), figures(of(moves, pnl, unit))
    for name in DEFINITIONS:
        value, scaled = one[name].value, other[name].value
        assert one[name].reason == other[name].reason
        if value is not None:
            assert scaled == value * unit if name in MONEY else scaled == value, name


@settings(max_examples=60, deadline=None)
@given(MOVES, RESULTS)
def test_every_figure_has_a_finite_value_or_a_reason(moves: list[float], pnl: list[float]) -> None:
    for name, figure in figures(of(moves, pnl)).items():
        assert (figure.value is None) == bool(figure.reason), name
        assert figure.value is None or math.isfinite(figure.value), name


@settings(max_examples=100, deadline=None)
@given(MOVES)
def test_falls_are_parts_of_a_peak(moves: list[float]) -> None:
    made = of(moves, [1.0, 2.0])
    curve = made.curve
    drops = falls.falls(curve.levels)
    assert ((drops <= 0) & (drops > -1)).all()
    deepest, daily = falls.max_drawdown(curve.levels), falls.max_drawdown(curve.daily_levels)
    assert -1 < deepest <= daily <= 0
    found = made.under_water
    assert (found.depth < 0).all()
    assert (found.seconds > 0).all()
    assert found.seconds.sum() <= (curve.ended - curve.begun) / 1000
    assert min(found.depth, default=0.0) == deepest
    slow, peak = 0.0, 1000.0
    for level in curve.levels:
        peak = max(peak, level)
        slow = min(slow, level / peak - 1)
    assert slow == deepest


@settings(max_examples=60, deadline=None)
@given(MOVES, RESULTS, st.integers(-400, 4000).filter(bool))
def test_a_deposit_changes_no_return(moves: list[float], pnl: list[float], flow: int) -> None:
    at = len(moves) // 2
    if 1000 * np.prod(1 + np.array(moves[: at + 1])) + flow < 1:
        return
    one, other = figures(of(moves, pnl)), figures(of(moves, pnl, flow=float(flow)))
    for name in ("total_return", "sharpe", "sortino", "max_drawdown", "volatility", "ulcer_index"):
        value, paid = one[name].value, other[name].value
        assert (value is None) == (paid is None)
        assert value is None or paid == pytest.approx(value, rel=1e-6, abs=1e-9), name


@settings(max_examples=80, deadline=None)
@given(RESULTS, st.randoms(use_true_random=False))
def test_the_order_of_trades_leaves_their_sums(pnl: list[float], order: object) -> None:
    mixed = list(pnl)
    order.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = figures(of([0.01] * 4, pnl)), figures(of([0.01] * 4, mixed))
    keeps = set(DEFINITIONS) - {"win_streak", "loss_streak"}
    for name in keeps:
        value = one[name].value
        assert (value is None) == (other[name].value is None)
        assert value is None or other[name].value == pytest.approx(value, rel=1e-9, abs=1e-9), name


@settings(max_examples=80, deadline=None)
@given(RESULTS)
def test_wins_losses_and_draws_are_all_there_is(pnl: list[float]) -> None:
    told = {name: figure.value for name, figure in figures(of([0.01] * 4, pnl)).items()}
    assert told["wins"] + told["losses"] + told["draws"] == told["trades"] == len(pnl)
    assert told["gross_profit"] + told["gross_loss"] == pytest.approx(told["closed_profit"])
    assert told["without_best"] + told["best_trade"] == pytest.approx(told["closed_profit"])
    assert 0 <= told["win_rate_low"] <= told["win_rate"] <= told["win_rate_high"] <= 1
    assert told["win_streak"] <= told["wins"]
    if told["sqn"] is not None:
        assert told["sqn"] == told["t_value"]
        assert math.copysign(1, told["t_value"]) == math.copysign(1, told["expectancy"]) or told["expectancy"] == 0


@settings(max_examples=60, deadline=None)
@given(RESULTS, RESULTS)
def test_more_evidence_of_the_same_kind_narrows_the_interval(first: list[float], second: list[float]) -> None:
    hits, n = sum(p > 0 for p in first), len(first)
    narrow, wide = chance.wilson(4 * hits, 4 * n), chance.wilson(hits, n)
    assert wide[0] <= narrow[0] + 1e-12
    assert narrow[1] <= wide[1] + 1e-12
    together = np.array(first + second)
    if (together < 0).any() and (together > 0).any():
        factor, reward, share = t.profit_factor(together), t.payoff(together), t.win_rate(together)
        lost = (together < 0).mean()
        assert factor == pytest.approx(reward * share / lost)


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_the_other_side_has_the_other_sign(moves: list[float]) -> None:
    returns = np.array(moves)
    if ratios.deviation(returns):
        assert ratios.sharpe(-returns) == pytest.approx(-ratios.sharpe(returns))
        assert ratios.skew(-returns) == pytest.approx(-ratios.skew(returns), abs=1e-9)
        assert ratios.kurtosis(-returns) == pytest.approx(ratios.kurtosis(returns))
        assert ratios.kurtosis(returns) >= ratios.skew(returns) ** 2 + 1 - 1e-9
    if (returns < 0).any() and (returns > 0).any():
        assert ratios.omega(returns) == pytest.approx(1 / ratios.omega(-returns))
        assert ratios.omega(returns) == pytest.approx(1 + ratios.gain_to_pain(returns))
    assert ratios.shortfall(returns) <= ratios.value_at_risk(returns) + 1e-12


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=40))
def test_days_are_all_there_and_link_to_the_whole(hours: list[int]) -> None:
    ts = START + HOUR * np.cumsum(np.array(hours, np.int64))
    equity = 1000 + 10.0 * np.sin(np.arange(1, ts.size + 1))
    curve = Curve(ts, equity, 1000.0, START, int(ts[-1]))
    assert curve.days.size == -(-(int(ts[-1]) - START) // DAY)
    assert np.prod(1 + curve.daily_returns) == pytest.approx(equity[-1] / 1000)
