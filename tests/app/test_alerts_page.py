"""The page Alerts: what was told and where it went, what a person can ask, and never a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from db.models import Alert, AlertChannel, AlertDelivery
from db.session import write_session
from tests.app.conftest import Open, said, tables
from tests.app.seed import NOW

EVIL = "<img src=x onerror=alert(1)> **bold** :red[x]"


@pytest.fixture
def told(database: Engine) -> Engine:
    """A kill that one channel did not take, a trade that was history, a channel that refuses."""
    common = {"run_id": 1, "ts": NOW - 60_000, "created_ts": NOW - 60_000, "body": ""}
    ways: list[dict[str, Any]] = [
        {"channel": "slack", "state": "dead", "tries": 3, "answer": "404 no_service", "next_ts": 0, "created_ts": NOW},
        {"channel": "console", "state": "sent", "tries": 1, "answer": "written", "next_ts": 0, "created_ts": NOW},
    ]
    with write_session(database) as session:
        session.execute(text("DELETE FROM alert"))
        rows = [
            {"id": 1, "severity": "info", "kind": "fill", "title": f"bought {EVIL}", "state": "sent", **common},
            {
                "id": 2,
                "severity": "critical",
                "kind": "kill",
                "title": "the account was killed",
                "state": "sent",
                **common,
            },
        ]
        session.execute(insert(Alert), rows)
        session.execute(insert(AlertDelivery), [{"alert_id": 2, **way} for way in ways])
        channels = [
            {"name": "slack", "title": "Slack", "state": "refused", "note": "404 no_service", "updated_ts": NOW},
            {
                "name": "sms",
                "title": "SMS",
                "state": "missing",
                "note": "set EVENKEEL_SMS_TOKEN in my/.env",
                "updated_ts": NOW,
            },
        ]
        session.execute(insert(AlertChannel), channels)
    return database


def commands(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT kind, args, source FROM command WHERE kind LIKE 'alert%' ORDER BY id"))
        return [tuple(row) for row in rows]


def test_what_was_told_and_where_it_went(open_page: Open, told: Engine) -> None:
    test = open_page("alerts")
    words = said(test)
    assert "Not acknowledged: 1" in words
    assert "Dead letters: 1" in words
    assert "refuses: Slack" in words
    (frame,) = tables(test)
    assert list(frame["title"]) == ["the account was killed", f"bought {EVIL}"]
    assert list(frame["went"]) == ["slack dead, console sent", "history"]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"state": "dead"}, ["the account was killed"]), ({"state": "open"}, ["the account was killed"]),
        ({"state": "history"}, [f"bought {EVIL}"]), ({"kind": "fill"}, [f"bought {EVIL}"]),
        ({"severity": "critical"}, ["the account was killed"]), ({"state": "nonsense", "kind": "x"}, None),
    ],
)  # fmt: skip
def test_filters_stand_in_the_address(
    open_page: Open, told: Engine, query: dict[str, str], titles: list[str] | None
) -> None:
    (frame,) = tables(open_page("alerts", **query))
    assert list(frame["title"]) == (titles or ["the account was killed", f"bought {EVIL}"])


def test_buttons_are_commands_for_the_engine(open_page: Open, told: Engine) -> None:
    test = open_page("alerts")
    test.button(key="ack_all").click().run()
    test.button(key="again_all").click().run()
    assert commands(told) == [
        ("alert_ack", '{"which":"all"}', "app"), ("alert_resend", '{"which":"all"}', "app"),
    ]  # fmt: skip


def test_a_test_shows_the_providers_answer(open_page: Open, told: Engine) -> None:
    test = open_page("alerts", view="channels")
    words = said(test)
    assert "set EVENKEEL_SMS_TOKEN in my/.env" in words
    assert [button.key for button in test.button if str(button.key).startswith("test_")] == ["test_slack"]
    test.button(key="test_slack").click().run()
    assert commands(told) == [("alert_test", '{"channel":"slack"}', "app")]
    with write_session(told) as session:
        session.execute(
            text(
                "UPDATE command SET state = 'refused', acked_ts = :now, result = '404 no_service' WHERE kind = 'alert_test'"
            ),
            {"now": NOW},
        )
    assert "The provider said: 404 no_service" in said(open_page("alerts", view="channels"))


def test_the_settings_are_those_of_the_file(
    open_page: Open, told: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[alerts]\nquiet_from = "22:00"\nquiet_until = "07:00"\n\n[[slots]]\nstrategy = "sma_cross"\n')
    file.chmod(0o600)
    monkeypatch.setenv("EVENKEEL_CONFIG", str(file))
    test = open_page("alerts", view="settings")
    assert "22:00" in [str(one.value) for one in test.text_input]


def test_without_alerts_it_says_when_they_come(open_page: Open, database: Engine) -> None:
    with write_session(database) as session:
        session.execute(text("DELETE FROM alert"))
    assert "Nothing was told yet" in said(open_page("alerts"))
    assert "No engine has looked at its channels yet" in said(open_page("alerts", view="channels"))


def test_only_an_account_that_trades_can_be_asked(open_page: Open, told: Engine) -> None:
    with write_session(told) as session:
        session.execute(text("UPDATE run SET kind = 'imported', status = 'complete' WHERE id = 1"))
    test = open_page("alerts", run="test-data")
    assert [button.key for button in test.button if button.key in ("ack_all", "again_all")] == []
