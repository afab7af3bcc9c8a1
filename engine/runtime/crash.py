"""Named points of the write path at which a test may kill the process. Without EVENKEEL_KILL_AT this does nothing.

EVENKEEL_KILL_AT=name:count sends SIGKILL to the own process the count-th time the point is passed.
"""

import os
import signal
from collections.abc import Callable

POINTS = (
    "event.taken",
    "tape.appended",
    "machine.stepped",
    "tape.synced",
    "bars.saved",
    "commit.begun",
    "commit.written",
    "commit.done",
    "recovery.loaded",
    "recovery.replayed",
    "command.read",
)

_name, _, _count = os.environ.get("EVENKEEL_KILL_AT", "").partition(":")
_left = int(_count or 1)
_hook: Callable[[str], None] | None = None


def point(name: str) -> None:
    """Die here if this is where the test wants it."""
    global _left
    if _hook is not None:
        _hook(name)
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str, count: int) -> None:
    """The same from within a forked child."""
    global _name, _left
    _name, _left = name, count


def at_points(hook: Callable[[str], None] | None) -> None:
    """Have a simulation told of every point that is passed; what `hook` raises ends the engine there."""
    global _hook
    _hook = hook
