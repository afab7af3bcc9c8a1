"""Why a paper trade came to other money than the same trade on candles: every difference in parts, each with one cause.

A part is priced from what is known of both sides: sizes, fees, the price before slippage, the quote that stood then, the
run's own prints against the stored candles, and what became of the signal. Parts of a difference add up to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from engine.analytics.values import Ints
from engine.core.types import Rows
from engine.market.candles import Candles
from engine.research.versus_life import Lived
from engine.research.versus_trades import Account, Deal, Heard

Cause = Literal[
    "spread", "slippage", "fee", "path within the bar", "data", "outage", "breaker", "manual", "shared capital"
]
PATH: Cause = "path within the bar"
_CAPITAL = {"max_positions", "symbol_cap", "buying_power", "min_notional"}
_BY_HAND = {"slot_off", "slot_failed"}
_BUSY = {"in_position", "pending", "opposite", "busy", "no_position", "superseded"}
_PROTECTIVE = {"stop", "target", "trail", "breakeven", "time"}
_MARKET_EXITS = {"exit", "flatten", "manual", "outage", "time"}


@dataclass(frozen=True)
class Difference:
    """One trade, as paper made it and as candles did (None: not at all). `money` is paper's result less the candles', `parts`
    its causes with their money, `cause` the largest. `shown` False means that nothing on record proves the cause."""

    paper: Deal | None
    candles: Deal | None
    money: float
    parts: Mapping[Cause, float]
    cause: Cause | None
    sentence: str
    reproduced: bool
    shown: bool = True

    @property
    def deal(self) -> Deal:
        one = self.paper or self.candles
        assert one is not None
        return one


@dataclass(frozen=True)
class Trip:
    """A breaker that tripped, or a person's word: from `ts` to `until` (ms UTC); `by_hand` for the latter."""

    ts: int
    until: int
    by_hand: bool


@dataclass(frozen=True, eq=False)
class Evidence:
    """What causes are read from. `own` are the run's bars, `stored` the candles, both by symbol at `step_ms`."""

    lived: Lived
    paper: Account
    candles: Account
    own: Mapping[str, Rows]
    stored: Mapping[str, Candles]
    step_ms: int
    trips: Sequence[Trip]
    deposits: Sequence[int]
    """When cash came or went."""

    def differing(self, symbol: str, from_ts: int, to_ts: int) -> int:
        """Bars in [from_ts, to_ts) that the run saw otherwise than they are stored, one of them missing included."""
        ts, before = self.unlike[symbol]
        low, high = np.searchsorted(ts, [from_ts, to_ts])
        return int(before[high] - before[low])

    @cached_property
    def unlike(self) -> dict[str, tuple[Ints, Ints]]:
        """By symbol (ts int64[n] of every bar either side has while the run saw the market, how many before each differ
        int64[n + 1])."""
        return {symbol: self._unlike(symbol) for symbol in self.own}

    def _unlike(self, symbol: str) -> tuple[Ints, Ints]:
        mine, known = self.own[symbol], self.stored[symbol]
        if not mine.size:  # where it saw nothing whole, nothing can be said
            return np.zeros(0, np.int64), np.zeros(1, np.int64)
        known = known.between(int(mine["ts"][0]), int(mine["ts"][-1]) + self.step_ms)
        ts = np.union1d(mine["ts"], known.ts)
        differs = np.ones(ts.size, np.int64)  # a bar that one side lacks differs
        both, a, b = np.intersect1d(mine["ts"], known.ts, assume_unique=True, return_indices=True)
        instrument = self.lived.instrument(symbol)
        other = np.zeros(both.size, np.bool_)
        for name in ("open", "high", "low", "close"):
            other |= mine[name][a] != instrument.to_ticks(getattr(known, name)[b])
        differs[np.searchsorted(ts, both)] = other
        return ts, np.concatenate([[0], np.cumsum(differs)])

    def tripped(self, from_ts: int, to_ts: int) -> Cause | None:
        """What had stopped the account in [from_ts, to_ts]."""
        found = [trip for trip in self.trips if trip.ts <= to_ts and trip.until >= from_ts]
        if not found:
            return None
        return "manual" if all(trip.by_hand for trip in found) else "breaker"


# ---- a trade that both made --------------------------------------------------------------------------------------------
def of_both(paper: Deal, candles: Deal, evidence: Evidence) -> Difference:
    """A difference in size, fees, entry and exit; what is left over is rounding and goes to the largest part."""
    money = paper.pnl - candles.pnl
    parts: defaultdict[Cause, float] = defaultdict(float)
    ratio = paper.qty / candles.qty
    if ratio != 1:
        worth = ratio * paper.entry_price / candles.entry_price  # of equal worth: fewer because they were dearer
        deposited = any(ts <= paper.entry_ts for ts in evidence.deposits)
        parts["manual" if deposited else "shared capital"] += candles.pnl * (worth - 1)
        parts[_of_prices(paper, evidence)] += candles.pnl * (ratio - worth)
    parts["fee"] -= paper.fees - candles.fees * ratio + paper.funding - candles.funding * ratio
    side = paper.direction
    _leg(parts, evidence, paper, -side, (paper.entry_price, paper.entry_base, paper.entry_ts),
         (candles.entry_price, candles.entry_base, candles.entry_ts), market=True)  # fmt: skip
    alike = paper.reason == candles.reason and _bar(paper.exit_ts, evidence) == _bar(candles.exit_ts, evidence)
    why = ""
    if paper.reason == candles.reason == "open":
        alike = True
        _held(parts, evidence, paper, candles)
    elif alike:
        _leg(parts, evidence, paper, side, (paper.exit_price, paper.exit_base, paper.exit_ts),
             (candles.exit_price, candles.exit_base, candles.exit_ts), market=paper.reason in _MARKET_EXITS)  # fmt: skip
    else:
        cause, why = _other_exit(paper, candles, evidence)
        parts[cause] += side * (paper.exit_price - candles.exit_price) * paper.qty
    return _settled(paper, candles, money, parts, why, reproduced=alike)


Leg = tuple[float, float | None, int]


def _leg(
    parts: defaultdict[Cause, float],
    evidence: Evidence,
    deal: Deal,
    sign: int,
    paper: Leg,
    candles: Leg,
    *,
    market: bool,
) -> None:
    """One fill against the other: `sign` is what a higher price does to the money."""
    size = sign * deal.qty
    base_p, base_c = (price if base is None else base for price, base, _ in (paper, candles))
    parts["slippage"] += size * ((paper[0] - base_p) - (candles[0] - base_c))
    middle = _middle(evidence, deal.symbol, paper[2], base_p) if market else base_p
    parts["spread"] += size * (base_p - middle)
    opened = _own_open(evidence, deal.symbol, candles[2]) if market else None
    if opened is None:
        parts[PATH] += size * (middle - base_c)
        return
    parts["data"] += size * (opened - base_c)
    parts[PATH] += size * (middle - opened)


def _held(parts: defaultdict[Cause, float], evidence: Evidence, paper: Deal, candles: Deal) -> None:
    """Both still hold it: the marks they are valued at."""
    size = paper.direction * paper.qty
    own = evidence.own[paper.symbol]
    last = int(np.searchsorted(own["ts"], candles.exit_ts - evidence.step_ms))
    close = candles.exit_price
    if last < own.size and own["ts"][last] == candles.exit_ts - evidence.step_ms:
        close = evidence.lived.instrument(paper.symbol).price(int(own["close"][last]))
    parts["data"] += size * (close - candles.exit_price)
    parts[PATH] += size * (paper.exit_price - close)


def _of_prices(deal: Deal, evidence: Evidence) -> Cause:
    """What made an entry dearer: other candles, or the way within one."""
    begin = _bar(deal.decided_ts - evidence.step_ms, evidence)
    return "data" if evidence.differing(deal.symbol, begin, _bar(deal.entry_ts, evidence) + evidence.step_ms) else PATH


def _middle(evidence: Evidence, symbol: str, ts: int, base: float) -> float:
    """The middle of the quote that a fill was made at, the price itself where it was made at none."""
    quote = evidence.lived.quotes.get((symbol, ts))
    if quote is None or not 0 < quote[0] <= quote[1]:
        return base
    instrument = evidence.lived.instrument(symbol)
    bid, ask = instrument.price(quote[0]), instrument.price(quote[1])
    return (bid + ask) / 2 if base in (bid, ask) else base


def _own_open(evidence: Evidence, symbol: str, ts: int) -> float | None:
    """The run's own first print of the bar of `ts`; None where it did not see it whole."""
    own = evidence.own[symbol]
    k = int(np.searchsorted(own["ts"], _bar(ts, evidence)))
    if k >= own.size or own["ts"][k] != _bar(ts, evidence):
        return None
    return evidence.lived.instrument(symbol).price(int(own["open"][k]))


def _bar(ts: int, evidence: Evidence) -> int:
    return ts // evidence.step_ms * evidence.step_ms


def _other_exit(paper: Deal, candles: Deal, evidence: Evidence) -> tuple[Cause, str]:
    """Why they did not leave together."""
    first, last = sorted((paper.exit_ts, candles.exit_ts))
    said = f"paper left by {paper.reason}, candles by {candles.reason}"
    if paper.reason == "outage" or evidence.lived.in_gap(first, last):
        return "outage", f"{said}: the market was not seen then"
    if paper.reason in ("flatten", "wiped_out"):
        cause = evidence.tripped(paper.exit_ts - evidence.step_ms, paper.exit_ts) or "manual"
        return cause, f"{said}: it was flattened"
    if paper.reason == "manual":
        return "manual", f"{said}: a person closed it"
    if evidence.differing(paper.symbol, _bar(first, evidence), _bar(last, evidence) + evidence.step_ms):
        return "data", f"{said}: its own prints and the stored candles differ there"
    if {paper.reason, candles.reason} & _PROTECTIVE:
        return PATH, f"{said}: within the bar the market went another way than a candle tells"
    return "data", f"{said}: the strategy saw other bars"


# ---- a trade that only one of them made ----------------------------------------------------------------------------------
def of_one(deal: Deal, *, paper: bool, evidence: Evidence, known: Sequence[Difference]) -> Difference:
    """`known` are the differences settled before, for what follows from them."""
    money = deal.pnl if paper else -deal.pnl
    other = evidence.candles if paper else evidence.paper
    heard = other.heard.get((deal.slot, deal.decided_ts))
    cause, sentence, shown = _why_not(deal, heard, paper, evidence, known)
    made, simulated = (deal, None) if paper else (None, deal)
    return Difference(made, simulated, money, {cause: money}, cause, sentence, False, shown)


def _why_not(
    deal: Deal, heard: Heard | None, paper: bool, evidence: Evidence, known: Sequence[Difference]
) -> tuple[Cause, str, bool]:
    who = "the candle backtest" if paper else "the paper run"
    if heard is None or heard.direction != deal.direction:
        return _unheard(deal, who, evidence)
    reason = heard.order_reason if heard.status == "taken" and heard.order_reason else heard.reason
    words = f"{who} {heard.status if heard.status != 'taken' else 'cancelled'} it: {str(reason).replace('_', ' ')}"
    if heard.status == "missed" or reason == "missed":
        return "outage", words, True
    if reason in _CAPITAL:
        return "shared capital", words, True
    if reason in _BY_HAND:
        return "manual", words, True
    if reason == "breaker":
        return "breaker", words, True
    if reason == "level":
        return evidence.tripped(deal.decided_ts, deal.decided_ts) or "manual", words, True
    if reason in _BUSY:
        return _followed(deal, words, known)
    if reason in ("moved", "expired"):
        return _of_prices(deal, evidence), words, True
    return PATH, words, reason == "cooldown"


def _unheard(deal: Deal, who: str, evidence: Evidence) -> tuple[Cause, str, bool]:
    if evidence.lived.in_gap(deal.decided_ts - evidence.step_ms, deal.decided_ts):
        return "outage", f"{who} heard no signal: the market was not seen then", True
    unlike = evidence.differing(deal.symbol, evidence.lived.first, deal.decided_ts)
    if unlike:
        return "data", f"{who} heard no signal: {unlike:,} of the bars up to then are not as they are stored", True
    return "data", f"{who} heard no signal, though the bars are alike: other history before the run's start", False


def _followed(deal: Deal, words: str, known: Sequence[Difference]) -> tuple[Cause, str, bool]:
    """The slot was still, or no longer, in another trade: what made that one differ made this one too."""
    before = [
        one
        for one in known
        if one.deal.slot == deal.slot and not one.reproduced and one.cause and one.deal.entry_ts <= deal.entry_ts
    ]
    if not before:
        return PATH, words, False
    last = max(before, key=lambda one: one.deal.entry_ts)
    assert last.cause is not None
    return last.cause, f"{words}, after a trade that differed by {last.cause}", True


def _settled(
    paper: Deal, candles: Deal, money: float, parts: Mapping[Cause, float], why: str, *, reproduced: bool
) -> Difference:
    told = {cause: value for cause, value in parts.items() if abs(value) > 1e-12}
    left = money - sum(told.values())
    if told:
        largest = max(told, key=lambda cause: abs(told[cause]))
        told[largest] += left
    elif money:
        told, largest = {PATH: money}, PATH
    else:
        return Difference(paper, candles, 0.0, {}, None, "equal", reproduced)
    largest = max(told, key=lambda cause: abs(told[cause]))
    return Difference(paper, candles, money, told, largest, why or f"most of it is {largest}", reproduced)
