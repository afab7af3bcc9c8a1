"""Locust's users of the engine's HTTP door. Run by locust in an environment of its own: nothing of ours is imported here.

    EVENKEEL_LOAD_DOOR=FILE.json locust -f benchmarks/load/door_users.py --headless ...

The file has `read` and `command` (tokens, one a user), `run`, `out`, `wait` (s between a user's requests; 0 asks as fast as it is
answered). `out` gets a line a request: its name, how long it took in ms, the status, and when it began in s of the epoch.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from locust import FastHttpUser, events, task

TOLD = json.loads(Path(os.environ["EVENKEEL_LOAD_DOOR"]).read_text())
TOKENS: dict[str, Iterator[str]] = {scope: itertools.cycle(TOLD[scope]) for scope in ("read", "command")}
answers: list[tuple[str, float, int, float]] = []


@events.request.add_listener
def note(name: str, response_time: float, response: Any, start_time: float, **_: Any) -> None:
    answers.append((name, response_time, int(getattr(response, "status_code", 0) or 0), start_time))


@events.quitting.add_listener
def keep(**_: Any) -> None:
    Path(TOLD["out"]).write_text(json.dumps(answers))


class Door(FastHttpUser):
    abstract = True
    scope = "read"
    network_timeout = connection_timeout = 60.0

    def on_start(self) -> None:
        self.headers = {"Authorization": f"Bearer {next(TOKENS[self.scope])}"}

    def wait_time(self) -> float:
        return float(TOLD["wait"])

    def look(self, path: str, name: str = "") -> None:
        self.answered(self.client.get(path, headers=self.headers, name=name or f"GET {path}", catch_response=True))

    def answered(self, asked: Any) -> None:
        """A refusal by pace is no failure: it is the door's word, and counted apart."""
        with asked as answer:
            if answer.status_code in (200, 202, 429):
                answer.success()


class Reader(Door):
    weight = 4

    @task(6)
    def status(self) -> None:
        self.look("/api/status")

    @task(3)
    def one_run(self) -> None:
        self.look(f"/api/runs/{TOLD['run']}", "GET /api/runs/{run}")

    @task(2)
    def runs(self) -> None:
        self.look("/api/runs")

    @task(2)
    def commands(self) -> None:
        self.look("/api/commands")

    @task(2)
    def health(self) -> None:
        self.look("/readyz")

    @task(1)
    def metrics(self) -> None:
        self.look("/metrics")

    @task(1)
    def export(self) -> None:
        self.look("/api/trades/export?format=csv", "GET /api/trades/export")


class Commander(Door):
    weight = 1
    scope = "command"
    kinds = itertools.cycle(("pause", "resume"))

    @task
    def command(self) -> None:
        """A command and its answer by the engine: 200 where it came within five seconds."""
        asked = {"kind": next(self.kinds), "wait": 5}
        self.answered(
            self.client.post("/api/commands", json=asked, headers=self.headers, name="POST /api/commands", catch_response=True)
        )  # fmt: skip
