"""A live run beside its twin, with orders that were sent, lost and settled: invented, for tests and pictures."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.models import metadata
from db.session import write_session
from tests.app.seed import DAY, HOUR, MIN, NOW

LIVE, TWIN = 50, 51
CASH = 500.0


def seed_live(engine: Engine, *, now: int = NOW, trades: int = 14, dry: bool = False) -> int:
    """Into a seeded database: run 50 (live, or dry) and, where it is live, its twin 51. Returns 50."""
    with write_session(engine) as session:
        put = lambda table, rows: session.execute(metadata.tables[table].insert(), rows)  # noqa: E731
        put("run", [_run(LIVE, "main-live", "paper" if dry else "live", now, dry=dry)])
        runs = [LIVE]
        if not dry:
            put("run", [_run(TWIN, "main-live-twin", "paper", now, twin_of=LIVE)])
            runs.append(TWIN)
        put("engine_status", [_status(now, "dry" if dry else "live")])
        for run in runs:
            put("slot", [_slot(run)])
            put("equity", [_equity(run, now - 3 * DAY + h * HOUR, h) for h in range(0, 72, 6)])
            for n in range(trades):
                if not (run == LIVE and n == 4 and not dry):  # the fill that was missed
                    _trade(put, run, n, now)
        put("intent", [_intent(n, now) for n in range(trades)] + [_kept(now)] + _unsure(now))
        put("external_trade", [_external(now)])
        put("cash_flow", [_flow(now)])
        put("protection", [_stop(now)])
        put("watermark", [{"run_id": LIVE, "stream": "trades", "symbol": "BTC/USD", "ts": now - 20_000}])
    return LIVE


def _run(number: int, name: str, kind: str, now: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number, "name": name, "kind": kind, "status": "running", "exchange": "coinbase", "cash_start": CASH,
        "created_ts": now - 3 * DAY, "started_ts": now - 3 * DAY, "params": {}, "stats": {}, **more,
    }  # fmt: skip


def _status(now: int, mode: str) -> dict[str, Any]:
    return {
        "run_id": LIVE, "pid": 4243, "host": "test", "version": "0.1.0", "mode": mode, "state": "running",
        "started_ts": now - 3 * DAY, "heartbeat_ts": now - 300, "exchange_ts": now - 300, "last_bar_ts": now - 1500,
        "feed": "live", "counters": {"live_reconciled": now - 20_000},
    }  # fmt: skip


def _slot(run: int) -> dict[str, Any]:
    return {
        "id": run * 10, "run_id": run, "key": "a" * 12, "position": 0, "strategy": "sma_cross", "symbol": "BTC/USD",
        "timeframe_ms": MIN, "params": {}, "state": "enabled",
    }  # fmt: skip


def _equity(run: int, ts: int, h: int) -> dict[str, Any]:
    worth = CASH + h * (0.02 if run == LIVE else 0.03)
    return {"run_id": run, "slot_id": 0, "ts": ts, "equity": worth, "cash": worth, "exposure": 0.0}


def _trade(put: Any, run: int, n: int, now: int) -> None:
    """The same decision in both; the live one fills a little later and worse."""
    at, worse = now - 3 * DAY + n * 4 * HOUR, (1.0 if run == LIVE else 0.0)
    entry, leave = 60_000.0 + n * 10 + 12.0 * worse, 60_000.0 + n * 10 + (90 if n % 3 else -120) - 9.0 * worse
    qty = 0.0002 if n < 10 else 0.0008
    fees = qty * (entry + leave) * (0.006 if run == TWIN else 0.0075)
    late = 900 if run == LIVE else 0
    base = {"run_id": run, "slot_id": run * 10}
    put("signal", [{
        **base, "seq": n + 1, "decided_ts": at, "known_ts": at + 1250, "kind": "entry", "direction": 1,
        "price": 60_000.0 + n * 10,
        "status": "taken", "reason": "", "checks": {},
    }])  # fmt: skip
    put("trade", [{
        **base, "seq": n + 1, "symbol": "BTC/USD", "direction": 1, "qty": qty, "entry_ts": at + 2000 + late,
        "exit_ts": at + HOUR + late, "entry_price": entry, "exit_price": leave, "entry_notional": qty * entry,
        "exit_notional": qty * leave, "fees": fees, "pnl": qty * (leave - entry) - fees, "pnl_pct": (leave - entry) / entry,
        "exit_reason": "exit" if n % 3 else "stop", "signal_seq": n + 1,
    }])  # fmt: skip


def _intent(n: int, now: int) -> dict[str, Any]:
    at = now - 3 * DAY + n * 4 * HOUR + 1300
    missed = n == 4
    return {
        "run_id": LIVE, "slot_id": LIVE * 10, "slot_key": "a" * 12, "client_order_id": f"{n:032x}", "decision_key": f"k{n}",
        "symbol": "BTC/USD", "role": "entry", "purpose": "entry", "side": "buy", "kind": "market",
        "qty": "0.0002" if n < 10 else "0.0008", "filled": "0" if missed else "0.0002" if n < 10 else "0.0008", "reserved": 0.0,
        "state": "expired" if missed else "filled", "reason": "not filled in time" if missed else "",
        "stop_price": None, "limit_price": None,
        "venue_order_id": f"v-{n:04d}", "created_ts": at, "sent_ts": at + 4, "done_ts": at + 700,
        "look_ups": 1, "not_found": 0,
    }  # fmt: skip


def _kept(now: int) -> dict[str, Any]:
    """The stop behind `_stop`'s row."""
    more = {
        "role": "stop",
        "purpose": "stop",
        "side": "sell",
        "kind": "stop_limit",
        "stop_price": "59100",
        "limit_price": "58804.5",
    }
    own = {"client_order_id": "d" * 32, "decision_key": "s1", "state": "acked", "filled": "0", "done_ts": None}
    return {**_intent(13, now), "created_ts": now - HOUR, **more, **own}


def _unsure(now: int) -> list[dict[str, Any]]:
    base = {**_intent(90, now), "venue_order_id": "", "filled": "0", "done_ts": None, "qty": "0.0008"}
    return [
        {**base, "client_order_id": "f" * 32, "decision_key": "q1", "state": "quarantined", "reserved": 48.6, "look_ups": 22,
         "not_found": 22, "reason": "no answer to the order, and none of the exchange's lists has it",
         "created_ts": now - 3 * HOUR, "sent_ts": now - 3 * HOUR},
        {**base, "client_order_id": "e" * 32, "decision_key": "q2", "state": "unknown", "reserved": 48.7, "look_ups": 2,
         "not_found": 1, "reason": "the connection was reset", "created_ts": now - 9_000, "sent_ts": now - 9_000},
    ]  # fmt: skip


def _external(now: int) -> dict[str, Any]:
    return {
        "run_id": LIVE, "symbol": "BTC/USD", "venue_trade_id": "t-77", "side": "sell", "qty": "0.01", "price": "60110.5",
        "ts": now - 5 * HOUR, "seen_ts": now - 5 * HOUR + 900, "touched": False, "reason": "not this installation's id",
    }  # fmt: skip


def _flow(now: int) -> dict[str, Any]:
    return {
        "run_id": LIVE,
        "flow_id": "d-1",
        "ts": now - DAY,
        "amount": 250.0,
        "currency": "USD",
        "taken": True,
        "text": "deposit",
    }


def _stop(now: int) -> dict[str, Any]:
    return {
        "run_id": LIVE, "slot_id": LIVE * 10, "symbol": "BTC/USD", "qty": 0.0008, "stop": 59_100.0, "wanted": 59_180.0,
        "state": "live", "since_ts": now - HOUR,
    }  # fmt: skip
