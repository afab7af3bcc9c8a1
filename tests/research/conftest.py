"""Candles of a seeded walk, and specs over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from db.session import migrate, open_engine
from engine.core.types import AccountSpec, Instrument, Protection, SlotSpec
from engine.market.candles import Candles
from engine.research.backtest import BacktestSpec
from engine.strategies import catalog

MINUTE = 60_000
START = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""


def walk(n: int = 4_000, seed: int = 7, symbol: str = "BTC/USD", price: float = 40_000.0) -> Candles:
    rng = np.random.default_rng(seed)
    close = np.round(price * np.exp(np.cumsum(rng.normal(0, 8e-4, n))), 2)
    opened = np.concatenate([[price], close[:-1]])
    spread = np.abs(rng.normal(0, 3e-4, n))
    high = np.round(np.maximum(opened, close) * (1 + spread), 2)
    low = np.round(np.minimum(opened, close) * (1 - spread), 2)
    ts = START + np.arange(n, dtype=np.int64) * MINUTE
    return Candles(ts, opened, high, low, close, np.round(rng.uniform(1, 5, n), 4), MINUTE, symbol)


def csv(path: Path, candles: Candles) -> Path:
    columns = (candles.ts, *candles.ohlcv)
    lines = [",".join(map(repr, row)) for row in zip(*(column.tolist() for column in columns), strict=True)]
    path.write_text("ts,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    return path


def account(**words: Any) -> AccountSpec:
    return AccountSpec(Decimal(1000), "USD", Decimal("1e-8"), symbol_cap=0.0, **words)


def spec(candles: Candles, strategy: str = "sma_cross", fee: str = "0.001", **words: Any) -> BacktestSpec:
    made = catalog.make(strategy, words.pop("params", {}))
    rate = Decimal(fee)
    instrument = Instrument.unspecified(candles.symbol or "BTC/USD", maker=rate, taker=rate)
    protection = Protection(stop=0.004, target=0.006)
    slot = SlotSpec("", strategy, instrument.symbol, words.pop("timeframe_ms", MINUTE), protection=protection)
    return BacktestSpec(made, candles, instrument, account(), slot)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An empty database in a data folder of its own, as a worker finds it."""
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    opened = open_engine()
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write a strategy of one's own."""
    folder = tmp_path / "my" / "strategies"
    folder.mkdir(parents=True)
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "my"))

    def write(name: str, body: str) -> None:
        text = f"""import numpy as np
from engine.strategies.base import Signals, Strategy

class Mine(Strategy):
    def signals(self, bars):
        n = len(bars)
        {body}
"""
        (folder / f"{name}.py").write_text(text)

    return write
