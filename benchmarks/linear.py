"""Is a sweep linear in sets and in bars, and does its memory stay the same however many sets there are?

`python -m benchmarks.linear [--rounds N]`. Warm processes of ours take turns in one run; what is claimed are ratios of their
times for one bar of one set, and what 100,000 sets hold beyond 1,000, which may be their results and no more.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from benchmarks import work
from benchmarks.sweep import Bound

SHAPES = (
    (500, work.DAYS_90), (1000, work.DAYS_90), (2000, work.DAYS_90), (1000, work.DAYS_90 // 2), (1000, 2 * work.DAYS_90),
)  # fmt: skip
"""(sets, bars)."""
CLAIM_LINEAR, CLAIM_SET_KIB = 1.5, 1.5


def _bound(sets: int, bars: int, cores: list[int]) -> Bound:
    command = [sys.executable, "-m", "benchmarks.ours_sweep", str(bars), str(sets), "plan", str(max(len(cores), 1))]
    return Bound(command, sets, cores)


def linear(rounds: int, cores: list[int]) -> dict[str, Any]:
    field = [(_bound(sets, bars, cores), bars) for sets, bars in SHAPES]
    for one, _ in field:
        one.start()
    for _ in range(rounds):
        for one, _ in field:
            one.turn()
    for one, _ in field:
        one.stop()
    each = {f"{one.sets:,} sets x {bars:,} bars": min(one.times) / one.sets / bars * 1e9 for one, bars in field}
    for name, value in each.items():
        print(f"{name:32}{value:8.2f} ns a bar of a set")
    spread = max(each.values()) / min(each.values())
    return {"ns": each, "claim": f"linear within {CLAIM_LINEAR:g}x", "measured": spread, "kept": spread <= CLAIM_LINEAR}


def memory(cores: list[int], bars: int = 5_000) -> dict[str, Any]:
    """What a set leaves behind is its row of results, while they are joined twice, and here the point that was asked for."""
    peaks = []
    for sets in (1_000, 100_000):
        one = _bound(sets, bars, cores)
        one.start()
        one.turn()
        one.stop()
        rate = sets * bars / min(one.times) / 1e6
        print(f"{sets:,} sets x {bars:,} bars: {rate:,.0f} M bar-evals/s, peak {one.peak_mib:.0f} MiB")
        peaks.append(one.peak_mib)
    more = (peaks[1] - peaks[0]) * 1024 / 99_000
    return {"peaks": peaks, "claim": f"a set more takes at most {CLAIM_SET_KIB:g} KiB", "measured": more,
            "kept": more <= CLAIM_SET_KIB}  # fmt: skip


def measure(rounds: int = 3) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))[:1] if hasattr(os, "sched_getaffinity") else []
    print()
    judged = [linear(rounds, cores), memory(cores)]
    for verdict in judged:
        print(f"{'kept  ' if verdict['kept'] else 'BROKEN'} {verdict['claim']}: {verdict['measured']:.3g}")
    return {"verdicts": judged}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.linear", description="Sweeps of several sizes.")
    parser.add_argument("--rounds", type=int, default=3)
    found = measure(parser.parse_args().rounds)
    return 0 if all(verdict["kept"] for verdict in found["verdicts"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
