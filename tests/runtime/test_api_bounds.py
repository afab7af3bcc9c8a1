"""What one who asks too much of the door gets: too often, too deep, too slowly, too many at once. A kill is always taken."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.access import patience
from engine.runtime.api.door import DEPTH, depth_of
from engine.runtime.api.pace import Pace
from engine.runtime.api.tokens import DAY_MS, create, found, read
from tests.app.seed import NOW
from tests.runtime.api_server import Place, place

POST = b"POST /api/commands HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("bounds"), trades=5) as made:
        yield made


@pytest.fixture
def counted(api: Place) -> Iterator[list[float]]:
    """The clock of a door that lets a token ask three times a minute."""
    now = [0.0]
    api.context.requests_minute, api.context.pace, api.context.steady = 3, Pace(3), lambda: now[0]
    yield now
    api.context.requests_minute, api.context.pace = 0, Pace(0)


def open_to(api: Place) -> socket.socket:
    host, port = api.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_a_token_asks_so_often_and_then_waits(api: Place, counted: list[float]) -> None:
    assert [api.get("/api/status").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = api.get("/api/status")
    assert refused.headers["retry-after"] == "20"
    assert "requests_minute" in refused.json()["detail"]
    assert api.get("/healthz", "").status_code == 200
    assert api.get("/api/status", "command").status_code == 200, "each token has its own"
    counted[0] = 20.0
    assert [api.get("/api/status").status_code for _ in range(2)] == [200, 429]


def test_a_kill_is_never_asked_to_wait(api: Place, counted: list[float]) -> None:
    pressed: list[str] = []
    api.context.press = lambda who, flatten, why: pressed.append(who)
    asked = [api.ask("POST", "/api/commands", "command", json={"kind": "pause"}).status_code for _ in range(4)]
    assert asked == [202, 202, 202, 429]
    for _ in range(5):
        assert api.ask("POST", "/api/commands", "command", json={"kind": "kill"}).status_code == 202
    assert pressed == ["api:command"] * 5
    api.context.press = None


@settings(max_examples=40)
@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 20))
def test_no_minute_holds_more_than_twice_the_pace(gaps: list[float], most: int) -> None:
    """A full bucket and what flows in meanwhile; and whoever waits as long as he is told is served."""
    pace, now, served = Pace(most), 0.0, list[float]()
    for gap in gaps:
        now += gap
        if wait := pace.wait("a", now):
            now += wait
            assert pace.wait("a", now) == 0
        served.append(now)
    for begin in served:
        assert sum(begin <= at < begin + 60 for at in served) <= 2 * most


def test_a_body_nested_without_end_is_refused_and_a_deep_word_is_not(api: Place) -> None:
    for body in (b"[" * 30_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'{"kind": ' + b"[" * 21 + b"]" * 21 + b"}"):
        answer = api.ask("POST", "/api/commands", "command", data=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert "20 levels" in answer.json()["detail"]
    word = json.dumps({"kind": "pause", "reason": "[{" * 50, "uuid": "0" * 32})
    answer = api.ask("POST", "/api/commands", "command", data=word, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202


def test_a_body_in_another_encoding_hides_nothing(api: Place) -> None:
    """In UTF-16 a sign of a word may look like the end of it, and what follows like a word."""
    for encoding in ("utf-16", "utf-16-le", "utf-32-be"):
        body = ('{"a": "\u2262", "kind": ' + "[" * 2_000 + '"x"' + "]" * 2_000 + "}").encode(encoding)
        answer = api.ask("POST", "/api/commands", "command", data=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["detail"]) == (400, "the request's body is no text in UTF-8")


WORD = st.text('"\\\\[]{}a', max_size=4)


@settings(max_examples=40)
@given(
    st.recursive(
        WORD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=2), max_leaves=10
    )
)
def test_the_depth_is_that_of_the_value(value: object) -> None:
    def deep(one: object) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else None
        return 0 if inner is None else 1 + max(map(deep, inner), default=0)

    assert depth_of(json.dumps(value).encode()) == deep(value)
    assert DEPTH == 20


@pytest.mark.parametrize(
    "first", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"], ids=["first", "after an answer"]
)
def test_a_head_that_never_ends_is_closed(api: Place, first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADER_S", 1.0)
    with open_to(api) as slow:
        slow.sendall(first)
        if first:
            answer = slow.recv(4096)
            while not answer.endswith(b"}"):  # head and body may come apart
                answer += slow.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
        slow.sendall(POST + b"X-Slow: ")
        assert slow.recv(100) == b""


def test_a_body_that_never_ends_is_told_so(api: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.runtime.api.door.BODY_S", 0.1)
    with open_to(api) as slow:
        slow.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        assert slow.recv(4096).startswith(b"HTTP/1.1 408")


def test_two_hundred_at_once_are_turned_away_and_cost_no_thread(api: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADER_S", 1.0)
    threads = threading.active_count()
    crowd = [open_to(api) for _ in range(200)]
    for one in crowd:
        one.sendall(POST)
    assert threading.active_count() <= threads + 1
    assert {one.recv(100)[:12] for one in crowd} <= {b"", b"HTTP/1.1 503"}
    for one in crowd:
        one.close()
    assert api.get("/healthz", "").status_code == 200


def test_a_token_ends_with_its_days(api: Place, tmp_path: Path) -> None:
    keys = tmp_path / "tokens.json"
    text = create(keys, "read", "short", NOW, days=2)
    match = found(read(keys), text)
    assert match is not None
    assert [match.ended(NOW + days * DAY_MS) for days in (0, 1, 2, 3)] == [False, False, True, True]
    old = create(api.context.keys.path, "read", "old", NOW - 2 * DAY_MS, days=1)
    answer = api.get("/api/status", "", headers={"Authorization": f"Bearer {old}"})
    assert (answer.status_code, "has ended" in answer.json()["detail"]) == (401, True)
