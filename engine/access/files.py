"""Files of ours, and what we remember, are no business of other users of the machine: rights are taken away before a file is
made, and no core is ever written. What they may lay in our folders is neither followed nor waited for."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

_SET_DUMPABLE = 4
"""Of Linux's prctl."""


def keep_from_others() -> None:
    """From here on this process makes no file that others can read, and no core that would hold its secrets. The group is among
    the others unless a person has asked that it be not, as where engine and app are two users of one: by UMask=0007, or by a
    folder of EVENKEEL_HOME or EVENKEEL_DATA that the group may write."""
    asked = os.umask(0o077) & 0o077 == 0o007
    if asked or any(_shared(os.environ.get(name, "")) for name in ("EVENKEEL_HOME", "EVENKEEL_DATA")):
        os.umask(0o007)
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _shared(folder: str) -> bool:
    try:
        return bool(folder) and os.stat(folder).st_mode & 0o022 == 0o020
    except OSError:
        return False


def keep_memory() -> None:
    """For a process that holds an exchange's keys: on Linux no other process of this user may look into its memory, its
    environment or its open files (ptrace, /proc). Root may."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def own(path: str, flags: int) -> int:
    """An `opener` for files that only we write: whoever may write the folder can lay a link there that leads to another file of
    ours, or a pipe that lets nobody go on. OSError, at once, for all that is no ordinary file."""
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _no_file(path) from None
        raise
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise _no_file(path)


def _no_file(path: str) -> OSError:
    return OSError(
        errno.EINVAL, "is a link or a special file where a file of ours belongs: look who laid it there", path
    )


def fresh(path: Path, mode: int = 0o666) -> BinaryIO:
    """A new file for writing, whatever had this name before; for a part that takes its own name once it is whole."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, mode), "wb")


def read(path: Path, encoding: str = "utf-8") -> str:
    """What stands in a file of ours. OSError as `own`."""
    with open(path, encoding=encoding, opener=own) as file:
        return file.read()


def misplaced(found: os.stat_result) -> str:
    """Why a file cannot be relied on that says what this process shall do: every user may write it, or it is another's who does
    not share a group with us (engine and app may be two users of one); nothing where it can."""
    if os.name != "posix":
        return ""
    if found.st_mode & 0o002:
        return "every user of this machine may write it: `chmod o-w` takes that away"
    mine = (0, os.geteuid())
    if mine[1] in (0, found.st_uid) or found.st_uid in mine or found.st_gid in (os.getegid(), *os.getgroups()):
        return ""
    return f"it belongs to another user (number {found.st_uid}): give it to who runs this, with `chown`"


def foreign(path: Path) -> bool:
    """Whether somebody else than this user or root owns the file, or the folder's other users may write it."""
    if os.name != "posix":
        return False
    found = path.stat()
    return found.st_uid not in (0, os.geteuid()) or bool(found.st_mode & 0o002)
