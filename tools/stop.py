"""Stop the engine and the worker of a data folder, and wait until they have ended: `python tools/stop.py`, `make stop`.

Who runs is told by the lock that each holds while it lives: a number left behind by a process that died is never signalled.
Standard library only. A supervised engine is not started again: it ended as asked.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

LOCKS = {"engine": "evenkeel.db.lock", "worker": "worker.lock"}
PATIENCE_S = 60.0


def holder(lock: Path) -> int | None:
    """The process that holds the lock; None where nobody does."""
    try:
        with lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return int(file.read().strip() or 0)
    except FileNotFoundError:
        pass
    return None


def stop(data: Path, patience_s: float = PATIENCE_S) -> int:
    """0 when nothing runs any more, 1 where something does not end in time. What was done goes to stderr."""
    asked: dict[str, int] = {}
    until = time.monotonic() + patience_s
    while True:
        running = {name: pid for name, lock in LOCKS.items() if (pid := holder(data / lock)) is not None}
        for name, pid in running.items():
            if pid and asked.get(name) != pid:
                os.kill(pid, signal.SIGTERM)
                asked[name] = pid
                print(f"{name} (process {pid}) was asked to stop", file=sys.stderr)
        if not running:
            print("stopped" if asked else f"nothing runs in {data}", file=sys.stderr)
            return 0
        if time.monotonic() > until:
            print(f"{', '.join(running)} did not end within {patience_s:g} s", file=sys.stderr)
            return 1
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(stop(Path(os.environ.get("EVENKEEL_DATA") or "data")))
