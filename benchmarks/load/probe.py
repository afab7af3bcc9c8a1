"""The engine as `run_engine.py run` starts it, with two stopwatches around it: behind each event and behind each commit.

    python -m benchmarks.load.probe OUT run --config FILE

At its end OUT holds `events` float64[n, 6]: monotonic s, processor s, exchange ms, 1 for a frame and 0 for a clock, bars closed
so far in the step, how long it took in s; and `commits` float64[m, 4]: begun and done in monotonic s, exchange
ms up to which it wrote, 1 where it landed.
"""

from __future__ import annotations

import atexit
import sys
import time
from typing import Any

import numpy as np

from engine.cli.app import main
from engine.runtime.desk import Desk
from engine.runtime.recorder import Recorder

KINDS = {"clock": 0.0, "frame": 1.0}
events: list[tuple[float, ...]] = []
commits: list[tuple[float, ...]] = []


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
        begun = time.perf_counter()
        landed = real(self, trader, *rest)
        commits.append((begun, time.perf_counter(), trader.now, float(landed)))
        return landed

    return commit


def keep(out: str) -> None:
    np.savez(
        out, events=np.array(events, np.float64).reshape(-1, 6), commits=np.array(commits, np.float64).reshape(-1, 4)
    )


if __name__ == "__main__":
    atexit.register(keep, sys.argv[1])
    Desk.event = _watch_events(Desk.event)  # type: ignore[method-assign]
    Recorder.commit = _watch_commits(Recorder.commit)  # type: ignore[method-assign]
    sys.argv = ["run_engine.py", *sys.argv[2:]]
    main()
