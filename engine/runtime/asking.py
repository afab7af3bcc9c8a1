"""What a model is told when a strategy asks: the market as its slot sees it, and what the slot holds. Plain values, made on the
loop's thread; nothing is sent and nothing is rendered here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.ledger.advised import Advised
from engine.ledger.market_table import market_table
from engine.strategies.base import Bars, Signals

if TYPE_CHECKING:
    from engine.runtime.trader import Trader


def question(trader: Trader, i: int, advised: Advised, bars: Bars, signals: Signals) -> dict[str, Any]:
    """The columns of an `ai_call` row but for ids and clocks; `slot` is the slot's index."""
    slot, ask, end = trader.setup.slots[i], advised.adviser.ask, int(bars.end[-1])
    facts = {
        **market_table(bars, signals, ask, len(bars) - 1),
        "position": held(trader, i),
        "key": slot.key,
        "label": slot.label,
        "life_ms": ask.life * slot.timeframe_ms,
        "wanted": bool(trader.machine.slots["state"][i] == 0),
    }
    return {
        "slot": i,
        "strategy": slot.strategy,
        "symbol": slot.symbol,
        "timeframe_ms": slot.timeframe_ms,
        "about_ts": end,
        "asked_ts": max(trader.now, end),
        "mode": advised.adviser.mode,
        "prompt_name": ask.prompt,
        "context": facts,
    }


def held(trader: Trader, i: int) -> dict[str, Any] | None:
    """What the slot holds: direction, entry price, bars held, open return as a fraction; None when flat."""
    row = trader.machine.slots[i]
    if not int(row["qty"]):
        return None
    symbol = int(row["symbol"])
    instrument = trader.setup.instruments[symbol]
    entry, mark = int(row["entry_price"]), int(trader.machine.symbols["mark"][symbol])
    direction = int(row["direction"])
    change = direction * (mark - entry) / entry if entry else math.nan
    return {
        "direction": direction,
        "entry_price": instrument.price(entry),
        "open_return": round(change, 6) if np.isfinite(change) else None,
    }
