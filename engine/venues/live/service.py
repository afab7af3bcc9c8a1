"""The lane as a service beside the loop: a thread that pumps, woken by commits. All that is done is done in the lane.

`attach` gives a session its books and its lane; a simulation takes the same two and pumps by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from engine.core.machine import Machine
from engine.core.types import Instrument
from engine.market.threads import Job, Spawn, spawn
from engine.venues.live import ids
from engine.venues.live.amounts import price_of
from engine.venues.live.booker import Doors
from engine.venues.live.gate import Gate
from engine.venues.live.lane import Lane
from engine.venues.port import Port

log = logging.getLogger("evenkeel.live")

IDLE_S, BUSY_S = 0.2, 0.0


def gate_of(
    port: Port,
    folder: Path,
    run: str,
    machine: Callable[[], Machine],
    killed: Callable[[], bool],
    dry: bool = False,
    bare_ms: int = 30_000,
) -> Gate:
    """What the loop's side and the lane of run `run` share; `folder` is the data folder, where the installation's name lies.
    `machine` gives the one in force: its level and prices are read, nothing else."""
    tag = ids.tag_of(ids.instance_of(folder))

    def mark(symbol: str) -> Decimal | None:
        found = machine()
        index = found.symbol_index.get(symbol)
        ticks = int(found.symbols["mark"][index]) if index is not None else 0
        return price_of(found.instruments[index], ticks) if index is not None and ticks > 0 else None

    def cash() -> Decimal | None:
        found = machine()
        return found.instruments[0].quantum * int(found.account["cash"][0]) if found.instruments else None

    return Gate(
        tag, run, port.expiry_ms, port.native_stop, port.now, lambda: machine().level, killed, mark, cash, dry, bare_ms
    )


class Live:
    """One run's lane and its thread. `machine` gives the machine in force, whose instruments are the run's."""

    name = "live"

    def __init__(
        self, gate: Gate, port: Port, engine: Engine, run_id: int, doors: Doors, machine: Callable[[], Machine],
        put: Spawn = spawn,
    ) -> None:  # fmt: skip
        self.gate, self.put = gate, put

        def instruments() -> Mapping[str, Instrument]:
            return {one.symbol: one for one in machine().instruments}

        self.lane = Lane(gate, port, engine, run_id, doors, instruments)
        self._wake, self._end = threading.Event(), threading.Event()
        self._job: Job | None = None

    def start(self) -> None:
        self._job = self.put("live", self._run)

    def committed(self) -> None:
        self.lane.landed()
        self._wake.set()

    def reconfigured(self, config: Any) -> None:
        """Another configuration changes nothing here: the machine's instruments are read anew each time."""

    def vitals(self) -> Mapping[str, Any]:
        return self.lane.vitals()

    def may_end(self) -> bool:
        """Asked before the engine ends; from then on entries are cancelled, none is sent, and no stop is moved."""
        self.gate.leaving = True
        return self.lane.watch.may_end()

    def stop(self, seconds: float) -> None:
        self._end.set()
        self._wake.set()
        if self._job is not None:
            self._job.join(seconds)

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                busy = self.lane.pump(self.gate.clock())
            except Exception:  # one bad answer must not leave positions without anybody who looks after them
                log.exception("a step of the lane failed; it goes on with the next")
                busy = False
            self._wake.wait(BUSY_S if busy else IDLE_S)
            self._wake.clear()
