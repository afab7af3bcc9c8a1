"""The living engine: one queue, one loop. Only this thread touches the machine, the tape and the ledger.

The feed's thread folds prints into frames and puts them on the queue; the loop takes them off, writes each to the tape,
steps the machine, and commits when something happened, at strategy bars, and every ten seconds.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.config.model import Config
from engine.core.bars import Frame
from engine.core.limit_use import worst
from engine.core.types import FLAG_GAP, FLAG_NO_DECISION, Instrument
from engine.market.assembler import Assembler
from engine.market.backfill import RestBackfill
from engine.market.events import Gap, Item, Watermark
from engine.market.instruments import instruments
from engine.market.venue import Venue
from engine.runtime import inbox
from engine.runtime.beside import Beside, Doors
from engine.runtime.budget import SlotBudget
from engine.runtime.challengers import hand_commands
from engine.runtime.crash import point
from engine.runtime.desk import Desk
from engine.runtime.failures import Storage, counted_so_far, tell_failures
from engine.runtime.hold import AT_STOP, FULL, LOCKED, Hold
from engine.runtime.housekeeping import Housekeeping
from engine.runtime.kill import KillSwitch, obey, settle, taken
from engine.runtime.reload import Reloader
from engine.runtime.room import Room
from engine.runtime.said import say_step, status_of, told_room, told_start, told_stop
from engine.runtime.session import Session, describe, open_session
from engine.runtime.swap import put_candidate_in_force, take_over_setup, tell_refusal
from engine.runtime.trader import Step
from engine.runtime.warming import compile_kernel, look_back
from engine.runtime.world import WORLD, World

log = logging.getLogger("evenkeel.loop")

COMMIT_S, BEAT_S, COMMANDS_S, WAIT_S, STOP_S = 10.0, 1.0, 0.1, 0.05, 2.0
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
    watch: Path | None = None,
    world: World = WORLD,
) -> int:
    """Trade until `stop` is set; `once` ends when everything missed has been taken. Edits of the file `watch` are taken over at
    a bar's close. Returns the exit code."""
    pace = world.pace(config.run.base_url)
    venue = world.venue(config.run.exchange, config.run.base_url, pace)
    with (
        world.port(config) as port,
        closing(open_session(config, config_text, venue, demo=demo, port=port, clock=world.clock)) as session,
    ):
        session.vitals.speed = pace
        _Loop(config, session, venue, pace, on_event, watch, world).run(stop, once)
    return 0


class _Loop:
    def __init__(
        self, config: Config, session: Session, venue: Venue, pace: float, on_event: Status | None,
        watch: Path | None, world: World,
    ) -> None:  # fmt: skip
        self.config, self.session, self.venue, self.pace = config, session, venue, pace
        self.on_event, self.world, self.clock = on_event, world, world.clock
        self.closing, self.clocked = threading.Event(), 0  # exchange ms up to which a clock has closed the bars
        self.items: queue.Queue[tuple[float, Item]] = world.queue(QUEUE if pace == 1.0 else QUEUE_FAST)
        self.trader = session.trader
        self.committed = self.beaten = self.asked = 0.0
        self.hold, self.room = Hold(), Room(config.storage)
        self.desk = Desk(session.tape, session.trader, session.pending, SlotBudget(config.engine.slot_budget_ms))
        self.desk.challengers = session.challengers
        self.housekeeping = Housekeeping(session.tape, session.recorder.starts, config.storage.tape_days, world.spawn)
        self.failures, self.storage = counted_so_far(session.trader, self.clock.monotonic()), Storage()
        self.kill = KillSwitch(Path(config.storage.data_dir), world.spawn)
        self.doors = Doors(self.kill.press, lambda: self.kill.pressed)
        self.beside = Beside(world.services(config, session, self.doors))
        facts, asked = session.facts, self._instruments
        self.reloader = Reloader(watch, config, facts, asked, watch=world.watch) if watch else None
        self._connect()

    def _connect(self, cause: str = "restart") -> None:
        """An assembler and a feed for the symbols that the configuration asks for; what lies before is a gap to be filled."""
        slots = self.session.setup.slots
        listed = self.session.setup.instruments
        self.finest = min(slot.timeframe_ms for slot in slots)
        self.assembler = Assembler(
            listed,
            self.config.engine.grace_ms,
            RestBackfill(self.venue, listed),
            self._put,
            resume_from=self.trader.now or None,
            cause=cause,
            bar_ms=max(slot.timeframe_ms for slot in slots),
            spawn=self.world.spawn,
            wait=self.world.wait,
        )
        self.feed = self.world.feed(self.config, listed, self.assembler.on_event, self.pace)

    def _instruments(self, symbols: list[str]) -> list[Instrument]:
        return instruments(self.config.run.exchange, symbols, venue=self.venue)

    # ---- life ------------------------------------------------------------------------------------------------------------
    def run(self, stop: threading.Event, once: bool) -> None:
        self.kill.start()
        self.session.recorder.markers.append((self.trader.now or self.clock.wall_ms(), "start", "engine started"))
        self.session.recorder.alerts.append(told_start(self.session))
        if not self.session.fresh:
            while not self._commit() and not stop.wait(WAIT_S):
                continue
            if self.hold.why:
                return
            self._swap_setup()
            self.trader.rehearse()
        compile_kernel(self.trader.setup.machine())
        self.session.vitals.state = "running"
        self.feed.start()
        self.beside.start()
        if self.reloader is not None:
            self.reloader.watch.start()
        try:
            while not stop.is_set():
                self._turn()
                if once and self.assembler.glance().state == "live" and self.items.empty():
                    break
            if self.trader.now:
                self._commit()  # what was decided last is to be heard of
            self.doors.wait_to_end(self._turn, self.clock.monotonic)
        finally:
            if self.reloader is not None:
                self.reloader.watch.stop()
            self._close_feed()
            self.kill.stop()
        self._stop()
        self.beside.stop(STOP_S)
        self.session.recorder.end(self.trader if self.trader.now else None, self.session.vitals, self.doors)

    def _close_feed(self) -> None:
        """End the feed's thread, which may be waiting for room in the queue: what it still holds is asked for again later."""
        self.closing.set()
        self.feed.stop()
        self.assembler.stop()

    def _put(self, item: Item) -> None:
        """On the feed's thread: wait for room, unless the engine is about to end. With it goes when it came."""
        arrived = self.clock.stopwatch()
        while not self.closing.is_set():
            try:
                self.items.put((arrived, item), timeout=0.2)
                return
            except queue.Full:
                continue

    def _turn(self) -> None:
        """One turn: events that wait, commands, then a commit or a heartbeat if one is due. On a full disk: a kill at most; while
        it is not known whether a commit landed: nothing."""
        full = self.hold.full
        waiting, timings = self._waiting(), self.session.timings
        begun = timings.stopwatch()
        for arrived, item in waiting:
            self._take(item)
            if not isinstance(item, Gap):
                timings.taken(arrived, self.desk.step.closed_bars)
        if self.trader.now and not full:
            for kind, *words in self.doors.take():
                obey(self.kill, self.session, self.desk)
                self.desk.event(self.trader.now, [kind, self.trader.now, *words])
        now = self.clock.monotonic()
        if now - self.asked >= COMMANDS_S and not full:
            self.asked = now
            self._read_commands()
        if not self.hold.doubt:
            obey(self.kill, self.session, self.desk)
            settle(self.kill, self.desk)
        due = self.hold.due(now - self.committed, self.desk.step.urgent or self.doors.soon, COMMIT_S)
        bar_closed = self.desk.step.closed_bars > 0
        if due and self.trader.now and self._commit() and bar_closed:
            self._reload()
        if now - self.beaten >= BEAT_S:
            self.beaten = now
            self._beat()
        timings.turn.add(timings.stopwatch() - begun)

    def _waiting(self) -> list[tuple[float, Item]]:
        if self.hold.full:  # no event can be made durable: none is taken but a kill, which the tape keeps in memory
            self.clock.sleep(WAIT_S)
            return []
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
        obey(self.kill, self.session, self.desk)
        if isinstance(item, Frame):
            if seen := self._seen(item.ts):  # strategies think: a kill meanwhile comes before this frame's fills
                self.desk.event(item.ts, ["clock", item.ts, seen])
                obey(self.kill, self.session, self.desk)
            self.desk.event(item.ts, ["frame", item.ts, item.bars.tolist(), 0])
        elif isinstance(item, Watermark):
            if (seen := self._seen(item.ts)) or item.ts >= self.trader.now + 10_000:
                self.desk.event(item.ts, ["clock", item.ts, seen])
        else:
            self._gap(item)

    def _seen(self, ts: int) -> int:
        """The exchange time the feed has reached, when a clock of `ts` may close a strategy bar that none has closed; else 0."""
        if ts // self.finest == max(self.trader.now - 1, self.clocked) // self.finest:
            return 0
        self.clocked = ts
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
        look_back(self.session, self.venue, end, self.config.engine.history_bars)
        counts = trader.book.counts()
        self.desk.event(end, ["warm", end, counts, trader.setup.to_json()])
        self.desk.begin_challengers(end)
        trader.rehearse()
        self._swap_setup()

    def _swap_setup(self) -> None:
        """What the configuration asks for, from here on."""
        take_over_setup(self.session, self.desk)
        self._commit()

    # ---- an edited configuration ----------------------------------------------------------------------------------------
    def _reload(self) -> None:
        """At a bar's close, everything committed: take over the edit that waits. A locked database has it wait for the next."""
        reloader, running = self.reloader, self.config
        if reloader is None or not self.trader.now:
            return
        if (words := reloader.refusal()) is not None:
            tell_refusal(self.session, words)
        candidate = reloader.take()
        if candidate is None:
            return
        if not put_candidate_in_force(self.session, candidate):
            reloader.put_back(candidate, running)
            return
        self.config = candidate.config
        self.beside.reconfigured(self.config)
        self.desk.budget.budget_ms = candidate.config.engine.slot_budget_ms
        logging.getLogger("evenkeel").setLevel(candidate.config.log.level.upper())
        if self.session.setup.instruments == self.trader.setup.instruments or self._same_symbols():
            self._swap_setup()
            return
        self._close_feed()
        for _, item in self._rest():
            self._take(item)
        if self._commit():
            self._swap_setup()
        else:
            reloader.put_back(candidate, running)
        self.closing.clear()
        self._connect("symbols changed")
        self.feed.start()

    def _same_symbols(self) -> bool:
        """True if frames of the running feed mean the same symbols under the new setup."""
        wanted, known = self.session.setup.instruments, self.trader.setup.instruments
        return [one.symbol for one in wanted] == [one.symbol for one in known]

    def _rest(self) -> Iterator[tuple[float, Item]]:
        """What the closed feed has left in the queue."""
        while not self.items.empty():
            yield self.items.get_nowait()

    # ---- commands ------------------------------------------------------------------------------------------------------------
    def _read_commands(self) -> None:
        if not self.trader.now:
            return
        acting = {ack[0] for ack in self.desk.step.acks if ack[0]}
        for row_id, kind, args in inbox.waiting(self.session.engine, self.session.run_id, acting):
            point("command.read")
            obey(self.kill, self.session, self.desk)
            self.desk.event(self.trader.now, ["command", self.trader.now, kind, args, row_id])
            if kind == "kill":
                taken(self.kill, self.desk, bool(args.get("flatten")))
            self.session.recorder.markers.append((self.trader.now, "command", f"{kind} {inbox.words_of(args)}".strip()))
            log.warning("command: %s %s", kind, inbox.words_of(args))
        hand_commands(self.session.engine, self.desk)

    # ---- writing -------------------------------------------------------------------------------------------------------------
    def _commit(self) -> bool:
        """Write what happened; False while the database is locked or away or the disk is full."""
        self.committed = self.clock.monotonic()
        begun = self.session.timings.stopwatch()
        self._note_vitals()
        if not self.session.recorder.commit(self.trader, self.desk.step, self.session.vitals, self.doors):
            if self.session.recorder.held == FULL and self.room.give_way():
                return self._commit()
            self.hold.begin(self.session.recorder.held, self.session.recorder.books.why)
            return False
        self.hold.end()
        self.session.timings.committed(begun)
        say_step(self.desk.step, self.trader)
        self.desk.step = Step()
        self.housekeeping.committed()
        self.beside.committed()
        return True

    def _beat(self) -> None:
        self.room.look(self.clock.monotonic())
        if not self.hold.doubt:
            self.session.recorder.alerts += told_room(self.room, self.session, self.clock.wall_ms())
        if not self.hold.full:
            counted = self.session.vitals.counters
            now = self.clock.monotonic()
            tell_failures(self.failures, self.feed, self.assembler, self.desk, now, counted)
            self.storage.look(self.hold.away or self.room.holds, self.desk, now)
        self._note_vitals()
        recorder = self.session.recorder
        if not self.hold.why or not self.trader.now:  # without an event there is no commit to end it
            if recorder.beat(self.trader, self.session.vitals, self.doors):
                self.hold.end()
            elif recorder.held != LOCKED:  # a short lock is told by a commit that it keeps waiting
                self.hold.begin(recorder.held, recorder.books.why)
        if self.on_event is not None:
            self.on_event(*status_of(self.session))

    def _note_vitals(self) -> None:
        status, vitals = self.assembler.glance(), self.session.vitals
        vitals.feed = status.state if self.feed.connected else f"disconnected: {self.feed.last_error}".strip(": ")
        vitals.lag_ms = float(max(0, status.clock - self.trader.now)) if status.clock else None
        vitals.counters = {
            **status.counters,
            "events": self.desk.taken,
            "queue": self.items.qsize(),
            "reconnects": max(0, self.feed.counters["connects"] - 1),
            "evaluation_ms": self.desk.budget.spent_ms,
            "levels": self.desk.levels(),
            **self.beside.vitals(),
            **worst(self.trader.machine),
            **self.room.vitals(),
        }
        vitals.held = self.hold.words
        words = [
            *filter(None, [vitals.held, self.room.words]),
            *(f"{key}: {text}" for key, text in self.trader.errors.items()),
        ]
        vitals.message = "; ".join([*words, *filter(None, [self.reloader.words() if self.reloader else ""])])

    def _stop(self) -> None:
        """Finish what was taken, snapshot, and say what is left open."""
        self.session.vitals.state = "stopped"
        left = describe(self.trader)
        if self.trader.now:
            text = f"engine stopped; open: {', '.join(left['positions']) or 'nothing'}"
            self.session.recorder.markers.append((self.trader.now, "stop", text))
            self.session.recorder.alerts.append(told_stop(self.session, text))
            deadline = self.clock.monotonic() + 4.0
            self._commit()
            while self.hold.why == LOCKED and self.clock.monotonic() < deadline:
                self._commit()
            log.info("%s", text)
        else:
            self.session.recorder.beat(None, self.session.vitals)
        recorders = [self.session.recorder, *(one.recorder for one in self.session.challengers)]
        if self.hold.why or not all(one.set_run(status="stopped", ended_ts=self.clock.wall_ms()) for one in recorders):
            log.warning(AT_STOP[self.hold.why or self.session.recorder.held or LOCKED])
