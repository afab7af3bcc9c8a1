"""N strategies on M symbols: what a second of market, and a bar's close, cost the engine's heart. In this process, without I/O.

Times of the processor: a frame of every symbol's bar taken (orders, stops, marks, limits), and the close of every symbol's bar,
at which each slot's strategy runs over all bars it has seen.
"""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engine.core.setup import Setup
from engine.core.types import TF_BAR, AccountSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.barbook import BarBook
from engine.runtime.trader import Step, Trader

STRATEGIES, SYMBOLS = (1, 2, 4, 8), (1, 5, 20, 50)
MINUTE, SECOND, START, SEEN = 60_000, 1_000, 1_772_452_800_000, 1000
NAMES = ("sma_cross", "donchian_breakout", "rsi_reversion", "bollinger_reversion", "macd_trend")


def trader(strategies: int, symbols: int) -> Trader:
    """Every strategy on every symbol, all in one account, with SEEN bars behind them."""
    one = Instrument("A/USD", "A", "USD", Decimal("0.01"), Decimal("0.0001"), Decimal("1e-6"))
    listed = tuple(replace(one, symbol=f"S{k:03d}/USD", base=f"S{k:03d}") for k in range(symbols))
    account = AccountSpec(Decimal(100_000), "USD", Decimal("1e-6"), max_positions=strategies * symbols, symbol_cap=0.0)
    size = 0.9 / (strategies * symbols)
    slots, params = [], []
    for k in range(strategies):
        # The same strategy twice is two slots with other parameters.
        name, more = NAMES[k % len(NAMES)], k // len(NAMES)
        for n, i in enumerate(listed):
            spec = SlotSpec(f"{k}-{n}", name, i.symbol, MINUTE, Sizing("share", size), Protection(stop=0.05))
            slots.append(spec)
            params.append({"fast": 10 + more} if name == "sma_cross" else {})
    setup = Setup(account, listed, tuple(slots), tuple(params), (), 1000, 250)
    made = Trader(setup, BarBook(None, tuple(i.symbol for i in listed)))
    for n in range(symbols):
        made.warm((n, MINUTE), _bars(n))
    return made


def _bars(seed: int) -> Any:
    close = np.rint(100_000 + np.cumsum(np.random.default_rng(seed).normal(0, 60, SEEN))).astype(np.int64)
    rows = np.zeros(SEEN, TF_BAR)
    rows["ts"] = START - MINUTE * (SEEN - np.arange(SEEN))
    rows["open"], rows["close"] = np.append(close[:1], close[:-1]), close
    rows["high"], rows["low"] = np.maximum(rows["open"], close) + 20, np.minimum(rows["open"], close) - 20
    rows["volume"] = 1.0
    return rows


def _frame(ts: int, symbols: int, random: Any, prices: Any) -> list[Any]:
    prices += np.rint(random.normal(0, 8, symbols)).astype(np.int64)
    rows = [[n, 0, p, p + 2, p - 2, p, 1.0, p - 1, p + 1, p - 1, p + 1] for n, p in enumerate(prices.tolist())]
    return ["frame", ts, rows, 0]


def _cell(strategies: int, symbols: int, minutes: int) -> tuple[float, float]:
    """(us of a frame that closes nothing, ms of a clock that closes every bar): the middle of many."""
    made, random = trader(strategies, symbols), np.random.default_rng(9)
    prices = np.full(symbols, 100_000, np.int64)
    frames, closes = [], []
    for minute in range(minutes + 1):
        begin = START + minute * MINUTE
        for second in range(0, 60, 3):
            event = _frame(begin + second * SECOND, symbols, random, prices)
            at = time.thread_time()
            made.take(event, Step())
            frames.append(time.thread_time() - at)
        at = time.thread_time()
        made.take(["clock", begin + MINUTE, begin + MINUTE + SECOND], Step())
        closes.append(time.thread_time() - at)
    return median(frames[20:]) * 1e6, median(closes[1:]) * 1e3


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    """Both tables, rows by number of strategies."""
    strategies, symbols, minutes = (STRATEGIES[:3], SYMBOLS[:3], 3) if quick else (STRATEGIES, SYMBOLS, 6)
    _cell(len(NAMES), 1, 1)  # everything compiled
    cells = [[_cell(s, m, minutes) for m in symbols] for s in strategies]
    return {
        "strategies": list(strategies), "symbols": list(symbols), "bars_seen": SEEN,
        "frame_us": [[cell[0] for cell in row] for row in cells], "bar_ms": [[cell[1] for cell in row] for row in cells],
    }  # fmt: skip
