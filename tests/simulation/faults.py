"""What goes wrong, and what people do, drawn once a step of the schedule or once a storage call."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from typing import Any

from db import kill_file
from tests.simulation import feed as feeds
from tests.simulation.disk import broken, full
from tests.simulation.plan import COMMANDS, edited

RELEASED = 0.03
WRITES = ("sql INSERT", "sql UPDATE", "sql DELETE", "sql COMMIT", "sql REPLACE")


INSERT = (
    "INSERT INTO command (uuid, run_id, kind, args, source, created_ts, state) VALUES (?, ?, ?, ?, 'cli', ?, 'new')"
)


def fits(name: str, kind: str) -> bool:
    """Whether a storage call of this name can fail so: only what writes needs room, only transactions wait for a lock."""
    if kind == "full":
        return name in WRITES or not name.startswith("sql")
    return kind == "broken" or name in ("sql BEGIN", "sql COMMIT")


class Faults:
    """The faults of one run; everything is drawn from its plan's chances."""

    def __init__(self, simulation: Any) -> None:
        self.simulation, self.chances = simulation, simulation.plan.chances
        self.dice, self.person = simulation.plan.dice("faults"), simulation.plan.dice("person")
        self.feed = feeds.Faults(self.chances.twice, self.chances.swapped, self.chances.lost, self.chances.garbage)
        venue = simulation.venue
        venue.unreachable, venue.refused, venue.untidy = (
            self.chances.unreachable, self.chances.refused, self.chances.untidy,
        )  # fmt: skip
        self.full_until = self.locked_until = 0
        self.asked = 0
        self.look = False
        self.fail_at: tuple[int, str] | None = None
        self.calls = 0

    def step(self) -> None:
        sim, dice, chances = self.simulation, self.dice, self.chances
        now = sim.time.now
        if dice.random() < chances.silent:
            self._say("silent")
            self.feed.silent_until = now + dice.choice((3000, 15_000, 60_000))
        if dice.random() < chances.gone:
            self._say("gone")
            self.feed.gone_until = now + dice.choice((500, 5000, 45_000, 400_000))
        if dice.random() < chances.locked and not self.locked_until:
            sim.disk.lock()
            self.locked_until = now + dice.choice((500, 4000, 30_000))
            self._say("locked")
        if self.locked_until and now >= self.locked_until:
            sim.disk.unlock()
            self.locked_until = 0
        if dice.random() < chances.full:
            self._say("full")
            self.full_until = now + dice.choice((500, 8000, 40_000))
        if dice.random() < chances.jump:
            self._say("clock jump")
            sim.time.skew_ms += dice.choice((-3_600_000, -1000, 1000, 3_600_000))
        if sim.plan.chances.kill and dice.random() < chances.statement * 0.01:
            sim.die_within(dice.randrange(1, 4000))
        self._person()

    def _person(self) -> None:
        sim, dice, chances = self.simulation, self.person, self.chances
        killed = sim.exchange is not None and sim.loop is not None and sim.loop.trader.machine.level == "killed"
        if killed and dice.random() < RELEASED:  # an account that stays killed sends nothing that could go wrong
            self._command("release", {"breaker": "kill"})
        if dice.random() < chances.command:
            self._command(*dice.choice(COMMANDS))
        if dice.random() < chances.edit:
            self._edit()
        if self.look and sim.loop is not None:
            self.look = False
            sim.loop.kill.look()
        if dice.random() < chances.press:
            self._say("kill pressed")
            order = kill_file.KillOrder("file", dice.random() < 0.5)
            if dice.random() < 0.5 and sim.doors is not None:
                sim.doors.kill("http", order.flatten)
            else:
                kill_file.press(sim.folder, order)
                self.look = True
        if dice.random() < chances.restart:
            self._say("restart")
            sim.ending = True

    def _command(self, kind: str, args: dict[str, Any]) -> None:
        """A row, as the command line leaves it; not to be had while somebody locks the database."""
        self.asked += 1
        with suppress(sqlite3.OperationalError):
            raw = sqlite3.connect(self.simulation.folder / "evenkeel.db", timeout=0)
            try:
                with raw:
                    raw.execute(
                        INSERT,
                        (f"c{self.asked}", 1, kind, json.dumps(args), self.simulation.time.wall_ms()),
                    )
                self._say("command")
            finally:
                raw.close()

    def _edit(self) -> None:
        sim = self.simulation
        text = edited(sim.text, self.person.choice(sim.plan.symbols), self.person)
        sim.file.write_text(text)
        self._say("edit")
        if sim.loop is not None and self.person.random() < 0.8:
            sim.loop.reloader.offer(text)

    # ---- storage ---------------------------------------------------------------------------------------------------
    def storage(self, name: str) -> None:
        """Before each storage call of the engine: what this raises is how it fails."""
        self.calls += 1
        if self.fail_at is not None:
            number, kind = self.fail_at
            if self.calls == number:
                if kind == "full":  # it stays so for a while
                    self.full_until = self.simulation.time.now + 8000
                self._fail(name, kind)
        if self.simulation.time.now < self.full_until:
            self._fail(name, "full")
        elif self.dice.random() < self.chances.broken:
            self._fail(name, self.dice.choice(("broken", "busy")))

    def _fail(self, name: str, kind: str) -> None:
        if not fits(name, kind):
            return
        statement = name.startswith("sql")
        self._say("busy" if kind == "busy" else "storage")
        if kind == "busy":
            raise sqlite3.OperationalError("database is locked")
        if kind == "full":
            raise sqlite3.OperationalError("database or disk is full") if statement else full(name)
        raise sqlite3.OperationalError("disk I/O error") if statement else broken(name)

    # ---- ends ------------------------------------------------------------------------------------------------------
    def between_lives(self) -> None:
        sim = self.simulation
        if self.locked_until and sim.time.now >= self.locked_until:
            sim.disk.unlock()
            self.locked_until = 0

    def end(self) -> None:
        """From here on nothing fails, and nobody asks for anything but to trade again."""
        sim = self.simulation
        sim.disk.unlock()
        self.locked_until = self.full_until = 0
        self.feed.__init__()  # type: ignore[misc]
        sim.venue.unreachable = sim.venue.refused = sim.venue.untidy = 0.0
        if sim.exchange is not None:
            sim.exchange.calm()

    def _say(self, what: str) -> None:
        self.simulation.struck[what] += 1
