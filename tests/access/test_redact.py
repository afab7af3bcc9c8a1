"""A secret that gets into an error, a log or an alert comes out as ***: planted ones are looked for everywhere."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from engine.access.redact import known, mask_tracebacks, said
from engine.alerts.message import Channel, Message, Receipt
from engine.alerts.router import attempt
from engine.runtime.logs import start_logging

CANARIES = {
    "OPENROUTER_API_KEY": "sk-or-v1-canary0123456789abcdef",
    "EVENKEEL_COINBASE_SECRET": "-----BEGIN canary key-----",
    "EVENKEEL_SLACK_WEBHOOK": "https://hooks.example/T0/canary-slack",
    "EVENKEEL_SMTP_PASSWORD": "canary pass word",
    "EVENKEEL_PING_URL": "https://ping.example/canary-ping",
    "EVENKEEL_WEBHOOK_SECRET": "canary-hmac",
}


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    assert set(CANARIES.values()) <= set(known())
    return " ".join(CANARIES.values())


def fail(words: str) -> None:
    raise RuntimeError(f"asked {words} with postgresql://me:canary-db@host/x and Authorization: Bearer canary-token")


def test_the_log_file_holds_none_of_them(planted: str, tmp_path: Path) -> None:
    file = start_logging(tmp_path, "debug")
    log = logging.getLogger("evenkeel.test")
    log.info("%s", planted)
    try:
        fail(planted)
    except RuntimeError as error:
        log.exception("it failed: %s", error)
    text = file.read_text()
    assert "canary" not in text
    assert text.count("RuntimeError: asked ***") == 1


def test_a_traceback_that_ends_a_program_or_a_thread_holds_none(
    planted: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    mask_tracebacks()
    thread = threading.Thread(target=fail, args=(planted,))
    thread.start()
    thread.join()
    try:
        fail(planted)
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    told = capsys.readouterr().err
    assert told.count("RuntimeError: asked ***") == 2
    assert "canary" not in told


def test_the_command_line_tells_a_defect_without_them(planted: str, tmp_path: Path) -> None:
    program = "import os, engine.cli.app as a"
    program += "; a.setup.load_dotenv = lambda: (_ for _ in ()).throw(RuntimeError(os.environ['OPENROUTER_API_KEY'])); a.main([])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "RuntimeError: ***" in ended.stderr
    assert "canary" not in ended.stdout + ended.stderr


def test_an_alert_tells_none_of_them_to_another_channel(planted: str) -> None:
    got: list[Message] = []

    class Keeps(Channel):
        name, title = "keeps", "Keeps"

        def __init__(self) -> None:
            pass

        def send(self, message: Message) -> Receipt:
            got.append(message)
            return Receipt("sent", "taken")

    attempt(Keeps(), Message(1, 0, "critical", "error", planted, planted))
    assert "canary" not in got[0].text
    assert got[0].title.count("***") == len(CANARIES)


def test_what_requests_says_of_an_address_is_masked(planted: str) -> None:
    with pytest.raises(requests.RequestException) as failed:
        requests.get("http://127.0.0.1:1/?signature=1&key=canary-hmac", timeout=1)
    assert "canary" not in said(str(failed.value), known())


def test_a_sentence_about_tokens_is_left_alone() -> None:
    for words in (
        "token new: made for grafana",
        "no secret: set EVENKEEL_SLACK_WEBHOOK in my/.env",
        "the API key is missing",
    ):
        assert said(words) == words
