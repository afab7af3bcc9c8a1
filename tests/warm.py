"""Compile once what the suite's workers would else each compile at the same moment: the kernel, and the tests themselves.

python -m tests.warm

Both stay (.cache/numba, __pycache__), so only a fresh clone waits. The suite does not depend on it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HALVES = ("[a-l]*", "[m-z]*")
"""Of the folders of tests, by their first letter: as many tests each."""


def _collected(pattern: str) -> subprocess.Popen[bytes]:
    """Another process that imports a half of the tests, which pytest rewrites and keeps."""
    folders = [str(place) for place in sorted(Path(__file__).parent.glob(pattern)) if place.is_dir()]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-n", "0", *folders], stdout=quiet, stderr=quiet
    )


def _kernel() -> None:
    from tests.core.picture import check

    check("""
        0:00  1000 1020  990 1010 | buy  |
        0:01  1013 1040 1010 1020 |      | buy 1013
        0:02  1050 1060 1040 1050 | exit |
        0:03  1044 1060 1030 1050 |      | sell 1044
    """)


def main() -> None:
    """Collect the tests in two processes while this one lives a small picture."""
    halves = [_collected(pattern) for pattern in HALVES]
    _kernel()
    for half in halves:
        half.wait()


if __name__ == "__main__":
    main()
