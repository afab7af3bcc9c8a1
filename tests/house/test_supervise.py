"""A crashed engine is started again, later each time; one that ended for good is not."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from engine.runtime.supervise import FIRST_WAIT, LONGEST_WAIT, STEADY, Supervisor

CHILD = """
import sys
from pathlib import Path
codes = Path(sys.argv[1])
first, _, rest = codes.read_text().partition(" ")
codes.write_text(rest)
if first == "kill":
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(first))
"""


class Time:
    """A clock that only the supervisor's waits move, and that notes them."""

    def __init__(self, lives: float = 0.0) -> None:
        self.now, self.lives, self.waits = 0.0, lives, list[float]()

    def clock(self) -> float:
        self.now += self.lives
        return self.now

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)


def supervised(tmp_path: Path, codes: str, lives: float = 0.0) -> tuple[int, list[float], str]:
    script = tmp_path / "codes"
    script.write_text(codes)
    time = Time(lives)
    code = Supervisor([sys.executable, "-c", CHILD, str(script)], clock=time.clock, pause=time.pause).run()
    return code, time.waits, script.read_text()


def test_a_crash_is_followed_by_a_start_and_a_longer_wait(tmp_path: Path) -> None:
    code, waits, left = supervised(tmp_path, "1 kill 74 0 1")
    assert (code, waits, left) == (0, [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT], "1")


def test_the_wait_has_a_ceiling(tmp_path: Path) -> None:
    _, waits, _ = supervised(tmp_path, "1 " * 8 + "0")
    assert waits[-1] == LONGEST_WAIT
    assert waits == sorted(waits)


@pytest.mark.parametrize("code", [0, 2, 78])
def test_what_would_end_the_same_way_is_not_started_again(tmp_path: Path, code: int) -> None:
    assert supervised(tmp_path, f"{code} 0") == (code, [], "0")


def test_a_child_that_lived_long_starts_the_count_anew(tmp_path: Path) -> None:
    _, waits, _ = supervised(tmp_path, "1 1 0", lives=STEADY)
    assert waits == [FIRST_WAIT, FIRST_WAIT]


def test_a_signal_reaches_the_child_and_ends_the_supervision(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    child = (
        "import os, signal, sys; signal.signal(signal.SIGTERM, lambda *_: os._exit(9)); "
        "open(sys.argv[1], 'w').write('x'); signal.pause()"
    )
    supervisor = Supervisor([sys.executable, "-c", child, str(ready)])
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(supervisor.run()))
    thread.start()
    assert ready.read_text() == "x"
    supervisor.forward(signal.SIGTERM)
    thread.join(20)
    assert codes == [9]
