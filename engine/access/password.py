"""The app's password: argon2id in a file of the person's own folder that nobody else can read.

One person, one password, no default. The file holds the hash alone; who has forgotten the password sets another on the
machine itself. Parameters of the hash are the library's (RFC 9106, second recommendation); an older hash is renewed when the
right password is given.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from engine.access.files import read

if TYPE_CHECKING:
    from argon2 import PasswordHasher

FILE = "app-password"
LEAST, MOST = 12, 1024
"""Characters of a password."""
LEAST_SCORE = 3
"""Of zxcvbn's 0-4: it would withstand 10**8 guesses and more (Wheeler 2016, "zxcvbn: Low-Budget Password Strength
Estimation")."""


class PasswordError(Exception):
    """The password, or the file that keeps it, is not fit for use; the words say what to do. Exit code 78."""

    exit_code = 78


def weakness(password: str) -> str | None:
    """What is wrong with a password that somebody wants to set; None if it will do."""
    from zxcvbn import zxcvbn

    if len(password) < LEAST:
        return f"it has {len(password)} characters; take at least {LEAST}, four or five random words are good"
    if len(password) > MOST:
        return f"it has {len(password)} characters; take at most {MOST}"
    found = zxcvbn(password, user_inputs=["evenkeel", "trading", "bitcoin", "crypto"], max_length=MOST)
    if found["score"] < LEAST_SCORE:
        why = found["feedback"]["warning"] or "it is easy to guess"
        return f"{why.rstrip('.')}; take four or five random words"
    return None


def set_password(folder: Path, password: str) -> Path:
    """Keep `password` as the app's; every session that is open ends. PasswordError if it is weak. Returns the file."""
    if (why := weakness(password)) is not None:
        raise PasswordError(f"this password is not set: {why}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    _write(path, _hasher().hash(password))
    return path


def remove(folder: Path) -> bool:
    """Have no password any more; False if there was none."""
    try:
        (folder / FILE).unlink()
    except FileNotFoundError:
        return False
    return True


def stored(folder: Path) -> str | None:
    """The hash in force; None where no password is set. PasswordError if others can read the file or it is no hash."""
    path = folder / FILE
    try:
        mode = path.lstat().st_mode
        found = read(path, "ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise PasswordError(f"{path} cannot be read: {error}. Set the password again: run_engine.py password") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PasswordError(f"{path} can be read by others on this machine: chmod 600 {path}")
    if not found.startswith("$argon2id$"):
        raise PasswordError(f"{path} holds no password: set it again with run_engine.py password")
    return found


def is_set(folder: Path) -> bool:
    """Whether there is a password, fit for use or not."""
    return os.path.lexists(folder / FILE)


def matches(folder: Path, password: str) -> bool:
    """Whether this is the password; one round of argon2id either way. False where none is set."""
    from argon2.exceptions import InvalidHashError, VerificationError

    kept, hasher = stored(folder), _hasher()
    if kept is None or len(password) > MOST:
        return False
    try:
        hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
    if hasher.check_needs_rehash(kept):
        _write(folder / FILE, hasher.hash(password))
    return True


def device(kept: str) -> str:
    """What a browser may show later to prove that somebody logged in there under this password (`kept` is its hash): a random
    number and its HMAC-SHA256. It opens nothing."""
    number = secrets.token_hex(8)
    return f"{number}.{_proof(kept, number)}"


def knows(kept: str, told: str) -> bool:
    """Whether `told` was made by `device` under the password in force."""
    number, _, proof = told.partition(".")
    return len(number) == 16 and hmac.compare_digest(proof.encode(), _proof(kept, number).encode())


def _proof(kept: str, number: str) -> str:
    return hmac.new(kept.encode(), b"evenkeel device " + number.encode(), hashlib.sha256).hexdigest()


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for an instant."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
