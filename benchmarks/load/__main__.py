"""All parts in turn, a page and a file of figures at the end.

    python -m benchmarks.load [--quick] [--only PART ...] [--out FOLDER] [--shared]

`--quick` is a smoke test of a minute or two; `--shared` says on the page that others were using the machine. Ends with 1 where a
target was missed or a part could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.load import (
    api,
    figures,
    gains,
    grid,
    machine,
    recovery,
    report,
    screen,
    sessions,
    storm,
    ticks,
    verdicts,
)

Part = Callable[[Path, bool], dict[str, Any]]
PARTS: dict[str, Part] = {
    "machine": machine.measure, "ticks": ticks.measure, "screen": screen.measure, "grid": grid.measure,
    "sessions": sessions.measure, "api": api.measure, "storm": storm.measure, "recovery": recovery.measure,
    "gains": gains.measure,
}  # fmt: skip


def run(names: list[str], quick: bool, keep: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Every part by name, in folders that are gone afterwards; one that fails says so in its place. `keep` is given what there is
    after every part: a run that is ended early leaves what it found."""
    begun, before = time.time(), os.getloadavg()[0]
    found: dict[str, Any] = {"taken": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "cores": os.cpu_count()}
    for name in dict.fromkeys(["machine", *names]):  # without the machine's own limits a figure says little
        folder = Path(tempfile.mkdtemp(prefix=f"evenkeel-load-{name}-"))
        at = time.perf_counter()
        try:
            found[name] = PARTS[name](folder, quick)
        except Exception as error:
            traceback.print_exc()
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        found[name]["part_seconds"] = time.perf_counter() - at
        print(f"{name}: {found[name]['part_seconds']:.0f} s", flush=True)
        found["seconds"], found["load"] = time.time() - begun, [before, os.getloadavg()[0]]
        keep(dict(figures.plain(found)))
    return dict(figures.plain(found))


def write(out: Path, shared: bool, result: dict[str, Any]) -> list[dict[str, Any]]:
    """load.json and load.html of what there is; the verdicts on it."""
    told = {**result, "shared": shared}
    told["verdicts"] = verdicts.verdicts(told)
    out.mkdir(parents=True, exist_ok=True)
    (out / "load.json").write_text(json.dumps(told, indent=1))
    (out / "load.html").write_text(report.page(told))
    return list(told["verdicts"])


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description="How much the engine and the app bear."
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test: less of everything")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--out", type=Path, default=Path(".cache/load"), help="folder for load.html and load.json")
    parser.add_argument("--shared", action="store_true", help="say that others were using the machine")
    asked = parser.parse_args()
    result = run(asked.only, asked.quick, partial(write, asked.out, asked.shared))
    said = write(asked.out, asked.shared, result)
    for one in said:
        print(f"{'kept' if one['kept'] else 'WARN, missed'}: {one['words']}")
    print(f"written to {asked.out / 'load.html'} and load.json, after {result['seconds']:.0f} s")
    failed = [name for name in asked.only if "failed" in result[name]]
    return 0 if not failed and all(one["kept"] for one in said) else 1


if __name__ == "__main__":
    raise SystemExit(main())
