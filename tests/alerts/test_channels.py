"""Every channel against a server that answers as its provider does: taken, refused, to be tried again; no secret said."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.header import decode_header
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from engine.alerts.catalog import FOLDER, kinds, open_channels, secret_names
from engine.alerts.message import Channel, Message, Missing, Receipt, mask
from engine.config.alerts import AlertsSection
from tests.alerts.servers import Http, Say, certificate, http, nobody, smtp

SECRET = "s3cr3t-canary"
EVIL = "<!channel> @everyone *bold* [x](http://evil) `rm` \x1b[31mred\r\nBcc: thief@example.org"
MESSAGE = Message(7, 1_767_312_000_000, "critical", "kill", f"killed {EVIL}", f"why: {EVIL}", "main", ask_ack=True)

TAKEN = {
    "slack": Say(200, "ok"),
    "telegram": Say(200, '{"ok": true, "result": {"message_id": 5}}'),
    "discord": Say(200, '{"id": "99"}'),
    "sms": Say(201, '{"sid": "SM1", "status": "queued"}'),
    "webhook": Say(204),
}
REVOKED = {
    "slack": Say(403, "invalid_token"),
    "telegram": Say(401, '{"ok": false, "error_code": 401, "description": "Unauthorized"}'),
    "discord": Say(404, '{"message": "Unknown Webhook", "code": 10015}'),
    "sms": Say(401, '{"code": 20003, "message": "Authenticate", "status": 401}'),
    "webhook": Say(401, "who are you"),
}
WORDS = {
    "slack": "invalid_token", "telegram": "Unauthorized", "discord": "Unknown Webhook", "sms": "code 20003",
    "webhook": "who are you",
}  # fmt: skip
LIMITED = {
    "slack": Say(429, "", {"Retry-After": "30"}),
    "telegram": Say(429, '{"ok": false, "description": "Too Many Requests", "parameters": {"retry_after": 30}}'),
    "discord": Say(429, '{"message": "You are being rate limited.", "retry_after": 30.0, "global": false}'),
    "sms": Say(429, '{"code": 20429, "message": "Too Many Requests"}', {"Retry-After": "30"}),
    "webhook": Say(429, "", {"Retry-After": "30"}),
}
HTTP = sorted(TAKEN)


def settings(url: str = "http://127.0.0.1:9", **changes: Any) -> AlertsSection:
    return AlertsSection(
        telegram_url=url, telegram_chat="-100", sms_url=url, sms_from="+4930", sms_to="+4915112345678",
        **{"timeout_s": 5.0, **changes},
    )  # fmt: skip


def env(url: str) -> dict[str, str]:
    return {
        "EVENKEEL_SLACK_WEBHOOK": f"{url}/services/T0/B0/{SECRET}", "EVENKEEL_TELEGRAM_TOKEN": f"1:{SECRET}",
        "EVENKEEL_DISCORD_WEBHOOK": f"{url}/api/webhooks/1/{SECRET}", "EVENKEEL_SMS_ACCOUNT": "AC1",
        "EVENKEEL_SMS_TOKEN": SECRET, "EVENKEEL_WEBHOOK_URL": f"{url}/hook?key={SECRET}",
        "EVENKEEL_WEBHOOK_SECRET": SECRET,
    }  # fmt: skip


@dataclass
class Wire:
    server: Http

    def send(self, name: str, say: Say | None = None, message: Message = MESSAGE, **changes: Any) -> Receipt:
        if say is not None:
            self.server.script.append(say)
        self.server.usual = TAKEN[name]
        return kinds()[name](settings(self.server.url, **changes), env(self.server.url)).send(message)

    @property
    def last(self) -> Any:
        return self.server.asked[-1]


@pytest.fixture(scope="module")
def server() -> Iterator[Http]:
    with http(Say()) as made:
        yield made


@pytest.fixture
def wire(server: Http) -> Wire:
    server.script.clear()
    return Wire(server)


def test_one_file_is_one_channel() -> None:
    assert set(kinds()) == {path.stem for path in FOLDER.glob("[a-z]*.py")}
    assert set(kinds()) == {*HTTP, "email", "console"}


@pytest.mark.parametrize("name", HTTP)
def test_a_message_is_taken(wire: Wire, name: str) -> None:
    assert wire.send(name).outcome == "sent"
    assert "killed" in wire.last.body.decode()


@pytest.mark.parametrize("name", HTTP)
def test_a_revoked_secret_is_final_and_said_in_the_providers_words(wire: Wire, name: str) -> None:
    receipt = wire.send(name, REVOKED[name])
    assert (receipt.outcome, receipt.broken) == ("refused", True)
    assert WORDS[name] in receipt.words


@pytest.mark.parametrize("name", HTTP)
def test_a_rate_limit_is_waited_for_as_long_as_is_asked(wire: Wire, name: str) -> None:
    receipt = wire.send(name, LIMITED[name])
    assert (receipt.outcome, receipt.wait_s) == ("retry", 30.0)


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize(
    "say",
    [
        Say(500, "<html>oops</html>"), Say(503, "", {"Retry-After": "soon"}), Say(429, "garbage \xff"), Say(502, b"\xff\xfe"),
        Say(429, '{"retry_after": "never", "parameters": 3}', {"Retry-After": "-5"}),
    ],
    ids=["500", "503", "429", "502", "odd wait"],
)  # fmt: skip
def test_trouble_at_the_provider_is_tried_again(wire: Wire, name: str, say: Say) -> None:
    receipt = wire.send(name, say)
    assert (receipt.outcome, receipt.wait_s) == ("retry", 0.0)
    assert "<html>" not in receipt.words


@pytest.mark.parametrize("name", [name for name in HTTP if name != "webhook"])
def test_a_page_that_is_not_the_providers_is_no_success(wire: Wire, name: str) -> None:
    """The portal of a hotel says 200 to everything."""
    assert wire.send(name, Say(200, "<html>Welcome to our Wi-Fi</html>")).outcome == "retry"


@pytest.mark.parametrize("name", HTTP)
def test_nobody_is_followed_elsewhere(wire: Wire, name: str) -> None:
    before = len(wire.server.asked)
    receipt = wire.send(name, Say(307, "", {"Location": f"{nobody()}/"}) if name != "discord" else Say(404))
    assert receipt.outcome == "refused"
    assert len(wire.server.asked) == before + 1


@pytest.mark.parametrize("name", HTTP)
def test_silence_ends_with_the_timeout(wire: Wire, name: str) -> None:
    receipt = wire.send(name, Say(hang=True), timeout_s=0.2)
    assert receipt.outcome == "retry"
    assert "0.2 s" in receipt.words
    assert SECRET not in repr(receipt)


@pytest.mark.parametrize("name", HTTP)
def test_where_nothing_listens_is_said_without_the_secret(name: str) -> None:
    url = nobody()
    receipt = kinds()[name](settings(url), env(url)).send(MESSAGE)
    assert receipt.outcome == "retry"
    assert "refused" in receipt.words
    assert SECRET not in repr(receipt)


@pytest.mark.parametrize("name", HTTP)
def test_a_provider_that_repeats_the_secret_is_masked(wire: Wire, name: str) -> None:
    told = {"message": f"no {SECRET}", "description": f"no {SECRET}", "id": "", "code": 1}
    receipt = wire.send(name, Say(400, json.dumps(told)))
    assert SECRET not in repr(receipt)
    assert receipt.outcome == "refused"


# ---- what data may do in each medium ---------------------------------------------------------------------------------
def test_slack_gets_no_markup_from_data(wire: Wire) -> None:
    wire.send("slack")
    sent = wire.last.json
    assert sent["mrkdwn"] is False
    assert "<" not in sent["text"]
    assert "&lt;!channel&gt;" in sent["text"]


def test_telegram_is_plain_text_with_a_button_only_where_commands_are_taken(wire: Wire) -> None:
    wire.send("telegram")
    assert "parse_mode" not in wire.last.json
    assert "reply_markup" not in wire.last.json
    assert wire.last.path == f"/bot1:{SECRET}/sendMessage"
    wire.send("telegram", telegram_commands=True, telegram_allowed=(5,))
    assert wire.last.json["reply_markup"]["inline_keyboard"][0][0]["callback_data"] == "ack:7"


def test_discord_mentions_nobody_and_shows_markdown_as_it_stands(wire: Wire) -> None:
    wire.send("discord")
    sent = wire.last.json
    assert sent["allowed_mentions"] == {"parse": []}
    (embed,) = sent["embeds"]
    assert "@everyone" not in embed["title"] + embed["description"]
    assert r"\*bold\*" in embed["title"]
    assert r"\[x\]\(http" in embed["description"]


def test_text_messages_are_short_and_go_by_basic_auth(wire: Wire) -> None:
    wire.send("sms", message=Message(1, 1, "info", "trade", "x" * 5000))
    form = parse_qs(wire.last.body.decode())
    assert len(form["Body"][0]) <= 300
    assert form["To"] == ["+4915112345678"]
    assert wire.last.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert wire.last.headers["Authorization"].startswith("Basic ")


def test_the_webhook_is_signed_over_what_it_sends(wire: Wire) -> None:
    wire.send("webhook")
    stamp, body = wire.last.headers["X-Evenkeel-Timestamp"], wire.last.body
    wanted = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert wire.last.headers["X-Evenkeel-Signature"] == f"sha256={wanted}"
    assert (wire.last.json["id"], wire.last.json["title"]) == (7, MESSAGE.title)


def test_nothing_steers_a_terminal(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "evenkeel")
    assert kinds()["console"](settings(), {}).send(MESSAGE).outcome == "sent"
    (record,) = caplog.records
    assert "\x1b" not in record.getMessage()
    assert "\n" not in record.getMessage()


# ---- mail ------------------------------------------------------------------------------------------------------------
LOGIN = {"EVENKEEL_SMTP_USER": "me", "EVENKEEL_SMTP_PASSWORD": SECRET}


def mail(port: int, security: str, secrets: dict[str, str], **changes: Any) -> Channel:
    values = {
        "email_host": "127.0.0.1", "email_port": port, "email_security": security, "email_from": "bot@example.org",
        "email_to": ("a@example.org", "b@example.org"), "timeout_s": 5.0, **changes,
    }  # fmt: skip
    return kinds()["email"](AlertsSection(**values), secrets)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_mail_goes_encrypted_and_logged_in(
    mode: str, trusted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted[0]))
    with smtp(trusted, mode, ("me", SECRET)) as server:
        receipt = mail(server.port, mode, LOGIN).send(MESSAGE)
        assert receipt.outcome == "sent", receipt.words
        assert server.encrypted == [True]
        (text,) = server.mails
    found = message_from_string(text)
    subject = "".join(p.decode(c or "ascii") if isinstance(p, bytes) else p for p, c in decode_header(found["Subject"]))
    assert subject.startswith("[Evenkeel] CRITICAL: killed")
    assert found["Bcc"] is None
    assert found["Message-ID"].startswith("<evenkeel.7.")
    assert SECRET not in text


def test_a_certificate_nobody_vouches_for_is_not_trusted(trusted: tuple[Path, Path]) -> None:
    with smtp(trusted, "starttls", ("me", SECRET)) as server:
        receipt = mail(server.port, "starttls", LOGIN).send(MESSAGE)
        assert (receipt.outcome, server.mails) == ("retry", [])
        assert "certificate" in receipt.words


def test_a_server_without_tls_gets_no_password() -> None:
    with smtp(login=("me", SECRET)) as server:
        receipt = mail(server.port, "starttls", LOGIN).send(MESSAGE)
        assert (receipt.outcome, receipt.broken, server.mails) == ("refused", True, [])
        assert "STARTTLS" in receipt.words
    with pytest.raises(Missing, match="starttls or tls"):
        mail(25, "none", LOGIN, email_host="mail.example.org")


@pytest.mark.parametrize(
    ("command", "line", "outcome"),
    [
        ("RCPT", "550 5.1.1 no such user", "refused"),
        ("RCPT", "451 try later", "retry"),
        ("MAIL", "550 not from here", "refused"),
        ("DATA", "554 spam", "refused"),
        ("DATA", "452 no room", "retry"),
        ("HELLO", "421 busy", "retry"),
        ("HELLO", "nonsense", "retry"),
    ],
)
def test_what_a_mail_server_says_no_to(command: str, line: str, outcome: str) -> None:
    with smtp() as server:
        server.refuse[command] = line
        receipt = mail(server.port, "none", {}).send(MESSAGE)
        assert receipt.outcome == outcome, receipt.words
        if line[:3].isdigit():
            assert line.split()[-1] in receipt.words


def test_a_wrong_password_is_final(trusted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted[0]))
    with smtp(trusted, "tls", ("me", "other")) as server:
        receipt = mail(server.port, "tls", LOGIN).send(MESSAGE)
        assert (receipt.outcome, receipt.broken) == ("refused", True)
        assert "login" in receipt.words
        assert SECRET not in repr(receipt)


def test_a_silent_mail_server_ends_with_the_timeout() -> None:
    with smtp(mode="hang") as server:
        assert mail(server.port, "none", {}, timeout_s=0.2).send(MESSAGE).outcome == "retry"


# ---- what is missing ---------------------------------------------------------------------------------------------------
def test_a_channel_without_its_keys_says_which() -> None:
    ready, lacking = open_channels(AlertsSection(), {})
    assert set(ready) == {"console"}
    assert "EVENKEEL_SLACK_WEBHOOK" in lacking["slack"]
    assert "telegram_chat" in open_channels(AlertsSection(), {"EVENKEEL_TELEGRAM_TOKEN": "1:x"})[1]["telegram"]
    assert "email_host" in lacking["email"]


def test_the_example_names_every_secret() -> None:
    text = (FOLDER.parents[2] / ".env.example").read_text()
    assert [name for name in secret_names() if name not in text] == []


def test_a_secret_is_masked_in_every_form_it_takes_in_an_address() -> None:
    assert mask("x?k=a%2Fb%20c&y a/b c", ["a/b c"]) == "x?k=***&y ***"
