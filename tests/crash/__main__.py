"""`python -m tests.crash --kills N`: sessions of 200 kills each until N are done, each proven whole. `--lock SECONDS`: before
them a session whose database another process locks for so long.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from tests.crash.proofs import prove
from tests.crash.session import Engine, market, warm_up
from tests.crash.test_faults import SEED, locked_once
from tests.crash.test_kills import FRESH, WARM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lock", type=int, default=0)
    options = parser.parse_args()
    if options.lock:
        _locked(options.lock)
    dice, done, began = random.Random(options.seed), 0, time.monotonic()
    while done < options.kills:
        count = min(200, options.kills - done)
        with tempfile.TemporaryDirectory() as folder, market(120 + count * 40, seed=dice.randint(1, 10**6)) as place:
            warm_up(place)
            engine = Engine(Path(folder), place)
            for number in range(count):
                if number < len(FRESH):
                    engine.die_warm(dice, *FRESH[number])
                else:
                    engine.die_warm(dice, WARM[number % len(WARM)])
            engine.finish(600)
            counts = prove(Path(folder), place.truth())
        done += count
        print(f"{done} kills, {time.monotonic() - began:.0f} s: {counts}", flush=True)
    print(f"{done} passed, 0 failed")


def _locked(seconds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, market(3000, seed=SEED) as place:
        engine = Engine(Path(folder), place)
        locked_once(engine, seconds)
        engine.finish(300)
        print(f"locked for {seconds} s: {prove(Path(folder), place.truth())}", flush=True)


if __name__ == "__main__":
    main()
