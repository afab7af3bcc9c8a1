"""Seeded bars that look like a market: trends, calm and wild stretches, minutes without a trade."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from engine.core.types import DECISION, TF_BAR, Instrument
from engine.strategies.base import Bars

MINUTE = 60_000
START = 1_700_006_400_000  # a UTC midnight
BTC = Instrument("BTC/USD", "BTC", "USD", Decimal("0.01"), Decimal("1e-8"), Decimal("0.01"))


def rows(n: int = 4_000, seed: int = 1, *, sparse: bool = True) -> np.ndarray:
    """TF_BAR[n] of one-minute bars around 50 000 dollars."""
    rng = np.random.default_rng(seed)
    wild = np.exp(np.repeat(rng.normal(0.0, 0.6, n // 200 + 1), 200)[:n])
    drift = np.repeat(rng.normal(0.0, 0.00008, n // 300 + 1), 300)[:n]
    close = np.rint(5_000_000 * np.exp(np.cumsum(drift + 0.0004 * wild * rng.standard_t(4, n)))).astype(np.int64)
    made = np.zeros(n, TF_BAR)
    minutes = np.cumsum(1 + (rng.random(n) < 0.02) * rng.integers(1, 9, n)) - 1 if sparse else np.arange(n)
    made["ts"] = START + minutes * MINUTE
    made["close"], made["open"] = close, np.concatenate((close[:1], close[:-1]))
    reach = np.rint(900 * wild * rng.random((2, n))).astype(np.int64)
    made["high"] = np.maximum(made["open"], close) + reach[0]
    made["low"] = np.minimum(made["open"], close) - reach[1]
    made["volume"] = np.round(rng.gamma(1.5, 2.0, n), 8)
    return made


def bars(n: int = 4_000, seed: int = 1, *, sparse: bool = True) -> Bars:
    return Bars.from_ticks(BTC, MINUTE, rows(n, seed, sparse=sparse))


def packed(decisions: np.ndarray) -> bytes:
    """Every field's bits, without the padding between them, which holds anything."""
    return b"".join(np.ascontiguousarray(decisions[name]).tobytes() for name in DECISION.names or ())
