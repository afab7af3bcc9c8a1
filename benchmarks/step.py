"""What one live frame costs: `machine.frame` for 20 slots, all of them holding a position with a trailing stop and a
quote.
"""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np

from engine.core.machine import Machine
from engine.core.types import DECISION, EXEC_BAR, AccountSpec, Instrument, Protection, Sizing, SlotSpec

SLOTS, FRAMES, CLAIM_US = 20, 4_000, 20.0
SECOND, MINUTE, START = 1_000, 60_000, 1_704_067_200_000


def machine() -> Machine:
    """Twenty slots on twenty symbols, each with two per cent of the account."""
    account = AccountSpec(Decimal(100_000), "USD", Decimal("1e-6"), max_positions=SLOTS, symbol_cap=0.0)
    one = Instrument("A/USD", "A", "USD", Decimal("0.01"), Decimal("0.0001"), Decimal("1e-6"))
    instruments = [replace(one, symbol=f"{chr(65 + k)}/USD") for k in range(SLOTS)]
    protection = Protection(stop=0.5, target=5.0, trail=0.5)
    slots = [
        SlotSpec(str(k), "any", i.symbol, MINUTE, Sizing("share", 0.02), protection) for k, i in enumerate(instruments)
    ]
    return Machine(account, instruments, slots)


def frames(count: int, symbols: int = SLOTS) -> Any:
    """EXEC_BAR[count, symbols]: quiet random walks with quotes."""
    rng = np.random.default_rng(3)
    close = np.rint(100_000 + np.cumsum(rng.normal(0, 8, (count, symbols)), axis=0)).astype(np.int64)
    rows = np.zeros((count, symbols), EXEC_BAR)
    rows["symbol"] = np.arange(symbols)
    rows["open"], rows["close"] = np.vstack([close[:1], close[:-1]]), close
    rows["high"], rows["low"] = np.maximum(rows["open"], close) + 3, np.minimum(rows["open"], close) - 3
    for side in ("open", "close"):
        rows[f"bid_{side}"], rows[f"ask_{side}"] = rows[side] - 1, rows[side] + 1
    return rows


def entries(at: int) -> Any:
    rows = np.zeros(SLOTS, DECISION)
    rows["slot"] = np.arange(SLOTS)
    rows["entry"] = 1
    rows["decided_at"] = rows["known_at"] = at
    rows["volatility"] = np.nan
    return rows


def main() -> dict[str, Any]:
    engine, rows = machine(), frames(FRAMES)
    engine.frame(START - SECOND, rows[0])
    engine.decide(entries(START))
    took = []
    for k in range(FRAMES):
        begin = time.perf_counter()
        engine.frame(START + SECOND * k, rows[k])
        took.append(time.perf_counter() - begin)
    held = int((engine.slots["qty"] > 0).sum())
    middle, tail = median(took) * 1e6, float(np.quantile(took, 0.99)) * 1e6
    print(f"\nmachine.frame, {SLOTS} slots, {held} positions held: median {middle:.1f} us, p99 {tail:.1f} us a frame")
    print(f"{'kept  ' if middle < CLAIM_US else 'BROKEN'} under {CLAIM_US:g} us a frame")
    return {"slots": SLOTS, "held": held, "median_us": middle, "p99_us": tail, "kept": middle < CLAIM_US}


if __name__ == "__main__":
    main()
