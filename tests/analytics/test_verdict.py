"""The verdict: one sentence a person can read, a grade by published bars, and the tests behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.analytics.curve import Curve
from engine.analytics.definitions import Account
from engine.analytics.trades import Trades
from engine.analytics.verdict import Search, percent, verdict
from tests.analytics.made import DAY, HOUR, START, daily, trades


def account(edge: float, n: int = 200, seed: int = 2) -> Account:
    """A trade a day whose mean is `edge` of its deviation; the market went sideways, wildly."""
    rng = np.random.default_rng(seed)
    pnl = np.round(rng.normal(0, 1, n), 2)
    pnl = np.round((pnl - pnl.mean()) / pnl.std(ddof=1) * 10 + 10 * edge, 2)
    ts = START + DAY * np.arange(1, n + 1, dtype=np.int64)
    curve = Curve(ts, 1000 + np.cumsum(pnl), 1000.0, START, int(ts[-1]))
    closed = Trades.of(
        {"pnl": pnl, "entry_ts": ts - 2 * HOUR, "exit_ts": ts - HOUR, "entry_notional": np.full(n, 500.0)}
    )
    wild = 100 * np.exp(np.cumsum(rng.normal(0, 0.04, n)) - 0.002 * np.arange(n))
    return Account(curve, closed, market=Curve(ts, wild, 100.0, START, int(ts[-1])))


RANDOM = np.linspace(-0.5, 0.05, 1_000)


def test_a_strong_edge_passes_every_test() -> None:
    found = verdict(account(0.35), Search(20, np.random.default_rng(0).normal(0, 0.05, 20), pbo=0.02), RANDOM)
    assert found.grade == "strong"
    assert all(check.passed for check in found.checks)
    assert found.sentence == (
        "200 trades, 20 variants tried; luck alone looks this good less than 1 % of the time; better than more than 99 % of "
        "1,000 random-entry runs; probability of overfitting 2 %."
    )


def test_many_trials_turn_the_same_result_into_luck() -> None:
    made = account(0.16)
    told = [verdict(made, Search(trials)) for trials in (1, 3, 312)]
    luck = [one.luck for one in told if one.luck is not None]
    assert luck == sorted(luck)
    assert [one.grade for one in told] == ["fair", "weak", "none"]
    assert told[2].sentence.startswith("200 trades, 312 variants tried; luck alone looks this good ")
    assert told[0].sentence.startswith("200 trades, 1 variant tried; ")


def test_correlated_trials_count_for_less() -> None:
    made = account(0.16)
    loose, tight = verdict(made, Search(312)), verdict(made, Search(312, correlation=0.99))
    assert tight.luck is not None
    assert loose.luck is not None
    assert tight.luck < loose.luck


def test_both_levels_of_evidence_must_agree() -> None:
    """One trade that makes the year: its days look like skill, its trades like luck."""
    n = 100
    ts = START + DAY * np.arange(1, n + 1, dtype=np.int64)
    curve = Curve(ts, 1000 * 1.004 ** np.arange(1, n + 1) + np.sin(np.arange(n)), 1000.0, START, int(ts[-1]))
    pnl = np.tile([-1.0, 1.0], 20)
    pnl[7] = 480.0
    found = verdict(Account(curve, trades(*pnl)))
    by = {check.name: check for check in found.checks}
    assert by["days"].passed
    assert by["trades"].passed is False
    assert by["without the best"].passed is False
    assert found.grade == "none"
    assert found.luck == by["trades"].value
    assert "one trade made it all" in found.sentence


def test_a_small_sample_has_no_grade() -> None:
    made = account(1.0, n=20)
    found = verdict(made)
    assert found.grade == "none"
    assert "too few to judge (20 trades in 20 days; at least 30 and 60)" in found.sentence


@pytest.mark.parametrize(
    ("search", "runs", "grade"),
    [
        (Search(20, pbo=0.02), RANDOM, "strong"),
        (Search(20, pbo=0.02), None, "fair"),  # a test that was not made cannot be passed
        (Search(20), RANDOM, "fair"),
        (Search(20, pbo=0.30), RANDOM, "weak"),
        (Search(20, pbo=0.02), RANDOM + 5, "weak"),
    ],
)
def test_each_test_moves_the_grade(search: Search, runs: np.ndarray | None, grade: str) -> None:
    assert verdict(account(0.35), search, runs).grade == grade


def test_holding_that_did_better_is_said() -> None:
    made = account(0.2)
    ts = made.curve.ts
    rises = Curve(ts, 100 * 1.01 ** np.arange(1, ts.size + 1) + np.sin(ts / DAY), 100.0, START, int(ts[-1]))
    found = verdict(replace(made, market=rises))
    assert found.grade == "weak"
    assert found.sentence.endswith("holding did better for its risk.")


def test_a_loser_has_no_edge() -> None:
    found = verdict(account(-0.2))
    assert found.grade == "none"
    assert found.luck is not None
    assert found.luck > 0.9


def test_what_cannot_be_said_is_said() -> None:
    found = verdict(Account(daily(1000, 1000)))
    assert (found.grade, found.luck) == ("none", None)
    assert found.sentence == "0 trades, 1 variant tried; whether that is luck cannot be said: no day's return differs."


def test_words_promise_no_more_digits_than_there_are() -> None:
    assert [percent(p) for p in (0.0, 0.004, 0.383, 0.996, 1.0)] == [
        "less than 1 %", "less than 1 %", "38 %", "more than 99 %", "more than 99 %",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="at least one variant"):
        Search(0)
