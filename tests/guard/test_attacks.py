"""What somebody tries who has the docs and an hour: guesses side by side, keeps the owner waiting, calls by odd names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.guard import gate as door
from app.guard import requests, start
from app.guard.throttle import FREE, FREE_IN_ALL, LONGEST_S, Throttle
from engine.access import password
from tests.guard.conftest import WORD, Asker

Gated = Callable[..., Asker]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were looked at; argon2id is left out, it costs a tenth of a second each."""
    seen: list[str] = []

    def matches(_: Path, given: str) -> bool:
        seen.append(given)
        return given == WORD

    monkeypatch.setattr("app.guard.gate.matches", matches)
    return seen


def test_forms_that_wait_for_their_last_byte_are_counted_like_any_other(
    gated: Gated, folder: Path, looked: list[str]
) -> None:
    """A hundred requests whose heads came before the first password was wrong."""
    asker, statuses = gated(folder), list[int]()

    async def attack() -> None:
        last_byte = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await last_byte.wait()
            return {"type": "http.request", "body": b"password=guess", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        tries = [
            asyncio.create_task(asker.gate(asker.scope("http", "POST", "/login", {}, "http"), receive, send))
            for _ in range(100)
        ]
        await asyncio.sleep(0)
        last_byte.set()
        await asyncio.gather(*tries)

    asyncio.run(attack())
    assert len(looked) == FREE
    assert sorted(statuses) == [401] * FREE + [429] * (100 - FREE)


def test_a_form_that_never_ends_is_given_up(
    gated: Gated, folder: Path, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "FORM_S", 0.01)
    asker, statuses = gated(folder), list[int]()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    asyncio.run(asker.gate(asker.scope("http", "POST", "/login", {}, "http"), receive, send))
    assert statuses[0] == 401
    assert looked == [""]


def test_a_thousand_wrong_passwords_from_a_thousand_addresses_in_a_minute() -> None:
    throttle, looked = Throttle(), 0
    for number in range(1000):
        if throttle.wait(f"198.51.{number}", number * 0.06) == 0:
            throttle.wrong(f"198.51.{number}", number * 0.06)
            looked += 1
    assert FREE_IN_ALL <= looked <= FREE_IN_ALL + 5


def test_strangers_who_guess_do_not_keep_a_known_browser_out(gated: Gated, folder: Path, looked: list[str]) -> None:
    owner = gated(folder)
    owner.log_in()
    assert [mark.partition("=")[0] for mark in owner.cookies.items() for mark in [mark[0]]] == [
        door.DEVICE,
        door.SESSION,
    ]
    stranger = Asker(owner.gate, owner.clock, owner.through)
    for number in range(60):
        stranger.client = f"198.51.100.{number % 250}"
        stranger.log_in("wrong")
    assert stranger.log_in().status == 429, "the right password, from a browser that nobody knows"
    owner.ask("POST", "/logout")
    assert owner.log_in().status == 303


def test_a_known_browser_may_guess_no_oftener_than_another(gated: Gated, folder: Path, looked: list[str]) -> None:
    asker = gated(folder)
    asker.log_in()
    asker.ask("POST", "/logout")
    for number in range(40):
        asker.client = f"198.51.100.{number}"  # whatever address it calls from
        asker.log_in("wrong")
    assert looked.count("wrong") == FREE
    asker.clock.now += LONGEST_S
    assert asker.log_in().status == 303


def test_a_mark_is_made_with_the_password_in_force(folder: Path) -> None:
    kept = str(password.stored(folder))
    mark = password.device(kept)
    assert password.knows(kept, mark)
    assert mark != password.device(kept)
    number, _, proof = mark.partition(".")
    for forged in (
        "",
        ".",
        mark[:-1],
        f"{number[:-1]}0.{proof}",
        f".{proof}",
        f"{number}.",
        "é" * 16 + ".é",
        mark + "0",
    ):
        assert not password.knows(kept, forged) or forged == mark
    password.set_password(folder, "another horse and no battery 8")
    assert not password.knows(str(password.stored(folder)), mark)


def test_a_new_login_ends_the_session_it_comes_from(gated: Gated, folder: Path, looked: list[str]) -> None:
    asker = gated(folder)
    asker.log_in()
    before = dict(asker.cookies)
    asker.log_in()
    asker.cookies = before
    assert asker.ask("GET", "/").status == 303


def test_without_a_password_nobody_from_elsewhere_is_let_in_however_it_was_started(
    gated: Gated, tmp_path: Path
) -> None:
    """`uvicorn Home:app --host 0.0.0.0` asks no option of ours; the connection itself tells where it came in."""
    asker = gated(tmp_path)
    for server in ("192.168.1.5", "::ffff:192.168.1.5", "2001:db8::1", "0.0.0.0"):
        asker.server = server
        answer = asker.ask("GET", "/")
        assert (answer.status, asker.through) == (403, [])
    for server in ("127.0.0.1", "::1"):
        asker.server = server
        assert asker.ask("GET", "/").body == "inside"


@pytest.mark.parametrize(
    "host",
    ["evil.example@localhost", "localhost/evil", "localhost#evil", "localhost?evil", "localhost:99999", "localhost:x",
     "localhost\\evil", "[::1", "localhost ", "127.1", "0x7f.1", "[::ffff:127.0.0.1]"],
)  # fmt: skip
def test_a_host_that_could_be_read_in_two_ways_is_none_of_ours(gated: Gated, folder: Path, host: str) -> None:
    assert gated(folder).ask("GET", "/login", headers={"host": host}).status == 403


@pytest.mark.parametrize("where", ["/%00", "/%0d%0aSet-Cookie:a=b", "/\\evil", "/%09/evil.example", "//evil.example"])
def test_no_word_of_theirs_becomes_a_header(gated: Gated, folder: Path, looked: list[str], where: str) -> None:
    assert gated(folder).log_in(path=f"/login?next={where}").headers["location"] == "/"


def test_an_address_in_any_script_is_led_back_to(gated: Gated, folder: Path, looked: list[str]) -> None:
    asker = gated(folder)
    where = "/trades?symbol=%E2%82%AC%2FUSD&q=1+2"
    sent = asker.ask("GET", where).headers["location"]
    assert asker.log_in(path=sent).headers["location"] == where
    assert asker.log_in(path="/login?next=/%E2%82%AC").headers["location"] == "/%E2%82%AC"


def test_odd_methods_and_sockets_find_no_other_door(gated: Gated, folder: Path) -> None:
    asker = gated(folder)
    for method in ("OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"):
        assert asker.ask(method, "/_stcore/host-config").status == 401
    for path in (
        "/_stcore/health/",
        "//_stcore/health",
        "/_stcore/health;a",
        "/_stcore/health/../stream",
        "/LOGIN",
        "/login/",
    ):
        assert asker.ask("POST", path).status == 401
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for path in ("/_stcore/health", "/login", "/logout"):
        asyncio.run(asker.gate(asker.scope("websocket", "GET", path, {}, "ws"), None, send))  # type: ignore[arg-type]
    assert {one["type"] for one in sent} == {"websocket.close"}
    assert asker.through == []


def test_the_policy_names_no_address_of_others() -> None:
    for policy in (requests.PAGE_POLICY, requests.OWN_POLICY):
        assert "//" not in policy
        assert "'unsafe-eval'" not in policy


def test_where_a_code_is_asked_for_nothing_is_shown_without_it(gated: Gated, tmp_path: Path) -> None:
    asker = gated(tmp_path)
    asker.gate.code = "0123456789"
    for path in ("/", "/trades", "/_stcore/stream", "/media/1.csv"):
        assert asker.ask("GET", path).status == 303
    assert asker.log_in("012345678").status == 401
    assert asker.log_in("").status == 401
    assert asker.log_in("0123456789").status == 303
    assert asker.ask("GET", "/").body == "inside"
    asker.gate.code = "9876543210"  # started again
    assert asker.ask("GET", "/").status == 303
    for _ in range(50):
        asker.log_in("wrong")
    assert asker.log_in("9876543210").status == 429, "guessing waits here, too"


def test_the_code_is_another_at_each_start_and_told_on_the_terminal_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "home", lambda: tmp_path)
    codes = [start._code("1"), start._code("1")]
    told = capsys.readouterr()
    assert len(set(codes)) == 2
    assert all(len(code) == 10 and code in told.err for code in codes)
    assert told.out == ""
    assert [start._code(no) for no in ("", "0", "false")] == ["", "", ""]
