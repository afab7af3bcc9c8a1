"""Whether the engine is well, known from outside the loop: it copies its pulse here, and a thread asks the exchange and the disk.

What the findings mean is pulse.py's. Nothing here waits on the loop's thread, and nothing here acts.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.config.model import Config
from engine.market.venue import Venue, VenueError
from engine.runtime.pulse import Check, Limits, Probe, Pulse, checks
from engine.runtime.session import Session

log = logging.getLogger("evenkeel.health")

DISK_S = 30.0
TELL_S = 1.0
"""Quantiles are made at most so often."""


class Health:
    """A service. `pulse` and `probe` are frozen values, replaced whole, that any thread may read."""

    name = "health"

    def __init__(self, config: Config, session: Session, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.config, self.session, self.monotonic = config, session, monotonic
        self.pulse: Pulse | None = None
        self.probe = Probe()
        self._asker = Asker(config, session.vitals.speed)
        self._told = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="health", daemon=True)

    def checks(self) -> list[Check]:
        """What is found now."""
        wanted = self.config.health
        storage = self.config.storage
        limits = Limits(wanted.clock_ms, wanted.disk_mb, storage.warn_mb, storage.hold_mb, wanted.venue_seconds > 0)
        return checks(self.pulse, self.probe, limits, self.monotonic())

    def ready(self) -> bool:
        return all(check.ok for check in self.checks())

    def still(self) -> float:
        """Seconds since the loop turned last; 0 before it has."""
        return self.monotonic() - self.pulse.at if self.pulse is not None else 0.0

    # ---- the loop's side ---------------------------------------------------------------------------------------------------
    def start(self) -> None:
        self._thread.start()

    def committed(self) -> None:
        """Nothing to do."""

    def reconfigured(self, config: Config) -> None:
        self.config = config

    def vitals(self) -> Mapping[str, Any]:
        """Copies the loop's pulse; what is new in it for the status row are the latencies."""
        now, former = self.monotonic(), self.pulse
        fresh = now - self._told >= TELL_S or former is None
        timings = self.session.timings.told() if fresh else former.timings if former else {}
        self._told = now if fresh else self._told
        self.pulse = _copied(self.session, former, now, timings)
        return {"latency": timings}

    def stop(self, seconds: float) -> None:
        self._over.set()
        self._thread.join(seconds)

    # ---- its own thread ----------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        while not self._over.is_set():
            every = self.config.health.venue_seconds
            self.probe = self._asker.asked(self.probe, self.monotonic(), venue=every > 0)
            self._over.wait(every or DISK_S)


class Asker:
    """Asks the exchange for its time, with one try, over a connection of its own; and the disk for its room."""

    def __init__(self, config: Config, speed: float, venue: Venue | None = None) -> None:
        self.venue = venue or Venue(
            config.run.exchange, config.run.base_url, pace=speed, tries=1
        )  # opened when first asked
        self.judged = not config.run.base_url  # a stand-in's time says nothing about this machine's clock
        self.folder = Path(config.storage.data_dir)

    def asked(self, former: Probe, now: float, *, venue: bool = True) -> Probe:
        """What is found at `now` (monotonic seconds); without `venue` the disk alone is looked at."""
        free = self._free_mb()
        if not venue:
            return Probe(asked=now, free_mb=free)
        begun, wall = time.perf_counter(), time.time()
        try:
            told = self.venue.now() if self.venue.has("fetchTime") else None
            if told is None:
                self.venue.call("load_markets", True)
        except VenueError as error:
            return replace(former, asked=now, failures=former.failures + 1, error=str(error)[:200], free_mb=free)
        except Exception as error:  # whatever a library may raise: the watch goes on
            log.exception("the exchange could not be asked for its time")
            return replace(former, asked=now, failures=former.failures + 1, error=type(error).__name__, free_mb=free)
        took = time.perf_counter() - begun
        skew = skew_ms(wall, took, told) if told is not None and self.judged else None
        return Probe(now, 0, "", took * 1000, skew, free)

    def _free_mb(self) -> float | None:
        try:
            return shutil.disk_usage(self.folder).free / 1e6
        except OSError:
            return None


def skew_ms(sent: float, took: float, told: int) -> float:
    """This clock less the exchange's in ms: `sent` and `took` in seconds, `told` in ms UTC. The answer was made at some instant
    of the way, so what half the way explains is no difference."""
    off = (sent + took / 2) * 1000 - told
    slack = took * 500
    return 0.0 if abs(off) <= slack else off - slack if off > 0 else off + slack


def _copied(session: Session, former: Pulse | None, now: float, timings: Mapping[str, Any]) -> Pulse:
    """The loop's state as plain values; called on its thread."""
    trader, vitals = session.trader, session.vitals
    machine, setup = trader.machine, trader.setup
    account = machine.account[0]
    moved = former is None or trader.now != former.now
    symbols = {one.symbol: int(ts) for one, ts in zip(setup.instruments, machine.symbols["ts"].tolist(), strict=True)}
    lived = bool(trader.now)
    return Pulse(
        at=now,
        written=session.recorder.written,
        advanced=now if former is None or moved else former.advanced,
        state=vitals.state,
        level=machine.level,
        now=trader.now,
        last_bar=trader.last_bar,
        finest_ms=min(slot.timeframe_ms for slot in setup.slots),
        speed=vitals.speed,
        feed=vitals.feed,
        held=vitals.held,
        lag_ms=vitals.lag_ms,
        equity=float(account["equity"]) if lived else None,
        peak=float(account["peak"]) if lived else None,
        cash=float(account["cash_value"]) if lived else None,
        exposure=float(account["exposure"]) if lived else None,
        positions=int(account["n_open"]),
        counts={name: int(account[name]) for name in ("orders", "fills", "trades")},
        symbols=symbols,
        timings=timings,
        counters=vitals.counters,
    )
