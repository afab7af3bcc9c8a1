"""Why did it not trade? The kernel's own log of what became of each signal, put into one sentence. Nothing is run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from engine.core import codes
from engine.core.setup import Setup
from engine.core.types import Rows
from engine.market.candles import iso
from engine.market.symbols import timeframe_name
from engine.research.play import Played
from engine.strategies.base import Strategy

_BLOCKED = {"level", "breaker"}


def slot_name(setup: Setup, at: int) -> str:
    """`sma_cross on BTC/USD, 1h`, with the label of one that has it."""
    slot = setup.slots[at]
    label = f" ({slot.label})" if slot.label else ""
    return f"{slot.strategy} on {slot.symbol}, {timeframe_name(slot.timeframe_ms)}{label}"


def silent_slots(setup: Setup, played: Played, strategies: Sequence[Strategy]) -> dict[str, str]:
    """By the slot's name, why it closed no trade; slots that closed one are left out."""
    traded = set(played.reports.trades["slot"].tolist())
    silent = [at for at in range(len(setup.slots)) if at not in traded]
    return {slot_name(setup, at): why_silent(setup, played, strategies, {at}) for at in silent}


def why_silent(
    setup: Setup, played: Played, strategies: Sequence[Strategy], slots: Collection[int] | None = None
) -> str:
    """Why these slots (all of them) closed no trade; "" where one did."""
    mine = set(range(len(setup.slots))) if slots is None else set(slots)
    if mine & set(played.reports.trades["slot"].tolist()):
        return ""
    held = [at for at in mine if played.machine.slots["qty"][at] > 0]
    if held:
        made = _count(len(held), "entry was", "entries were")
        return f"{made} made and {'is' if len(held) == 1 else 'are'} open to the end: nothing was closed."
    entries = sum(int((played.slots[at].decisions["entry"] != 0).sum()) for at in mine)
    if not entries:
        return _no_entry(setup, played, strategies, mine)
    log = _of(played.reports.signals, mine)
    refused = log[(log["status"] == codes.S_REFUSED) | (log["status"] == codes.S_MISSED)]
    refused = refused[np.isin(refused["signal"], _entry_ids(played, mine))]
    if refused.size:
        return _refused(setup, played, refused, entries)
    orders = _of(played.reports.orders, mine)
    lost = orders[(orders["purpose"] == codes.ENTRY) & (orders["state"] == codes.CANCELLED)]
    if lost.size:
        return f"{_count(lost.size, 'entry was', 'entries were')} ordered and never filled: {_reasons(lost['reason'])}."
    return f"{_count(entries, 'entry', 'entries')} came too late: no bar was left to fill on. Test on a longer period."


def _no_entry(setup: Setup, played: Played, strategies: Sequence[Strategy], mine: Collection[int]) -> str:
    bars = sum(len(played.slots[at].bars.ts) for at in mine)
    short = [at for at in mine if len(played.slots[at].bars.ts) <= strategies[at].warmup()]
    if len(short) == len(mine):
        at = min(short)
        return (
            f"There are {len(played.slots[at].bars.ts):,} bars, and {setup.slots[at].strategy} needs {strategies[at].warmup():,} "
            "before its first signal. Choose a longer period or a shorter timeframe."
        )
    said = sum(played.slots[at].decisions.size for at in mine)
    if said:
        return f"No entry was signalled, only {said:,} exits with nothing held: the entry condition never turned."
    return (
        f"No signal in {bars:,} bars: the strategy's condition never turned. Try other parameters or a longer period."
    )


def _refused(setup: Setup, played: Played, refused: Rows, entries: int) -> str:
    whole = (
        f"All {refused.size:,} entries were"
        if refused.size == entries
        else f"{refused.size:,} of {entries:,} entries were"
    )
    whole = "The only entry was" if refused.size == entries == 1 else whole
    names = Counter(codes.REASONS[code] for code in refused["reason"].tolist())
    told = f"{whole} refused: " + ", ".join(
        f"{count:,} by {_limit(setup, name)}" for name, count in names.most_common(3)
    )
    if _BLOCKED & names.keys():
        told += _tripped(played)
    return f"{told}. {_REMEDIES.get(names.most_common(1)[0][0], 'Loosen that limit')}."


def _limit(setup: Setup, reason: str) -> str:
    """The limit's name with its value, where it has one."""
    account = setup.account
    values = {"max_positions": f"{account.max_positions}", "symbol_cap": f"{account.symbol_cap:.0%} of equity",
              "buying_power": f"{account.max_gross:g} x equity"}  # fmt: skip
    name = reason.replace("_", " ")
    return f"{name} ({values[reason]})" if reason in values else _WORDS.get(reason, name)


_WORDS = {
    "short_not_allowed": "shorts not being allowed",
    "min_notional": "the exchange's least order",
    "no_stop": "sizing by risk without a stop",
    "no_volatility": "sizing by volatility before there are 60 bars",
    "level": "the account's level",
    "breaker": "a breaker",
}
_REMEDIES = {
    "short_not_allowed": "Allow shorts, or use an instrument that has them",
    "min_notional": "Give more cash or a larger size",
    "no_stop": "Set a stop, or size another way",
    "buying_power": "Give a smaller size, or more gross exposure",
    "level": "Loosen the breaker, or let it go by itself with auto-ack",
    "breaker": "Loosen the breaker, or let it go by itself with auto-ack",
}


def _tripped(played: Played) -> str:
    events = played.reports.events
    trips = events[events["kind"] == codes.E_TRIP]
    if not trips.size:
        return ""
    names = played.machine.breaker_names
    first = trips[0]
    return f" ({names[int(first['breaker'])].replace('_', ' ')} tripped on {iso(first['ts'])}, {trips.size:,} times in all)"


def _reasons(found: npt.NDArray[np.int64]) -> str:
    names = Counter(codes.REASONS[code].replace("_", " ") for code in found.tolist())
    return ", ".join(f"{count:,} {name or 'cancelled'}" for name, count in names.most_common(3))


def _of(rows: Rows, slots: Collection[int]) -> Rows:
    found: Rows = rows[np.isin(rows["slot"], list(slots))]
    return found


def _entry_ids(played: Played, slots: Collection[int]) -> npt.NDArray[np.int64]:
    parts = [played.slots[at].decisions for at in slots]
    return np.concatenate([rows["signal_id"][rows["entry"] != 0] for rows in parts])


def _count(number: int, one: str, many: str) -> str:
    return f"One {one}" if number == 1 else f"{number:,} {many}"
