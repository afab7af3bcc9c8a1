"""The engine as `run_engine.py run` starts it, with two stopwatches around it: behind each event and behind each commit.

    python -m benchmarks.load.probe OUT run --config FILE

At its end OUT holds `events` float64[n, 6]: monotonic s, processor s, exchange ms, 1 for a frame and 0 for a clock, bars closed
so far in the step, how long it took in s; and `commits` float64[m, 5]: begun and done in monotonic s, exchange
ms up to which it wrote, 1 where it landed, processor s of the loop's thread; `names` and `marks` float64[k, 2]: when the run was
being opened, was, and was ready, in monotonic s and in processor s since the process began. With
EVENKEEL_LOAD_ALERTS=N it hands in N alerts with its next transactions once a file `storm` lies in the data folder.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from db.models import Alert
from engine.cli.app import main
from engine.runtime import loop
from engine.runtime.beside import Doors
from engine.runtime.desk import Desk
from engine.runtime.recorder import Recorder

STORM_ROWS = 500
KINDS = {"clock": 0.0, "frame": 1.0}
marks: list[tuple[str, float, float]] = []
events: list[tuple[float, ...]] = []
commits: list[tuple[float, ...]] = []


def mark(name: str) -> None:
    marks.append((name, time.perf_counter(), time.process_time()))


def _watch_events(real: Any) -> Any:
    def event(self: Any, ts: int, what: Any) -> None:
        begun = time.perf_counter()
        real(self, ts, what)
        kind = KINDS.get(what[0])
        if kind is not None:
            now = time.perf_counter()
            events.append((now, time.process_time(), ts, kind, self.step.closed_bars, now - begun))

    return event


def _watch_commits(real: Any) -> Any:
    def commit(self: Any, trader: Any, *rest: Any) -> Any:
        begun, used = time.perf_counter(), time.thread_time()
        landed = real(self, trader, *rest)
        used = time.thread_time() - used
        if landed and len(marks) == 2:
            mark("ready")
        commits.append((begun, time.perf_counter(), trader.now, float(landed), used))
        return landed

    return commit


def _watch_opening(real: Any) -> Any:
    def opening(*words: Any, **more: Any) -> Any:
        mark("opening")
        session = real(*words, **more)
        mark("opened")
        return session

    return opening


def _watch_doors(real: Any, alerts: int) -> Any:
    """Doors that a storm of alerts comes through, in parts, like the rows of any service."""

    def made(self: Any, *words: Any, **more: Any) -> None:
        real(self, *words, **more)
        threading.Thread(target=storm, args=(self, alerts), daemon=True).start()

    return made


def storm(doors: Any, alerts: int) -> None:
    """All alerts at once, as soon as the file lies there."""
    sign = Path(os.environ["EVENKEEL_DATA"]) / "storm"
    while not sign.exists():
        time.sleep(0.02)
    now = time.time_ns() // 1_000_000
    common = {"ts": now, "severity": "warning", "kind": "error", "body": "x" * 200, "state": "new", "created_ts": now}
    rows = [{**common, "title": f"alert {n}", "dedupe_key": f"storm:{n}"} for n in range(alerts)]
    for first in range(0, alerts, STORM_ROWS):
        doors.write(partial(_hand_in, rows[first : first + STORM_ROWS]))


def _hand_in(rows: Any, connection: Any) -> None:
    connection.execute(insert(Alert), rows)


def keep(out: str) -> None:
    np.savez(
        out,
        names=np.array([name for name, *_ in marks]),
        marks=np.array([at for _, *at in marks], np.float64).reshape(-1, 2),
        events=np.array(events, np.float64).reshape(-1, 6),
        commits=np.array(commits, np.float64).reshape(-1, 5),
    )


if __name__ == "__main__":
    atexit.register(keep, sys.argv[1])
    Desk.event = _watch_events(Desk.event)  # type: ignore[method-assign]
    Recorder.commit = _watch_commits(Recorder.commit)  # type: ignore[method-assign]
    loop.open_session = _watch_opening(loop.open_session)
    if asked := int(os.environ.get("EVENKEEL_LOAD_ALERTS", "0")):
        Doors.__init__ = _watch_doors(Doors.__init__, asked)  # type: ignore[method-assign]
    sys.argv = ["run_engine.py", *sys.argv[2:]]
    main()
