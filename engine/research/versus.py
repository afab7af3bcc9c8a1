"""Backtest against paper: how an ordinary backtest on candles would have done in a paper run's stead, trade by trade.

The same window, code and configuration, over stored candles, with no delay and no quotes, as anyone's backtest. Trades are
matched by the decision they came from; every difference is priced and has one cause. What the run's own tape gives when it is
replayed is in engine.research.parity and must be equal to the bit; this may differ, and says by how much and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from db import queries
from db.session import data_folder
from engine.core.setup import Setup
from engine.core.types import NEVER
from engine.ledger.flows import cash_flow
from engine.market.candles import Candles, DataError, iso
from engine.market.store import Store
from engine.market.symbols import timeframe_ms, timeframe_name
from engine.research.versus_causes import Cause, Difference, Evidence, Trip, of_both, of_one
from engine.research.versus_life import Lived, lived
from engine.research.versus_trades import Account, Deal, Part, of_candles, of_run
from engine.research.walk_forward_span import Ground, advance, stretch_of

_RUN = "SELECT id, name, kind, exchange, quote FROM run WHERE id = :run"
_TRIPS = "SELECT ts, breaker, action, until_ts FROM breaker_event WHERE run_id = :run ORDER BY seq"
_WORDS = "SELECT ts, text FROM run_marker WHERE run_id = :run AND kind = 'command' ORDER BY ts, id"


class VersusError(ValueError):
    """A run that cannot be laid beside candles; the message says why."""

    exit_code = 2


@dataclass(frozen=True)
class CostsMet:
    """What paper fills cost against the open of their candle: `slippage_bps` on average over `fills` market fills, the spread in
    it; fee rates as paid, None where none was. A preset for the launcher: with it a candle backtest costs what was met."""

    slippage_bps: float | None
    taker: float | None
    maker: float | None
    fills: int


@dataclass(frozen=True, eq=False)
class Versus:
    """The two sides over [from_ts, to_ts), ms UTC, at candles of `step_ms`. `reproduced` is the share of trades that candles
    made too and left alike, `explained` the share of the money apart whose cause is on record; 1 where nothing differs."""

    run_id: int
    run: str
    quote: str
    from_ts: int
    to_ts: int
    step_ms: int
    bars: int
    bars_differing: int
    paper: Account
    candles: Account
    differences: tuple[Difference, ...]
    costs: CostsMet
    notes: tuple[str, ...]

    @property
    def reproduced(self) -> float | None:
        every = self.differences
        return sum(one.reproduced for one in every) / len(every) if every else None

    @property
    def explained(self) -> float | None:
        apart = sum(abs(one.money) for one in self.differences)
        if not self.differences:
            return None
        return 1 - sum(abs(one.money) for one in self.differences if not one.shown) / apart if apart else 1.0

    @property
    def by_cause(self) -> dict[Cause, float]:
        """Money by cause, the largest first: paper's result less the candles' is their sum."""
        total: dict[Cause, float] = {}
        for one in self.differences:
            for cause, money in one.parts.items():
                total[cause] = total.get(cause, 0.0) + money
        return dict(sorted(total.items(), key=lambda item: -abs(item[1])))

    @property
    def biggest(self) -> tuple[Cause, float] | None:
        return next(iter(self.by_cause.items()), None)

    @property
    def sentence(self) -> str:
        """One line for the overview."""
        if self.reproduced is None:
            return "No trade on either side: there is nothing to compare yet."
        head = f"Candles reproduce {self.reproduced:.0%} of {len(self.differences):,} trades"
        money = self.paper.pnl - self.candles.pnl
        if self.biggest is None:
            return f"{head}, to the last cent."
        cause, most = self.biggest
        return f"{head}; paper came out {money:+,.2f} {self.quote} against them, most by {cause} ({most:+,.2f})."

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and a job's result."""
        return {
            "run_id": self.run_id, "run": self.run, "from": self.from_ts, "to": self.to_ts,
            "timeframe": timeframe_name(self.step_ms), "bars": self.bars, "bars_differing": self.bars_differing,
            "paper_trades": len(self.paper.deals), "candle_trades": len(self.candles.deals),
            "paper_pnl": self.paper.pnl, "candle_pnl": self.candles.pnl, "reproduced": self.reproduced,
            "explained": self.explained, "by_cause": dict(self.by_cause),
            "biggest_cause": self.biggest[0] if self.biggest else None, "sentence": self.sentence,
            "costs_met": vars(self.costs), "notes": list(self.notes),
            "differences": [row_of(one) for one in self.differences],
        }  # fmt: skip


def row_of(one: Difference) -> dict[str, Any]:
    """One difference as a flat row, for tables and files."""
    row: dict[str, Any] = {
        "symbol": one.deal.symbol, "direction": one.deal.direction, "decided_ts": one.deal.decided_ts, "money": one.money,
        "cause": one.cause, "why": one.sentence, "reproduced": one.reproduced,
    }  # fmt: skip
    for who, deal in (("paper", one.paper), ("candles", one.candles)):
        for name in ("entry_ts", "exit_ts", "qty", "entry_price", "exit_price", "pnl", "reason"):
            row[f"{who}_{name}"] = None if deal is None else getattr(deal, name)
    return row


def versus(engine: Engine, run_id: int, store: Store, folder: Path | None = None) -> Versus:
    """Lay a paper or live run beside its candle backtest. `folder` holds the runs' own folders (default: the data folder's).

    VersusError for a backtest or no run; DataError, with the command to fetch them, where candles of its window are missing;
    ValueError where its tape is gone.
    """
    found = queries.rows(engine, _RUN, {"run": run_id})
    if not found or found[0]["kind"] == "backtest":
        raise VersusError(
            f"run {run_id} is {'a backtest' if found else 'not in this database'}: name a paper or live run"
        )
    run = found[0]
    ours = of_run(engine, run_id)
    moments = {ts for deal in ours.deals for ts in (deal.entry_ts, deal.exit_ts)}
    life = lived((folder or data_folder() / "runs") / str(run_id), moments)
    stored, notes = _candles(life, str(run["exchange"]), store)
    step = next(iter(stored.values())).timeframe_ms
    to_ts = min(life.last // step * step, *(int(one.ts[-1]) + step for one in stored.values()))
    if to_ts <= life.first:
        raise DataError(_fetch_first(life, str(run["exchange"]), next(iter(stored)), timeframe_name(step)))
    if to_ts < life.last // step * step:
        notes.append(f"candles end at {iso(to_ts)}: what the run did after that is left out")
    theirs = _backtest(life, stored, to_ts)
    ours = Account(tuple(deal for deal in ours.deals if deal.entry_ts < to_ts), ours.heard)
    own = {symbol: life.bars(symbol, step) for symbol in stored}
    evidence = Evidence(life, ours, theirs, own, stored, step, _trips(engine, run_id), _deposits(engine, run_id))
    differences = _differences(ours, theirs, evidence)
    unlike = sum(evidence.differing(symbol, life.first, to_ts) for symbol in stored)
    costs = _costs(engine, run_id, evidence)
    return Versus(
        run_id, str(run["name"]), str(run["quote"]), life.first, to_ts, step, sum(rows.size for rows in own.values()), unlike,
        ours, theirs, tuple(differences), costs, tuple(notes),
    )  # fmt: skip


# ---- candles -------------------------------------------------------------------------------------------------------------
def _candles(life: Lived, exchange: str, store: Store) -> tuple[dict[str, Candles], list[str]]:
    """Every symbol's candles on the finest timeframe that all have and that divides every slot's; with warm-up before."""
    slots = [slot for _, setup in life.setups for slot in setup.slots]
    symbols = list(dict.fromkeys(slot.symbol for slot in slots))
    frames = {slot.timeframe_ms for slot in slots}
    have = [
        {timeframe_ms(one.timeframe) for one in store.list() if (one.exchange, one.symbol) == (exchange, symbol)}
        for symbol in symbols
    ]
    shared = [step for step in sorted(set.intersection(*have)) if all(frame % step == 0 for frame in frames)]
    if not shared:
        lacking = next((s for s, own in zip(symbols, have, strict=True) if not own), symbols[0])
        raise DataError(_fetch_first(life, exchange, lacking, timeframe_name(min(frames))))
    name = timeframe_name(shared[0])
    found, notes = {}, []
    for symbol in symbols:
        candles = store.read(exchange, symbol, name, None, life.last)
        if not len(candles) or int(candles.ts[-1]) < life.first:
            raise DataError(_fetch_first(life, exchange, symbol, name))
        if int(candles.ts[0]) > life.first - 100 * shared[0]:
            notes.append(f"{symbol}: hardly any candles are stored from before the run, so indicators start cold")
        found[symbol] = candles
    return found, notes


def _fetch_first(life: Lived, exchange: str, symbol: str, timeframe: str) -> str:
    before, after = iso(life.first - 7 * 86_400_000), iso(life.last)
    return (
        f"no {timeframe} candles of {symbol} from {exchange} are stored for the run's time: fetch them with "
        f"`run_engine.py fetch --exchange {exchange} --symbol {symbol} --timeframe {timeframe} --from {before} --to {after}`"
    )


def _backtest(life: Lived, stored: Mapping[str, Candles], to_ts: int) -> Account:
    """An ordinary backtest of what was configured when, from the run's first market on."""
    begins = [max(ts, life.first) for ts, _ in life.setups]
    spans = [
        (_ordinary(setup), begin, end)
        for (_, setup), begin, end in zip(life.setups, begins, [*begins[1:], to_ts], strict=True)
        if begin < min(end, to_ts)
    ]
    machine, parts, signal = spans[0][0].machine(), [], 1
    for k, (setup, begin, end) in enumerate(spans):
        if k:
            changed = setup.machine()
            changed.restore(machine.snapshot(), machine.layout())
            machine = changed
        stretch = stretch_of(setup, Ground(setup.instruments, stored, min(end, to_ts)), begin, life.known)
        kept = tuple(
            replace(
                one, decisions=one.decisions[one.decisions["decided_at"] > _first_whole(life.first, spec.timeframe_ms)]
            )
            for one, spec in zip(stretch.slots, setup.slots, strict=True)
        )
        reports, signal = advance(machine, replace(stretch, slots=kept), signal, first=k == 0, last=k == len(spans) - 1)
        parts.append(Part(setup, kept, reports))
    return of_candles(parts, machine, to_ts)


def _ordinary(setup: Setup) -> Setup:
    return replace(setup, account=replace(setup.account, delay_ms=0), grace_ms=0, latency_ms=0)


def _first_whole(first_ts: int, timeframe: int) -> int:
    """The first bar's beginning that the run saw whole: nothing was decided on the one in progress."""
    return -(-first_ts // timeframe) * timeframe


# ---- matching ------------------------------------------------------------------------------------------------------------
def _differences(ours: Account, theirs: Account, evidence: Evidence) -> list[Difference]:
    waiting: dict[tuple[str, int, int], Deal] = {(d.slot, d.direction, d.decided_ts): d for d in theirs.deals}
    todo: list[tuple[Deal | None, Deal | None]] = []
    for deal in ours.deals:
        todo.append((deal, waiting.pop((deal.slot, deal.direction, deal.decided_ts), None)))
    todo += [(None, deal) for deal in waiting.values()]
    found: list[Difference] = []
    for one, other in sorted(todo, key=lambda pair: (pair[0] or pair[1]).entry_ts):  # type: ignore[union-attr]
        if one is not None and other is not None:
            found.append(of_both(one, other, evidence))
        elif one is not None:
            found.append(of_one(one, paper=True, evidence=evidence, known=found))
        elif other is not None:
            found.append(of_one(other, paper=False, evidence=evidence, known=found))
    return found


def _trips(engine: Engine, run_id: int) -> list[Trip]:
    """When breakers, and a person's pauses and kills, held the account."""
    trips: list[Trip] = []
    for row in queries.rows(engine, _TRIPS, {"run": run_id}):
        by_hand = row["breaker"] == "kill"
        if row["action"] == "trip":
            trips.append(Trip(int(row["ts"]), int(row["until_ts"] or NEVER), by_hand))
        else:
            trips = [replace(t, until=min(t.until, int(row["ts"]))) if t.by_hand == by_hand else t for t in trips]
    stopped: int | None = None
    for row in queries.rows(engine, _WORDS, {"run": run_id}):
        if not str(row["text"]).startswith("the account is "):
            continue
        running = str(row["text"]).startswith("the account is running")
        if running and stopped is not None:
            trips.append(Trip(stopped, int(row["ts"]), not _during(trips, stopped)))
            stopped = None
        elif not running and stopped is None:
            stopped = int(row["ts"])
    return trips if stopped is None else [*trips, Trip(stopped, int(NEVER), not _during(trips, stopped))]


def _during(trips: Iterable[Trip], ts: int) -> bool:
    return any(trip.ts <= ts <= trip.until and not trip.by_hand for trip in trips)


def _deposits(engine: Engine, run_id: int) -> list[int]:
    rows = queries.rows(engine, _WORDS, {"run": run_id})
    return [int(row["ts"]) for row in rows if (flow := cash_flow(str(row["text"]))) is not None and flow[1] is None]


# ---- costs ---------------------------------------------------------------------------------------------------------------
_FILLS = """SELECT f.symbol, f.side, f.price, f.notional, f.fee, f.liquidity, f.ts, o.purpose, o.type
    FROM fill f JOIN orders o ON o.run_id = f.run_id AND o.seq = f.order_seq WHERE f.run_id = :run"""


def _costs(engine: Engine, run_id: int, evidence: Evidence) -> CostsMet:
    paid: dict[str, list[float]] = {"taker": [0.0, 0.0], "maker": [0.0, 0.0]}
    met: list[float] = []
    for row in queries.rows(engine, _FILLS, {"run": run_id}):
        paid[row["liquidity"]][0] += row["fee"]
        paid[row["liquidity"]][1] += row["notional"]
        if row["type"] != "market" or row["purpose"] not in ("entry", "exit"):
            continue
        opened = _opened(evidence, row["symbol"], int(row["ts"]))
        if opened is not None:
            side = 1 if row["side"] == "buy" else -1
            met.append(side * (row["price"] / opened - 1) * 1e4)
    rates = {name: fee / notional if notional else None for name, (fee, notional) in paid.items()}
    return CostsMet(max(float(np.mean(met)), 0.0) if met else None, rates["taker"], rates["maker"], len(met))


def _opened(evidence: Evidence, symbol: str, ts: int) -> float | None:
    """The open of the stored candle that a fill fell into."""
    candles: Candles = evidence.stored[symbol]
    k = int(np.searchsorted(candles.ts, ts // evidence.step_ms * evidence.step_ms))
    if k >= len(candles) or candles.ts[k] != ts // evidence.step_ms * evidence.step_ms:
        return None
    return float(candles.open[k])


def worst(differences: Sequence[Difference], most: int = 20) -> list[Difference]:
    """The differences that cost or brought most."""
    return sorted((one for one in differences if one.money), key=lambda one: -abs(one.money))[:most]
