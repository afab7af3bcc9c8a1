"""Everything a running engine takes from outside, in one place: time, threads, the exchange, what runs beside it.

The defaults are the real things. A simulation hands in others and drives the same loop without a thread or a wall clock.
No behaviour is in here.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config.model import Config
from engine.core.types import Instrument
from engine.market import feeds
from engine.market.events import Event
from engine.market.pace import pace_of
from engine.market.threads import Spawn, Wait, spawn, wait
from engine.market.venue import Venue, open_venue
from engine.runtime.beside import Doors, Service
from engine.runtime.clock import REAL, Clock
from engine.runtime.services import services
from engine.runtime.session import Session
from engine.runtime.watch import FileWatch
from engine.venues.opening import opened
from engine.venues.port import Port

On = Callable[[Event], None]


def open_feed(config: Config, listed: Sequence[Instrument], on_event: On, pace: float) -> feeds.Feed:
    """The stream of the configured exchange for these instruments, not started yet."""
    return feeds.open(
        config.run.exchange, [instrument.symbol for instrument in listed], listed, on_event,
        config.run.base_url, config.run.ws_url, pace, config.engine.grace_ms,
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """`venue` opens an exchange's REST side by name, address and pace; `port` the account that
    real orders go to, None on paper; `feed` its stream; `services` makes what runs beside the
    loop; `watch` looks after the configuration's file; `queue` makes the loop's one queue of so many items."""

    clock: Clock = REAL
    spawn: Spawn = spawn
    wait: Wait = wait
    pace: Callable[[str], float] = pace_of
    venue: Callable[[str, str, float], Venue] = open_venue
    port: Callable[[Config], AbstractContextManager[Port | None]] = opened
    feed: Callable[[Config, Sequence[Instrument], On, float], feeds.Feed] = open_feed
    services: Callable[[Config, Session, Doors], list[Service]] = services
    watch: Callable[[Path, Callable[[str], None], Callable[[str], None]], FileWatch] = FileWatch
    queue: Callable[[int], queue.Queue[Any]] = queue.Queue


WORLD = World()
