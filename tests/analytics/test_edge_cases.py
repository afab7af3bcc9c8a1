"""What every tool gets differently: thirteen accounts at the edge, each with what it must say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.analytics.curve import Curve
from engine.analytics.table import figures, plain
from tests.analytics.made import DAY, HOUR, MINUTE, START, account, daily, figure, reason, trades, value


def test_a_loss_on_the_first_day_counts() -> None:
    made = account(daily(900, 909, 918.09))
    assert made.returns == pytest.approx([-0.1, 0.01, 0.01])
    assert value(made, "max_drawdown") == value(made, "max_drawdown_daily") == pytest.approx(-0.1)
    assert value(made, "worst_day") == pytest.approx(-0.1)
    assert value(made, "sharpe") < 0
    assert value(made, "longest_drawdown_seconds") == 3 * DAY / 1000


def test_no_losing_trade_has_no_profit_factor() -> None:
    made = account(daily(1010, 1020), trades(5, 5, 10))
    for name in ("profit_factor", "payoff", "avg_loss", "kelly", "expectancy_ratio", "avg_hold_loss_seconds"):
        assert reason(made, name) == "no trade lost"
    assert value(made, "win_rate") == 1
    assert value(made, "win_rate_low") < 1 == value(made, "win_rate_high")
    assert reason(made, "sortino") == "no day lost"


def test_one_trade_is_no_sample() -> None:
    made = account(daily(1010), trades(10))
    assert value(made, "expectancy") == 10
    assert figure(made, "expectancy").few == "1 trade: too few below 30"
    for name in ("sqn", "t_value", "p_value"):
        assert reason(made, name) == "fewer than two trades"
    assert value(made, "without_best") == 0
    assert reason(made, "profit_factor_without_best") == "no trade was closed"


def test_zero_volatility_has_no_ratio() -> None:
    grows = account(daily(*(1000 * 1.001 ** np.arange(1, 100))))
    assert reason(grows, "sharpe") == "no day's return differs"
    assert value(grows, "volatility") == 0
    assert value(grows, "cagr") == pytest.approx(1.001**365 - 1)
    same = account(daily(1000, 1000, 1000), trades(2, 2, 2))
    assert reason(same, "sqn") == "no trade's result differs"
    for name in ("sharpe", "sortino", "skew", "kurtosis", "psr", "min_track_record"):
        assert reason(same, name) == "no day's return differs"


def test_flat_days_count_as_days() -> None:
    moved = account(daily(1010, 1010, 1010, 1020.1))
    assert moved.returns == pytest.approx([0.01, 0, 0, 0.01])
    assert value(moved, "winning_days") == 0.5
    assert value(moved, "sharpe") == pytest.approx(0.005 / np.std([0.01, 0, 0, 0.01], ddof=1) * math.sqrt(365))
    silent = account(Curve(START + DAY * np.array([1, 4]), np.array([1010.0, 1020.1]), 1000.0, START, START + 4 * DAY))
    assert silent.returns == pytest.approx(moved.returns), "a day without a point is a flat one"


def test_nan_days_are_refused_at_the_door() -> None:
    with pytest.raises(ValueError, match="equity: 1 of 3 values are no numbers, the first at row 1"):
        daily(1010, math.nan, 1020)
    with pytest.raises(ValueError, match="pnl: 2 of 3 values are no numbers, the first at row 0"):
        trades(math.nan, 1, math.inf)


@pytest.mark.parametrize("end", [0.0, -50.0])
def test_a_wipe_out_is_said(end: float) -> None:
    made = account(daily(1100, end, end), trades(100, -1100 + end))
    assert value(made, "final_equity") == end
    assert value(made, "total_return") == pytest.approx(end / 1000 - 1)
    assert value(made, "max_drawdown") == pytest.approx(end / 1100 - 1)
    for name in ("sharpe", "sortino", "cagr", "calmar", "volatility", "psr", "worst_day", "stability"):
        assert reason(made, name) == "the account was used up"


def test_an_open_trade_is_in_equity_and_not_in_trades() -> None:
    made = account(daily(1010, 1050), trades(10, -2), open_trades=1)
    assert (value(made, "trades"), value(made, "open_trades")) == (2, 1)
    assert value(made, "closed_profit") == 8
    assert value(made, "net_profit") == 50
    assert value(made, "best_trade") == 10


def test_a_trade_of_zero_is_a_draw() -> None:
    made = account(daily(1010), trades(5, 0, 5, -5, 0, -5, -5))
    assert [value(made, name) for name in ("wins", "draws", "losses")] == [2, 2, 3]
    assert value(made, "win_rate") == pytest.approx(2 / 7)
    assert (value(made, "win_streak"), value(made, "loss_streak")) == (1, 2)
    assert value(made, "profit_factor") == pytest.approx(10 / 15)


def test_deposits_and_withdrawals_are_no_returns() -> None:
    alone = daily(1010, 1020.1, 1009.899)
    flows = {"flow_ts": np.array([START + DAY + 1, START + 3 * DAY - 1]), "flow": np.array([500.0, -1000.0])}
    earned = 1020.1 / 1010 - 1
    paid = Curve(
        np.sort(np.append(alone.ts, [START + DAY + 2, START + 3 * DAY - 2])),
        np.array([1010.0, 1510.0, 1510 * (1 + earned), 1510 * (1 + earned) * 0.99, 1510 * (1 + earned) * 0.99 - 1000]),
        1000.0, START, START + 3 * DAY, **flows,
    )  # fmt: skip
    without, with_flows = account(alone), account(paid)
    assert with_flows.returns == pytest.approx([0.01, 0.01, -0.01])
    for name in ("total_return", "sharpe", "max_drawdown", "cagr", "current_drawdown"):
        assert value(with_flows, name) == pytest.approx(value(without, name))
    assert value(with_flows, "net_profit") == pytest.approx(1510 * (1 + earned) * 0.99 - 1000 - 1000 - 500 + 1000)


def test_fees_larger_than_what_was_earned() -> None:
    made = account(daily(995), trades(-2, -3, 1, fees=[3.0, 4.0, 2.0]), fees=9.5)
    assert value(made, "fees") == 9.5
    assert value(made, "fee_share") == pytest.approx(9 / 5)
    assert value(made, "closed_profit") == -4
    lost = account(daily(980), trades(-10, -10, fees=[1.0, 1.0]))
    assert reason(lost, "fee_share") == "nothing was earned before fees"


def test_less_than_a_day_has_no_ratio() -> None:
    ts = START + MINUTE * np.arange(1, 301)
    rises = np.linspace(1001, 1100, 300)
    made = account(Curve(ts, rises, 1000.0, START, int(ts[-1])))
    assert value(made, "days") == 1
    for name in ("sharpe", "sortino", "volatility", "omega", "skew", "psr"):
        assert reason(made, name) == "fewer than two days"
    assert reason(made, "cagr") == "too short a time to speak of a year"
    assert value(made, "total_return") == pytest.approx(0.1)
    none = account(Curve(ts[:0], rises[:0], 1000.0, START, START))
    assert value(none, "final_equity") == 1000
    assert reason(none, "cagr") == "no time has passed"
    assert reason(none, "exposure") == "no bar has closed"


def test_days_are_utc_across_summer_time_and_midnight() -> None:
    """The clocks of New York and Berlin changed on 10 and 31 March 2024; a UTC day has 24 hours on either."""
    begun = 1_709_856_000_000  # 2024-03-08
    ts = begun + HOUR * np.arange(1, 24 * 30 + 1)
    equity = 1000.0 + np.arange(1, ts.size + 1)
    curve = Curve(ts, equity, 1000.0, begun, int(ts[-1]))
    assert curve.days.size == 30
    assert np.diff(curve.daily_levels).tolist() == [24.0] * 30, "the point at midnight belongs to the day it ends"
    late = Curve(ts[5:], equity[5:], 1005.0, int(ts[4]), int(ts[-1]))
    assert np.diff(late.daily_levels).tolist() == [19.0] + [24.0] * 29, "a first day that is a part of one"


def test_nothing_at_all_still_has_words() -> None:
    made = plain(figures(account(daily())))
    assert made["trades"] == 0
    assert made["undefined"]["win_rate"] == "no trade was closed"
    assert {name for name, found in made.items() if found is None} == set(made["undefined"])
