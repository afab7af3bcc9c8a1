"""The table of definitions: every statistic is said once, in words, and is never NaN, infinity or a number in place of none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np
import pytest

from engine.analytics.others import TOOLS, others
from engine.analytics.table import DEFINITIONS, figures, plain
from engine.analytics.values import Convention
from engine.research.figures import PRINTED
from tests.analytics.made import START, account, daily, figure, trades, value, walk


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_statistic_is_said_in_words(name: str) -> None:
    row = DEFINITIONS[name]
    assert row.name == name
    assert row.label[0].isupper() or name in ("t_value", "p_value")
    assert row.sentence.endswith(".")
    assert row.source
    assert row.minimum == {"trades": 30, "days": 60, "": 0}[row.sample]
    assert "_" not in row.label + row.sentence


def test_labels_are_one_each_and_the_printed_ones_are_in_the_table() -> None:
    labels = [row.label for row in DEFINITIONS.values()]
    assert len(set(labels)) == len(labels)
    assert set(PRINTED) <= set(DEFINITIONS)


def test_the_table_is_json() -> None:
    made = plain(figures(account(walk(100), trades(5, -3, 2))))
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    values = {name: found for name, found in made.items() if not isinstance(found, Mapping)}
    assert set(values) == set(DEFINITIONS)
    assert all(found is None or math.isfinite(found) for found in values.values())


def test_small_samples_are_told() -> None:
    made = account(walk(59), trades(*np.tile([5.0, -3.0], 15)))
    assert figure(made, "sharpe").few == "59 days: too few below 60"
    assert figure(made, "win_rate").few is None
    assert figure(account(walk(60)), "sharpe").few is None
    assert figure(made, "max_drawdown").few is None, "a fall is a fact, whatever the sample"


def test_a_picture_of_drawdowns() -> None:
    #             peak       valley    again  peak       valley now
    made = account(daily(1100, 990, 1045, 1100, 1200, 1080, 1140))
    assert value(made, "max_drawdown") == pytest.approx(-0.1)
    assert value(made, "avg_drawdown") == pytest.approx(-0.1)
    assert value(made, "current_drawdown") == pytest.approx(-0.05)
    assert value(made, "longest_drawdown_seconds") == 3 * 86_400
    assert value(made, "avg_drawdown_seconds") == 2.5 * 86_400
    drops = np.array([0, -0.1, -0.05, 0, 0, -0.1, -0.05])
    assert value(made, "ulcer_index") == pytest.approx(math.sqrt((drops**2).mean()))
    assert value(made, "recovery_factor") == pytest.approx(1.4)


def test_a_picture_of_trades() -> None:
    made = account(
        daily(1000),
        trades(20, -10, 30, -5, -5, entry_notional=[100, 100, 200, 100, 100], risk=[10, 10, np.nan, 5, 10],
               mae=[0.01, 0.1, 0.02, 0.05, 0.05], mfe=[0.4, 0, 0.3, 0, 0.01], kind_pnl=[20, 5, 30, -5, -5],
               ambiguous=[0, 1, 0, 0, 0], direction=[1, 1, -1, 1, 1], funding=[0, 0, 1.5, 0, 0]),
    )  # fmt: skip
    expected = {
        "trades": 5, "long_trades": 4, "short_trades": 1, "wins": 2, "losses": 3, "win_rate": 0.4, "profit_factor": 2.5,
        "payoff": 25 / (20 / 3), "expectancy": 6, "expectancy_ratio": 6 / (20 / 3), "avg_win": 25, "avg_loss": -20 / 3,
        "gross_profit": 50, "gross_loss": -20, "best_trade": 30, "worst_trade": -10, "without_best": 0,
        "best_trade_share": 0.6, "profit_factor_without_best": 1, "avg_trade_return": 0.03,
        "win_streak": 1, "loss_streak": 2, "ambiguous_trades": 1, "ambiguous_share": 0.2, "kind_profit": 45,
        "win_efficiency": (0.5 + 0.5) / 2, "funding": 1.5, "kelly": 0.4 - 0.6 / 3.75, "trades_a_day": 5,
        "avg_hold_seconds": 1800, "max_hold_seconds": 1800,
    }  # fmt: skip
    expected |= {"median_r": (-1 - 0.5) / 2, "avg_r": (2 - 1 - 1 - 0.5) / 4}  # of the four that had a stop
    assert {name: value(made, name) for name in expected} == pytest.approx(expected)


def test_holding_is_compared_on_the_same_days() -> None:
    market = walk(120, seed=3)
    half = daily(*(1000 + (market.equity - 1000) / 2))
    made = account(half, market=market)
    assert value(made, "hold_return") == pytest.approx(market.equity[-1] / 1000 - 1)
    assert value(made, "over_hold") == pytest.approx(-value(made, "total_return"))
    assert 0.4 < value(made, "beta") < 0.7
    assert value(made, "correlation") > 0.99
    same = account(market, market=market)
    assert value(same, "beta") == pytest.approx(1)
    assert value(same, "alpha") == pytest.approx(0, abs=1e-12)


def test_conventions_are_settings() -> None:
    curve = walk(200)
    ours, theirs = account(curve), account(curve, convention=Convention(252, 0.0))
    assert value(ours, "sharpe") / value(theirs, "sharpe") == pytest.approx(math.sqrt(365 / 252))
    free = account(curve, convention=Convention(365, 0.05))
    daily_rate = 1.05 ** (1 / 365) - 1
    returns = ours.returns - daily_rate
    assert value(free, "sharpe") == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
    with pytest.raises(ValueError, match="fraction"):
        Convention(365, -2.0)


def test_trades_come_in_any_order_and_are_served_by_exit() -> None:
    exits = START + np.array([3, 1, 2]) * 1000
    made = trades(-1, 5, 7, exit_ts=exits)
    assert made.pnl.tolist() == [5, 7, -1]
    assert made.exit_ts.tolist() == sorted(exits.tolist())


def test_the_door_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="in order"):
        account(daily()).curve.__class__(np.array([2, 1]), np.array([1.0, 1.0]), 1.0, 0, 2)
    with pytest.raises(ValueError, match="above zero"):
        daily(1.0, start=0.0)
    with pytest.raises(ValueError, match="differ in number"):
        daily(1.0, flow=np.array([1.0]))


def test_every_line_of_other_tools_has_a_value_or_a_reason() -> None:
    made = account(walk(100), trades(5, -3, 2, 8, -9))
    lines = others(made)
    assert {line.tool for line in lines} == set(TOOLS)
    for line in [*lines, *others(account(daily()))]:
        assert (line.value is None) == (line.reason is not None)
        assert line.why.endswith(".")
        assert line.ours in DEFINITIONS or not line.ours
    told = {(line.tool, line.name): line.value for line in lines}
    assert told["quantstats", "Sharpe"] == pytest.approx(value(made, "sharpe") * math.sqrt(252 / 365))
    assert told["freqtrade", "Calmar (daily wallet balance)"] != pytest.approx(value(made, "calmar"))
    no_loss = {(line.tool, line.name): line.value for line in others(account(walk(100), trades(5, 3)))}
    assert no_loss["freqtrade", "Profit factor"] == 0
    assert no_loss["freqtrade", "Expectancy (Ratio)"] == 100
    assert no_loss["vectorbt", "Profit Factor"] is None
