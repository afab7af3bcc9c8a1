"""Compile once what the suite's workers would else each compile at the same moment: the kernel's entries, the tests themselves.

python -m tests.warm

Both stay (.cache/numba, __pycache__), so only a fresh clone waits. The suite does not need it: what fails here says so there.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LANES = (
    (
        "tests/core/test_kernel_fills.py::test_a_decision_fills_at_the_next_open",
        "tests/laws/test_lean.py::test_the_scenes_hold_what_they_are_for",
        "tests/research/test_sweep.py::test_every_set_equals_its_backtest",
    ),
    (
        "--collect-only",
        "tests/app/test_now_pages.py::test_any_other_words_are_no_mark_and_no_error",
        "tests/core/test_limit_use.py",
        "tests/laws/test_venue.py::test_a_part_that_stays_is_a_position_when_the_rest_is_cancelled",
    ),
)
"""What pytest is called with, one after the other, in two lanes: the smallest tests that meet every entry, and
hypothesis's own table of characters."""


def lane(steps: tuple[str, ...]) -> None:
    """Call pytest with each."""
    for step in steps:
        command = [sys.executable, "-m", "pytest", "-qq", "-n", "0", "-p", "no:cacheprovider", step]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def main() -> None:
    """Walk the lanes side by side."""
    with ThreadPoolExecutor(len(LANES)) as threads:
        list(threads.map(lane, LANES))


if __name__ == "__main__":
    main()
