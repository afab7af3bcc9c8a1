"""`python -m tests.simulation --seed N` repeats one seed; `--seeds N` runs many; `--bugs` plants every seeded bug;
`--every-storage-call` fails each storage call of a seed, one run for each; `--soak` lives a day in one process.

See docs/simulation.md.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from itertools import count, islice

from tests.simulation import bugs, many, soak, sweep
from tests.simulation.hunt import hunt, remember
from tests.simulation.plan import is_live
from tests.simulation.run import Outcome

SWEPT = [16, 18]
"""Seeds whose storage calls are failed: one on paper, one with real orders."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one alone, in this process, and say what it came to")
    parser.add_argument("--seeds", type=int, default=0, help="run so many")
    parser.add_argument("--first", type=int, default=1, help="from this one on [1]")
    parser.add_argument("--account", choices=("paper", "live"), help="only seeds of this kind [both]")
    parser.add_argument("--workers", type=int, help="processes [as many as there are processors]")
    parser.add_argument("--bug", choices=bugs.names(), default="", help="on an engine with this seeded bug")
    parser.add_argument("--bugs", action="store_true", help="hunt every seeded bug, each in at most 500 seeds")
    parser.add_argument("--every-storage-call", action="store_true", help="fail each of --seed's, one run for each")
    parser.add_argument("--stride", type=int, default=1, help="only every Nth of them [1]")
    parser.add_argument(
        "--soak", action="store_true", help="a day of exchange time in one process: is its memory flat?"
    )
    parser.add_argument("--hours", type=int, default=24, help="of exchange time, for --soak [24]")
    parser.add_argument(
        "--traced", action="store_true", help="for --soak: count what Python allocates, too; twice the time"
    )
    parser.add_argument("--say", action="store_true", help="what the engine says of itself, too")
    options = parser.parse_args()
    many.quiet()
    if options.bugs:
        return _hunt(options.workers)
    if options.every_storage_call:
        return _sweep([options.seed] if options.seed is not None else SWEPT, options.stride)
    if options.soak:
        return _soak(options.seed or 1, options.hours, options.traced)
    if options.seed is not None:
        if options.say:
            logging.basicConfig(level="INFO")
            logging.getLogger("evenkeel").setLevel("INFO")
        print(many.live(options.seed, options.bug))
        return 0
    fit = (seed for seed in count(options.first) if options.account in (None, "live" if is_live(seed) else "paper"))
    return _many(list(islice(fit, options.seeds)), options)


def _many(seeds: list[int], options: argparse.Namespace) -> int:
    began, failed, totals = time.monotonic(), 0, Counter[str]()
    for number, told in enumerate(many.each(seeds, workers=options.workers, bug=options.bug), 1):
        if isinstance(told, Outcome):
            totals.update({**told.counts, **told.struck})
        else:
            failed += 1
            print(f"FAILED: {told}", flush=True)
        if number % 500 == 0:
            print(f"{number} seeds, {failed} failed, {number / (time.monotonic() - began):.1f} a second", flush=True)
    print("; ".join(f"{name} {count:,}" for name, count in sorted(totals.items())))
    print(
        f"{len(seeds) - failed} passed, {failed} failed, {len(seeds) / (time.monotonic() - began):.1f} seeds a second"
    )
    return 1 if failed else 0


def _sweep(seeds: list[int], stride: int) -> int:
    failed = 0
    for seed in seeds:
        struck = Counter[str]()
        for number, kind, told in sweep.sweep(seed, stride):
            struck[kind] += 1
            if isinstance(told, Exception):
                failed += 1
                print(
                    f"FAILED: seed {seed}, storage call {number}, {kind}: {type(told).__name__}: {str(told)[:300]}",
                    flush=True,
                )
        print(f"seed {seed}: {', '.join(f'{count} {kind}' for kind, count in sorted(struck.items()))}", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


def _soak(seed: int, hours: int, traced: bool) -> int:
    life = soak.soak(seed, hours, traced)
    for one in life.samples:
        print(
            f"hour {one.hour}: {one.resident:.1f} MB resident, {one.allocated:.1f} MB allocated, "
            f"{one.files} files, {one.threads} threads"
        )
    wrong = soak.judged(life.samples)
    print("\n".join(wrong) or "memory, files and threads stay flat")
    return 1 if wrong else 0


def _hunt(workers: int | None) -> int:
    seeds, names = dict[str, int](), bugs.names()
    for name in names:
        seed = hunt(name, workers=workers)
        if seed is not None:
            seeds[name] = seed
        print(
            f"{name}: {'NOT CAUGHT' if seed is None else f'caught by seed {seed}'}. {bugs.says(name)}",
            flush=True,
        )
    remember(seeds)
    print(f"{len(seeds)} of {len(names)} caught")
    return 0 if len(seeds) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
