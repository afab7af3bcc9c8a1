"""Who may ask: bearer tokens with a scope, kept as hashes in a file that only its owner can read.

A token is 256 random bits, so a plain SHA-256 is enough: there is nothing to guess. Nothing here is stored in the database,
so that a copied ledger opens no door.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.access import files

SCOPES = ("read", "command")
"""`command` includes `read`."""
PREFIX = "evk_"
DAY_MS = 86_400_000


class TokenError(Exception):
    """The file of tokens cannot be used, or there is no such token; the text says what to do."""

    exit_code = 78


@dataclass(frozen=True)
class Token:
    """One token as it is kept; `hash` is the SHA-256 of its text in hex, `created_ts` and `ends_ts` ms UTC."""

    name: str
    scope: str
    hash: str
    created_ts: int
    ends_ts: int = 0

    def ended(self, now_ms: int) -> bool:
        """Whether its time is over; 0 has no end."""
        return 0 < self.ends_ts <= now_ms


def tokens_file() -> Path:
    """my/tokens.json, or where EVENKEEL_HOME points."""
    from engine.config.reading import home

    return home() / "tokens.json"


def create(path: Path, scope: str, name: str, now_ms: int, days: int = 0) -> str:
    """Add a token and return its text, which is kept nowhere; it ends after `days`, 0 never. TokenError where the name is taken
    or the scope unknown."""
    if scope not in SCOPES:
        raise TokenError(f"no scope {scope!r}: {' or '.join(SCOPES)}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", name):
        raise TokenError(f"{name!r} is no name: letters, digits, '.', '_' and '-', at most 40")
    kept = read(path)
    if any(one.name == name for one in kept):
        raise TokenError(f"there is a token {name!r} already: `token revoke {name}` first, or choose another --name")
    text = PREFIX + secrets.token_urlsafe(32)
    _write(path, [*kept, Token(name, scope, _hash(text), now_ms, now_ms + days * DAY_MS if days else 0)])
    return text


def revoke(path: Path, name: str) -> None:
    """Forget a token; from the next request on it opens nothing. TokenError where there is none of that name."""
    kept = read(path)
    if all(one.name != name for one in kept):
        raise TokenError(f"no token {name!r}; there are {', '.join(one.name for one in kept) or 'none'}")
    _write(path, [one for one in kept if one.name != name])


def read(path: Path) -> list[Token]:
    """The kept tokens; [] without a file. TokenError where others may read it, or it is not what we wrote."""
    try:
        if stat.S_IMODE(path.lstat().st_mode) & 0o077:
            raise TokenError(f"{path} can be read by others: chmod 600 {path}, and make its tokens anew")
        rows = json.loads(files.read(path))
        return [
            Token(str(r["name"]), str(r["scope"]), str(r["hash"]), int(r["created_ts"]), int(r.get("ends_ts", 0)))
            for r in rows
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TokenError(f"{path} cannot be read: {error}. Remove it and make the tokens anew") from error


def found(kept: list[Token], text: str) -> Token | None:
    """The kept token with this text. Every one is compared, in constant time."""
    asked, match = _hash(text), None
    for one in kept:
        if hmac.compare_digest(one.hash, asked):
            match = one
    return match


class Keys:
    """The file's tokens for a server: read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._kept: list[Token] = []

    def kept(self) -> list[Token]:
        """As `read`; a file that cannot be used lets nobody in."""
        try:
            found = self.path.stat()
            stamp: tuple[int, int] | None = (found.st_mtime_ns, found.st_ino)
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._stamp, self._kept = stamp, []
            self._kept = read(self.path)
        return self._kept


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, kept: list[Token]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with files.fresh(part, 0o600) as file:
        file.write(json.dumps([asdict(one) for one in kept], indent=1).encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
