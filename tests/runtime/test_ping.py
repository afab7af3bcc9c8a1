"""The dead man's ping: while ready and only then; a server that hangs, refuses or answers nonsense delays and tells nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from engine.access.outbound import permit
from engine.config.model import Config
from engine.config.sections import SlotSection
from engine.runtime import ping
from engine.runtime.ping import Ping

SECRET = "0f3a-canary-of-the-ping"


class Listener(ThreadingHTTPServer):
    """Answers with `status`, or not before `let_go`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.hang, self.let_go = 200, False, threading.Event()
        self.heard = threading.Semaphore(0)
        self.paths: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.paths.append(self.path)
        server.heard.release()
        if server.hang:
            server.let_go.wait(20)
            return
        self.send_response(server.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def _this_machine_may_be_called() -> Iterator[None]:
    """The listener of these tests are on this machine, as a person would have to allow, too."""
    permit(("127.0.0.1",))
    yield
    permit(())


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.let_go.set()
    server.shutdown()
    server.server_close()


def _ping(address: str, ready: Any = lambda: True) -> Ping:
    made = Ping(Config(slots=(SlotSection(),)), ready, address)
    made.every_s = 0.01
    return made


def test_it_calls_while_ready_and_only_then(listener: Listener) -> None:
    ready, looked = threading.Event(), threading.Semaphore(0)

    def is_ready() -> bool:
        looked.release()
        return ready.is_set()

    made = _ping(listener.address, is_ready)
    made.start()
    for _ in range(3):
        assert looked.acquire(timeout=10)
    assert listener.paths == []
    ready.set()
    assert listener.heard.acquire(timeout=10)
    assert listener.heard.acquire(timeout=10)
    made.stop(5)
    assert set(listener.paths) == {f"/{SECRET}"}
    assert made.vitals()["pings"] >= 1


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_it_answers_changes_nothing_and_the_address_is_told_nowhere(
    listener: Listener, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    listener.status = status
    caplog.set_level(logging.DEBUG, "evenkeel")
    made = _ping(listener.address)
    for _ in range(3):
        made._call()
    assert listener.paths == [f"/{SECRET}"] * 3  # and no redirect was followed
    assert made.vitals() == ({"pings": 3, "pings_failed": 0} if status < 400 else {"pings": 0, "pings_failed": 3})
    assert SECRET not in caplog.text
    told = [record for record in caplog.records if record.name == "evenkeel.ping"]
    assert len(told) == (status >= 400)


def test_one_that_hangs_or_is_gone_delays_nobody(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ping, "TIMEOUT_S", 0.05)
    listener.hang = True
    made = _ping(listener.address)
    made.start()
    assert listener.heard.acquire(timeout=10)
    assert made.vitals()["pings"] == 0  # the loop asks, and is answered at once
    made.stop(5)
    assert not made._thread.is_alive()
    gone = _ping("http://127.0.0.1:1/" + SECRET)
    gone._call()
    assert gone.failed == 1
    assert SECRET not in caplog.text


def test_off_without_an_address_and_with_one_that_is_none() -> None:
    for address in ("", "ftp://127.0.0.1/x", "nonsense"):
        made = _ping(address)
        made.start()
        assert not made._thread.is_alive()
        made.stop(1)
