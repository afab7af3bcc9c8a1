"""One engine a key: two that trade with the same one would count each other's orders as strangers', and share its nonces.

A lock of this machine's, by a hash of the key, that the system takes back when the process ends however it ends.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from engine.access.held import Taken, take
from engine.config.errors import ConfigError


class KeyInUse(ConfigError):
    """Another engine on this machine trades with this key."""

    exit_code = 74


@contextmanager
def key_lock(key: str, secret: str) -> Iterator[None]:
    """Held while inside. KeyInUse, with who has it, where it is taken."""
    name = blake2b(f"{key}\0{secret}".encode(), digest_size=8, person=b"evenkeel-lock").hexdigest()
    path = Path(tempfile.gettempdir()) / f"evenkeel-{os.getuid()}-{name}.lock"
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "r+") as file:
        try:
            take(file)
        except Taken as taken:
            raise KeyInUse(
                f"another engine (process {taken.owner}) trades with this key: stop it first, or give each a key of its own"
            ) from None
        yield
