"""Runs side by side, backtest, paper and live alike: what they were made of, what they earned, and whether it differs.

The first run is what the others are measured against. Differences are taken on the days that two runs share, drawn together
(paired bootstrap): an interval that holds zero is no difference. Nothing is printed or drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db import queries
from engine.analytics import bootstrap, chance
from engine.analytics.bootstrap import Interval
from engine.analytics.definitions import Account
from engine.analytics.table import DEFINITIONS, figures
from engine.analytics.values import Convention, Figure, Floats, Ints, Undefined
from engine.research.compare_config import Setting, config_of, differences
from engine.research.compare_trades import TradePair, match, trades_of_run
from engine.research.stored import account_of_run

MOST = 8
SHOWN = tuple(
    "total_return cagr sharpe sortino calmar max_drawdown volatility exposure trades win_rate profit_factor expectancy "
    "avg_hold_seconds fees psr".split()
)
DIFFERED = ("total_return", "sharpe", "sortino", "cagr", "max_drawdown")


class CompareError(ValueError):
    """Runs that cannot be laid side by side; the message says why."""

    exit_code = 2


@dataclass(frozen=True, eq=False)
class Side:
    """One run: its account, its curve rebased to 1 at the instant that all are (`level`), its statistics and intervals."""

    id: int
    name: str
    kind: str
    status: str
    account: Account
    ts: Ints
    level: Floats
    figures: dict[str, Figure]
    intervals: dict[str, Interval | str]


@dataclass(frozen=True, eq=False)
class Against:
    """A run against the first: `gaps` are the run's statistic less the first's over the days both have; `pairs` all trades of
    both (the first's is `one`)."""

    id: int
    days: int
    gaps: dict[str, Interval | str]
    pairs: tuple[TradePair, ...]

    @property
    def differing(self) -> list[TradePair]:
        return [pair for pair in self.pairs if not pair.same]

    @property
    def sentence(self) -> str:
        """What can be said of the difference, on the Sharpe ratio where it has an interval, else on the mean day."""
        gap = self.gaps["sharpe"]
        if isinstance(gap, str):
            return f"Whether they differ cannot be said: {gap}."
        span = f"{gap.low:+.2f} to {gap.high:+.2f}"
        if gap.low > 0 or gap.high < 0:
            way = "higher" if gap.low > 0 else "lower"
            return f"Its Sharpe ratio is {way} by {abs(gap.value):.2f} ({span}, {gap.level:.0%}) over {self.days} shared days."
        return (
            f"No difference that {self.days} shared days could show: Sharpe {gap.value:+.2f} ({span}, {gap.level:.0%})."
        )


@dataclass(frozen=True, eq=False)
class Comparison:
    """`sides` in the order asked for; `rebased_ts` is where every curve is 1 (ms UTC), 0 where they share no time and each
    begins at 1; `config` the settings that differ; `against` all but the first, each against it."""

    sides: tuple[Side, ...]
    rebased_ts: int
    config: tuple[Setting, ...]
    against: tuple[Against, ...]


def compare(engine: Engine, run_ids: Sequence[int], seed: int = 0) -> Comparison:
    """Lay 2 to 8 runs side by side. CompareError for fewer, more, twice the same, or one that is not there."""
    if not 2 <= len(run_ids) <= MOST or len(set(run_ids)) < len(run_ids):
        raise CompareError(f"name 2 to {MOST} different runs to compare, not {len(run_ids)}")
    rows = [_row(engine, number) for number in run_ids]
    accounts = [account_of_run(engine, number) for number in run_ids]
    begun = max(one.curve.begun for one in accounts)
    shared = begun if begun < min(one.curve.ended for one in accounts) else 0
    sides = [_side(row, account, shared, seed) for row, account in zip(rows, accounts, strict=True)]
    trades = [trades_of_run(engine, number) for number in run_ids]
    tolerance = max((trade["timeframe_ms"] for own in trades for trade in own), default=60_000)
    against = [
        Against(side.id, *_gaps(sides[0].account, side.account, seed), tuple(match(trades[0], own, tolerance)))
        for side, own in zip(sides[1:], trades[1:], strict=True)
    ]
    config = differences([config_of(engine, number) for number in run_ids])
    return Comparison(tuple(sides), shared, tuple(config), tuple(against))


def _row(engine: Engine, number: int) -> dict[str, Any]:
    found = queries.rows(engine, "SELECT id, name, kind, status FROM run WHERE id = :run", {"run": number})
    if not found or found[0]["status"] == "writing":
        raise CompareError(f"there is no run {number}, or it is still being written")
    return found[0]


def _side(row: dict[str, Any], account: Account, shared: int, seed: int) -> Side:
    curve = account.curve
    ts, level = curve.level_ts, curve.levels
    if shared:
        before = int(np.searchsorted(ts, shared, side="right")) - 1
        base = float(level[max(before, 0)])
    else:
        base = curve.start
    with np.errstate(divide="ignore", invalid="ignore"):
        rebased: Floats = level / base if base > 0 else np.full(level.size, np.nan)
    return Side(
        row["id"], row["name"], row["kind"], row["status"], account, ts, rebased, figures(account, SHOWN),
        _intervals(account, seed),
    )  # fmt: skip


def _statistics(convention: Convention) -> dict[str, bootstrap.Statistic]:
    return {
        "total_return": bootstrap.total_return,
        "sharpe": bootstrap.sharpe(convention),
        "sortino": bootstrap.sortino(convention),
        "cagr": bootstrap.cagr(convention),
        "max_drawdown": bootstrap.max_drawdown,
    }


def _intervals(account: Account, seed: int) -> dict[str, Interval | str]:
    found: dict[str, Interval | str] = {}
    for name, statistic in _statistics(account.convention).items():
        try:
            found[name] = bootstrap.interval(account.returns, statistic, seed=seed)
        except Undefined as why:
            found[name] = str(why)
    pnl = account.trades.pnl
    if pnl.size:
        low, high = chance.wilson(int((pnl > 0).sum()), int(pnl.size))
        found["win_rate"] = Interval(float((pnl > 0).mean()), low, high, chance.LEVEL, 0, 0.0, 0.0)
    return found


def _gaps(first: Account, other: Account, seed: int) -> tuple[int, dict[str, Interval | str]]:
    """(days both have, the other's statistic less the first's on those days)."""
    days, mine, theirs = np.intersect1d(first.curve.days, other.curve.days, assume_unique=True, return_indices=True)
    found: dict[str, Interval | str] = {}
    for name, statistic in _statistics(first.convention).items():
        try:
            if days.size < 2:
                raise Undefined("they share fewer than two days")
            found[name] = bootstrap.difference(other.returns[theirs], first.returns[mine], statistic, seed=seed)
        except Undefined as why:
            found[name] = str(why)
    return int(days.size), found


def as_dict(made: Comparison) -> dict[str, Any]:
    """Plain values without the curves, for JSON."""
    return {
        "runs": [
            {"id": side.id, "name": side.name, "kind": side.kind, "days": int(side.account.returns.size),
             **{name: one.value for name, one in side.figures.items()},
             "intervals": {name: _told(one) for name, one in side.intervals.items()},
             "undefined": {name: one.reason for name, one in side.figures.items() if one.reason}}
            for side in made.sides
        ],
        "rebased_ts": made.rebased_ts,
        "config": [{"setting": one.name, "values": list(one.values)} for one in made.config],
        "against_first": [
            {"id": one.id, "shared_days": one.days, "sentence": one.sentence,
             "differences": {name: _told(gap) for name, gap in one.gaps.items()},
             "trades_same": len(one.pairs) - len(one.differing),
             "trades_differ": sum(1 for pair in one.differing if pair.one and pair.other),
             "trades_only_first": sum(1 for pair in one.pairs if pair.other is None),
             "trades_only_this": sum(1 for pair in one.pairs if pair.one is None)}
            for one in made.against
        ],
    }  # fmt: skip


def _told(one: Interval | str) -> dict[str, Any]:
    if isinstance(one, str):
        return {"reason": one}
    return {"value": one.value, "low": one.low, "high": one.high, "level": one.level}


def labels() -> dict[str, str]:
    """The shown statistics' names in traders' words."""
    return {name: DEFINITIONS[name].label for name in SHOWN}
