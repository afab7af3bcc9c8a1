"""Why a slot is in or flat, in one sentence. Pure: facts in, words out; no database, no clock, no Streamlit.

What the strategy says comes first only where nothing else holds it back: a slot that may not trade says so, whatever it thinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app import formats, signals_words

DAY_MS = 86_400_000
REFUSALS = {
    "min_notional": "below minimum size",
    "max_positions": "as many positions as allowed are held",
    "symbol_cap": "the symbol's share of the account is used up",
    "sector_cap": "the sector's share of the account is used up",
    "order_rate": "as many orders as allowed were sent",
    "collar": "the price had moved too far",
    "buying_power": "not enough buying power",
    "short_not_allowed": "shorts are not allowed",
    "no_stop": "no stop to size it by",
    "no_volatility": "no volatility known yet to size it by",
    "no_price": "no price known yet",
    "moved": "the price moved away before it could fill",
    "expired": "it was not filled in time",
    "unfilled": "it was not filled in time",
    "missed": "it passed during an outage",
    "level": "the account was not taking entries",
    "slot_off": "the slot was switched off",
    "cooldown": "cool-down after a stop",
    "pending": "an order was waiting already",
    "venue": "the exchange rejected it",
}
LEVELS = {
    "paused": "the account is paused",
    "reduce_only": "the account only reduces positions",
    "halted": "the account is halted",
    "killed": "the account is killed",
}


@dataclass(frozen=True)
class Held:
    """An open position; prices in quote currency, `mark` None where unknown."""

    direction: int
    since: int
    mark: float | None = None
    stop: float | None = None
    target: float | None = None
    status: str = "open"


@dataclass(frozen=True)
class Waiting:
    """An entry that is not filled yet; `price` of a limit, None at the market."""

    side: str
    since: int
    price: float | None = None


@dataclass(frozen=True)
class Spoken:
    """The newest entry that the strategy asked for."""

    ts: int
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Tripped:
    """A breaker that holds this slot; `until` None = a person has to release it."""

    name: str
    level: str
    account: bool
    until: int | None = None


@dataclass(frozen=True)
class Facts:
    """What is known of a slot at `now` (exchange ms UTC).

    `needs` are, by direction (1, -1), the checks that were true at every entry so far; empty where that is not known.
    `over`: a backtest, after which nothing comes. `silent` says why nobody decides any more, such as "engine down".
    `left` is when and why (a code) the last position ended.
    """

    now: int
    timeframe_ms: int
    over: bool = False
    silent: str = ""
    state: str = "enabled"
    error: str = ""
    level: str = "running"
    tripped: tuple[Tripped, ...] = ()
    cooling: int | None = None
    bars: int | None = None
    warmup: int = 0
    checks: Mapping[str, bool] = field(default_factory=dict)
    needs: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    held: Held | None = None
    waiting: Waiting | None = None
    spoken: Spoken | None = None
    left: tuple[int, str] | None = None


def sentence(facts: Facts) -> str:
    """Why it is in or flat, and when it decides next."""
    if facts.state == "failed":
        holds = " What it holds keeps its stop." if facts.held else ""
        return f"Stopped: its strategy failed: {facts.error or 'no reason stored'}.{holds}"
    said = _in(facts, facts.held) if facts.held else _flat(facts)
    if facts.over:
        return f"At its end {said[:1].lower()}{said[1:]}."
    if facts.silent:
        return f"{facts.silent.capitalize()}, as of {_at(facts, facts.now)}: {said[:1].lower()}{said[1:]}."
    return f"{said}; next decision {_at(facts, next_decision(facts.now, facts.timeframe_ms))}."


def next_decision(now: int, timeframe_ms: int) -> int:
    """The end of the bar that is open at `now`, ms UTC: when a strategy is asked again."""
    return (now // timeframe_ms + 1) * timeframe_ms


def _in(facts: Facts, held: Held) -> str:
    """What keeps it open."""
    side = "Long" if held.direction > 0 else "Short"
    if held.status != "open":
        what = "close" if held.status == "exiting" else "open"
        return f"{side} since {_at(facts, held.since)}: an order to {what} it is on its way"
    parts = [f"{_named(name)} is {str(good).lower()}" for name, good in _told(facts, held.direction).items()]
    parts.append(_away(held, "stop") if held.stop else "no stop protects it")
    if held.target:
        parts.append(_away(held, "target"))
    off = {"off": "switched off, it only exits: ", "exit_only": "out of the configuration, it only exits: "}
    return f"{side} since {_at(facts, held.since)}: {off.get(facts.state, '')}{', '.join(parts)}"


def _told(facts: Facts, direction: int) -> Mapping[str, bool]:
    """The checks that say something about leaving: those that did not bring it in, else those that did."""
    others = {name: good for name, good in facts.checks.items() if name not in facts.needs.get(direction, ())}
    return others or facts.checks


def _away(held: Held, what: str) -> str:
    level = held.stop if what == "stop" else held.target
    assert level is not None
    if not held.mark:
        return f"the {what} stands at {formats.price(level)}"
    return f"the {what} at {formats.price(level)} is {formats.percent(abs(held.mark - level) / held.mark)} away"


def _flat(facts: Facts) -> str:
    """What keeps it out: the first of these that holds."""
    return _order(facts) or _unready(facts) or _blocked(facts) or f"Flat: {_unsaid(facts)}"


def _order(facts: Facts) -> str:
    order = facts.waiting
    if order is None:
        return ""
    how = f"at {formats.price(order.price)}, resting" if order.price else "at the market, waiting for a price"
    return f"Flat: an entry is asked for, {order.side} {how} since {_at(facts, order.since)}"


def _unready(facts: Facts) -> str:
    if facts.state == "off":
        return "Flat: switched off by a person"
    if facts.state == "exit_only":
        return "Flat: no longer in the configuration, it only exits"
    if facts.bars is not None and facts.bars < facts.warmup:
        ready = (facts.now // facts.timeframe_ms + facts.warmup - facts.bars) * facts.timeframe_ms
        when = "" if facts.over else f", ready about {_at(facts, ready)}"
        return f"Warming up {facts.bars:,} of {facts.warmup:,} bars{when}"
    return ""


def _blocked(facts: Facts) -> str:
    """Limits and breakers, the widest first; and what the strategy would say anyway."""
    by = _blocker(facts)
    wanting = _wanting(facts)
    return f"Blocked by {by}{f'; {wanting} anyway' if wanting else ''}" if by else ""


def _blocker(facts: Facts) -> str:
    if facts.level in LEVELS:
        by = [one for one in facts.tripped if one.account and one.level == facts.level]
        return _until(facts, by[0]) if by else f"a person: {LEVELS[facts.level]}"
    mine = [one for one in facts.tripped if not one.account]
    if mine:
        return _until(facts, mine[0])
    if facts.cooling is not None and facts.cooling > facts.now:
        return f"cool-down until {_at(facts, facts.cooling)}"
    return ""


def _until(facts: Facts, one: Tripped) -> str:
    end = f"until {_at(facts, one.until)}" if one.until else "until a person releases it"
    return f"the breaker {formats.breaker(one.name)} {end}"


def _wanting(facts: Facts) -> str:
    """Which conditions are missing for an entry; empty where none is."""
    sides = {side: [n for n in names if not facts.checks.get(n, True)] for side, names in facts.needs.items() if names}
    if not sides:
        missing = {1: [name for name, good in facts.checks.items() if not good]}
        return _false(missing[1]) if facts.checks and len(missing[1]) == len(facts.checks) else ""
    if not all(sides.values()):
        return ""
    if len(sides) == 1:
        return _false(next(iter(sides.values())))
    return ", ".join(
        f"no {'long' if side > 0 else 'short'}: {_false(names)}" for side, names in sorted(sides.items())[::-1]
    )


def _false(names: list[str]) -> str:
    if not names:
        return ""
    return f"{' and '.join(map(_named, names))} {'is' if len(names) == 1 else 'are'} false"


def _unsaid(facts: Facts) -> str:
    """Nothing holds it back: what the strategy says, or what became of what it said."""
    if wanting := _wanting(facts):
        return wanting
    spoken, left = facts.spoken, facts.left
    if left is not None and (spoken is None or left[0] >= spoken.ts or spoken.status == "taken"):
        return f"out since {_at(facts, left[0])} by {formats.exit_reason(left[1])}, no new entry was signalled"
    if spoken is None:
        return "its strategy has not signalled an entry yet"
    if spoken.status == "taken":
        return f"the entry signalled {_at(facts, spoken.ts)} came to nothing"
    why = REFUSALS.get(spoken.reason) or signals_words.rule(spoken.reason) or "no reason stored"
    word = {"ignored": "passed over"}.get(spoken.status, spoken.status)
    return f"the entry signalled {_at(facts, spoken.ts)} was {word}: {why}"


def _named(check: str) -> str:
    return f"\u201c{check}\u201d"


def _at(facts: Facts, ts: int) -> str:
    """A moment as short as it can be said: 14:00, 14:00:05 for bars of seconds, 3 Jan 14:00 on another day."""
    moment = datetime.fromtimestamp(ts / 1000, UTC)
    text = moment.strftime("%H:%M:%S" if facts.timeframe_ms < 60_000 else "%H:%M")
    return text if ts // DAY_MS == facts.now // DAY_MS else f"{moment.day} {moment:%b} {text}"
