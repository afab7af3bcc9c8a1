"""What the loop says of itself: fills and failures as lines of the log, the terminal's status block. Reads, changes nothing."""

from __future__ import annotations

import logging
import time
from typing import Any

from engine.runtime import alert_rows
from engine.runtime.room import Room
from engine.runtime.session import Session
from engine.runtime.trader import Step

log = logging.getLogger("evenkeel.loop")


def say_step(step: Step, trader: Any) -> None:
    """Fills, trades and failures as lines of the log."""
    for reports in step.reports:
        for fill in reports.fills:
            slot = trader.setup.slots[int(fill["slot"])]
            instrument = trader.setup.instruments[trader.machine.symbol_index[slot.symbol]]
            side = "bought" if fill["side"] > 0 else "sold"
            log.info(
                "%s: %s %g %s at %g", slot.strategy, side, instrument.qty(int(fill["qty"])), instrument.base,
                instrument.price(int(fill["price"])),
            )  # fmt: skip
    for i, text in step.failures.items():
        log.error("%s on %s was stopped: %s", trader.setup.slots[i].strategy, trader.setup.slots[i].symbol, text)


def status_of(session: Session) -> tuple[str, dict[str, Any]]:
    """The terminal's status block."""
    trader, vitals = session.trader, session.vitals
    account = trader.machine.account[0]
    title = f"Evenkeel {vitals.mode.upper()}{' DEMO' if vitals.demo else ''} - {trader.machine.level}"
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(trader.now / 1000)) if trader.now else "waiting"
    return title, {
        "exchange time": f"{clock} UTC",
        "equity": f"{float(account['equity']):,.2f} {trader.setup.account.quote}",
        "positions": int(account["n_open"]),
        "trades": int(sum(trader.machine.slots["closed"])),
        "feed": vitals.feed,
        "events": vitals.counters.get("events", 0),
    }


def told_start(session: Session) -> dict[str, Any]:
    """The alert that the engine is there, and whether it had ended without a stop."""
    trader, vitals = session.trader, session.vitals
    equity = f"{float(trader.machine.account['equity'][0]):,.2f} {trader.setup.account.quote}"
    text = f"{vitals.mode}, {len(session.setup.slots)} slots, equity {equity}"
    ts = trader.now or vitals.started_ts
    return alert_rows.started(session.run_id, ts, vitals.started_ts, session.was, session.heard_ts, text)


def told_stop(session: Session, text: str) -> dict[str, Any]:
    """The alert that the engine was stopped, with what is left open."""
    return alert_rows.stopped(session.run_id, session.trader.now, session.vitals.started_ts, text)


def told_room(room: Room, session: Session, now_ms: int) -> list[dict[str, Any]]:
    """Alerts of what the disk's room has to say, at `now_ms` of this machine's clock; said once."""
    told, room.told = room.told, []
    ts = session.trader.now or now_ms
    return [alert_rows.room(session.run_id, ts, now_ms, words, grave) for grave, words in told]
