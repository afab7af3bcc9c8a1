"""What a report tells, put together from the database: a run, one of its strategies or a part of its time. No HTML here.

Every number is that of engine.analytics; a strategy alone is an account of its closed trades that began with the run's capital.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from db import queries
from db.session import data_folder
from engine.analytics import attribution
from engine.analytics.attribution import Waterfall
from engine.analytics.definitions import Account
from engine.analytics.intervals import Intervals, intervals
from engine.analytics.span import choose_trades, cut, cut_curve, of_trades
from engine.analytics.table import figures
from engine.analytics.values import Figure, Undefined
from engine.analytics.verdict import Verdict
from engine.core.types import MS_DAY
from engine.market.candles import DataError
from engine.research import market_days
from engine.research.compare_config import config_of, setup_of_run
from engine.research.lineage import Lineage, data_set_of, lineage_of, strategies_of
from engine.research.stored import account_from, flows_of_run
from engine.research.stored_costs import FILLS, slippage

_RUN = "SELECT * FROM run WHERE id = :run"
_POINTS = "SELECT ts, equity, exposure FROM equity WHERE run_id = :run AND slot_id = 0 ORDER BY ts"
_TRADES = """SELECT t.seq, t.slot_id, t.symbol, t.direction, t.qty, t.entry_ts, t.exit_ts, t.entry_price, t.exit_price,
    t.entry_notional, t.exit_notional, t.fees, t.funding, t.pnl, t.kind_pnl, t.mae, t.mfe, t.bars_held, t.ambiguous, t.risk,
    t.r_multiple, t.exit_reason, t.entry_order_seq, t.exit_order_seq FROM trade t WHERE t.run_id = :run ORDER BY t.seq"""
_SLOTS = (
    "SELECT id, strategy, symbol, label, timeframe_ms, source_hash FROM slot WHERE run_id = :run ORDER BY position, id"
)
_FEES = "SELECT coalesce(sum(fee), 0.0) AS fees FROM fill WHERE run_id = :run"
_ASKED = """SELECT slot_id, sum(cost) AS cost FROM ai_call WHERE run_id = :run AND slot_id IS NOT NULL AND about_ts >= :since
    AND about_ts <= :until GROUP BY slot_id"""
_OPEN = "SELECT count(*) AS n FROM position WHERE run_id = :run AND qty > 0"

Columns = dict[str, queries.Column]


class ReportError(DataError):
    """A report that cannot be made, in a sentence that says what to do."""


@dataclass(frozen=True)
class Ask:
    """`strategy` "" = all; the span [since, until] in ms UTC, 0 = as far as there is; `sections` () = all."""

    run_id: int
    strategy: str = ""
    since: int = 0
    until: int = 0
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Told:
    """What a report is made of. `trades` are the account's closed trades in order of exit, as columns of the table, with the
    strategy's name; `market` says which symbols it is held against; `code` is what ran."""

    ask: Ask
    run: Mapping[str, Any]
    account: Account
    trades: Columns
    figures: Mapping[str, Figure]
    intervals: Intervals
    waterfall: Waterfall
    verdict: Verdict
    market: str = ""
    strategies: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def quote(self) -> str:
        return str(self.run["quote"])

    @property
    def span(self) -> tuple[int, int]:
        return self.account.curve.begun, self.account.curve.ended


def told(engine: Engine, ask: Ask) -> Told:
    """Read it and reckon. ReportError where the run, strategy or time has nothing to report on."""
    found = queries.rows(engine, _RUN, {"run": ask.run_id})
    if not found:
        raise ReportError(f"there is no run {ask.run_id}: `status` and the page Runs name those there are")
    run, slots = found[0], queries.rows(engine, _SLOTS, {"run": ask.run_id})
    whole, trades = _account(engine, ask.run_id)
    if not whole.curve.ts.size:
        raise ReportError(
            f"run {run['name']} has stored no equity yet: its first point comes with its first closed bar"
        )
    names = _strategies(slots, trades)
    chosen = _chosen(ask, slots)
    since, until = ask.since or whole.curve.begun, ask.until or int(whole.curve.ts[-1])
    inside = (trades["exit_ts"] >= since) & (trades["exit_ts"] <= until) & np.isin(trades["slot_id"], chosen)
    account = _part(whole, ask, inside, since, until)
    from engine.research.doubt import doubt  # brings the kernel, which whoever only offers a report does not wait for

    account, market = _beside(account, run, slots, chosen)
    own = {name: column[inside] for name, column in trades.items()}
    own["strategy"] = names[inside]
    slip = slippage(own, queries.columns(engine, FILLS, {"run": ask.run_id, "since": 0}))
    fees, funding = (np.asarray(own[name], np.float64) for name in ("fees", "funding"))
    return Told(
        ask, run, account, own, figures(account), intervals(account),
        attribution.waterfall(account.trades.pnl, fees, slip, funding, _asked(engine, ask.run_id, chosen, since, until)),
        doubt(account, _lineage(engine, ask.run_id, whole), fans=False).verdict, market,
        tuple(dict.fromkeys(str(slot["strategy"]) for slot in slots)), config_of(engine, ask.run_id), _code(run, slots),
    )  # fmt: skip


def _asked(engine: Engine, run_id: int, slots: Sequence[int], since: int, until: int) -> float:
    """USD that these slots' questions to models about bars of [since, until] cost."""
    found = queries.rows(engine, _ASKED, {"run": run_id, "since": since, "until": until})
    return sum((float(row["cost"] or 0.0) for row in found if row["slot_id"] in slots), 0.0)


def _account(engine: Engine, run_id: int) -> tuple[Account, Columns]:
    who = {"run": run_id}
    trades = queries.columns(engine, _TRADES, who)
    order = np.argsort(trades["exit_ts"], kind="stable")
    by_exit = {name: column[order] for name, column in trades.items()}
    held, fees = queries.rows(engine, _OPEN, who)[0]["n"], queries.rows(engine, _FEES, who)[0]["fees"]
    run, points = queries.columns(engine, _RUN, who), queries.columns(engine, _POINTS, who)
    flows = flows_of_run(engine, run_id)
    return account_from(run, points, by_exit, flows, open_trades=int(held), fees=float(fees)), by_exit


def _strategies(slots: Sequence[Mapping[str, Any]], trades: Columns) -> npt.NDArray[np.object_]:
    """object[trades]: the strategy of each."""
    by = {int(slot["id"]): str(slot["strategy"]) for slot in slots}
    out = np.empty(len(trades["seq"]), object)
    out[:] = [by.get(int(number), "") for number in trades["slot_id"]]
    return out


def _chosen(ask: Ask, slots: Sequence[Mapping[str, Any]]) -> list[int]:
    chosen = [int(slot["id"]) for slot in slots if not ask.strategy or slot["strategy"] == ask.strategy]
    if ask.strategy and not chosen:
        there = ", ".join(dict.fromkeys(str(slot["strategy"]) for slot in slots)) or "none"
        raise ReportError(f"this run has no strategy {ask.strategy!r}; it has {there}")
    return chosen


def _part(whole: Account, ask: Ask, inside: Any, since: int, until: int) -> Account:
    if since > until:
        raise ReportError("the report's first moment is after its last: exchange --from and --to")
    if ask.strategy:
        return of_trades(choose_trades(whole.trades, inside), whole.curve, since, until)
    if not ask.since and not ask.until:
        return whole
    try:
        return cut(whole, since, until)
    except Undefined as why:
        raise ReportError(f"{why}: choose another --from and --to") from None


def _beside(
    account: Account, run: Mapping[str, Any], slots: Sequence[Mapping[str, Any]], chosen: Sequence[int]
) -> tuple[Account, str]:
    """The account beside its symbols held in equal parts, and what they are called."""
    symbols = tuple(dict.fromkeys(str(slot["symbol"]) for slot in slots if int(slot["id"]) in chosen))
    first, last = (account.curve.begun - 1) // MS_DAY, (account.curve.ended - 1) // MS_DAY
    found = market_days.closes(data_folder(), int(run["id"]), str(run["exchange"]), symbols, first, last)
    if not found:
        return account, ""
    names, table = market_days.levels(found, first, last)
    curve = market_days.held(table, first)
    try:
        cut_out = None if curve is None else cut_curve(curve, account.curve.begun, account.curve.ended)
    except Undefined:
        cut_out = None
    return (account, "") if cut_out is None else (replace(account, market=cut_out), ", ".join(names))


def _lineage(engine: Engine, run_id: int, account: Account) -> Lineage | None:
    setup = setup_of_run(engine, run_id)
    if setup is None:
        return None
    return lineage_of(engine, strategies_of(setup), data_set_of(setup, account.curve.begun, account.curve.ended))


def _code(run: Mapping[str, Any], slots: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What ran, by hashes: the kernel, the candles, each strategy's source, the configuration's version."""
    told = {"kernel": run["code_hash"], "candles": run["data_hash"]}
    told |= {str(slot["strategy"]): slot["source_hash"] for slot in slots}
    found = {name: str(value)[:12] for name, value in told.items() if value}
    if run["config_version_id"]:
        found["configuration version"] = str(run["config_version_id"])
    return found


def plain(value: Any) -> str:
    """A setting as text."""
    return json.dumps(value) if isinstance(value, (list, dict, bool)) else str(value)
