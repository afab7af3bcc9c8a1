"""All of them: `python -m benchmarks [--out FILE] [--rounds N]` (`make bench`); tables on screen, everything as
JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

from benchmarks import kernel, linear, single, step, sweep, work


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What Evenkeel claims about speed.")
    parser.add_argument("--out", type=Path, default=Path(".cache/bench/result.json"), help="where the JSON goes")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contender on 129,600 bars")
    arguments = parser.parse_args()
    result = {
        "machine": {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()},
        "single": single.main(arguments.rounds),
        "step": step.main(),
        "kernel": kernel.main(),
        "sweep": sweep.measure(work.DAYS_90, 1000, max(2, arguments.rounds // 5)),
        "linear": linear.measure(),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1))
    print(f"\nwritten to {arguments.out}")
    kept = [result["step"]["kept"], result["kernel"]["kept"]]
    for part in ("single", "sweep", "linear"):
        kept += [verdict["kept"] for verdict in result[part]["verdicts"]]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main())
