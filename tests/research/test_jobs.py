"""Jobs with real worker processes: done, cancelled, put back, taken up again after a kill, failed with the reason."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from db.queries import rows
from db.session import open_engine, write_session
from engine.core.setup import Setup
from engine.ledger.write import create_run
from engine.market.store import Store
from engine.research import save, worker_start
from engine.research.holes import windows
from engine.research.jobs import JobView, ask, cancel, job_of, jobs_of, wall_ms
from engine.research.lab import run_study, save_study
from engine.research.save import fail_broken
from engine.research.study import Source, Study
from engine.research.study_result import StudyResult
from engine.research.work_kinds import KINDS, Context, Kind
from engine.research.worker import ATTEMPTS, WorkerLock, WorkerRuns, take_back, work
from engine.sandbox.server import Sandbox
from tests.research.conftest import spec, walk

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400_000
END = 1_767_600_000_000


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.running(seed=5, start=END, hold=True) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a worker process; what still runs at the end is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*argv: str) -> subprocess.Popen[bytes]:
        words = (tmp_path / f"worker-{len(started)}.txt").open("wb")
        command = [sys.executable, str(ROOT / "run_engine.py"), "work", *argv]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=words, stderr=words))
        return started[-1]

    yield run
    for child in started:
        child.kill()
        child.wait()


def fetching(sandbox: Sandbox, days: float, symbol: str = "BTC/USD") -> dict[str, Any]:
    span = {"start": END - int(days * DAY), "end": END}
    return {"exchange": "coinbase", "symbols": [symbol], "timeframe": "1m", "base_url": sandbox.rest_url, **span}


def seen(engine: Engine, uuid: str, condition: Callable[[JobView], bool], seconds: float = 40.0) -> JobView:
    """The job once the condition holds."""
    deadline, look = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        job = job_of(engine, uuid)
        assert job is not None
        if condition(job):
            return job
        look.wait(0.05)
    raise AssertionError(f"not within {seconds} s: {job}")


def test_work_once_does_what_waits(engine: Engine, sandbox: Sandbox, start: Any, tmp_path: Path) -> None:
    uuid = ask(engine, "fetch", fetching(sandbox, 0.5), "half a day of BTC/USD")
    assert start("--once").wait(60) == 0
    job = job_of(engine, uuid)
    assert job is not None
    assert (job.state, job.progress, job.attempts, job.error) == ("done", 1.0, 1, None)
    assert job.result["fetched"][0]["bars"] == 720
    assert Store(tmp_path / "candles").read("coinbase", "BTC/USD", "1m").ts.size == 720


def test_holes_are_asked_for_again(engine: Engine, sandbox: Sandbox, tmp_path: Path) -> None:
    store = Store(tmp_path / "candles")
    ask(engine, "fetch", fetching(sandbox, 0.5))
    assert work(engine, once=True) == 1
    whole = store.read("coinbase", "BTC/USD", "1m")
    kept = np.ones(len(whole), bool)
    kept[[5, 300, 301, 302, 700]] = False
    store.write("coinbase", "BTC/USD", "1m", whole.take(kept))
    assert windows(whole.ts[kept], 60_000, 300)[0] == (int(whole.ts[5]), int(whole.ts[305]))
    uuid = ask(engine, "fetch", {**fetching(sandbox, 0.5), "holes": True})
    assert work(engine, once=True) == 1
    job = job_of(engine, uuid)
    assert job is not None
    assert (job.state, job.result["fetched"][0]["new"], job.result["fetched"][0]["grade"]) == ("done", 5, "A")
    again = store.read("coinbase", "BTC/USD", "1m")
    assert (again.ts == whole.ts).all()
    assert (again.close == whole.close).all()


def test_a_killed_worker_leaves_a_job_that_the_next_one_ends(engine: Engine, sandbox: Sandbox, start: Any) -> None:
    uuid = ask(engine, "fetch", fetching(sandbox, 3, "ETH/USD"))
    first = start()
    before = seen(engine, uuid, lambda job: job.progress > 0.1)
    first.kill()
    first.wait()
    left = job_of(engine, uuid)
    assert left is not None
    assert left.state == "running"
    assert left.silent(wall_ms() + 11_000)
    assert not worker_start.alive()
    assert work(engine, once=True) == 1
    after = seen(engine, uuid, lambda job: not job.open)
    assert (after.state, after.attempts) == ("done", 2)
    assert after.worker != before.worker
    assert after.result["fetched"][0]["bars"] == 3 * 1440


def test_sigterm_puts_the_job_back_and_keeps_what_came(
    engine: Engine, sandbox: Sandbox, start: Any, tmp_path: Path
) -> None:
    uuid = ask(engine, "fetch", fetching(sandbox, 3, "SOL/USD"))
    child = start()
    seen(engine, uuid, lambda job: job.progress > 0.2)
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    back = job_of(engine, uuid)
    assert back is not None
    assert (back.state, back.attempts) == ("new", 1)
    kept = Store(tmp_path / "candles").read("coinbase", "SOL/USD", "1m").ts.size
    assert 300 <= kept < 3 * 1440
    assert work(engine, once=True) == 1
    assert seen(engine, uuid, lambda job: not job.open).result["fetched"][0]["new"] == 3 * 1440 - kept


def test_cancel_ends_a_running_job_and_a_waiting_one(engine: Engine, sandbox: Sandbox, start: Any) -> None:
    running = ask(engine, "fetch", fetching(sandbox, 20))
    waiting = ask(engine, "fetch", fetching(sandbox, 21))
    child = start()
    seen(engine, running, lambda job: job.progress > 0.01)
    assert cancel(engine, waiting)
    assert cancel(engine, running)
    ended = seen(engine, running, lambda job: not job.open)
    assert ended.state == "cancelled"
    assert 0 < ended.progress < 1
    other = job_of(engine, waiting)
    assert other is not None
    assert (other.state, other.attempts) == ("cancelled", 0)
    assert not cancel(engine, running)
    assert child.poll() is None
    assert worker_start.alive()
    assert not worker_start.ensure()


def test_two_who_ask_for_the_same_share_a_job(engine: Engine) -> None:
    args = {"symbols": ["BTC/USD"], "days": 30}
    first, second = ask(engine, "fetch", args, "a"), ask(engine, "fetch", dict(reversed(args.items())), "b")
    assert first == second
    assert ask(engine, "fetch", {**args, "days": 31}) != first
    assert [job.args["days"] for job in jobs_of(engine, ("fetch",), only_open=True)] == [31, 30]
    cancel(engine, first)
    assert ask(engine, "fetch", args) != first


def test_one_worker_is_started_however_many_ask_before_it_has_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run_engine.py").write_text("import signal\nsignal.pause()\n")  # one that never gets so far
    monkeypatch.setattr(worker_start, "ROOT", tmp_path)
    monkeypatch.setattr(worker_start, "AGAIN_S", 0.0)
    monkeypatch.setattr(worker_start, "_children", children := [])
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    try:
        with ThreadPoolExecutor(8) as pages:
            assert sum(pages.map(lambda _: worker_start.ensure(), range(32))) == 1
        assert len(children) == 1
        assert not worker_start.alive()
        children[0].kill()
        children[0].wait(10)
        assert worker_start.ensure(), "one that ended without its lock is followed by another"
    finally:
        for child in children:
            child.kill()
            child.wait(10)


def test_a_second_worker_is_kept_out(engine: Engine, start: Any) -> None:
    lock = WorkerLock()
    lock.acquire()
    try:
        assert worker_start.alive()
        with pytest.raises(WorkerRuns, match=f"process {os.getpid()}"):
            WorkerLock().acquire()
        assert start("--once").wait(30) == 0
    finally:
        lock.release()
    assert not worker_start.alive()


@pytest.mark.parametrize(
    ("attempts", "resumable", "state"), [(1, True, "new"), (ATTEMPTS, True, "failed"), (1, False, "failed")]
)
def test_what_a_dead_worker_left(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, attempts: int, resumable: bool, state: str
) -> None:
    monkeypatch.setitem(KINDS, "fetch", Kind(KINDS["fetch"].run, resumable=resumable))
    uuid = ask(engine, "fetch", {})
    _sql(engine, "UPDATE job SET state = 'running', worker = 'elsewhere:1', heartbeat_ts = :now, attempts = :n",
         now=wall_ms() - 60_000, n=attempts)  # fmt: skip
    assert len(take_back(engine)) == 1
    job = job_of(engine, uuid)
    assert job is not None
    assert job.state == state
    if state == "failed":
        assert "ended without a word" in str(job.error)
        assert job.done_ts is not None


def test_a_worker_that_is_heard_keeps_its_job(engine: Engine) -> None:
    ask(engine, "fetch", {})
    _sql(engine, "UPDATE job SET state = 'running', worker = 'elsewhere:1', heartbeat_ts = :now", now=wall_ms())
    assert take_back(engine) == []


def test_failures_are_sentences(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_args: Any, _context: Context) -> dict[str, Any]:
        return {"x": 1 // 0}

    monkeypatch.setitem(KINDS, "breaks", Kind(breaks))
    unknown, defect = ask(engine, "no such kind", {}), ask(engine, "breaks", {})
    bad = ask(engine, "fetch", {"exchange": "nowhere", "symbols": ["BTC/USD"], "timeframe": "1m", "start": 0, "end": 1})
    assert work(engine, once=True) == 3
    found = [job_of(engine, uuid) for uuid in (unknown, defect, bad)]
    assert [job.state for job in found if job] == ["failed"] * 3
    errors = [str(job.error) for job in found if job]
    assert "knows no work" in errors[0]
    assert "a defect of Evenkeel" in errors[1]
    assert "nowhere" in errors[2]


def test_work_and_progress_are_seen_from_outside(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readers (tabs) see the same words while it is done; the job's function waits for that."""
    told = threading.Event()

    def slow(_args: Any, context: Context) -> dict[str, Any]:
        context.progress(0.25, "a quarter")
        assert told.wait(20)
        return {"answer": 42}

    monkeypatch.setitem(KINDS, "slow", Kind(slow))
    uuid = ask(engine, "slow", {})
    doer = threading.Thread(target=work, args=(engine, True))
    doer.start()
    other = open_engine(read_only=True)
    try:
        for reader in (engine, other):
            job = seen(reader, uuid, lambda job: job.progress == 0.25)
            assert (job.state, job.message) == ("running", "a quarter")
    finally:
        told.set()
        doer.join()
        other.dispose()
    assert seen(engine, uuid, lambda job: not job.open).result == {"answer": 42}


def _killed_while_storing(engine: Engine, done: StudyResult) -> int | None:
    """A process that is killed once a part of the run is in the database; how it ended. Not forked from this one, which has
    threads whose locks it would inherit."""
    child = multiprocessing.get_context("forkserver").Process(target=_store_and_die, args=(str(engine.url), done))
    child.start()
    child.join(60)
    return child.exitcode


def _store_and_die(url: str, done: StudyResult) -> None:
    paced, parts = save._paced, [0]

    def killed(engine: Engine, part: Any) -> None:
        parts[0] += 1
        if parts[0] == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        paced(engine, part)

    save._paced = killed
    save_study(open_engine(url), done)


def test_a_run_whose_writer_was_killed_is_failed_at_the_next_start(engine: Engine, tmp_path: Path) -> None:
    store = Store(tmp_path / "candles")
    store.write("coinbase", "BTC/USD", "1m", walk(1_500))
    one = spec(walk(10))
    setup = Setup(one.account, (one.instrument,), (one.slot,), (one.params,), (), 0, 0)
    done = run_study(Study(setup, (Source("BTC/USD", "coinbase"),)), store)
    assert _killed_while_storing(engine, done) == -signal.SIGKILL
    (left,) = rows(engine, "SELECT status, params FROM run")
    assert left["status"] == "writing"
    assert "writer" in json.loads(left["params"])
    work(engine, once=True)
    (failed,) = rows(engine, "SELECT status, error, params FROM run")
    assert failed["status"] == "failed"
    assert "ended half way" in failed["error"]
    assert "writer" not in json.loads(failed["params"])


def test_a_run_that_another_process_writes_is_left_alone(engine: Engine) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with write_session(engine) as session:
            for name, writer in (("here", f"{socket.gethostname()}:{child.pid}"), ("elsewhere", "elsewhere:1")):
                create_run(
                    session, name=name, kind="backtest", status="writing", exchange="x", quote="USD", cash_start=1.0,
                    finest_tf_ms=60_000, created_ts=1, params={"writer": writer},
                )  # fmt: skip
        assert fail_broken(engine) == []
    finally:
        child.communicate(b"\n")
    assert len(fail_broken(engine)) == 1


def _sql(engine: Engine, statement: str, **params: Any) -> None:
    with write_session(engine) as session:
        session.execute(text(statement), params)
