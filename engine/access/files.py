"""Files of ours are no business of other users of the machine: their rights are taken away before a file is made."""

from __future__ import annotations

import os


def keep_from_others() -> None:
    """From here on this process makes no file that others can read; the group keeps what the system grants it (with
    UMask=0007 the engine and the app may be two users of one group)."""
    os.umask(os.umask(0o077) | 0o007)
