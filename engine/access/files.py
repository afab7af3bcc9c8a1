"""Files of ours, and what we remember, are no business of other users of the machine: rights are taken away before a file is
made, and no core is ever written."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_SET_DUMPABLE = 4
"""Of Linux's prctl."""


def keep_from_others() -> None:
    """From here on this process makes no file that others can read, and no core that would hold its secrets; the group keeps what
    the system grants it (with UMask=0007 the engine and the app may be two users of one group)."""
    os.umask(os.umask(0o077) | 0o007)
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def keep_memory() -> None:
    """For a process that holds an exchange's keys: on Linux no other process of this user may look into its memory, its
    environment or its open files (ptrace, /proc). Root may."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def foreign(path: Path) -> bool:
    """Whether somebody else than this user or root owns the file, or the folder's other users may write it."""
    if os.name != "posix":
        return False
    found = path.stat()
    return found.st_uid not in (0, os.geteuid()) or bool(found.st_mode & 0o002)
