"""The kernel alone: nanoseconds a bar in a batch, and how long a first start takes with an empty and with a full
cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import ours, step, work
from engine.core.machine import Frames, Machine

ROOT = Path(__file__).resolve().parents[1]
CLAIM_COLD_S = 10.0

_FIRST_RUN = """
import time
begin = time.perf_counter()
from benchmarks import ours
ours.Contender(1000).run()
print(time.perf_counter() - begin)
"""


def _median_of(run: Any, turns: int) -> float:
    took = []
    for _ in range(turns):
        begin = time.perf_counter()
        run()
        took.append(time.perf_counter() - begin)
    return median(took)


def batch(count: int = work.DAYS_720, turns: int = 9) -> dict[str, float]:
    """ns a bar of the kernel's run: with the work's decisions, with none, and 20 slots in frames of 20 bars."""
    contender = ours.Contender(count, exact=True)
    made = ours.decisions(contender.bars, contender.instrument)
    setting = (contender.account, [contender.instrument], [contender.slot])
    busy = _median_of(lambda: Machine(*setting).run(contender.frames, made), turns)
    idle = _median_of(lambda: Machine(*setting).run(contender.frames), turns)
    return {"with decisions": busy / count * 1e9, "without": idle / count * 1e9, **_wide(turns)}


def _wide(turns: int) -> dict[str, float]:
    rows = step.frames(20_000)
    flat = rows.reshape(-1)
    ts = np.repeat(step.START + step.SECOND * np.arange(rows.shape[0], dtype=np.int64), rows.shape[1])
    frames = Frames.of_rows(ts, flat)
    took = _median_of(lambda: step.machine().run(frames, step.entries(step.START + 1)), turns)
    return {"20 slots, a symbol's bar": took / flat.size * 1e9}


def starts() -> dict[str, float]:
    """Seconds from process start's first line to the first result, cache empty, then full."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        took = [
            float(subprocess.check_output([sys.executable, "-c", _FIRST_RUN], cwd=ROOT, env=environment, text=True))
            for _ in range(2)
        ]
    return {"cold": took[0], "warm": took[1]}


def main() -> dict[str, Any]:
    speed, start = batch(), starts()
    print()
    for name, value in speed.items():
        print(f"kernel.run, {name}: {value:.1f} ns a bar")
    print(f"first result: {start['cold']:.1f} s with an empty cache, {start['warm']:.2f} s with a full one")
    print(f"{'kept  ' if start['cold'] < CLAIM_COLD_S else 'BROKEN'} a cold start within {CLAIM_COLD_S:g} s")
    return {"ns_per_bar": speed, "start_s": start, "kept": start["cold"] < CLAIM_COLD_S}


if __name__ == "__main__":
    main()
