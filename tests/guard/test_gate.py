"""Nobody comes in without the password, nobody stays when the session is over, and no other page can ask in their name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.guard.gate import Gate
from app.guard.sessions import IDLE_S, LIFE_S
from engine.access import password
from tests.guard.conftest import WORD, Asker, Clock

Gated = Callable[..., Asker]
PLACES = [
    "/",
    "/trades?run=1",
    "/_stcore/stream",
    "/_stcore/upload_file/x",
    "/media/1.csv",
    "/static/index.js",
    "/logout",
]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
def test_nothing_is_behind_an_open_door(gated: Gated, folder: Path, path: str, method: str) -> None:
    asker = gated(folder)
    answer = asker.ask(method, path)
    assert answer.status == (303 if method == "GET" else 401)
    assert "inside" not in answer.body
    assert asker.through == []


def test_without_a_password_this_machine_is_let_in(gated: Gated, tmp_path: Path) -> None:
    assert gated(tmp_path).ask("GET", "/trades").body == "inside"


def test_the_login_leads_back_to_where_one_came_from(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    sent = asker.ask("GET", "/trades?run=1&q=a%26b").headers["location"]
    assert asker.ask("GET", sent).status == 200
    answer = asker.log_in(path=sent)
    assert (answer.status, answer.headers["location"]) == (303, "/trades?run=1&q=a%26b")
    assert asker.ask("GET", "/trades").body == "inside"


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_the_login_leads_nowhere_else(gated: Gated, folder: Path, where: str) -> None:
    assert gated(folder).log_in(path=f"/login?next={where}").headers["location"] == "/"


def test_a_cookie_is_for_this_host_alone_and_no_script_reads_it(gated: Gated, folder: Path) -> None:
    plain = gated(folder).log_in().headers["set-cookie"]
    assert plain.startswith("evenkeel=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in plain.split(";")}
    secure = gated(folder).log_in(scheme="https").headers["set-cookie"]
    assert secure.startswith("__Host-evenkeel=")
    assert secure.endswith("; Secure")


def test_every_login_is_another_session(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    asker.cookies = {"evenkeel": "0" * 32}  # somebody planted it
    asker.log_in()
    first = asker.cookies["evenkeel"]
    asker.log_in()
    assert len({first, asker.cookies["evenkeel"], "0" * 32}) == 3


@pytest.mark.parametrize("seconds", [IDLE_S + 1, LIFE_S + 1])
def test_a_silent_session_ends(gated: Gated, folder: Path, seconds: float) -> None:
    asker = gated(folder)
    asker.log_in()
    asker.clock.now += seconds
    assert asker.ask("GET", "/").status == 303


def test_no_session_outlives_half_a_day(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    asker.log_in()
    for _ in range(int(LIFE_S / 1000)):
        asker.clock.now += 1000
        assert asker.ask("GET", "/").status == 200
    asker.clock.now += 1000
    assert asker.ask("GET", "/").status == 303


def test_a_log_out_is_asked_and_final(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    asker.log_in()
    kept = dict(asker.cookies)
    assert "Log out" in asker.ask("GET", "/logout").body
    assert asker.ask("GET", "/").status == 200
    asker.ask("POST", "/logout")
    asker.cookies = kept  # a copy of the cookie is worth nothing
    assert asker.ask("GET", "/").status == 303


def test_another_password_ends_every_session(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    asker.log_in()
    password.set_password(folder, "another horse and no battery 8")
    assert asker.ask("GET", "/").status == 303
    assert asker.log_in(WORD).status == 401


def test_guessing_is_slowed_down_and_not_even_looked_at(
    gated: Gated, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker, looked = gated(folder), []
    monkeypatch.setattr("app.guard.gate.matches", lambda _folder, word: looked.append(word))
    for _ in range(1000):
        asker.clock.now += 0.06
        asker.log_in("wrong")
    assert 5 <= len(looked) <= 10
    answer = asker.log_in("wrong")
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_the_right_password_after_a_few_wrong_ones_is_forgiven(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    for _ in range(4):
        assert asker.log_in("wrong").status == 401
    assert asker.log_in().status == 303
    for _ in range(4):
        assert asker.log_in("wrong").status == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:8501", ""])
def test_another_name_for_this_machine_gets_nothing(gated: Gated, folder: Path, host: str) -> None:
    asker = gated(folder)
    asker.log_in()
    assert asker.ask("GET", "/", headers={"host": host}).status == 403


def test_another_page_cannot_post_in_their_name(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    asker.log_in()
    for origin in ("https://evil.example", "null", "http://localhost:9999"):
        assert asker.ask("POST", "/_stcore/x", headers={"origin": origin}).status == 403
    assert asker.ask("POST", "/_stcore/x", headers={"origin": "http://localhost:8501"}).status == 200


def test_every_answer_carries_the_safety_headers(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    answers = [
        asker.ask("GET", "/"),
        asker.ask("GET", "/login"),
        asker.ask("POST", "/x"),
        asker.log_in(),
        asker.ask("GET", "/"),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        said = answer.headers["content-security-policy"]
        if answer.body == "inside":  # Streamlit's page: nothing is loaded from elsewhere, nothing is told there
            assert re.findall(r"https?:|wss?:|\*|'unsafe-eval'", said) == []
            assert {"default-src 'self'", "connect-src 'self'", "object-src 'none'", "frame-ancestors 'self'"} <= set(
                said.split("; ")
            )
        else:
            assert said.startswith("default-src 'none'")
            assert "script" not in said
        assert "strict-transport-security" not in answer.headers
    assert "strict-transport-security" in asker.ask("GET", "/", scheme="https").headers


def test_a_password_file_that_others_can_read_lets_nobody_in(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    asker.log_in()
    (folder / password.FILE).chmod(0o644)
    assert asker.ask("GET", "/").status == 503
    assert asker.through == []


def _socket(gate: Gate, cookies: str, said: list[dict[str, Any]], between: Callable[[], None]) -> list[dict[str, Any]]:
    """A WebSocket of two messages, with `between` after the first; what the app sent."""
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "websocket.receive", "text": "one"}, {"type": "websocket.receive", "text": "two"}]

    async def receive() -> dict[str, Any]:
        if len(waiting) == 1:
            between()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            message = await receive()
            said.append(message)
            await send({"type": "websocket.send", "text": "answer"})

    gate.app = app
    headers = [(b"host", b"localhost:8501"), (b"origin", b"http://localhost:8501"), (b"cookie", cookies.encode())]
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": headers, "scheme": "ws"}
    asyncio.run(gate(scope, receive, send))
    return sent


def test_an_open_page_ends_with_its_session(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    asker.log_in()
    token, said = asker.cookies["evenkeel"], []
    sent = _socket(asker.gate, f"evenkeel={token}", said, lambda: asker.gate.sessions.close(token))
    assert [message["type"] for message in said] == ["websocket.receive", "websocket.disconnect"]
    assert sent == [{"type": "websocket.send", "text": "answer"}, {"type": "websocket.close", "code": 1008}]


def test_a_socket_without_a_session_is_refused(folder: Path) -> None:
    said: list[dict[str, Any]] = []
    sent = _socket(Gate(lambda *_: None, folder, (), Clock()), "evenkeel=nobody", said, lambda: None)  # type: ignore[arg-type,return-value]
    assert (said, sent) == ([], [{"type": "websocket.close", "code": 1008}])
