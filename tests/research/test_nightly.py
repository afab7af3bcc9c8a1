"""Nightly comparisons: asked once a run and night, whoever asks and however often; a missed night is caught up once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, insert, text

from db.models import Run, Snapshot
from db.session import write_session
from engine.research import nightly, worker_start
from engine.research.jobs import jobs_of
from engine.research.nightly import AFTER_MS, DAY_MS, ask_due, due, night_of
from engine.research.worker import work
from engine.runtime.nightly import look

MIDNIGHT = 1_767_571_200_000
"""2026-01-05 00:00 UTC."""
BEGIN = MIDNIGHT - 3 * DAY_MS


def begun(engine: Engine, name: str = "main", kind: str = "paper", created: int = BEGIN) -> int:
    with write_session(engine) as session:
        values = {"name": name, "kind": kind, "status": "running", "cash_start": 1000.0, "created_ts": created}
        return int(session.execute(insert(Run).values(**values)).inserted_primary_key[0])  # type: ignore[attr-defined]


def traded(engine: Engine, run: int, ts: int) -> None:
    place = {"tape_day": "2026-01-04", "tape_offset": 1, "tape_seq": 1, "layout": {}, "kernel_hash": "x", "state": b"x"}
    with write_session(engine) as session:
        session.execute(insert(Snapshot).values(run_id=run, created_ts=ts, exchange_ts=ts, extra={}, **place))


def test_a_night_begins_a_little_after_midnight() -> None:
    assert night_of(MIDNIGHT + AFTER_MS) == MIDNIGHT
    assert night_of(MIDNIGHT + AFTER_MS - 1) == MIDNIGHT - DAY_MS
    assert {night_of(MIDNIGHT + AFTER_MS + hour * 3_600_000) for hour in range(24)} == {MIDNIGHT}


def test_each_run_that_traded_is_asked_about_once_a_night(engine: Engine) -> None:
    main = begun(engine)
    traded(engine, main, MIDNIGHT - 1000)
    begun(engine, "never traded")
    traded(engine, begun(engine, "a backtest", "backtest"), MIDNIGHT - 1000)
    traded(engine, begun(engine, "begun today", created=MIDNIGHT + 1), MIDNIGHT + 2)
    now = MIDNIGHT + AFTER_MS
    assert [run["name"] for run in due(engine, now)] == ["main"]
    assert len(ask_due(engine, now)) == 1
    assert [ask_due(engine, now + hour * 3_600_000) for hour in range(24)] == [[]] * 24
    (job,) = jobs_of(engine)
    assert (job.kind, job.args["run_id"]) == ("versus", main)
    assert "night of 2026-01-05" in job.title


def test_nights_that_were_missed_are_caught_up_once(engine: Engine) -> None:
    run = begun(engine)
    traded(engine, run, BEGIN + DAY_MS)
    assert len(ask_due(engine, BEGIN + DAY_MS + AFTER_MS)) == 1
    later = BEGIN + 40 * DAY_MS
    assert ask_due(engine, later) == [], "it did nothing since"
    traded(engine, run, later - 5_000)
    assert len(ask_due(engine, later)) == 1
    assert ask_due(engine, later + 1) == []


def test_two_who_ask_at_once_ask_once(engine: Engine) -> None:
    for name in ("one", "two"):
        traded(engine, begun(engine, name), MIDNIGHT - 1000)
    now = MIDNIGHT + AFTER_MS
    stale = due(engine, now)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(4) as pool:
        patch.setattr(nightly, "due", lambda *_: stale)  # none sees what another has asked
        asked = [uuid for made in pool.map(lambda _: ask_due(engine, now), range(4)) for uuid in made]
    assert len(asked) == len(set(asked)) == len(jobs_of(engine)) == 2


def test_the_worker_asks_and_the_engine_only_wakes_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    monkeypatch.setattr(worker_start, "ensure", lambda: bool(woken.append(1)) or True)
    assert not look(), "nothing is due"
    traded(engine, begun(engine), MIDNIGHT)
    assert look()
    assert jobs_of(engine) == [], "the engine's process writes nothing"
    assert work(engine, once=True) == 1
    (job,) = jobs_of(engine)
    assert (job.kind, job.state) == ("versus", "failed"), "this run has no tape, and the job says so"
    assert "can be proven by a replay" in str(job.error)
    assert not look()
    assert woken == [1]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM job")).scalar() == 1
