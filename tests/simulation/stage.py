"""What a simulated engine is put on: a queue and jobs without threads, a watcher that is told of edits, the world of its loop."""

from __future__ import annotations

import queue
import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from engine.runtime.world import World


class Queue(queue.Queue[Any]):
    """The loop's queue: nobody else runs while somebody waits for it, so waiting is only time that passes."""

    def __init__(self, size: int, sleep: Callable[[float], None]) -> None:
        super().__init__(size)
        self.sleep = sleep

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if self.empty():
            self.sleep(timeout or 0.0)
            raise queue.Empty
        return super().get(block=False)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        assert not self.full(), "the queue is full and nobody takes from it"
        super().put(item, block=False)


class Job:
    """Work of a thread, done in one go when the schedule says so."""

    def __init__(self, name: str, work: Callable[[], None], delay: int) -> None:
        self.name, self.work, self.delay, self.done = name, work, delay, False

    def is_alive(self) -> bool:
        return not self.done

    def join(self, timeout: float | None = None) -> None:
        """Whoever waits for it would see it done, or give up."""


class Jobs:
    """Threads of an engine as a list; which one goes on next is the seed's choice."""

    ENDLESS = ("kill-watch", "live")

    def __init__(self, dice: random.Random) -> None:
        self.dice, self.waiting = dice, list[Job]()

    def spawn(self, name: str, work: Callable[[], None]) -> Job:
        job = Job(name, work, self.dice.choice((0, 0, 1, 2, 5)))
        if name not in self.ENDLESS:
            self.waiting.append(job)
        return job

    def step(self) -> None:
        """Those whose time has come are done, in an order that the seed shuffles."""
        due = [job for job in self.waiting if job.delay <= 0]
        self.dice.shuffle(due)
        for job in self.waiting:
            job.delay -= 1
        for job in due:
            self.waiting.remove(job)
            job.work()
            job.done = True


class Watch:
    """The configuration's file as it is watched: told of what the simulation writes, or not."""

    def __init__(self, _path: Any, told: Callable[[str], None], lost: Callable[[str], None]) -> None:
        self.told, self.lost = told, lost

    def start(self) -> None: ...

    def stop(self) -> None: ...


def world_of(simulation: Any) -> World:
    """The loop's outside, all of it the simulation's."""
    return World(
        clock=simulation.time.clock(),
        spawn=simulation.jobs.spawn,
        wait=lambda _condition, ready, _seconds: ready(),
        pace=lambda _address: 1.0,
        venue=lambda *_: simulation.venue,
        port=simulation.exchange.port if simulation.exchange else lambda _config: nullcontext(None),
        feed=simulation.open_feed,
        services=simulation.services,
        watch=Watch,  # type: ignore[arg-type]
        queue=lambda size: Queue(size, simulation.time.sleep),
    )
