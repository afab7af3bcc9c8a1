"""Is there an edge? One plain sentence, a grade, and every test behind it with what it asks and what it found.

The bars are published ones (docs/statistics.md): 95 % deflated Sharpe (Bailey and Lopez de Prado, 2014), t of 3 where many
things were tried (Harvey, Liu and Zhu, 2016), 5 % probability of overfitting (Bailey, Borwein, Lopez de Prado and Zhu, 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.analytics import chance, doubt, ratios
from engine.analytics.definitions import Account
from engine.analytics.trades import without_best
from engine.analytics.values import MIN_DAYS, MIN_TRADES, Floats, Undefined

Grade = Literal["none", "weak", "fair", "strong"]

FAIR_LUCK, WEAK_LUCK = 0.05, 0.10
STRONG_T = 3.0
BEATEN = 0.95
OVERFIT = 0.05


@dataclass(frozen=True)
class Search:
    """What was tried before this one was picked. `trials` counts every variant; `sharpes` float64[k] are the daily Sharpe ratios
    (not of a year) of those that are known; `correlation` is their mean correlation; `pbo` the probability of overfitting."""

    trials: int = 1
    sharpes: Floats | None = None
    correlation: float = 0.0
    pbo: float | None = None

    def __post_init__(self) -> None:
        if self.trials < 1 or not 0 <= self.correlation <= 1:
            raise ValueError("at least one variant was tried, this one, and their mean correlation is from 0 to 1")

    @property
    def independent(self) -> float:
        """What the trials are worth as independent ones; at least 1."""
        return max(1.0, doubt.independent_trials(self.trials, self.correlation))


@dataclass(frozen=True)
class Check:
    """One test: `passed` is None where it could not be made, and `text` says what was found or why not."""

    name: str
    passed: bool | None
    text: str
    value: float | None = None


@dataclass(frozen=True)
class Verdict:
    """`luck`: probability that chance alone, given all that was tried, looks this good; None where it cannot be said."""

    grade: Grade
    sentence: str
    luck: float | None
    checks: tuple[Check, ...]


def verdict(account: Account, search: Search = Search(), random_runs: Floats | None = None) -> Verdict:
    """`random_runs` float64[k]: total returns of runs with the same trades entered at random times (1,000 of them)."""
    luck_days, luck_trades = _value(lambda: _of_days(account, search)), _value(lambda: _of_trades(account, search))
    known = [value for value in (luck_days, luck_trades) if isinstance(value, float)]
    luck = max(known) if len(known) == 2 else None
    checks = (
        _sample(account),
        _luck("days", luck_days, "daily returns, all variants counted"),
        _luck("trades", luck_trades, "the trades' mean, all variants counted"),
        _made("t", lambda: chance.t_test(account.trades.pnl).t, lambda t: t >= STRONG_T, "t of the mean trade is {:.1f}"),
        _made("without the best", lambda: _rest(account), lambda rest: rest > 0,
              "without its best trade the result is {:+.2f}"),
        _random(account, random_runs),
        _made("hold", lambda: _beyond_hold(account), lambda apart: apart > 0,
              "Sharpe less that of buying and holding: {:+.2f}"),
        _overfit(search),
    )  # fmt: skip
    grade = _grade(checks, luck)
    return Verdict(grade, _sentence(account, search, luck, checks, grade), luck, checks)


def _of_days(account: Account, search: Search) -> float:
    """1 - deflated Sharpe. Without known trials their variance is that of an estimate from as many days without skill."""
    sharpe, n, skew, kurtosis = doubt.moments(account.returns)
    known = np.zeros(0) if search.sharpes is None else search.sharpes
    variance = doubt.trial_variance(known) if known.size > 1 else 1 / max(n - 1, 1)
    return 1 - doubt.deflated_sharpe(sharpe, n, search.independent, variance, skew, kurtosis)


def _of_trades(account: Account, search: Search) -> float:
    return chance.any_of(chance.t_test(account.trades.pnl).p_above, search.independent)


def _rest(account: Account) -> float:
    return float(without_best(account.trades.pnl).sum())


def _beyond_hold(account: Account) -> float:
    own = ratios.sharpe(account.returns, account.convention.days, account.convention.daily_free)
    return own - ratios.sharpe(account.market_returns, account.convention.days, account.convention.daily_free)


def _value(make: Callable[[], float]) -> float | str:
    """The value, or the reason why there is none."""
    try:
        return float(make())
    except Undefined as why:
        return str(why)


def _made(name: str, make: Callable[[], float], good: Callable[[float], bool], words: str) -> Check:
    value = _value(make)
    if isinstance(value, str):
        return Check(name, None, value)
    return Check(name, good(value), words.format(value), value)


def _sample(account: Account) -> Check:
    n, days = len(account.trades), account.returns.size
    enough = n >= MIN_TRADES and days >= MIN_DAYS
    return Check("sample", enough, f"{_many(n, 'trade')} in {_many(days, 'day')}; at least {MIN_TRADES} and {MIN_DAYS}")


def _luck(name: str, value: float | str, of: str) -> Check:
    if isinstance(value, str):
        return Check(name, None, value)
    return Check(name, value <= FAIR_LUCK, f"luck looks this good {percent(value)} of the time ({of})", value)


def _random(account: Account, runs: Floats | None) -> Check:
    if runs is None or not runs.size:
        return Check("random entries", None, "not compared with random entries")
    share = chance.beaten(float(account.curve.levels[-1]) / account.curve.start - 1, runs)
    text = f"better than {percent(share)} of {runs.size:,} random-entry runs"
    return Check("random entries", share >= BEATEN, text, share)


def _overfit(search: Search) -> Check:
    if search.pbo is None and search.trials == 1:
        return Check("overfitting", True, "nothing was optimised")
    if search.pbo is None:
        return Check("overfitting", None, "the probability of overfitting is not known")
    return Check("overfitting", search.pbo <= OVERFIT, f"probability of overfitting {percent(search.pbo)}", search.pbo)


def _grade(checks: tuple[Check, ...], luck: float | None) -> Grade:
    """none: too small, or luck above 10 %. weak: luck up to 10 %, or a test failed. fair: luck up to 5 % and none failed.
    strong: every test was made, and all passed."""
    by = {check.name: check.passed for check in checks}
    if luck is None or luck > WEAK_LUCK or not by["sample"]:
        return "none"
    failed = [name for name, passed in by.items() if passed is False and name != "t"]
    if luck > FAIR_LUCK or failed:
        return "weak"
    return "strong" if all(by.values()) else "fair"


def _sentence(account: Account, search: Search, luck: float | None, checks: tuple[Check, ...], grade: Grade) -> str:
    tried = f"{_many(search.trials, 'variant')} tried"
    head = f"{_many(len(account.trades), 'trade')}, {tried}"
    if luck is None:
        why = next(check.text for check in checks if check.name in ("days", "trades") and check.passed is None)
        return f"{head}; whether that is luck cannot be said: {why}."
    said = [f"{head}; luck alone looks this good {percent(luck)} of the time"]
    by = {check.name: check for check in checks}
    if not by["sample"].passed:
        said.append(f"too few to judge ({by['sample'].text})")
    said += [by[name].text for name in ("random entries", "overfitting") if by[name].value is not None]
    if by["without the best"].passed is False and float(account.trades.pnl.sum()) > 0:
        said.append("one trade made it all")
    if by["hold"].passed is False:
        said.append("holding did better for its risk")
    return "; ".join(said) + "."


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def percent(share: float) -> str:
    """In words that do not promise more digits than there are: never 0 % or 100 %."""
    if share < 0.01:
        return "less than 1 %"
    if share > 0.99:
        return "more than 99 %"
    return f"{100 * share:.0f} %"
