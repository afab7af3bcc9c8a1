"""An engine that is down tells nobody: the supervisor does, at once, and leaves what did not arrive to the next engine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from engine.config.alerts import AlertsSection
from engine.config.model import Config
from engine.config.sections import SlotSection, StorageSection
from engine.runtime.down import Down
from engine.runtime.supervise import Supervisor
from tests.alerts.servers import Say, http


def config(database: Engine) -> Config:
    folder = Path(str(database.url.database)).parent
    return Config(
        alerts=AlertsSection(timeout_s=5.0), slots=(SlotSection(),),
        storage=StorageSection(data_dir=str(folder), database_url=str(database.url)),
    )  # fmt: skip


def test_it_is_told_at_once_and_stored_with_its_receipts(database: Engine) -> None:
    with http(Say(204)) as hook, http(Say(503)) as slack:
        env = {
            "EVENKEEL_WEBHOOK_URL": hook.url + "/x", "EVENKEEL_WEBHOOK_SECRET": "s3cr3t",
            "EVENKEEL_SLACK_WEBHOOK": slack.url + "/abcdefgh",
        }  # fmt: skip
        down = Down(config(database), env)
        down.tell("signal SIGKILL", 1.0)
        down.finish()
    assert hook.asked[0].json["title"] == "the engine is down: it ended with signal SIGKILL"
    assert hook.asked[0].json["body"] == "starting it again in 1 s"
    with database.connect() as connection:
        found = connection.execute(
            text("SELECT channel, d.state, a.state FROM alert_delivery d JOIN alert a ON a.id = alert_id")
        )
        assert sorted(tuple(row) for row in found) == [
            ("console", "sent", "new"), ("slack", "failed", "new"), ("webhook", "sent", "new"),
        ]  # fmt: skip


def test_without_a_database_it_is_told_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lost = Config(slots=(SlotSection(),), storage=StorageSection(database_url=f"sqlite:///{tmp_path / 'none.db'}"))
    caplog.set_level("INFO", "evenkeel")
    down = Down(lost, {})
    down.tell("exit code 78", None)
    down.finish()
    assert "the engine is down: it ended with exit code 78: it is not started again" in caplog.text


def test_a_loop_of_crashes_is_told_ever_more_seldom() -> None:
    told: list[tuple[str, float | None]] = []
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 9:
            supervisor.stopping.set()

    supervisor = Supervisor(
        [sys.executable, "-S", "-c", "raise SystemExit(74)"], pause=pause, tell=lambda *a: told.append(a)
    )
    supervisor.run()
    assert told == [("exit code 74", wait) for wait in (1.0, 2.0, 8.0, 60.0)]


@pytest.mark.parametrize(("code", "told"), [(0, []), (78, [("exit code 78", None)]), (2, [("exit code 2", None)])])
def test_an_end_for_good_is_told_unless_it_is_a_good_one(code: int, told: list[object]) -> None:
    said: list[object] = []
    child = [sys.executable, "-S", "-c", f"raise SystemExit({code})"]
    assert Supervisor(child, tell=lambda *a: said.append(a)).run() == code
    assert said == told
