"""Whether a disk takes anything: which errors of the system mean that it is full, and a look whether it still is.

A quota and a limit on a file's size say other numbers than a full disk and mean the same. Nothing here waits or decides.
"""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

PROBE, PROBE_BYTES = "room.tmp", 4096
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: BaseException) -> bool:
    """True for the system's word that there is no room."""
    return isinstance(error, OSError) and error.errno in FULL


def takes_nothing(folder: Path) -> bool:
    """True if not even a small file can be written in `folder` for want of room. Leaves nothing behind."""
    probe = folder / PROBE
    try:
        probe.unlink(missing_ok=True)
        with probe.open("xb", buffering=0) as file:
            return (file.write(bytes(PROBE_BYTES)) or 0) < PROBE_BYTES
    except OSError as error:
        return is_full(error)
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
