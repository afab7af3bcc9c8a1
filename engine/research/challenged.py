"""A challenger against the slots it challenges, on the days that both lived: P&L by UTC day, paired. Nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Engine, select
from sqlmodel import col

from db.models import Run, Slot
from db.queries import columns
from engine.analytics import bootstrap
from engine.analytics.bootstrap import Interval
from engine.analytics.calendar import daily_sums
from engine.analytics.values import MIN_DAYS, Convention, Floats, Ints, Undefined
from engine.core.types import MS_DAY

_SPAN = "SELECT min(ts) AS first, max(ts) AS last FROM equity WHERE run_id = :run AND slot_id = 0"
_TRADES = "SELECT slot_id, exit_ts, pnl FROM trade WHERE run_id = :run ORDER BY seq"


@dataclass(frozen=True, eq=False)
class Against:
    """`own` and `incumbent` are what each earned in closed trades over `days` shared UTC days, as a part of its account's first
    capital; `gaps` the challenger's statistic less the incumbent's, or why there is none."""

    days: int
    own: float
    incumbent: float
    gaps: dict[str, Interval | str]
    incumbents: list[dict[str, Any]]

    @property
    def sentence(self) -> str:
        """What can be said of it."""
        gap = self.gaps["total_return"]
        if isinstance(gap, str):
            return f"nothing yet: {gap}"
        few = f", after {self.days} of {MIN_DAYS} days" if self.days < MIN_DAYS else ""
        if gap.low > 0 or gap.high < 0:
            return f"{'better' if gap.low > 0 else 'worse'} than its incumbent{few}"
        return f"no difference that {self.days} shared days could show"


def against(engine: Engine, challenger: int, seed: int = 0) -> Against:
    """The challenger run beside the slots of the run it lives next to that it names. LookupError if it challenges nobody."""
    with engine.connect() as connection:
        query = select(col(Run.challenger_of), col(Run.params), col(Run.cash_start)).where(col(Run.id) == challenger)
        one = connection.execute(query).first()
        if one is None or one.challenger_of is None:
            raise LookupError(f"run {challenger} is no challenger")
        cash = connection.execute(select(col(Run.cash_start)).where(col(Run.id) == one.challenger_of)).scalar_one()
        told = one.params["challenger"]
        slots = select(Slot.__table__).where(  # type: ignore[attr-defined]
            col(Slot.run_id) == one.challenger_of, col(Slot.symbol) == told["symbol"],
            (col(Slot.strategy) == told["of"]) | (col(Slot.label) == told["of"]),
        )  # fmt: skip
        incumbents = [dict(row) for row in connection.execute(slots.order_by(col(Slot.position))).mappings()]
    days = _shared(engine, challenger, int(one.challenger_of))
    mine = _daily(engine, challenger, None, days) / one.cash_start
    theirs = _daily(engine, int(one.challenger_of), [slot["id"] for slot in incumbents], days) / cash
    gaps = {name: _gap(mine, theirs, made, seed) for name, made in _statistics().items()}
    return Against(int(days.size), float(mine.sum()), float(theirs.sum()), gaps, incumbents)


def _statistics() -> dict[str, bootstrap.Statistic]:
    return {"total_return": bootstrap.total_return, "sharpe": bootstrap.sharpe(Convention())}


def _gap(mine: Floats, theirs: Floats, statistic: bootstrap.Statistic, seed: int) -> Interval | str:
    try:
        if mine.size < 2:
            raise Undefined("they share fewer than two whole days")
        return bootstrap.difference(mine, theirs, statistic, seed=seed)
    except Undefined as why:
        return str(why)


def _shared(engine: Engine, *runs: int) -> Ints:
    """Whole UTC days that all of the runs lived through: neither the day one began on nor the present one."""
    spans = [columns(engine, _SPAN, {"run": run}) for run in runs]
    if any(not np.isfinite(np.asarray(one["first"], np.float64)).all() for one in spans):
        return np.zeros(0, np.int64)
    first = max(int(one["first"][0]) for one in spans)
    last = min(int(one["last"][0]) for one in spans)
    return np.arange(-(-first // MS_DAY), last // MS_DAY, dtype=np.int64)


def _daily(engine: Engine, run: int, slots: list[int] | None, days: Ints) -> Floats:
    raw = columns(engine, _TRADES, {"run": run})
    own = np.ones(raw["pnl"].size, bool) if slots is None else np.isin(raw["slot_id"].astype(np.int64), slots)
    return daily_sums(raw["exit_ts"].astype(np.int64)[own], raw["pnl"].astype(np.float64)[own], days)
