"""One seed lived to its end: lives of the real engine, one after another, on a market, a disk and a person of the seed's making.

Everything runs on one thread. The loop asks its stop signal once a turn, and there the schedule goes on: time, messages, jobs,
faults. Safety first (faults on), then liveness (none): at the end the engine has to have converged and everything is proven.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar
from unittest.mock import patch

from sqlalchemy.exc import DBAPIError

from db.errors import StorageError
from engine.config.errors import ConfigError
from engine.config.reading import parse
from engine.config.text import bare
from engine.market.venue import VenueError
from engine.runtime import crash, loop, session
from engine.runtime.hold import FULL
from engine.runtime.live_orders import live_orders
from engine.venues.live import ids
from tests.simulation import faults, live_proofs, proofs
from tests.simulation.clock import Time
from tests.simulation.disk import Disk
from tests.simulation.exchange import GRIDS, Exchange
from tests.simulation.feed import SimulatedFeed
from tests.simulation.invariants import Broken, Invariants, inside
from tests.simulation.market import Market
from tests.simulation.plan import Plan
from tests.simulation.rest import SimulatedVenue
from tests.simulation.stage import Jobs, world_of

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(__file__).parent / "home"
"""A person's own strategies."""
SHORT = (50, 100, 100, 250, 400)
STEPS = (250, 1000, 1000, 2000, 3000, 5000)
AWAY = (0, 0, 0, 1000, 1000, 20_000, 20_000, 150_000, 1_000_000)
LIVES = 80
COMMANDS_S = 5.0
MIGRATE = session.migrate
RARE = frozenset(crash.POINTS) - {"event.taken", "tape.appended", "machine.stepped"}


def _nothing(_engine: Any) -> None:
    """A database that this run has migrated before needs no more of it."""


class Killed(BaseException):
    """The process is gone: nothing is finished, nothing more is written."""


@dataclass
class Outcome:
    """What a seed came to; `trace` is a hash of everything that happened."""

    seed: int
    counts: dict[str, int]
    struck: Counter[str]
    trace: str


@dataclass
class Simulation:
    """One seed. `live` runs it; what is violated raises AssertionError."""

    most_turns: ClassVar[int] = 20_000
    plan: Plan
    folder: Path
    struck: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    turns: int = 0
    dead: bool = False
    calm: bool = False
    open: Any = None
    doors: Any = None
    loop: Any = None
    feed: SimulatedFeed | None = None
    text: str = ""

    def __post_init__(self) -> None:
        plan = self.plan
        self.time = Time(plan.start_ms)
        self.market = Market(plan.seed, plan.busy, plan.swing, plan.start_ms - 120_000)
        self.venue = SimulatedVenue(self.market, self.time, plan.dice("venue"), *GRIDS.get(plan.exchange, ()))
        self.jobs = Jobs(plan.dice("jobs"))
        self.dice, self.deaths = plan.dice("schedule"), plan.dice("deaths")
        self.disk = Disk(self.folder, self._storage)
        self.faults = faults.Faults(self)
        self.invariants = Invariants(self)
        self.exchange = Exchange(self) if plan.exchange else None
        self.end_ms = plan.start_ms + plan.safety_ms
        self.text = plan.text(str(self.folder))
        self._lines = 0

    @property
    def file(self) -> Path:
        return self.folder / "config.toml"

    # ---- lives -----------------------------------------------------------------------------------------------------
    def live(self) -> Outcome:
        """All lives of the run, and what has to hold at its end."""
        self.file.write_text(self.text)
        (self.folder / ids.FILE).write_text(f"{self.plan.seed:032x}")
        loop.COMMIT_S, loop.BEAT_S, loop.COMMANDS_S = self.plan.commit_s, self.plan.beat_s, COMMANDS_S
        crash.at_points(self._point)
        try:
            with self.disk.doors(), patch.dict(os.environ, {"EVENKEEL_HOME": str(HOME)}):
                while not self._one_life():
                    self.lives += 1
                    assert self.lives < LIVES, "the engine does not come back"
        except Broken as broken:
            raise AssertionError(*broken.args) from broken
        finally:
            crash.at_points(None)
            sys.settrace(None)
            self.disk.unlock()
        with patch.dict(os.environ, {"EVENKEEL_HOME": str(HOME)}):
            counts = proofs.prove(self)
            if self.exchange is not None:
                counts |= live_proofs.prove(self)
        return Outcome(self.plan.seed, counts, self.struck, proofs.trace(self))

    def _one_life(self) -> bool:
        """True when the run is over."""
        self.dead, self.ending = False, False
        self.disk.settled()
        self.invariants.begin_life()
        session.migrate = _nothing if self.lives else MIGRATE
        struck, failed = self.struck["storage"], self.venue.failed
        try:
            config = self._config()
            assert loop.run_engine(config, bare(config), stop=_Stop(self), watch=self.file, world=world_of(self)) == 0  # type: ignore[arg-type]
            over = self.calm and self.time.now >= self.end_ms
        except Killed:
            self.disk.bury()
            over = False
        except (StorageError, DBAPIError, OSError):
            at_start = self.loop is None and (self.struck["busy"] or self.disk.locker is not None)
            if self.struck["storage"] == struck and not at_start:
                raise
            self.struck["ended by storage"] += 1
            over = False
        except VenueError:
            if self.venue.failed == failed:
                raise
            self.struck["ended by the exchange"] += 1
            over = False
        finally:
            sys.settrace(None)
            if self.exchange is not None:
                self.exchange.end_of_life()
        if not over:
            self._away()
        return over

    def _config(self) -> Any:
        """What stands in the file, or what stood there before somebody spoiled it."""
        try:
            return parse(self.file.read_text())
        except ConfigError:
            self.file.write_text(self.text)
            return parse(self.text)

    def _away(self) -> None:
        self.jobs.waiting.clear()
        self.open = self.loop = self.feed = None
        self.time.advance(self.dice.choice(AWAY if self.exchange is None else AWAY[:-2]) if not self.calm else 0)
        self.faults.between_lives()

    # ---- the schedule ----------------------------------------------------------------------------------------------
    def turn(self) -> bool:
        """Once a turn of the loop: what holds is checked, then the world goes on. True to end this life in good order."""
        self.turns += 1
        assert self.turns < self.most_turns, "the run does not end"
        self.invariants.after_turn()
        if self.ending:
            return True
        if not self.calm and self.time.now >= self.end_ms:
            self._calm_down()
        if self.calm and self.time.now >= self.end_ms and self._settled():
            return True
        self.time.advance(self._stride())
        if not self.calm:
            self.faults.step()
        self.jobs.step()
        if self.feed is not None:
            self.feed.deliver(self.time.now)
        if self.exchange is not None:
            self.exchange.step()
        return False

    def _stride(self) -> int:
        """Until the next turn: short while an order is on its way, now and then long all the same."""
        long = self.dice.choice(STEPS)
        if self.exchange is None or not self.exchange.busy or self.dice.random() < 0.05:
            return long
        return self.dice.choice(SHORT)

    def _calm_down(self) -> None:
        self.calm = True
        self.faults.end()
        self.end_ms = self.time.now + self.plan.liveness_ms

    def _settled(self) -> bool:
        assert self.time.now < self.end_ms + 600_000, f"it does not converge: {self._words()}"
        live = self.loop is not None and self.loop.assembler.glance().state == "live"
        return live and self.loop.items.empty() and not self.loop.hold.why and not self._unsettled()

    def _unsettled(self) -> str:
        return live_proofs.unsettled(self) if self.exchange is not None else ""

    def _words(self) -> str:
        state = self.loop.assembler.glance() if self.loop else None
        return f"{state}, held by {self.loop.hold.why!r} {self._unsettled()}" if self.loop else "no loop"

    # ---- what the engine's world calls -----------------------------------------------------------------------------
    def open_feed(self, config: Any, listed: Any, on_event: Any, _pace: float) -> Any:
        self.loop = on_event.__self__.emit.__self__
        dice, grace = self.plan.dice(f"feed:{self.turns}"), config.engine.grace_ms
        self.feed = SimulatedFeed(self.market, listed, on_event, dice, self.faults.feed, grace)
        return self.feed

    def services(self, config: Any, opened: Any, doors: Any) -> list[Any]:
        self.open, self.doors = opened, doors
        with inside():
            self.invariants.recovered_at(opened)
        made = live_orders(config, opened, doors, self.jobs.spawn)
        if self.exchange is not None:
            (self.exchange.live,) = made
            doors.before_end.insert(0, self._last_turn)
        return list(made)

    def _last_turn(self) -> bool:
        """While the engine is about to end it asks whether it may, and the exchange goes on."""
        self.time.advance(SHORT[1])
        self.jobs.step()
        if self.exchange is not None:
            self.exchange.step()
        return True

    # ---- death -----------------------------------------------------------------------------------------------------
    def _point(self, name: str) -> None:
        if self.dead:
            return
        with inside():
            self.invariants.at_point(name)
        chance = self.plan.chances.kill * (10 if name in RARE else 1)
        if not self.calm and self.deaths.random() < chance:
            self.die(name)
        if self.exchange is not None:
            with inside():
                self.exchange.at_point()

    def venue_point(self, name: str, what: str) -> None:
        """On the way to the exchange and back: those that move money are the rare ones."""
        chance = self.plan.chances.kill * (3 if what == "read" else 60)
        if not self.calm and not self.dead and self.deaths.random() < chance:
            self.die(name)

    def _storage(self, name: str) -> None:
        if not self.dead and not self.calm:
            self.faults.storage(name)

    def die(self, where: str) -> None:
        power = self.deaths.random() < self.plan.chances.power
        self.struck[f"kill at {where}"] += 1
        self.struck["power"] += power
        self.disk.photograph(self.deaths if power else None)
        self.dead = True
        raise Killed(where)

    def die_within(self, lines: int) -> None:
        """Between two statements of the engine, so many from here."""
        self._lines = lines
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith((f"{ROOT}/engine", f"{ROOT}/db")) else None

    def _line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line" and not self.dead:
            self._lines -= 1
            if self._lines <= 0:
                sys.settrace(None)
                self.die("a statement")
        return self._line


class _Stop:
    """The loop's stop signal."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    def is_set(self) -> bool:
        return self.simulation.turn()

    def wait(self, seconds: float) -> bool:
        self.simulation.time.sleep(seconds)
        return self.simulation.turn()


def run(plan: Plan, folder: Path, template: Path | None = None) -> Outcome:
    """Live `plan` in `folder`, which is made anew; `template` is an empty database of the present schema."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if template is not None:
        shutil.copy(template, folder / "evenkeel.db")
    with suppress(FileNotFoundError):
        shutil.rmtree(Disk(folder).grave)
    return Simulation(plan, folder).live()


__all__ = ["FULL", "Killed", "Outcome", "Simulation", "run"]
