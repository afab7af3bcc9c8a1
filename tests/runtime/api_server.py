"""The API over a seeded database, on a port of this machine, with a health whose clock the test holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from db.session import open_engine
from engine.runtime.api.application import application, guarded
from engine.runtime.api.context import Context
from engine.runtime.api.server import server_of
from engine.runtime.api.service import _bound
from engine.runtime.api.tokens import Keys, create
from engine.runtime.pulse import Check, Limits, Probe, Pulse, checks
from tests.app.seed import NOW, seed


@dataclass
class Held:
    """A health that says what a pulse means at a moment of the test's choosing."""

    pulse: Pulse | None = None
    probe: Probe = field(default_factory=Probe)
    now: float = 1000.0

    def checks(self) -> list[Check]:
        return checks(self.pulse, self.probe, Limits(), self.now)

    def still(self) -> float:
        return self.now - self.pulse.at if self.pulse is not None else 0.0


def well(at: float = 1000.0) -> Pulse:
    """A loop in good health at that moment."""
    counters = {"frames": 17, "queue": 2, "reconnects": 3, "evaluation_ms": {"a": 1.0}}
    ring = {"p50": 1.5, "p99": 4.0, "max": 9.0, "count": 40, "total_s": 0.08}
    return Pulse(
        at, at, at, "running", "running", NOW, NOW - 1000, 60_000, 1.0, "live", "", 12.0, 10_100.0, 10_400.0, 5_000.0, 5_100.0, 2,
        {"orders": 7, "fills": 6, "trades": 3}, {"BTC/USD": NOW - 1000, "ETH/USD": NOW - 4000}, {"commit": ring}, counters,
    )  # fmt: skip


def reached(at: float = 1000.0) -> Probe:
    return Probe(at, 0, "", 80.0, 12.0, 5_000.0)


@dataclass
class Place:
    """A running API: its address, its tokens, and what stands behind it."""

    url: str
    context: Context
    health: Held
    tokens: dict[str, str]
    worked: list[int]
    app: Any

    def get(self, path: str, scope: str = "read", **options: Any) -> requests.Response:
        return self.ask("GET", path, scope, **options)

    def ask(self, method: str, path: str, scope: str = "", headers: Any = None, **options: Any) -> requests.Response:
        given = {"Authorization": f"Bearer {self.tokens[scope]}"} if scope else {}
        return requests.request(method, self.url + path, headers={**given, **(headers or {})}, timeout=10, **options)


@contextmanager
def place(folder: Path, *, trades: int = 150, open_to_all: bool = True) -> Iterator[Place]:
    """An API over a database of its own in `folder`; ended at the end."""
    url = f"sqlite:///{folder / 'evenkeel.db'}"
    writer = open_engine(url)
    run = seed(writer, trades=trades, days=4)
    reader = open_engine(url, read_only=True)
    keys = folder / "my" / "tokens.json"
    tokens = {scope: create(keys, scope, scope, NOW) for scope in ("read", "command")}
    health, worked = Held(well(), reached()), list[int]()
    context = Context(
        run, health, Keys(keys), reader, writer, folder, lambda: NOW, lambda: worked.append(1), open_to_all=open_to_all
    )
    app = application(context)
    server = server_of(guarded(app, "127.0.0.1", ("evenkeel.lan",)))
    listening = _bound("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Place(f"http://127.0.0.1:{listening.getsockname()[1]}", context, health, tokens, worked, app)
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
        reader.dispose()
        writer.dispose()
