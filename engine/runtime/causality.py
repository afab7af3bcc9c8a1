"""Before a person's own strategy may trade, it is looked at on the bars it has: one that reads the future is not started.

Only their files: those that came with the engine are proven by its tests. What is done about a finding is the loop's business.
"""

from __future__ import annotations

import logging

from engine.research.lookahead import check
from engine.runtime.trader import Trader
from engine.strategies import catalog
from engine.strategies.base import Bars

log = logging.getLogger("evenkeel.causality")

DECISIONS, OTHERS = 30, 15
"""At how many bars it is looked at; `run_engine.py check` takes longer and looks closer."""


def looking_ahead(trader: Trader) -> dict[int, str]:
    """Slots whose strategy says something else once later bars are known, or fails on the bars it has, and why."""
    found: dict[int, str] = {}
    for i, slot in enumerate(trader.setup.slots):
        own = catalog.available()[slot.strategy].parent == catalog.user_folder()
        if own and slot.key not in trader.errors and (why := _fault(trader, i)):
            found[i] = why
    return found


def _fault(trader: Trader, i: int) -> str:
    slot, symbol = trader.setup.slots[i], trader.machine.symbol_index[trader.setup.slots[i].symbol]
    instrument = trader.setup.instruments[symbol]
    bars = Bars.from_ticks(instrument, slot.timeframe_ms, trader.book.bars((symbol, slot.timeframe_ms)))
    if not len(bars):
        return ""
    try:
        violations = check(trader.strategies[i], bars, instrument, most_decisions=DECISIONS, others=OTHERS, starts=0)
    except Exception as error:  # a person's code may raise anything
        log.warning("%s could not be looked at", slot.strategy, exc_info=True)
        return f"{type(error).__name__}: {error}"
    worst = [violation for violation in violations if violation.kind in ("looks ahead", "not repeatable")]
    return f"{worst[0]}; `run_engine.py check {slot.strategy}` says more" if worst else ""
