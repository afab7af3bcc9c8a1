"""The System page: durations, queues, work by the clock, the log, and a bundle that gives no secret away."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from app.bundle import bundle
from app.read import logs
from engine.access.redact import MASK, known, redacted
from tests.app.conftest import Open, said, tables
from tests.app.seed import NOW

LOG = """\
2026-01-05T07:00:00.000Z INFO    evenkeel.loop: sma_cross: bought 0.01 BTC at 61000
2026-01-05T07:00:01.250Z WARNING evenkeel.api: the API cannot listen at 127.0.0.1:8600: Address already in use
2026-01-05T07:00:02.000Z ERROR   evenkeel.schedule: backup has failed
Traceback (most recent call last):
OSError: no space left on device
2026-01-05T07:00:03.000Z INFO    evenkeel.loop: token=s3cr3t-of-mine was sent
"""
CANARIES = {
    "EVENKEEL_SLACK_WEBHOOK": "https://hooks.slack.com/services/T0/B0/canary-slack",
    "TELEGRAM_BOT_TOKEN": "123456789:AAcanary-telegram-token-0123456789ab",
    "SMTP_PASSWORD": "canary-smtp pass word",
    "OPENROUTER_API_KEY": "sk-or-v1-canary0123456789abcdef",
    "EVENKEEL_PING_URL": "https://hc-ping.com/canary-ping",
    "TWILIO_AUTH_TOKEN": "canarytwilio00",
}


def write_log(folder: Path, words: str = LOG) -> None:
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "logs" / "engine.log").write_text(words)


# ---- the page ----------------------------------------------------------------------------------------------------------------
def test_it_shows_durations_queues_and_what_is_due(open_page: Open, database: Engine, data_folder: Path) -> None:
    ring = {"p50": 1.25, "p99": 12.5, "max": 250.0, "count": 9, "total_s": 0.1}
    counters = json.dumps({"latency": {"commit": ring, "turn": ring}, "reconnects": 2, "queue": 0, "api_port": 8600})
    with database.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE engine_status SET counters = :c"), {"c": counters})
        sql = """INSERT INTO scheduled (name, due_ts, started_ts, done_ts, next_ts, state, message)
            VALUES ('backup', :t, :t, :t, :n, 'failed', 'no space left on device')"""
        connection.execute(text(sql), {"t": NOW - 1000, "n": NOW + 1000})
    write_log(data_folder)
    test = open_page("system")
    frames = {tuple(frame.columns): frame for frame in tables(test)}
    durations = frames["name", "p50", "p99", "max", "what"]
    assert durations[["name", "p50", "p99", "max"]].values.tolist() == [
        ["Commit", "1.25", "12.5", "250"], ["Loop busy", "1.25", "12.5", "250"],
    ]  # fmt: skip
    due = frames["name", "last_ts", "state", "next_ts", "message"]
    assert due[["name", "state", "message"]].values.tolist()[0] == ["Backup", "failed", "no space left on device"]
    queues = frames["what", "count", "oldest"]
    with database.connect() as connection:
        waiting = connection.execute(text("SELECT count(*) FROM alert WHERE state = 'new'")).scalar()
    assert dict(zip(queues["what"], queues["count"], strict=True))["Alerts on their way"] == waiting
    assert list(frames["ts", "level", "source", "words"]["level"]) == ["info", "error", "warning", "info"]
    assert "s3cr3t-of-mine" not in said(test) + str(tables(test))


def test_the_log_is_filtered_by_level_and_words_and_the_address_says_so(
    open_page: Open, database: Engine, data_folder: Path
) -> None:
    write_log(data_folder)

    def shown(test: object) -> list[str]:
        return next(list(frame["words"]) for frame in tables(test) if "words" in frame)  # type: ignore[arg-type]

    assert shown(open_page("system", level="error")) == ["backup has failed"]
    test = open_page("system", find="SPACE LEFT")
    assert shown(test) == ["backup has failed"]
    test.text_input(key="log_find").set_value("bought").run()
    assert shown(test) == ["sma_cross: bought 0.01 BTC at 61000"]
    test.selectbox(key="log_level").set_value("warning").run()
    assert not any("words" in frame for frame in tables(test))
    assert test.query_params["level"] in ("warning", ["warning"])
    assert test.query_params["find"] in ("bought", ["bought"])


# ---- the log's records ---------------------------------------------------------------------------------------------------------
def test_a_traceback_belongs_to_its_record() -> None:
    found = logs.lines(LOG)
    assert [line.level for line in found] == ["info", "error", "warning", "info"]
    assert found[1].text.endswith("OSError: no space left on device")
    assert found[1].ts == 1_767_596_402_000
    assert logs.lines(LOG, most=1)[0].words.startswith("token=")


@given(st.text(max_size=300))
@settings(deadline=None, derandomize=True, database=None)
def test_any_text_is_a_log(words: str) -> None:
    found = logs.lines(words)
    assert sum(line.text.count("\n") + 1 for line in found) == len(words.splitlines())


def test_the_end_of_a_long_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    write_log(tmp_path, "".join(f"2026-01-05T07:00:00.000Z INFO    evenkeel.loop: line {n}\n" for n in range(1000)))
    (tmp_path / "logs" / "engine.log.1").write_text("2026-01-05T06:00:00.000Z INFO    evenkeel.loop: older\n")
    assert [line.words for line in logs.lines(logs.tail(tmp_path, size=500))] == [
        f"line {n}" for n in range(999, 991, -1)
    ]
    assert [line.words for line in logs.lines(logs.tail(tmp_path), most=2000)[-2:]] == ["line 0", "older"]
    write_log(tmp_path, "")
    assert [line.words for line in logs.lines(logs.tail(tmp_path))] == ["older"]
    assert logs.tail(tmp_path, "worker") == ""


# ---- the bundle ----------------------------------------------------------------------------------------------------------------
def test_no_secret_is_in_the_bundle(database: Engine, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = data_folder / "my"
    home.mkdir()
    monkeypatch.setenv("EVENKEEL_HOME", str(home))
    (home / ".env").write_text("".join(f'{name}="{value}"\n' for name, value in list(CANARIES.items())[:3]))
    for name, value in list(CANARIES.items())[3:]:
        monkeypatch.setenv(name, value)
    every = "\n".join(CANARIES.values())
    write_log(data_folder, LOG + f"2026-01-05T07:00:04.000Z ERROR   evenkeel.x: {every}\n")
    (data_folder / "logs" / "worker.log").write_text(every)
    with database.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE engine_status SET message = :m, feed = :m"), {"m": every})
        connection.execute(
            text("UPDATE config_version SET text = text || :m"), {"m": "\n# postgresql://me:canary-db@host/x\n" + every}
        )
        connection.execute(text("UPDATE slot SET error = :m"), {"m": every})
    made = bundle(database, 1, data_folder)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(files) == {
        "README.txt",
        "versions.json",
        "config.toml",
        "status.json",
        "database.json",
        "engine.log",
        "worker.log",
    }
    for name, words in files.items():
        assert [value for value in ("canary", "s3cr3t", *CANARIES.values()) if value in words] == [], name
    assert MASK in files["engine.log"]
    assert json.loads(files["database.json"])["check"] == ["ok"]
    assert json.loads(files["status.json"])["runs"]
    assert "streamlit" in json.loads(files["versions.json"])["packages"]
    assert len(made) < 1_000_000


@pytest.mark.parametrize(
    "words",
    [
        "postgresql://me:s3cr3t@host/db", "Authorization: Bearer s3cr3t-s3cr3t", "api_key=s3cr3t", '"password": "s3cr3t"',
        "https://discord.com/api/webhooks/1/s3cr3t", "https://api.telegram.org/bot12345678:s3cr3ts3cr3ts3cr3ts3cr3t/send",
        "evk_s3cr3t0123456789", "SMTP_PASSWORD = s3cr3t", "token: s3cr3t",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked(words: str) -> None:
    assert "s3cr3t" not in redacted(words)
    assert MASK in redacted(words)


@given(st.sampled_from(list(CANARIES.values())), st.text(max_size=40), st.text(max_size=40))
@settings(deadline=None, derandomize=True, database=None)
def test_a_known_secret_is_gone_wherever_it_stands(secret: str, before: str, after: str) -> None:
    assert secret not in redacted(before + secret + after, [secret])


def test_what_is_no_secret_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    monkeypatch.setenv("EVENKEEL_LIMITS_MAX_POSITIONS", "2")
    assert "2" not in known()
    for words in (
        LOG.rpartition("2026")[0],
        "[limits]\nmax_positions = 4\nper_symbol = 0.2\n",
        "http://127.0.0.1:8600/readyz",
    ):
        assert redacted(words, known()) == words
