"""The service with its threads, against real servers: through the loop's doors, past a hanging channel, across a kill."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from db.errors import StorageError
from db.models import Alert, Command
from engine.alerts import outbox
from engine.alerts.service import Alerts, Where
from engine.config.alerts import AlertsSection
from engine.config.model import Config
from engine.config.sections import SlotSection
from engine.runtime.beside import Doors, write_all
from tests.alerts.conftest import NOW
from tests.alerts.servers import Http, Say, http

SECRET = "s3cr3t-canary"


def config(**changes: Any) -> Config:
    return Config(alerts=AlertsSection(**{"daily_at": "", "timeout_s": 5.0, **changes}), slots=(SlotSection(),))


class Loop:
    """What the loop does for services: their rows land with its next transaction. A thread of its own, ended by the test."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.doors = engine, Doors()
        self.landed = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.01):
            self.turn()

    def turn(self) -> None:
        writes = self.doors.waiting()
        if writes:
            with self.engine.execution_options(write=True).begin() as connection:
                write_all(connection, writes)
            self.doors.written(len(writes))
            with self.landed:
                self.landed.notify_all()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(5)
        self.turn()

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for a transaction after which this holds."""
        with self.landed:
            assert self.landed.wait_for(true, 20), "it did not come to this"

    def tell(self, kind: str = "kill", severity: str = "critical", title: str = "killed", **values: Any) -> None:
        row = {
            "run_id": 1, "ts": NOW, "severity": severity, "kind": kind, "title": title, "body": "", "dedupe_key": title,
            "state": "new", "created_ts": NOW, **values,
        }  # fmt: skip
        with self.engine.execution_options(write=True).begin() as connection:
            connection.execute(insert(Alert).values(**row))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def command(self, kind: str, **args: Any) -> None:
        row = {"uuid": f"{kind}{args}", "run_id": 1, "kind": kind, "args": args, "source": "app", "created_ts": NOW}
        with self.engine.execution_options(write=True).begin() as connection:
            connection.execute(insert(Command).values(state="new", **row))


@contextmanager
def alive(engine: Engine, settings: Config, env: dict[str, str], **where: Any) -> Iterator[tuple[Loop, Alerts]]:
    loop = Loop(engine)
    url = engine.url.render_as_string(hide_password=False)
    service = Alerts(settings, Where(url, 1, **where), loop.doors, env, lambda: NOW)
    service.start()
    try:
        yield loop, service
    finally:
        service.stop(2.0)
        loop.stop()


@pytest.fixture
def hook() -> Iterator[Http]:
    with http(Say(204)) as server:
        yield server


@pytest.fixture
def stuck() -> Iterator[Http]:
    with http(Say(hang=True)) as server:
        yield server


def env_of(hook: Http, slack: Http | None = None) -> dict[str, str]:
    found = {"EVENKEEL_WEBHOOK_URL": f"{hook.url}/{SECRET}", "EVENKEEL_WEBHOOK_SECRET": SECRET}
    return found | ({"EVENKEEL_SLACK_WEBHOOK": f"{slack.url}/{SECRET}"} if slack else {})


def test_a_hanging_channel_delays_no_other(database: Engine, hook: Http, stuck: Http) -> None:
    with alive(database, config(), env_of(hook, stuck)) as (loop, service):
        for n in range(5):
            loop.tell(title=f"killed {n}")
        service.committed()
        stuck.wait_for(1)
        hook.wait_for(5)
        loop.until(
            lambda: (
                loop.rows("SELECT count(*) FROM alert_delivery WHERE channel = 'webhook' AND state = 'sent'") == [(5,)]
            )
        )
        assert [asked.json["title"] for asked in hook.asked] == [f"killed {n}" for n in range(5)]
        assert len(stuck.asked) == 1
        assert service.vitals() == {"alerts_waiting": 5}


def test_what_is_told_at_the_end_is_still_sent(database: Engine, hook: Http) -> None:
    with alive(database, config(), env_of(hook)) as (loop, service):
        loop.tell("engine", "info", "the engine was stopped")
        service.committed()
    assert [asked.json["title"] for asked in hook.asked] == ["the engine was stopped"]
    assert loop.rows("SELECT state FROM alert_delivery WHERE channel = 'webhook'") == [("sent",)]


def test_a_test_from_the_page_brings_the_providers_words(database: Engine, hook: Http) -> None:
    hook.script.append(Say(404, f"no hook {SECRET} here"))
    with alive(database, config(), env_of(hook)) as (loop, _):
        loop.command("alert_test", channel="webhook")
        loop.until(lambda: loop.rows("SELECT state FROM command") == [("refused",)])
        assert loop.rows("SELECT result FROM command") == [("404 no hook *** here",)]
        assert hook.asked[0].json["kind"] == "test"


def test_another_configuration_acts_without_a_restart(database: Engine, hook: Http) -> None:
    with alive(database, config(push=("trade",)), env_of(hook)) as (loop, service):
        loop.tell(title="before")
        service.committed()
        loop.until(lambda: loop.rows("SELECT state FROM alert") == [("sent",)])
        service.reconfigured(config(push=("kill",)))
        loop.tell(title="after")
        service.committed()
        hook.wait_for(1)
    assert [asked.json["title"] for asked in hook.asked] == ["after"]


def test_what_each_channel_lacks_is_a_row_without_secrets(database: Engine, hook: Http) -> None:
    with alive(database, config(), env_of(hook)) as (loop, _):
        loop.until(lambda: bool(loop.rows("SELECT 1 FROM alert_channel")))
        found = dict(loop.rows("SELECT name, state FROM alert_channel"))
    assert (found["webhook"], found["slack"], found["console"]) == ("ready", "missing", "ready")


def test_errors_of_the_log_are_history_without_secrets(database: Engine, hook: Http) -> None:
    with alive(database, config(push=("error",)), env_of(hook)) as (loop, _):
        log = logging.getLogger("evenkeel.anything")
        for _n in range(3):
            try:
                raise OSError(f"cannot reach https://x/?k={SECRET}")
            except OSError:
                log.exception("the %s broke", "feed")
        logging.getLogger("evenkeel.alerts.sender").error("not about ourselves")
        hook.wait_for(1)
        assert loop.rows("SELECT title, body FROM alert") == [
            ("the feed broke", "OSError: cannot reach https://x/?k=***")
        ]


def test_a_lost_feed_is_told(database: Engine, hook: Http) -> None:
    times = iter(range(NOW, NOW + 10**9, 20_000))
    loop = Loop(database)
    service = Alerts(
        config(),
        Where(str(database.url), 1, lambda: "disconnected: refused"),
        loop.doors,
        env_of(hook),
        lambda: next(times),
    )
    service.start()
    hook.wait_for(1)
    service.stop(2.0)
    loop.stop()
    assert hook.asked[0].json["title"] == "the exchange's feed is lost"


CHILD = """
import sys, threading
sys.path.insert(0, {root!r})
from tests.alerts.test_service import Loop, SECRET, config
from db.session import open_engine
from engine.access.outbound import permit
from engine.alerts import outbox
from engine.alerts.service import Alerts, Where
permit(["127.0.0.1"])
url, hook = sys.argv[1:]
loop = Loop(open_engine(url))
env = {{"EVENKEEL_WEBHOOK_URL": hook, "EVENKEEL_WEBHOOK_SECRET": SECRET}}
service = Alerts(config(), Where(url, 1), loop.doors, env)
service.start()
threading.Event().wait(60)
"""


@pytest.mark.crash
def test_killed_between_commit_and_receipt_it_is_sent_after_the_restart(
    database: Engine, hook: Http, stuck: Http, tmp_path: Path
) -> None:
    """The provider has heard the first attempt and never answered: the process dies with it."""
    url = str(database.url)
    loop = Loop(database)
    loop.tell(title="first")
    loop.tell(title="second")
    root = str(Path(__file__).resolve().parents[2])
    with (tmp_path / "words").open("w+b") as words:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD.format(root=root), url, stuck.url], stdout=words, stderr=words
        )
        try:
            stuck.wait_for(1)
        finally:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(10)
    loop.stop()
    with alive(database, config(), env_of(hook)) as (loop, _):
        hook.wait_for(2)
        loop.until(lambda: loop.rows("SELECT count(*) FROM alert WHERE state = 'sent'") == [(2,)])
    assert [asked.json["title"] for asked in hook.asked] == ["first", "second"]
    assert hook.asked[0].headers["X-Evenkeel-Id"] == stuck.asked[0].headers["X-Evenkeel-Id"]


def test_a_secret_is_nowhere(
    database: Engine, hook: Http, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Not in the log at its loudest, not on the terminal, not in the database or its log, whatever the provider does."""
    caplog.set_level(logging.DEBUG, "evenkeel")
    hook.usual = Say(500, f"{SECRET} {hook.url}/{SECRET}")
    env = env_of(hook, hook) | {
        "EVENKEEL_TELEGRAM_TOKEN": f"9:{SECRET}",
        "EVENKEEL_DISCORD_WEBHOOK": f"{hook.url}/{SECRET}",
    }
    settings = config(tries=1, telegram_url=hook.url, telegram_chat="5", telegram_commands=True, telegram_allowed=(5,))
    with alive(database, settings, env) as (loop, service):
        loop.tell()
        service.committed()
        loop.until(lambda: loop.rows("SELECT count(*) FROM alert_delivery WHERE state = 'dead'") == [(4,)])
    database.dispose()
    for path in tmp_path.iterdir():
        assert SECRET.encode() not in path.read_bytes(), path
    mine = [record.getMessage() for record in caplog.records if record.name.startswith("evenkeel")]
    assert mine
    assert SECRET not in "\n".join(mine)
    out = capfd.readouterr()
    assert SECRET not in out.out + out.err


def test_another_kind_of_trouble_is_said_though_the_first_is_not_over(
    database: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Alerts(config(), Where(str(database.url), 1), Loop(database).doors, {}, lambda: NOW)
    troubles: list[Exception] = [StorageError("away"), StorageError("away"), KeyError("defect"), KeyError("defect")]

    def tick() -> None:
        raise troubles.pop(0)

    monkeypatch.setattr(service.router, "tick", tick)
    while troubles:
        service._turn()
    said = [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == "evenkeel.alerts.service"
    ]
    assert said == [
        ("WARNING", "alerts wait until the database can be read: StorageError"),
        ("ERROR", "alerts could not be routed: KeyError"),
    ]
    assert "Traceback" in caplog.text


def test_no_row_of_ours_breaks_the_ledgers_transaction(database: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Numbers and letters that no database takes: dropped and told, the others land."""
    loop = Loop(database)
    service = Alerts(config(), Where(str(database.url), 1), loop.doors, {}, lambda: NOW)
    good = service.router.own(NOW, "info", "test", "good", "", "good")
    for bad in ({"ts": 10**30}, {"title": "\ud800"}, {"severity": "loud"}, {"colour": "red"}):
        service._write(outbox.tell({**good, "dedupe_key": str(bad), **bad}))
    service._write(outbox.tell(good))
    loop.stop()
    assert loop.rows("SELECT title FROM alert") == [("good",)]
    assert caplog.text.count("do not fit the schema") == 4
