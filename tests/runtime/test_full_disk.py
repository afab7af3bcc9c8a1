"""The real process on a disk that is full: it holds, hears a kill, and goes on when there is room. No file may grow by a byte
(RLIMIT_FSIZE), which the database calls an I/O error and the tape a full disk."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.proofs import prove
from tests.crash.session import ROOT, Market, _until, market
from tests.runtime.processes import Living, living

SEED = 38
SPEED, SESSION_S = 240, 1500
CYCLE_MS = 660_000
"""The strategy buys and sells once in it."""
TRADED = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM fill)"


@contextmanager
def lived(engine: Living, first: Callable[[], None] | None = None) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A life whose words come through a pipe, which no full disk stops; killed at the end."""
    command = [sys.executable, str(ROOT / "run_engine.py"), "run", "--config", str(engine.config)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=engine.environment(), stderr=subprocess.PIPE, text=True, preexec_fn=first
    )
    said: list[str] = []
    assert process.stderr is not None
    listener = threading.Thread(target=said.extend, args=(process.stderr,), daemon=True)
    listener.start()
    try:
        yield process, said
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        listener.join(5)


def full(process: subprocess.Popen[str], size: int = 0) -> None:
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def heard(words: str, process: subprocess.Popen[str], said: list[str]) -> None:
    def there() -> bool:
        assert process.poll() is None, f"it ended with {process.returncode}: {said[-5:]}"
        return any(words in line for line in list(said))

    _until(there, 30, f"never said {words!r}: {said[-5:]}")


def moved_or_waits(place: Market, ms: int) -> None:
    """The market has gone on by `ms` of its time, or waits for the engine to take what it has."""
    begun, seen = place.now(), [0]

    def done() -> bool:
        seen.append(place.now())
        return seen[-1] > begun + ms or (len(seen) > 20 and len(set(seen[-20:])) == 1)

    _until(done, 30, "the market neither moves nor waits")


def test_it_holds_goes_on_and_a_kill_acts_in_this_life_and_every_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "data" / "my"))
    with market(SESSION_S, seed=SEED, speed=SPEED) as place:
        engine = living(tmp_path / "data", place)
        with lived(engine) as (process, said):
            holds_and_goes_on(engine, process, said)
            is_killed(engine, process, said)
        pressed, traded = place.now(), engine.row(TRADED)
        assert pressed < place.end_ms - CYCLE_MS, "too little of the market is left to prove anything"
        starts_without_room(engine)
        assert engine.row(TRADED) == traded
        with lived(engine) as (process, said):
            heard("killed (file)", process, said)
            engine.until_end(process)  # type: ignore[arg-type]
            assert engine.row("SELECT state FROM engine_status") == ("killed",)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        assert engine.row(TRADED) == traded
        assert (engine.folder / "KILL").exists()
        assert prove(engine.folder, place.truth())["fills"] > 0


def holds_and_goes_on(engine: Living, process: subprocess.Popen[str], said: list[str]) -> None:
    _until(lambda: (engine.row(TRADED) or (0, 0))[1] > 0, 40, f"never traded: {said[-3:]}")
    full(process)
    heard("the disk is full", process, said)
    moved_or_waits(engine.place, 60_000)
    full(process, resource.RLIM_INFINITY)
    heard("there is room again", process, said)


def is_killed(engine: Living, process: subprocess.Popen[str], said: list[str]) -> None:
    said.clear()
    full(process)
    heard("the disk is full", process, said)
    (engine.folder / "KILL").touch()
    heard("killed (file): no order is queued or filled from here on", process, said)


def starts_without_room(engine: Living) -> None:
    """A start that can write nothing trades nothing, and says why."""
    with lived(engine, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))) as (process, said):
        assert process.wait(60) == 74, said
