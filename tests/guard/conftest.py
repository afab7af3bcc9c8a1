"""A gate before a small app that says who came through, asked without a server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from app.guard.gate import Gate
from engine.access import password

WORD = "correct horse battery staple 7"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Answer:
    """What came back; `status` 0: nothing did."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    cookies: list[str] = field(default_factory=list)


class Clock:
    """A steady clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Asker:
    """Requests to a gate, as a browser would make them (one cookie jar)."""

    def __init__(self, gate: Gate, clock: Clock, through: list[str]) -> None:
        self.gate, self.clock, self.through = gate, clock, through
        self.cookies: dict[str, str] = {}
        self.client, self.server = "127.0.0.1", "127.0.0.1"

    def scope(self, kind: str, method: str, path: str, headers: dict[str, str], scheme: str) -> dict[str, Any]:
        where, _, query = path.partition("?")
        said = {"host": "localhost:8501", "accept": "text/html", **headers}
        if self.cookies:
            said["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            "type": kind, "method": method, "path": where, "query_string": query.encode(), "scheme": scheme,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in said.items()],
            "client": (self.client, 5), "server": (self.server, 8501),
        }  # fmt: skip

    def ask(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None, scheme: str = "http"
    ) -> Answer:
        answer = Answer()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body.encode(), "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {key.decode(): value.decode("latin-1") for key, value in message["headers"]}
                answer.cookies = [value.decode() for key, value in message["headers"] if key == b"set-cookie"]
            else:
                answer.body += message.get("body", b"").decode()

        asyncio.run(self.gate(self.scope("http", method, path, headers or {}, scheme), receive, send))
        for one in answer.cookies:
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies = {**self.cookies, name: value}
        return answer

    def log_in(self, word: str = WORD, path: str = "/login", scheme: str = "http") -> Answer:
        return self.ask("POST", path, f"password={word.replace(' ', '+')}", scheme=scheme)


@pytest.fixture(scope="session")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that keeps `WORD`."""
    path = tmp_path_factory.mktemp("kept") / password.FILE
    path.write_text(CHEAP.hash(WORD))
    path.chmod(0o600)
    return path


@pytest.fixture
def folder(hashed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folder with the password `WORD`, hashed with less care than test_password.py asks for: in a millisecond."""
    monkeypatch.setattr(password, "_hasher", lambda: CHEAP)
    shutil.copy(hashed, tmp_path / password.FILE)
    return tmp_path


@pytest.fixture
def gated() -> Callable[..., Asker]:
    """`gated(folder)`: an asker before a gate with that folder's password."""

    def make(folder: Path, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> Asker:
        through: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            through.append(scope["path"])
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-frame-options", b"ALLOWALL")]})
            await send({"type": "http.response.body", "body": b"inside"})

        clock = Clock()
        return Asker(Gate(app, folder, hosts, clock), clock, through)

    return make
