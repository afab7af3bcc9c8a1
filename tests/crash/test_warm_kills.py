"""No kill can hurt it: the same in children forked from a warmed parent, which is faster; a file for a worker of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.crash.session import ROOT


@pytest.mark.timeout(600)
def test_kills_in_warmed_children() -> None:
    """In a process of its own: pytest's has threads, and a thread must not be running when lives are forked."""
    command = [sys.executable, "-m", "tests.crash", "--kills", "190", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("190 passed, 0 failed")
