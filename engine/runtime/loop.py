"""The living engine: one queue, one loop. Only this thread touches the machine, the tape and the ledger.

The feed's thread folds prints into frames and puts them on the queue; the loop takes them off, writes each to the tape,
steps the machine, and commits when something happened, at strategy bars, and every ten seconds.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from db.models import Command
from engine.core import codes
from engine.core.bars import Frame
from engine.core.machine import Machine
from engine.core.types import FLAG_GAP, FLAG_NO_DECISION, MS_DAY, TF_BAR
from engine.ledger.context import context_of
from engine.market import feeds
from engine.market.assembler import Assembler
from engine.market.backfill import RestBackfill
from engine.market.events import Gap, Item, Watermark
from engine.market.history import candles
from engine.market.symbols import timeframe_name
from engine.market.venue import Venue, open_venue
from engine.runtime.budget import SlotBudget
from engine.runtime.causality import looking_ahead
from engine.runtime.config import Config
from engine.runtime.crash import point
from engine.runtime.desk import Desk
from engine.runtime.recorder import is_locked, wall_ms
from engine.runtime.session import Session, describe, open_session
from engine.runtime.trader import Step

log = logging.getLogger("evenkeel.loop")

COMMIT_S, BEAT_S, COMMANDS_S, WAIT_S = 10.0, 1.0, 0.1, 0.05
BATCH = 256
QUEUE, QUEUE_FAST = 8_192, 32
"""Items that may wait: beyond that the feed waits too, which an accelerated exchange notices and slows down for."""
Status = Callable[[str, Mapping[str, Any]], None]


def run_engine(
    config: Config,
    config_text: str,
    *,
    demo: bool = False,
    once: bool = False,
    stop: threading.Event,
    on_event: Status | None = None,
) -> int:
    """Trade until `stop` is set; `once` ends when everything missed has been taken. Returns the exit code."""
    pace = pace_of(config.run.base_url)
    venue = open_venue(config.run.exchange, config.run.base_url, pace)
    session = open_session(config, config_text, venue, demo=demo)
    session.vitals.speed = pace
    try:
        _Loop(config, session, venue, pace, on_event).run(stop, once)
    finally:
        session.close()
    return 0


def compile_kernel(machine: Machine) -> None:
    """Have the kernel compiled (or read from its cache) before the market comes in."""
    machine.clock(0)
    machine.command("pause", 0)


def pace_of(base_url: str) -> float:
    """How fast the exchange's time runs: a sandbox says so itself, a real exchange runs as life does."""
    if not base_url:
        return 1.0
    try:
        answer = requests.get(base_url.rstrip("/") + "/sandbox/status", timeout=5)
        return float(answer.json()["speed"]) if answer.ok else 1.0
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return 1.0


class _Loop:
    def __init__(self, config: Config, session: Session, venue: Venue, pace: float, on_event: Status | None) -> None:
        self.config, self.session, self.venue, self.pace = config, session, venue, pace
        self.on_event = on_event
        self.closing = threading.Event()
        self.items: queue.Queue[Item] = queue.Queue(QUEUE if pace == 1.0 else QUEUE_FAST)
        self.trader = session.trader
        self.finest = min(slot.timeframe_ms for slot in session.setup.slots)
        self.committed = self.beaten = self.asked = 0.0
        self.locked = False
        self.desk = Desk(session.tape, session.trader, session.pending, SlotBudget(config.engine.slot_budget_ms))
        resume = self.trader.now or None
        bar_ms = max(slot.timeframe_ms for slot in session.setup.slots)
        self.assembler = Assembler(
            session.setup.instruments,
            config.engine.grace_ms,
            RestBackfill(venue, session.setup.instruments),
            self._put,
            resume_from=resume,
            bar_ms=bar_ms,
        )
        symbols = [instrument.symbol for instrument in session.setup.instruments]
        self.feed = feeds.open(
            config.run.exchange, symbols, self.trader.setup.instruments, self.assembler.on_event,
            config.run.base_url, config.run.ws_url, pace, config.engine.grace_ms,
        )  # fmt: skip

    # ---- life ------------------------------------------------------------------------------------------------------------
    def run(self, stop: threading.Event, once: bool) -> None:
        self.session.recorder.markers.append((self.trader.now or wall_ms(), "start", "engine started"))
        if not self.session.fresh:
            self._commit()
            self._swap_setup()
        compile_kernel(self.trader.setup.machine())
        self.session.vitals.state = "running"
        self.feed.start()
        try:
            while not stop.is_set():
                self._turn()
                if once and self.assembler.glance().state == "live" and self.items.empty():
                    break
        finally:
            self._close_feed()
        self._stop()

    def _close_feed(self) -> None:
        """End the feed's thread, which may be waiting for room in the queue: what it still holds is asked for again later."""
        self.closing.set()
        self.feed.stop()
        self.assembler.stop()

    def _put(self, item: Item) -> None:
        """On the feed's thread: wait for room, unless the engine is about to end."""
        while not self.closing.is_set():
            try:
                self.items.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def _turn(self) -> None:
        """One turn: events that wait, commands, then a commit or a heartbeat if one is due."""
        for item in self._waiting():
            self._take(item)
        now = time.monotonic()
        if now - self.asked >= COMMANDS_S:
            self.asked = now
            self._read_commands()
        due = self.desk.step.urgent or now - self.committed >= COMMIT_S
        if due and self.trader.now:
            self._commit()
        if now - self.beaten >= BEAT_S:
            self.beaten = now
            self._beat()

    def _waiting(self) -> list[Item]:
        try:
            items = [self.items.get(timeout=WAIT_S)]
        except queue.Empty:
            return []
        while len(items) < BATCH:
            try:
                items.append(self.items.get_nowait())
            except queue.Empty:
                break
        return items

    # ---- events ------------------------------------------------------------------------------------------------------------
    def _take(self, item: Item) -> None:
        if isinstance(item, Frame):
            self.desk.event(item.ts, ["frame", item.ts, item.bars.tolist(), self._seen(item.ts)])
        elif isinstance(item, Watermark):
            if item.ts // self.finest != self.trader.now // self.finest or item.ts >= self.trader.now + 10_000:
                self.desk.event(item.ts, ["clock", item.ts, self._seen(item.ts)])
        else:
            self._gap(item)

    def _seen(self, ts: int) -> int:
        """The exchange time the feed has reached, when this event may close a strategy bar; else 0."""
        if ts // self.finest == (self.trader.now - 1) // self.finest:
            return 0
        return self.assembler.glance().clock

    def _gap(self, gap: Gap) -> None:
        if self.session.fresh:
            self._warm_up(gap.from_ts)
            self.session.fresh = False
        flags = FLAG_GAP | (FLAG_NO_DECISION if gap.cause == "start" else 0)
        self.desk.event(gap.from_ts, ["gap", gap.from_ts, gap.to_ts, gap.cause, gap.source, len(gap.frames)])
        for frame in gap.frames:
            frame.bars["flags"] |= flags
            self.desk.event(frame.ts, ["frame", frame.ts, frame.bars.tolist(), 0])
        self.desk.event(gap.to_ts, ["gap_end", gap.to_ts])
        log.info("gap of %.0f s filled from %s (%s)", (gap.to_ts - gap.from_ts) / 1000, gap.source, gap.cause)

    def _warm_up(self, end: int) -> None:
        """History up to `end` for every slot's bars, from a UTC midnight on; frozen in the run's own files."""
        trader = self.trader
        for key in trader.keys:
            symbol, timeframe = key
            instrument = trader.setup.instruments[symbol]
            bars = self.config.engine.history_bars + trader.warmup(key)
            start = (end - bars * timeframe) // MS_DAY * MS_DAY
            past = candles(
                self.venue, instrument.symbol, timeframe_name(timeframe), start, end // timeframe * timeframe
            )
            rows = _tf_rows(past, instrument)
            if rows.size:
                trader.warm(key, rows)
            log.info("%s: %d bars of history", instrument.symbol, rows.size)
        self.session.recorder.set_run(
            anchor_ts=min(
                (int(trader.book.bars(k)["ts"][0]) for k in trader.keys if trader.book.bars(k).size), default=end
            )
        )
        counts = trader.book.counts()
        self.desk.event(end, ["warm", end, counts, trader.setup.to_json()])
        self._swap_setup()

    def _swap_setup(self) -> None:
        """Take over what the configuration asks for, as events of the tape: a replay does the same at the same place."""
        trader, session = self.trader, self.session
        if session.setup != trader.setup:
            self.desk.event(trader.now, ["setup", trader.now, session.setup.to_json()])
            session.recorder.context = context_of(session.engine, session.run_id, trader.setup)
        for i, why in looking_ahead(trader).items():
            trader.fail(i, trader.now + 1, why, self.desk.step)
        self.desk.tell_failures()
        for i, slot in enumerate(trader.setup.slots):
            state = int(trader.machine.slots["state"][i])
            wanted = "exit_only" if slot.key in session.off else "enabled"
            if codes.SLOT_STATES[state] != wanted and (wanted == "exit_only" or slot.key not in trader.errors):
                args = {"slot": slot.key, "state": wanted}
                self.desk.event(trader.now, ["command", trader.now, "slot_state", args, 0])
        self._commit()

    # ---- commands ------------------------------------------------------------------------------------------------------------
    def _read_commands(self) -> None:
        if not self.trader.now:
            return
        run_id = self.session.run_id
        query = (
            select(col(Command.id), col(Command.kind), col(Command.args))
            .where(col(Command.state) == "new", (col(Command.run_id) == run_id) | (col(Command.run_id).is_(None)))
            .order_by(col(Command.id))
        )
        try:
            with self.session.engine.connect() as connection:
                rows = connection.execute(query).all()
        except OperationalError as error:
            if is_locked(error):
                return
            raise
        acting = {ack[0] for ack in self.desk.step.acks if ack[0]}
        for row_id, kind, args in rows:
            if row_id in acting:
                continue
            point("command.read")
            self.desk.event(self.trader.now, ["command", self.trader.now, kind, dict(args or {}), row_id])
            self.session.recorder.markers.append((self.trader.now, "command", f"{kind} {_words(args)}".strip()))
            log.warning("command: %s %s", kind, _words(args))

    # ---- writing -------------------------------------------------------------------------------------------------------------
    def _commit(self) -> None:
        self.committed = time.monotonic()
        self._note_vitals()
        if not self.session.recorder.commit(self.trader, self.desk.step, self.session.vitals):
            if not self.locked:
                log.warning("the database is locked by another process: the ledger waits, nothing is lost")
            self.locked = True
            return
        if self.locked:
            log.info("the database is free again: everything is written")
            self.locked = False
        _say(self.desk.step, self.trader)
        self.desk.step = Step()

    def _beat(self) -> None:
        self._note_vitals()
        if not self.locked:
            self.session.recorder.beat(self.trader, self.session.vitals)
        if self.on_event is not None:
            self.on_event(*status_of(self.session))

    def _note_vitals(self) -> None:
        status = self.assembler.glance()
        vitals = self.session.vitals
        vitals.feed = status.state if self.feed.connected else f"disconnected: {self.feed.last_error}".strip(": ")
        vitals.lag_ms = float(max(0, status.clock - self.trader.now)) if status.clock else None
        vitals.counters = {
            **status.counters,
            "events": self.desk.taken,
            "queue": self.items.qsize(),
            "evaluation_ms": self.desk.budget.spent_ms,
        }
        vitals.message = "; ".join(f"{key}: {text}" for key, text in self.trader.errors.items())

    def _stop(self) -> None:
        """Finish what was taken, snapshot, and say what is left open."""
        self.session.vitals.state = "stopped"
        left = describe(self.trader)
        if self.trader.now:
            text = f"engine stopped; open: {', '.join(left['positions']) or 'nothing'}"
            self.session.recorder.markers.append((self.trader.now, "stop", text))
            deadline = time.monotonic() + 4.0
            self._commit()
            while self.locked and time.monotonic() < deadline:
                self._commit()
            log.info("%s", text)
        else:
            self.session.recorder.beat(None, self.session.vitals)
        if self.locked or not self.session.recorder.set_run(status="stopped", ended_ts=wall_ms()):
            log.warning(
                "the database is still locked: what is not written yet is on the tape, for the next start to write"
            )


def _words(args: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in dict(args or {}).items())


def _tf_rows(past: Any, instrument: Any) -> Any:
    """Candles as strategy bars."""
    import numpy as np

    rows = np.zeros(past.ts.size, TF_BAR)
    rows["ts"] = past.ts
    for name in ("open", "high", "low", "close"):
        rows[name] = instrument.to_ticks(getattr(past, name))
    rows["volume"] = past.volume
    return rows


def _say(step: Step, trader: Any) -> None:
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
