"""Every signal of a run with what became of it and what came after it, as columns: read once, judged by the app and the command.

Queries go down indexes of the run. What the numbers mean is told by engine.analytics.signals_score and .signals_ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from db.queries import Column, columns, rows
from engine.analytics import signals_ledger, signals_score
from engine.analytics.signals import HORIZONS
from engine.analytics.values import Floats, Ints

SIGNALS = """SELECT seq, slot_id, decided_ts, kind, direction, strength, price, stop_distance, tag, status, reason, order_seq,
    config_version_id, source, model, prompt FROM signal WHERE run_id = :run ORDER BY seq"""
OUTCOMES = """SELECT signal_seq, cost, r1, r4, r12, r24, r72, mae, mfe, result, exit_ts, exit_reason, held_bars, regime, resolved
    FROM signal_outcome WHERE run_id = :run ORDER BY signal_seq"""
TRADES = "SELECT signal_seq, pnl, seq FROM trade WHERE run_id = :run AND signal_seq > 0"
HELD = "SELECT signal_seq FROM position WHERE run_id = :run AND signal_seq > 0"
TRIPS = """SELECT ts, breaker, scope, slot_id, action FROM breaker_event
    WHERE run_id = :run AND NOT (action = 'trip' AND level = 'running') ORDER BY ts, seq LIMIT 20000"""
USUAL = """SELECT slot_id, avg(entry_notional) AS usual, avg(risk) AS risk FROM
    (SELECT slot_id, entry_notional, nullif(risk, 0) AS risk FROM trade
    WHERE run_id = :run ORDER BY seq DESC LIMIT 2000) recent GROUP BY slot_id"""
ORDER = "SELECT state, reason FROM orders WHERE run_id = :run AND seq = :seq"
SLOTS = "SELECT id, strategy, symbol, label, timeframe_ms FROM slot WHERE run_id = :run ORDER BY position, id"
RUN = "SELECT cash_start, quote FROM run WHERE id = :run"
CONFIGS = "SELECT id, hash FROM config_version WHERE run_id = :run"
OWN = "own"
"""The measure that is not a horizon: the trade it would have been, with the slot's own exits."""
MEASURES = (OWN, *(f"r{bars}" for bars in HORIZONS))
FACETS = ("strategy", "symbol", "side", "fate", "rule", "tag", "regime", "config", "source", "model", "prompt")
VIEW = "ai_view"
"""The reason of a model's answer that is followed up and was never meant to be traded."""
MOST_ORDERS = 500
TAKEN, BLOCKED, UNFILLED = "taken", "blocked", "not filled"


@dataclass(frozen=True, eq=False)
class Facet:
    """One property of each signal: `names[codes[i]]`."""

    codes: Ints
    names: tuple[str, ...]

    def words(self, at: npt.NDArray[Any] | slice = slice(None)) -> list[str]:
        return [self.names[code] for code in self.codes[at].tolist()]

    def where(self, name: str) -> npt.NDArray[np.bool_]:
        """bool[n]: the signals called so; none where the name is unknown."""
        return np.asarray(self.codes == (self.names.index(name) if name in self.names else -1))


@dataclass(frozen=True, eq=False)
class SignalBook:
    """n signals in order of `seq`: raw columns of `signal` and of `signal_outcome` (NaN where there is none), `facets` by name,
    `pnl` float64[n] of the trade that came of it, `notional` float64[n] what an entry of its slot usually puts in, `risk`
    float64[n] what its first stop would risk of that (NaN without a stop), `span` int64[n] ms of a bar, and the stages: `entry`,
    `passed`, `filled`, bool[n]."""

    raw: dict[str, Column]
    facets: dict[str, Facet]
    pnl: Floats
    notional: Floats
    risk: Floats
    span: Ints
    entry: npt.NDArray[np.bool_]
    passed: npt.NDArray[np.bool_]
    filled: npt.NDArray[np.bool_]
    quote: str

    def __len__(self) -> int:
        return int(self.raw["seq"].size)

    def take(self, rows_: npt.NDArray[Any]) -> SignalBook:
        """These signals alone."""
        cut = {
            name: getattr(self, name)[rows_]
            for name in ("pnl", "notional", "risk", "span", "entry", "passed", "filled")
        }
        facets = {name: Facet(one.codes[rows_], one.names) for name, one in self.facets.items()}
        return replace(self, raw={name: values[rows_] for name, values in self.raw.items()}, facets=facets, **cut)

    def entries(self) -> SignalBook:
        """Without the signals that only leave."""
        return self.take(np.flatnonzero(self.entry))

    def returns(self, measure: str) -> Floats:
        """float64[n] net of costs by one of MEASURES, NaN where not known."""
        found: Floats = self.raw["result" if measure == OWN else measure]
        return found

    def record(self, measure: str) -> signals_score.Record:
        """How good these signals were."""
        raw, bars = self.raw, self.bars(measure)
        return signals_score.record(
            self.returns(measure), raw["direction"], raw["strength"], raw["cost"], raw["decided_ts"],
            self.facets["symbol"].codes, int(self.span.max(initial=1)) * bars,
        )  # fmt: skip

    def bars(self, measure: str) -> int:
        """How long a signal of that measure is judged, in bars: for own exits what they were held on average."""
        if measure != OWN:
            return int(measure[1:])
        held = self.raw["held_bars"]
        return max(int(np.nanmean(held)), 1) if np.isfinite(held).any() else 1

    def by(self, facet: str, measure: str) -> list[tuple[str, signals_score.Record]]:
        """The record of each group, the largest first."""
        one = self.facets[facet]
        return [(name, self.take(at).record(measure)) for name, at in signals_score.groups(one.codes, one.names)]

    def decay(self) -> list[tuple[int, signals_score.Record]]:
        """The record at each horizon, in bars."""
        return [(bars, self.record(f"r{bars}")) for bars in HORIZONS]

    @property
    def meant(self) -> npt.NDArray[np.bool_]:
        """bool[n]: entries that were to be traded; a model's views in the shadow are none."""
        return np.asarray(self.entry & (self.raw["reason"] != VIEW), np.bool_)

    def funnel(self) -> tuple[signals_ledger.Stage, ...]:
        """Of the entries: generated, past every gate, filled, closed, won."""
        closed = np.isfinite(self.pnl)
        some = self.meant
        return signals_ledger.funnel(self.passed[some], self.filled[some], closed[some], (self.pnl > 0)[some])

    def ledger(self, measure: str, *, in_r: bool = False) -> list[signals_ledger.Rule]:
        """What each rule that blocked entries saved or cost, in money; or `in_r`, over what each entry's first stop would have
        risked, which leaves out those without one."""
        blocked = self.take(np.flatnonzero(self.meant & (self.facets["fate"].codes != 0)))
        rule = blocked.facets["rule"]
        size = blocked.notional / blocked.risk if in_r else blocked.notional
        return signals_ledger.ledger(rule.codes, rule.names, blocked.returns(measure), size)

    def calibration(self, measure: str) -> signals_score.Calibration:
        """Of the signals that gave a strength. Undefined below 100 of them."""
        strength, made = self.raw["strength"], self.returns(measure)
        known = np.isfinite(strength) & np.isfinite(made)
        return signals_score.calibration(strength[known], made[known] > 0)


def read(engine: Engine, run_id: int) -> SignalBook:
    """All signals of a run, exits too; an empty book for a run without any."""
    who = {"run": run_id}
    raw = columns(engine, SIGNALS, who)
    n = raw["seq"].size
    for name in ("seq", "slot_id", "decided_ts", "direction"):
        raw[name] = raw[name].astype(np.int64)
    for name in ("strength", "price", "stop_distance", "order_seq", "config_version_id"):
        raw[name] = _floats(raw[name])
    raw |= _outcomes(engine, run_id, raw["seq"])
    pnl, filled, raw["trade_seq"] = _trades(engine, run_id, raw["seq"])
    slots = rows(engine, SLOTS, who)
    entry = raw["direction"] != 0
    passed = (raw["status"] == "taken") & entry
    facets = _facets(engine, run_id, raw, slots, passed & filled, entry)
    at = _slot_rows(raw["slot_id"], slots)
    span = np.array([slot["timeframe_ms"] for slot in slots] or [1], np.int64)[at] if n else np.zeros(0, np.int64)
    usual, usual_risk, quote = _notional(engine, run_id, slots)
    notional = usual[at] if n else np.zeros(0)
    risk = _risk(raw, notional, usual_risk[at]) if n else np.zeros(0)
    return SignalBook(raw, facets, pnl, notional, risk, span, entry, passed, filled, quote)


def _floats(values: Column) -> Floats:
    return np.asarray(values, np.float64)


def _outcomes(engine: Engine, run_id: int, seq: Ints) -> dict[str, Column]:
    """Columns of signal_outcome beside each signal."""
    found = columns(engine, OUTCOMES, {"run": run_id})
    theirs = found.pop("signal_seq").astype(np.int64)
    at = np.minimum(np.searchsorted(theirs, seq), max(theirs.size - 1, 0))
    there = theirs[at] == seq if theirs.size else np.zeros(seq.size, bool)
    out: dict[str, Column] = {}
    for name, values in found.items():
        if name in ("exit_reason", "regime"):
            out[name] = np.full(seq.size, "", object)
        else:
            out[name] = np.full(seq.size, 0.0 if name in ("cost", "resolved") else np.nan)
        if theirs.size:
            out[name][there] = values[at[there]]
    return out


def _trades(engine: Engine, run_id: int, seq: Ints) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """(P&L of the trade of each signal, whether its entry was filled: a trade or an open position, the trade's number)."""
    pnl, filled, number = np.full(seq.size, np.nan), np.zeros(seq.size, bool), np.full(seq.size, np.nan)
    made, held = columns(engine, TRADES, {"run": run_id}), columns(engine, HELD, {"run": run_id})
    for found in (made, held):
        theirs = found["signal_seq"].astype(np.int64)
        at = np.minimum(np.searchsorted(seq, theirs), max(seq.size - 1, 0))
        there = seq[at] == theirs if seq.size else np.zeros(theirs.size, bool)
        filled[at[there]] = True
        if found is made:
            pnl[at[there]], number[at[there]] = found["pnl"][there], found["seq"][there]
    return pnl, filled, number


def _slot_rows(slot_id: Ints, slots: Sequence[dict[str, Any]]) -> Ints:
    ids = np.array([slot["id"] for slot in slots], np.int64)
    order = np.argsort(ids)
    return order[np.minimum(np.searchsorted(ids[order], slot_id), max(ids.size - 1, 0))] if ids.size else slot_id * 0


def _notional(engine: Engine, run_id: int, slots: Sequence[dict[str, Any]]) -> tuple[Floats, Floats, str]:
    """(what an entry of each slot usually puts in, what its first stop usually risks, quote): means of its trades among the last
    2,000. Put in, where it has none: that of all slots, else the starting cash shared among the slots. Risked: then NaN."""
    run = rows(engine, RUN, {"run": run_id})
    found = rows(engine, USUAL, {"run": run_id})
    usual = {row["slot_id"]: float(row["usual"]) for row in found}
    risk = {row["slot_id"]: float(row["risk"]) for row in found if row["risk"]}
    cash = float(run[0]["cash_start"]) / max(len(slots), 1) if run else 0.0
    else_ = float(np.mean(list(usual.values()))) if usual else cash
    put = np.array([usual.get(slot["id"], else_) for slot in slots] or [0.0])
    risked = np.array([risk.get(slot["id"], np.nan) for slot in slots] or [np.nan])
    return put, risked, str(run[0]["quote"]) if run else ""


def _risk(raw: dict[str, Column], notional: Floats, usual: Floats) -> Floats:
    """What the first stop of each signal would risk: by its own distance, else as its slot usually does."""
    with np.errstate(divide="ignore", invalid="ignore"):
        own = notional * raw["stop_distance"] / raw["price"]
    return np.where(np.isfinite(own) & (own > 0), own, usual)


# ---- facets -----------------------------------------------------------------------------------------------------------
def _facets(
    engine: Engine, run_id: int, raw: dict[str, Column], slots: Sequence[dict[str, Any]], filled: Column, entry: Column
) -> dict[str, Facet]:
    at = _slot_rows(raw["slot_id"], slots)
    fate = np.full(raw["seq"].size, 1, np.int64)
    fate[raw["status"] == "taken"] = 2
    fate[filled | ((raw["status"] == "taken") & ~entry)] = 0
    configs = {float(row["id"]): str(row["hash"])[:7] for row in rows(engine, CONFIGS, {"run": run_id})}
    return {
        "strategy": _of_slots(at, [slot["strategy"] for slot in slots]),
        "symbol": _of_slots(at, [slot["symbol"] for slot in slots]),
        "side": Facet(raw["direction"] + 1, ("short", "exit", "long")),
        "fate": Facet(fate, (TAKEN, BLOCKED, UNFILLED)),
        "rule": _rules(engine, run_id, raw, fate),
        "tag": _words(raw["tag"]),
        "source": _words(raw["source"]),
        "model": _words(raw["model"]),
        "prompt": _words(raw["prompt"]),
        "regime": _words(raw["regime"]),
        "config": _words(np.array([configs.get(one, "") for one in raw["config_version_id"].tolist()], object)),
    }


def _of_slots(at: Ints, values: Sequence[str]) -> Facet:
    names = tuple(dict.fromkeys(values))
    codes = np.array([names.index(value) for value in values], np.int64)
    return Facet(codes[at] if at.size else at, names)


def _words(values: Column) -> Facet:
    said = values.tolist()
    names = {name: code for code, name in enumerate(sorted(set(said)))}
    if len(names) == 1:  # most of these columns: nobody asked a model, no regime is known
        return Facet(np.zeros(len(said), np.int64), tuple(names))
    return Facet(np.fromiter(map(names.__getitem__, said), np.int64, len(said)), tuple(names))


def _rules(engine: Engine, run_id: int, raw: dict[str, Column], fate: Ints) -> Facet:
    """What kept each signal from becoming a trade, as the engine's word; a breaker by its name; empty where nothing did."""
    rule = np.where(fate == 1, raw["reason"], "").astype(object)
    rule[(fate == 1) & (rule == "")] = "blocked"
    for at in np.flatnonzero(fate == 2).tolist()[:MOST_ORDERS]:
        found = rows(engine, ORDER, {"run": run_id, "seq": int(np.nan_to_num(raw["order_seq"][at]))})
        rule[at] = (found[0]["reason"] or found[0]["state"]) if found else "unfilled"
    rule[(fate == 2) & (rule == "")] = "unfilled"
    stopped = np.flatnonzero((fate == 1) & ((rule == "breaker") | (rule == "level")))
    if stopped.size:
        symbols = {row["id"]: row["symbol"] for row in rows(engine, SLOTS, {"run": run_id})}
        _name_breakers(rows(engine, TRIPS, {"run": run_id}), raw, rule, stopped, symbols)
    return _words(rule)


def _name_breakers(
    trips: list[dict[str, Any]], raw: dict[str, Column], rule: Column, stopped: Ints, symbols: dict[int, str]
) -> None:
    """Each blocked signal gets the last breaker that had tripped for its slot, symbol or the account and had not ended."""
    active: dict[tuple[str, Any], int] = {}
    moves = iter(trips)
    upcoming = next(moves, None)
    for at in stopped[np.argsort(raw["decided_ts"][stopped], kind="stable")].tolist():
        while upcoming is not None and upcoming["ts"] <= raw["decided_ts"][at]:
            key = (upcoming["breaker"], upcoming["slot_id"])
            active.pop(key, None)
            if upcoming["action"] == "trip":
                active[key] = 1
            upcoming = next(moves, None)
        slot = raw["slot_id"][at]
        owners = ("", symbols.get(int(slot), ""))
        mine = [n for n, owner in active if owner == slot or (owner in (None, 0) and n.partition(":")[2] in owners)]
        if mine:
            rule[at] = f"breaker {mine[-1].partition(':')[0]}"
