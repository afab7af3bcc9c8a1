"""A sweep of 1,000 parameter sets over 129,600 one-minute bars with stops: Evenkeel beside vectorbt.

`python -m benchmarks.sweep [--sets N] [--rounds N]`. Contenders are warm processes, bound to the same cores, taking turns in one
run; ratios are what is claimed. vectorbt is served a tenth of the sets for its rate (its time is linear in them, and it is
asked for neither drawdown nor daily returns), and all of them once for its memory, which is not; rates are bar-evaluations a
second. Memory is the most a process has held, its libraries and bars included; what they take alone stands beside it.
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
            if one.command[-1] != "50":  # ours: what compiling takes is no part of a sweep's memory
                one.start()
                one.stop()
            one.start()
        for _ in range(rounds):
            for one in field:
                one.turn()
    finally:
        for one in field:
            one.stop()
    head(f"{sets:,} sets x {count:,} bars on {len(cores)} core{'s' if len(cores) > 1 else ''}, best of {rounds} turns")
    return [line(one, count, cores) for one in field]


def head(title: str) -> None:
    print(f"\n{title}")
    print(
        f"{'':26}{'M bar-evals/s':>14}{'median':>9}{'ms a set':>10}{'peak MiB':>10}{'loaded':>8}"
        f"{'trades a set':>14}{'equity':>14}"
    )


def line(one: Bound, count: int, cores: list[int]) -> dict[str, Any]:
    """One contender's row, printed and returned."""
    rate, middle = (one.sets * count / pick(one.times) / 1e6 for pick in (min, median))
    print(
        f"{one.name:26}{rate:14.1f}{middle:9.1f}{min(one.times) / one.sets * 1e3:10.3f}{one.peak_mib:10.0f}"
        f"{one.loaded_mib:8.0f}{one.trades / one.sets:14,.1f}{one.equity:14,.0f}"
    )
    return {"name": one.name, "bars": count, "sets": one.sets, "cores": len(cores), "rate": rate, "median": middle,
            "peak_mib": one.peak_mib, "loaded_mib": one.loaded_mib, "trades": one.trades, "all_seconds": one.times}  # fmt: skip


def whole(count: int, sets: int, cores: list[int], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """vectorbt's fastest configuration over all sets, once: what it holds then."""
    peers = [row for row in rows if row["name"].startswith("vectorbt")]
    if not peers:
        return []
    _, kind, chunk = max(peers, key=lambda row: row["rate"])["name"].split()
    python, script = ROOT / ".oracles" / "vectorbt" / "bin" / "python", str(HERE / "peer_vectorbt_sweep.py")
    one = Bound([str(python), "-W", "ignore", script, str(count), str(sets), kind, chunk], sets, cores)
    one.start()
    one.turn()
    one.stop()
    one.name += f", {sets:,} sets"
    return [line(one, count, cores)]


def verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each claim against vectorbt's best configuration: rates by their best turns, memory over as many sets."""
    peers = [row for row in rows if row["name"].startswith("vectorbt")]
    if not peers:
        return []
    best, largest = max(peers, key=lambda row: row["rate"]), max(peers, key=lambda row: row["sets"])
    above = largest["peak_mib"] - largest["loaded_mib"]
    out = []
    for name, claim in CLAIMS.items():
        own = next(row for row in rows if row["name"] == name)
        ratio, memory = own["rate"] / best["rate"], own["peak_mib"] / largest["peak_mib"]
        beyond = (own["peak_mib"] - own["loaded_mib"]) / above
        out.append({"claim": f"{name}: {claim:g}x {best['name']}", "measured": ratio, "kept": ratio >= claim})
        for words, value in (("its memory", memory), ("what it takes beyond libraries and bars", beyond)):
            out.append(
                {
                    "claim": f"{name}: at most {CLAIM_MEMORY:g} of {words}",
                    "measured": value,
                    "kept": value <= CLAIM_MEMORY,
                }
            )
    return out


def measure(count: int, sets: int, rounds: int) -> dict[str, Any]:
    """Everything on one core, and ours on all of them."""
    every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    rows = race(count, sets, rounds, every[:1])
    rows += whole(count, sets, every[:1], rows)
    judged = verdicts(rows)
    if len(every) > 1:
        rows += race(count, sets, rounds, every)
    print()
    for verdict in judged:
        print(f"{'kept  ' if verdict['kept'] else 'BROKEN'} {verdict['claim']}: {verdict['measured']:.3g}")
    return {"rows": rows, "verdicts": judged}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description="Sweeps beside vectorbt.")
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--bars", type=int, default=work.DAYS_90)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(".cache/bench/sweep.json"))
    arguments = parser.parse_args()
    result = measure(arguments.bars, arguments.sets, arguments.rounds)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1))
    return 0 if all(verdict["kept"] for verdict in result["verdicts"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
