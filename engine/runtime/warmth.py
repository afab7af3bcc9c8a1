"""History from before a run as the bars its strategies look back on. Pure."""

from __future__ import annotations

import numpy as np

from engine.core.types import TF_BAR, Instrument, Rows
from engine.market.candles import Candles


def tf_rows(past: Candles, instrument: Instrument) -> Rows:
    """Candles as strategy bars."""
    rows = np.zeros(past.ts.size, TF_BAR)
    rows["ts"] = past.ts
    for name in ("open", "high", "low", "close"):
        rows[name] = instrument.to_ticks(getattr(past, name))
    rows["volume"] = past.volume
    return rows
