"""No kill can hurt it: the same in children forked from a warmed parent, which is faster; a file for a worker of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.crash.session import ROOT


def killed(kills: int, seed: int) -> None:
    """In a process of its own: pytest's has threads, and a thread must not be running when lives are forked."""
    command = [sys.executable, "-m", "tests.crash", "--kills", str(kills), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=850, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(f"{kills} passed, 0 failed")


@pytest.mark.timeout(900)
def test_kills_in_warmed_children() -> None:
    killed(95, 7)
