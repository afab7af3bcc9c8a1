"""What the results pages reckon, against other libraries (recorded) and against formulas written out."""

from __future__ import annotations

import json
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.analytics import calendar, certainty, cluster, drawdowns, portfolio, ratios, rolling, shrink, streaks
from engine.analytics.falls import spells
from tests.oracles.record_results import FIRST_DAY, inputs

CLOSE = 1e-12


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (Path(__file__).parents[1] / "oracles" / "expected" / "results.json").read_text()
    )
    made = inputs()
    assert found["input"] == [float(made["returns"].sum()), float(made["symbols"].sum())], "record them again"
    return found


def close(ours: Any, theirs: Any) -> None:
    assert np.asarray(ours, float) == pytest.approx(np.asarray(theirs, float), rel=CLOSE, abs=CLOSE)


def test_rolling_ratios_are_those_of_quantstats(said: dict[str, Any]) -> None:
    """pandas, beneath it, keeps running sums: it is held to what they lose, and the windows' own values to 1e-12."""
    returns = inputs()["returns"]
    sharpe, spread = rolling.rolling(returns, 60)
    assert np.isnan(sharpe[:59]).all()
    assert sharpe[59:] == pytest.approx(np.array(said["quantstats"]["sharpe_60"]), rel=1e-9, abs=1e-9)
    assert spread[59:] == pytest.approx(np.array(said["quantstats"]["volatility_60"]), rel=1e-9)
    for day in (59, 60, 231, 399):
        window = returns[day - 59 : day + 1]
        close([sharpe[day], spread[day]], [ratios.sharpe(window), ratios.volatility(window)])


def test_months_and_years_are_those_of_empyrical(said: dict[str, Any]) -> None:
    days = np.datetime64(FIRST_DAY, "D").astype(np.int64) + np.arange(400)
    made = calendar.months(days, inputs()["returns"])
    for year, month, value in said["empyrical"]["monthly"]:
        close(made.returns[made.years.tolist().index(year), month - 1], value)
    close(made.total, [value for _, value in said["empyrical"]["yearly"]])
    assert np.isfinite(made.returns).sum() == len(said["empyrical"]["monthly"])


def test_the_deepest_drawdowns_are_those_of_quantstats(said: dict[str, Any]) -> None:
    levels = np.concatenate([[1.0], np.cumprod(1 + inputs()["returns"])])
    made = drawdowns.worst(np.arange(levels.size), levels, 5)
    close(made.depth * 100, said["quantstats"]["depths"])


def test_shrinkage_is_that_of_scikit_learn(said: dict[str, Any]) -> None:
    symbols = inputs()["symbols"]
    made = shrink.ledoit_wolf(symbols)
    close(made.matrix, said["sklearn"]["matrix"])
    close(made.weight, said["sklearn"]["weight"])
    close(shrink.correlations(symbols).weight, said["sklearn"]["weight_scaled"])


def test_shrinkage_is_the_formula_written_out() -> None:
    x = inputs()["symbols"][:20, :4]
    n, k = x.shape
    mean = [sum(x[t, i] for t in range(n)) / n for i in range(k)]
    z = [[x[t, i] - mean[i] for i in range(k)] for t in range(n)]
    s = [[sum(z[t][i] * z[t][j] for t in range(n)) / n for j in range(k)] for i in range(k)]
    m = sum(s[i][i] for i in range(k)) / k
    d2 = sum((s[i][j] - (m if i == j else 0)) ** 2 for i in range(k) for j in range(k)) / k
    b2 = sum((z[t][i] * z[t][j] - s[i][j]) ** 2 for t in range(n) for i in range(k) for j in range(k)) / (n * n * k)
    weight = min(b2, d2) / d2
    made = shrink.ledoit_wolf(x)
    close(made.weight, weight)
    close(made.matrix, [[weight * (m if i == j else 0) + (1 - weight) * s[i][j] for j in range(k)] for i in range(k)])


def test_clusters_are_those_of_scipy(said: dict[str, Any]) -> None:
    correlation = np.corrcoef(inputs()["symbols"].T)
    close(cluster.merges(cluster.distances(correlation)), said["scipy"]["linkage"])
    assert cluster.order(correlation).tolist() == said["scipy"]["leaves"]


@pytest.mark.parametrize("p", [0.3, 0.5, 0.9])
def test_streaks_are_what_all_sequences_say(p: float) -> None:
    n = 9
    chance = np.zeros(n + 1)
    for tosses in product([0, 1], repeat=n):
        longest = max((len(list(run)) for hit, run in groupby(tosses) if hit), default=0)
        chance[longest] += np.prod([p if hit else 1 - p for hit in tosses])
    close(streaks.at_most(n, p), np.cumsum(chance))


@pytest.mark.parametrize(("n", "p"), [(600, 0.5), (3_500, 0.99), (700, 0.95)])
def test_fellers_root_is_the_recursion(n: int, p: float) -> None:
    exact = streaks._exact(n, p, 110)
    assert [streaks._feller(n, p, k) for k in range(1, 111)] == pytest.approx(exact, abs=1e-12)


def test_the_worst_drawdowns_are_those_a_loop_finds() -> None:
    levels = np.concatenate([[1.0], np.cumprod(1 + inputs()["returns"])])
    ts = np.arange(levels.size) * 1000
    found, peak, low = [], 0, None
    for i in range(1, levels.size):
        if levels[i] >= levels[peak]:
            if low is not None:
                found.append((levels[low] / levels[peak] - 1, ts[peak], ts[low], ts[i]))
            peak, low = i, None
        elif low is None or levels[i] < levels[low]:
            low = i
    if low is not None:
        found.append((levels[low] / levels[peak] - 1, ts[peak], ts[low], -1))
    made = drawdowns.worst(ts, levels, 1_000)
    ours = zip(made.depth, made.peak_ts, made.valley_ts, made.recovered_ts, strict=True)
    assert [one[1:] for one in ours] == [one[1:] for one in sorted(found)]
    close(made.depth, [one[0] for one in sorted(found)])
    assert made.depth.size == spells(ts, levels).depth.size


def test_intervals_without_resampling_are_their_formulas() -> None:
    pnl = inputs()["returns"]
    n, mean = pnl.size, sum(pnl) / pnl.size
    deviation = (sum((x - mean) ** 2 for x in pnl) / (n - 1)) ** 0.5
    half = 1.6448536269514722 * deviation / n**0.5
    close(certainty.mean_interval(pnl), (mean - half, mean + half))
    won, lost = sum(x for x in pnl if x > 0), -sum(x for x in pnl if x < 0)
    spread = (n / (n - 1) * sum((max(x, 0) / won - max(-x, 0) / lost) ** 2 for x in pnl)) ** 0.5
    factor = np.exp(1.6448536269514722 * spread)
    close(certainty.profit_factor_interval(pnl), (won / lost / factor, won / lost * factor))


def test_the_profit_factors_interval_holds_what_it_says() -> None:
    """Of 400 samples of trades whose true factor is known, nine in ten intervals hold it."""
    random = np.random.default_rng(3)
    true = 0.45 * 1.6 / 0.55
    held = 0
    for _ in range(400):
        pnl = np.where(random.random(300) < 0.45, 1.6, -1.0) * random.exponential(1, 300)
        low, high = certainty.profit_factor_interval(pnl)
        held += low <= true <= high
    assert 0.86 <= held / 400 <= 0.94


def test_risk_is_the_formula_written_out() -> None:
    random = np.random.default_rng(5)
    w, root = random.normal(size=4), random.normal(size=(4, 9))
    c = root @ root.T / 900
    made = portfolio.risk(w, c)
    variance = sum(w[i] * w[j] * c[i, j] for i in range(4) for j in range(4))
    close(made.deviation, variance**0.5)
    close(made.share, [w[i] * sum(c[i, j] * w[j] for j in range(4)) / variance for i in range(4)])
    close(made.diversification, sum(abs(w[i]) * c[i, i] ** 0.5 for i in range(4)) / variance**0.5)
    close(made.var, -1.6448536269514722 * variance**0.5)
    market = random.normal(size=50)
    returns = np.outer(market, [0.5, 2.0]) + random.normal(size=(50, 2))
    naive = [np.cov(returns[:, k], market)[0, 1] / market.var(ddof=1) for k in range(2)]
    close(portfolio.betas(returns, market), naive)
    assert portfolio.stress(np.array([0.5, -0.5]), np.array([2.0, 4.0]), (-0.1, -0.3)).tolist() == pytest.approx(
        np.array([[-0.1, 0.2], [-0.3, 0.5]])
    )


def test_what_was_held_is_what_a_loop_adds_up() -> None:
    random = np.random.default_rng(6)
    entry = random.integers(0, 1_000, 200)
    out = np.where(random.random(200) < 0.1, -1, entry + random.integers(0, 300, 200))
    size, group = random.uniform(1, 5, 200), random.integers(0, 3, 200)
    moments = np.sort(random.integers(0, 1_200, 60))
    naive = [
        [
            sum(s for a, b, s, g in zip(entry, out, size, group, strict=True) if g == k and a <= t and (b < 0 or t < b))
            for k in range(3)
        ]
        for t in moments
    ]
    made = portfolio.held_at(moments, entry, out, size, group, 3)
    close(made, naive)
    index = [sum(v * v for v in row) / sum(row) ** 2 if sum(row) else np.nan for row in naive]
    assert portfolio.concentration(made) == pytest.approx(np.array(index), rel=CLOSE, nan_ok=True)
