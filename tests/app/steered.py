"""A seeded database with more in it: shares and weights that changed, and a challenger of the run's first slot."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Engine, insert

from db.models import Equity, Run, Slot, Trade
from db.queries import rows
from engine.ledger.steering import Steered
from engine.ledger.steering_rows import write_steered

DAY = 86_400_000


def steer(engine: Engine, run: int, days: int = 40) -> int:
    """Add them to run `run`; the challenger's run id. It lived the run's last `days` days, or as many as there are."""
    slots = rows(engine, "SELECT * FROM slot WHERE run_id = :run ORDER BY position, id", {"run": run})
    span = rows(
        engine, "SELECT min(ts) AS first, max(ts) AS last FROM equity WHERE run_id = :run AND slot_id = 0", {"run": run}
    )
    last, first = int(span[0]["last"]), max(int(span[0]["first"]), int(span[0]["last"]) - days * DAY)
    keys = [slot["key"] for slot in slots]
    told = {key: {"seen": 1.2 - i, "shrunk": 0.3 - 0.2 * i, "crowd": 0.1} for i, key in enumerate(keys)}
    taken = [
        Steered("shares", 1, first, {"shares": {keys[0]: 1.4}, "told": told, "why": "moving 20.0% promises 0.400% over 14 days"}),
        Steered("shares", 2, last, {"shares": {}, "author": "person", "why": "*back* to <b>equal</b> for $5"}),
        Steered("shares", 3, last, {"shares": dict.fromkeys(keys, 1.0) | {keys[0]: 1.75}, "told": told, "why": "it paid"}),
        Steered("weights", 1, last, {"why": "31 windows", "regime": "above low", "acts": True, "rows": [
            {"source": slots[0]["strategy"], "regime": regime, "signals": 40, "resolved": 31, "won": 0.55,
             "mean": 0.0012, "weight": 1.2}
            for regime in ("", "above low", "below high")
        ]}),
    ]  # fmt: skip
    dice = np.random.default_rng(3)
    with engine.execution_options(write=True).begin() as put:
        write_steered(put, run, taken)
        told_of = {"challenger": {"key": "feedfacecafe", "of": slots[0]["strategy"], "symbol": slots[0]["symbol"]}}
        new = {
            "name": "main-challenger-1",
            "kind": "paper",
            "status": "running",
            "cash_start": 1000.0,
            "created_ts": last,
        }
        number = int(put.execute(insert(Run).values(**new, params=told_of, challenger_of=run)).inserted_primary_key[0])
        own = {"strategy": slots[0]["strategy"], "symbol": slots[0]["symbol"], "label": "bold", "state": "enabled"}
        place = insert(Slot).values(run_id=number, key="feedfacecafe", position=0, timeframe_ms=60_000, **own)
        slot = int(put.execute(place).inserted_primary_key[0])
        for seq, ts in enumerate(range(first, last, DAY // 4), 1):
            pnl = float(dice.normal(1, 4))
            put.execute(insert(Equity).values(run_id=number, slot_id=0, ts=ts, equity=1000, cash=1000, exposure=0))
            put.execute(insert(Trade).values(
                run_id=number, seq=seq, slot_id=slot, symbol=own["symbol"], direction=1, qty=1.0, entry_ts=ts, entry_price=200.0,
                entry_notional=200.0, exit_ts=ts + 60_000, exit_price=200 + pnl, exit_notional=200 + pnl, pnl=pnl,
                pnl_pct=pnl / 200, fees=0.0, exit_reason="exit",
            ))  # fmt: skip
    return number
