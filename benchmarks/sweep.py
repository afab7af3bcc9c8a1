"""A sweep of 1,000 parameter sets over 129,600 one-minute bars with stops: Evenkeel beside vectorbt.

`python -m benchmarks.sweep [--sets N] [--rounds N] [--cores 1,2] [--long]`. Contenders are warm processes, bound to the same
cores, taking turns in one run; ratios are what is claimed. vectorbt is served a tenth of the sets (its time is linear in
them, and it is asked for neither drawdown nor daily returns); rates are bar-evaluations a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import work
from benchmarks.single import HERE, ROOT, Contender

CLAIMS = {"evenkeel signals": 25.0, "evenkeel plan": 100.0}
CLAIM_MEMORY = 0.1


class Bound(Contender):
    """A contender with its share of the sets, bound to some cores, remembering its peak memory."""

    def __init__(self, command: list[str], sets: int, cores: list[int]) -> None:
        super().__init__(["taskset", "-c", ",".join(map(str, cores)), *command] if cores else command)
        self.sets, self.peak_mib = sets, 0.0

    def turn(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        row = self._answer()
        self.times.append(row["seconds"])
        self.trades, self.equity, self.peak_mib = row["trades"], row["equity"], row["peak_mib"]


def contenders(count: int, sets: int, cores: list[int]) -> list[Bound]:
    ours = [
        Bound([sys.executable, "-m", "benchmarks.ours_sweep", str(count), str(n), kind, str(len(cores))], n, cores)
        for kind, n in (("plan", sets), ("signals", sets))
    ]
    python = ROOT / ".oracles" / "vectorbt" / "bin" / "python"
    if not python.exists():
        print(f"no {python.relative_to(ROOT)}: `make oracles` makes it", file=sys.stderr)
        return ours
    if len(cores) > 1:
        return ours  # vectorbt's engines use one core; a process a core would double its rate and its memory
    part, script = max(sets // 10, 1), str(HERE / "peer_vectorbt_sweep.py")
    return ours + [
        Bound([str(python), "-W", "ignore", script, str(count), str(part), kind, str(chunk)], part, cores)
        for kind, chunk in (("numba", 50), ("rust", 50))
    ]


def race(count: int, sets: int, rounds: int, cores: list[int]) -> list[dict[str, Any]]:
    field = contenders(count, sets, cores)
    try:
        for one in field:
            one.start()
        for _ in range(rounds):
            for one in field:
                one.turn()
    finally:
        for one in field:
            one.stop()
    print(
        f"\n{sets:,} sets x {count:,} bars on {len(cores)} core{'s' if len(cores) > 1 else ''}, best of {rounds} turns"
    )
    print(
        f"{'':22}{'M bar-evals/s':>14}{'median':>9}{'ms a set':>10}{'peak MiB':>10}{'trades a set':>14}{'equity':>14}"
    )
    rows = []
    for one in field:
        rate, middle = (one.sets * count / pick(one.times) / 1e6 for pick in (min, median))
        print(
            f"{one.name:22}{rate:14.1f}{middle:9.1f}{min(one.times) / one.sets * 1e3:10.3f}{one.peak_mib:10.0f}"
            f"{one.trades / one.sets:14,.1f}{one.equity:14,.0f}"
        )
        rows.append({"name": one.name, "bars": count, "sets": one.sets, "cores": len(cores), "rate": rate, "median": middle,
                     "peak_mib": one.peak_mib, "trades": one.trades, "all_seconds": one.times})  # fmt: skip
    return rows


def verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each claim against vectorbt's best configuration, by their best turns on one core."""
    peers = [row for row in rows if row["name"].startswith("vectorbt")]
    if not peers:
        return []
    best = max(peers, key=lambda row: row["rate"])
    out = []
    for name, claim in CLAIMS.items():
        own = next(row for row in rows if row["name"] == name)
        ratio, memory = own["rate"] / best["rate"], own["peak_mib"] / best["peak_mib"]
        out.append({"claim": f"{name}: {claim:g}x {best['name']}", "measured": ratio, "kept": ratio >= claim})
        out.append(
            {"claim": f"{name}: {CLAIM_MEMORY:g} of its memory", "measured": memory, "kept": memory <= CLAIM_MEMORY}
        )
    return out


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description="Sweeps beside vectorbt.")
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--bars", type=int, default=work.DAYS_90)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--long", action="store_true", help="also 720 days, and 100,000 sets: linear, and no more memory?"
    )
    parser.add_argument("--out", type=Path, default=Path(".cache/bench/sweep.json"))
    arguments = parser.parse_args()
    every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    rows = race(arguments.bars, arguments.sets, arguments.rounds, every[:1])
    judged = verdicts(rows)
    if len(every) > 1:
        rows += race(arguments.bars, arguments.sets, arguments.rounds, every)
    if arguments.long:
        rows += race(work.DAYS_720, arguments.sets // 4, 2, every)[:1]
        rows += _many(every)
    for verdict in judged:
        print(f"{'kept  ' if verdict['kept'] else 'BROKEN'} {verdict['claim']}: {verdict['measured']:.3g}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"rows": rows, "verdicts": judged}, indent=1))
    return 0 if all(verdict["kept"] for verdict in judged) else 1


def _many(cores: list[int]) -> list[dict[str, Any]]:
    """Peak memory of 1,000 and of 100,000 sets on 5,000 bars."""
    rows = []
    for sets in (1_000, 100_000):
        own = contenders(5_000, sets, cores)[0]
        own.start()
        own.turn()
        own.stop()
        rate = sets * 5_000 / own.times[0] / 1e6
        print(f"{sets:,} sets x 5,000 bars: {rate:,.0f} M bar-evals/s, peak {own.peak_mib:.0f} MiB")
        rows.append({"name": own.name, "bars": 5_000, "sets": sets, "rate": rate, "peak_mib": own.peak_mib})
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
