"""`python -m tests.deploy.clouds`: AWS's command line and moto's server in .oracles/cloud, then the tests that need them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLACE = ROOT / ".oracles" / "cloud"
WANTED = HERE / "requirements-cloud.txt"


def made() -> bool:
    """Whether the environment is whole and of the present requirements."""
    stamp = PLACE / "complete.txt"
    return stamp.exists() and stamp.read_text() == WANTED.read_text()


def make() -> None:
    if made():
        return
    print("making .oracles/cloud", flush=True)
    shutil.rmtree(PLACE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
    subprocess.run([str(PLACE / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(WANTED)], check=True)
    (PLACE / "complete.txt").write_text(WANTED.read_text())


if __name__ == "__main__":
    make()
    test = [sys.executable, "-m", "pytest", "-n", "0", "-m", "long or not long", "-q", str(HERE / "test_clouds.py")]
    sys.exit(subprocess.run([*test, *sys.argv[1:]], cwd=ROOT).returncode)
