"""Telegram both ways against a server that answers as the bot API does: who may, what may, twice, too late, and the button."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text, update
from sqlmodel import col

from db.models import Command
from engine.alerts import outbox
from engine.alerts.channels.telegram import Channel
from engine.alerts.telegram_bot import TelegramBot
from engine.config.alerts import AlertsSection
from tests.alerts.conftest import NOW, Office
from tests.alerts.servers import Http, Say, http

MINE, FOREIGN = 11, 666
TOKEN = "42:s3cr3t-canary"
OK = '{"ok": true, "result": []}'


@pytest.fixture
def server() -> Iterator[Http]:
    with http(Say(200, OK)) as made:
        yield made


class Chat:
    """The bot, an engine that obeys every command as soon as it is written, and what was said to the chat."""

    def __init__(self, office: Office, server: Http) -> None:
        self.office, self.server = office, server
        self.killed: list[str] = []
        self.settings = AlertsSection(
            telegram_url=server.url,
            telegram_chat=str(MINE),
            telegram_commands=True,
            telegram_allowed=(MINE,),
            timeout_s=5.0,
        )
        self.update = 100
        self.open()

    def open(self) -> None:
        channel = Channel(self.settings, {"EVENKEEL_TELEGRAM_TOKEN": TOKEN})
        self.bot = TelegramBot(
            channel, self.settings, self.office.engine, 1, self.write, self.office.clock, self.killed.append
        )
        self.bot.offset = outbox.cursor_of(self.office.engine, "telegram")

    def write(self, work: outbox.Write) -> None:
        self.office.write(work)
        self.office.write(_obey)

    def hear(self, *updates: dict[str, Any]) -> list[str]:
        """What the bot said after these."""
        before = len(self.server.asked)
        self.server.script.append(Say(200, json.dumps({"ok": True, "result": list(updates)})))
        assert self.bot.step(0) == 0.0
        return [asked.json["text"] for asked in self.server.asked[before + 1 :] if asked.path.endswith("sendMessage")]

    def says(self, words: str, chat: int = MINE, age_s: int = 0, number: int | None = None) -> list[str]:
        self.update += 1
        message = {"chat": {"id": chat}, "text": words, "date": NOW // 1000 - age_s}
        return self.hear({"update_id": number or self.update, "message": message})

    def commands(self) -> list[tuple[Any, ...]]:
        return self.office.rows("SELECT kind, args, source FROM command ORDER BY id")


def _obey(connection: Any) -> None:
    connection.execute(update(Command).where(col(Command.state) == "new").values(state="done", result="done at noon"))


@pytest.fixture
def chat(office: Office, server: Http) -> Chat:
    office.write(outbox.standing({"telegram": ("Telegram", "ready", "")}, NOW))
    return Chat(office, server)


def test_commands_go_through_the_door_of_the_command_line(chat: Chat) -> None:
    assert chat.says("/pause") == ["/pause: done. done at noon"]
    assert chat.says("/close btc-usd") == ["/close: done. done at noon"]
    assert chat.says("/kill@evenkeel_bot") == ["/kill: done. done at noon"]
    assert chat.commands() == [
        ("pause", "{}", "chat"), ("close", '{"slot":"BTC/USD"}', "chat"), ("kill", "{}", "chat"),
    ]  # fmt: skip
    assert chat.killed == ["telegram"]
    assert "Say what" in chat.says("/close")[0]


@pytest.mark.parametrize(
    "words",
    [
        "/resume",
        "/release kill",
        "/cash 1000",
        "/slot_on all",
        "/tighten_stop x 1",
        "/alert_test slack",
        "/flatten",
        "/",
    ],
)
def test_nothing_that_raises_risk_is_taken(chat: Chat, words: str) -> None:
    (said,) = chat.says(words)
    assert "not possible from here" in said
    assert chat.commands() == []


def test_a_chat_that_is_not_listed_is_ignored_and_told_nothing(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    for words in ("/kill", "/status", "hello"):
        assert chat.says(words, chat=FOREIGN) == []
    button = {"id": "1", "data": "ack:1", "message": {"chat": {"id": FOREIGN}}}
    assert chat.hear({"update_id": 900, "callback_query": button}) == []
    assert chat.commands() == []
    assert chat.killed == []
    assert caplog.text.count("chat 666 is not in telegram_allowed") == 1


def test_an_update_that_comes_again_acts_once(chat: Chat) -> None:
    chat.says("/pause", number=500)
    chat.says("/pause", number=500)
    chat.open()  # after a restart the bot asks for what comes after it
    chat.says("/pause", number=500)
    assert chat.server.asked[-1].json["offset"] == 501
    chat.bot.offset = 0  # and if that was lost, the row is the same
    chat.says("/kill", number=501)
    chat.bot.offset = 0
    chat.says("/kill", number=501)
    assert [row[0] for row in chat.commands()] == ["pause", "kill"]
    assert chat.killed == ["telegram"]


def test_an_old_command_is_not_obeyed_but_for_kill(chat: Chat) -> None:
    assert "too old" in chat.says("/close all", age_s=600)[0]
    assert chat.commands() == []
    chat.says("/kill", age_s=86_400)
    assert [row[0] for row in chat.commands()] == ["kill"]


def test_looking_changes_nothing(chat: Chat) -> None:
    assert "never started" in chat.says("/status")[0]
    assert chat.says("/positions") == ["No position is open."]
    assert "no market" in chat.says("/daily")[0]
    assert "/status" in chat.says("/start")[0]
    assert chat.commands() == []


def test_the_button_acknowledges(chat: Chat) -> None:
    number = chat.office.tell("kill", "critical")
    button = {"id": "q1", "data": f"ack:{number}", "message": {"chat": {"id": MINE}}}
    chat.hear({"update_id": 600, "callback_query": button})
    assert chat.server.asked[-1].json == {"callback_query_id": "q1", "text": "Acknowledged"}
    assert chat.office.rows("SELECT acked_by FROM alert") == [("telegram",)]


@pytest.mark.parametrize(
    ("say", "wait"),
    [
        (Say(429, '{"ok": false, "description": "slow", "parameters": {"retry_after": 33}}'), 33.0),
        (Say(401, '{"ok": false, "description": "Unauthorized"}'), 2.0), (Say(502, "<html>"), 2.0),
        (Say(200, "garbage"), 2.0), (Say(200, "[1]"), 2.0),
    ],
    ids=["429", "401", "502", "garbage", "list"],
)  # fmt: skip
def test_a_server_in_trouble_is_waited_for(chat: Chat, say: Say, wait: float) -> None:
    chat.server.script.append(say)
    assert chat.bot.step(0) == wait


def test_nonsense_is_survived(chat: Chat) -> None:
    odd: list[Any] = [
        None, 7, {}, {"update_id": "x"}, {"update_id": 701, "message": 5}, {"update_id": 702, "message": {"chat": None}},
        {"update_id": 703, "message": {"chat": {"id": MINE}}}, {"update_id": 704, "callback_query": {"message": 3}},
        {"update_id": 705, "message": {"chat": {"id": MINE}, "text": "/pause", "date": "noon"}},
        {"update_id": 706, "callback_query": {"id": 1, "data": "ack:" + "9" * 400, "message": {"chat": {"id": MINE}}}},
    ]  # fmt: skip
    chat.hear(*odd)
    assert chat.commands() == []
    assert chat.says("/pause", number=800)


def test_an_update_that_fails_is_told_and_never_asked_for_again(
    chat: Chat, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does to us: left in front, it would keep out the /kill behind it."""
    monkeypatch.setattr(chat.bot, "_button", lambda query: query.nothing)
    chat.hear({"update_id": 900, "callback_query": {"id": 1}})
    assert "AttributeError" in caplog.text
    assert "Traceback" in caplog.text
    assert outbox.cursor_of(chat.office.engine, "telegram") == 901
    assert chat.says("/kill", number=901)


def test_data_is_never_markup(chat: Chat, database: Engine) -> None:
    with database.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE run SET name = '*b* <b>x</b> [l](tg://user?id=1)'"))
    (said,) = chat.says("/status")
    assert "<b>x</b>" in said
    assert "parse_mode" not in chat.server.asked[-1].json
