"""Rows of `job` that somebody forged who can write the database: refused with a reason, and work and pages go on."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from db.queries import columns, rows
from engine.alerts.troubles import troubles
from engine.research import nightly, outcomes_due, report_plans
from engine.research.jobs import AHEAD_MS, LONGEST, ask, cancel, job_of, jobs_of, wall_ms
from engine.research.work_kinds import KINDS, Context, Kind
from engine.research.worker import take_back, work

ARGS = [
    "", "{", "null", "[1]", "7", '"x"', "[" * 50_000, '{"a":' * 20_000, '{"study": 1}', '{"study": {}, "axes": {}}', "{}",
    '{"run_id": "1; DROP TABLE run"}', '{"run_id": 1e999}', '{"study": {"setup": {}, "sources": []}}', "\x00", '{"run_id": -1}',
    '{"exchange": "../../x", "symbols": ["../../../etc/passwd"], "timeframe": "1h", "start": 0, "end": 1}',
    '{"exchange": "os", "symbols": [[]], "timeframe": "x", "start": "a", "end": null}',
    '{"plan": {"name": "x", "run_id": 1, "strategy": "", "days": 0, "sections": "", "folder": "../../out"}, "end": 1}',
    '{"study": {"setup": {}, "sources": [{"symbol": "X", "file": "/dev/zero"}]}, "axes": ["fast=1:1000000000:1"], "draws": -1}',
]  # fmt: skip
"""What a column of JSON may hold when somebody else wrote it."""
INSERT = text(
    "INSERT INTO job (uuid, kind, title, args, source, state, created_ts, heartbeat_ts, worker, result) "
    "VALUES (:uuid, :kind, :title, :args, 'app', :state, :created, :heartbeat, :worker, :result)"
)


def forge(engine: Engine, *forged: Mapping[str, Any]) -> None:
    plain = {"kind": "known", "title": "", "args": "{}", "state": "new", "created": 1, "heartbeat": None, "worker": ""}
    with engine.begin() as connection:
        connection.execute(INSERT, [{"uuid": str(n), "result": "{}", **plain, **one} for n, one in enumerate(forged)])


def spoil(engine: Engine, column: str) -> None:
    """Bytes that are no text, in every row."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE job SET {column} = CAST(x'ff007f1b' AS TEXT)")


def states(engine: Engine) -> list[tuple[str, str]]:
    return [(row["state"], row["error"] or "") for row in rows(engine, "SELECT state, error FROM job ORDER BY id")]


def test_the_worker_refuses_what_is_none_of_its_work_and_goes_on(engine: Engine, tmp_path: Path) -> None:
    every = [{"kind": [*KINDS][n % len(KINDS)], "args": args} for n, args in enumerate(ARGS)]
    every += [{"kind": kind, "args": ARGS[-1]} for kind in KINDS]
    odd = [{"kind": kind} for kind in ("", "os.system", "x\n\x1b[2J", "__class__", "k" * 50_000)]
    forge(engine, *({"uuid": f"u{n}", **one} for n, one in enumerate([*every, *odd])))
    ask(engine, "fetch", {"exchange": "none", "symbols": [], "timeframe": "1h", "start": 0, "end": 1})
    before = {path for path in tmp_path.parent.rglob("*") if "evenkeel.db" not in path.name}
    assert work(engine, once=True) == len(every) + len(odd) + 1
    *forged, honest = states(engine)
    assert all(state == "failed" and error for state, error in forged)
    assert not any("\n" in error for _, error in forged[len(every) :])
    assert honest == ("done", "")
    made = {path for path in tmp_path.parent.rglob("*") if "evenkeel.db" not in path.name} - before
    assert {path.name for path in made} <= {"worker.lock", "candles", "sweeps", "walks"}


@pytest.mark.parametrize("column", ["args", "title", "kind", "worker", "message", "error", "result", "uuid", "source"])
def test_bytes_that_are_no_text_hide_no_other_job(engine: Engine, column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "known", Kind(lambda args, context: {}))
    forge(engine, {})
    if column == "source":  # the schema takes no other
        return
    spoil(engine, column)
    ask(engine, "known", {"mine": 1})
    assert len(jobs_of(engine)) == 2
    assert work(engine, once=True) == 2
    assert states(engine)[1][0] == "done"


def test_rows_of_anything_are_shown(engine: Engine) -> None:
    odd = [{"args": args, "result": args} for args in ARGS]
    odd += [{"title": "x" * 1_000_000}, {"created": "soon"}, {"created": 2**62, "heartbeat": b"\xff"}]
    forge(engine, *odd)
    shown = jobs_of(engine)
    assert len(shown) == len(odd)
    for one in shown:
        assert isinstance(one.args, dict)
        assert isinstance(one.result, dict)
        assert isinstance(one.created_ts, int)
        assert len(one.title) <= LONGEST
        assert job_of(engine, one.uuid) == one
        assert cancel(engine, one.uuid)


def test_what_waits_hides_no_wish(engine: Engine) -> None:
    """The same work is asked for once; a row that cannot be read is no work."""
    forge(engine, *({"args": args} for args in ARGS))
    first = ask(engine, "known", {"mine": 1})
    assert ask(engine, "known", {"mine": 1}) == first
    assert len(jobs_of(engine)) == len(ARGS) + 1


@pytest.mark.parametrize("heartbeat", [2**62, "soon", b"\xff", -1, 1.5])
def test_a_worker_that_cannot_be_is_gone(engine: Engine, heartbeat: object) -> None:
    forge(engine, {"state": "running", "worker": "elsewhere:1", "heartbeat": heartbeat})
    assert take_back(engine) == [1]
    assert states(engine)[0][0] == "failed"


def test_a_sign_of_life_from_the_future_is_none(engine: Engine) -> None:
    now = wall_ms()
    here = f"{socket.gethostname()}:{'9' * 40}"
    forge(
        engine,
        {"state": "running", "worker": "elsewhere:1", "heartbeat": now + 2 * AHEAD_MS},
        {"state": "running", "worker": "elsewhere:1", "heartbeat": now + AHEAD_MS // 2},
        {"state": "running", "worker": here, "heartbeat": now - AHEAD_MS},
        {"state": "running", "worker": f"{socket.gethostname()}:{os.getpid()}", "heartbeat": now},
    )
    assert take_back(engine) == [1, 3]


def test_what_comes_by_itself_comes_all_the_same(engine: Engine) -> None:
    forge(engine, *({"kind": "versus", "state": "done", "args": args, "result": args, "created": "x"} for args in ARGS))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE job SET source = 'cli', done_ts = 9e15")
        connection.exec_driver_sql("UPDATE job SET title = CAST(x'ff' AS TEXT) WHERE id % 2")
    now = wall_ms()
    assert nightly.ask_due(engine, now) == []
    assert report_plans.ask_due(engine, now) == []
    assert outcomes_due.ask_due(engine, now) == []
    assert troubles(engine, 1, now) == []


def test_columns_are_read_whatever_their_bytes(engine: Engine) -> None:
    forge(engine, {"title": "good"}, {"title": "bad"})
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE job SET title = CAST(x'ff41' AS TEXT) WHERE id = 2")
    assert columns(engine, "SELECT title FROM job ORDER BY id")["title"].tolist() == ["good", "\ufffdA"]
    assert columns(engine, "SELECT title FROM job WHERE id = 1")["title"].tolist() == ["good"]


def test_a_kind_begins_with_what_it_needs_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[dict[str, Any]]()

    def known(args: Mapping[str, Any], context: Context) -> dict[str, Any]:
        begun.append(dict(args))
        return {}

    monkeypatch.setitem(KINDS, "known", Kind(known, needs={"run_id": int}))
    forge(engine, *({"args": json.dumps(args)} for args in ({"run_id": "1"}, {}, {"run_id": 1})))
    work(engine, once=True)
    assert begun == [{"run_id": 1}]
    assert [state for state, _ in states(engine)] == ["failed", "failed", "done"]
