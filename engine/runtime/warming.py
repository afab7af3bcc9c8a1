"""What has to be ready before the market comes in: the compiled kernel, and the bars that strategies look back on."""

from __future__ import annotations

import logging

from engine.core.machine import Machine
from engine.core.types import MS_DAY
from engine.market.history import candles
from engine.market.symbols import timeframe_name
from engine.market.venue import Venue
from engine.runtime.session import Session
from engine.runtime.warmth import tf_rows

log = logging.getLogger("evenkeel.loop")


def compile_kernel(machine: Machine) -> None:
    """Have the kernel compiled (or read from its cache)."""
    machine.clock(0)
    machine.command("pause", 0)


def look_back(session: Session, venue: Venue, end: int, more: int) -> None:
    """History up to `end` (ms UTC) for every slot's bars, from a UTC midnight on, `more` bars beyond the longest warm-up; frozen
    in the run's own files. VenueError where the exchange does not answer."""
    trader = session.trader
    for key in trader.keys:
        symbol, timeframe = key
        instrument = trader.setup.instruments[symbol]
        warm = [trader, *(one.trader for one in session.challengers if key in one.trader.keys)]
        bars = more + max(one.warmup(key) for one in warm)
        start = (end - bars * timeframe) // MS_DAY * MS_DAY
        past = candles(venue, instrument.symbol, timeframe_name(timeframe), start, end // timeframe * timeframe)
        rows = tf_rows(past, instrument)
        if rows.size:
            trader.warm(key, rows)
        log.info("%s: %d bars of history", instrument.symbol, rows.size)
    first = (int(trader.book.bars(key)["ts"][0]) for key in trader.keys if trader.book.bars(key).size)
    session.recorder.set_run(anchor_ts=min(first, default=end))
