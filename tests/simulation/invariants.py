"""What must hold after every step, whatever has happened; the numbers are those of the project's list of invariants."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from db import kill_file
from engine.core import codes

QUEUE_MOST, DOORS_MOST, TAPE_MOST = 8_192, 64, 1 << 20


class Broken(BaseException):
    """An invariant did not hold at a moment inside the engine: no handler of the engine's may take it for a fault of its own."""


@contextmanager
def inside() -> Iterator[None]:
    """What is asserted within is asked from a call of the engine's."""
    try:
        yield
    except AssertionError as error:
        raise Broken(*error.args) from error


class Invariants:
    """Checks of one run, and what it has to remember for them across lives."""

    def __init__(self, simulation: Any) -> None:
        self.simulation = simulation
        self.states: dict[int, str] = {}  # event number -> hash of the machine's state behind it
        self.steps = self.recovered = 0
        self.fills = 0
        self.unheard = 0

    def begin_life(self) -> None:
        self.unheard = 0

    # ---- at the engine's own points --------------------------------------------------------------------------------
    def at_point(self, name: str) -> None:
        session = self.simulation.open
        if name == "machine.stepped" and session is not None:
            self.steps += 1
            self.states[session.tape.position.seq] = _state(session.trader)

    def recovered_at(self, session: Any) -> None:
        """I8: what came back is what was, up to the same event."""
        known = self.states.get(session.tape.position.seq)
        if known is not None:
            self.recovered += 1
            assert _state(session.trader) == known, (
                f"I8: the state behind event {session.tape.position.seq} is another one"
            )

    # ---- once a turn -----------------------------------------------------------------------------------------------
    def after_turn(self) -> None:
        sim = self.simulation
        if sim.loop is None or not sim.loop.trader.now:
            return
        machine = sim.loop.trader.machine
        account, slots = machine.account[0], machine.slots
        assert account["reserved"] >= 0, "I3: a reservation below zero"
        assert int(slots["q_reserved"].sum()) == account["reserved"], "I3: what orders reserve is not what is reserved"
        assert int((slots["qty"] > 0).sum()) == account["n_open"], "positions are miscounted"
        assert (slots["qty"] >= 0).all(), "I3: a position below zero"
        worth = _worth(machine)
        assert np.isclose(account["equity"], worth, rtol=1e-9, atol=1e-6), (
            f"I2: equity {account['equity']}, worth {worth}"
        )
        if (
            account["operator"] >= codes.KILLED and sim.exchange is None
        ):  # one that is sent ends when the exchange says so
            assert not (slots["q_entry"] != 0).any(), "I14: an entry waits although the engine is killed"
        self._kill_is_obeyed()
        assert sim.loop.items.qsize() <= QUEUE_MOST, "I22: the queue"
        assert len(sim.loop.doors.waiting()) <= DOORS_MOST, "I22: the doors"
        assert sum(map(len, sim.open.tape._waiting.values())) <= TAPE_MOST, "I22: the tape's memory"

    def _kill_is_obeyed(self) -> None:
        """I14 and I16: where the kill file stands the engine is killed within a few turns, also one that has just started."""
        sim = self.simulation
        stands = (sim.folder / kill_file.NAME).exists() and not sim.faults.look and not sim.loop.hold.why
        killed = sim.loop.trader.machine.account["operator"][0] >= codes.KILLED
        self.unheard = self.unheard + 1 if stands and not killed else 0
        assert self.unheard < 4, "I14: the kill file stands and the engine trades"


def _worth(machine: Any) -> float:
    """Cash and positions at their marks, in the quote currency."""
    slots, symbols = machine.slots, machine.symbols
    held = slots["qty"] * slots["direction"] * symbols["mark"][slots["symbol"]] * symbols["unit"][slots["symbol"]]
    return float(machine.account["cash"][0]) / float(machine.account["quantum_scale"][0]) + float(held.sum())


def _state(trader: Any) -> str:
    return hashlib.blake2b(trader.machine.snapshot(), digest_size=16).hexdigest()
