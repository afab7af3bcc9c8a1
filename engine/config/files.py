"""The text of a configuration file, or a sentence why there is none: gone, a folder, not readable, too large, no text.

What the text means is reading.py's. A byte order mark and Windows line ends are taken as they come; `encoded` keeps them
for whoever writes the file again.
"""

from __future__ import annotations

import stat
from pathlib import Path

from engine.access.files import misplaced
from engine.config.errors import ConfigError

MOST_BYTES = 256 * 1024
"""A configuration of a thousand slots has four fifths of this; what is larger was saved under the wrong name."""
BOM = b"\xef\xbb\xbf"


class NoFile(ConfigError):
    """There is no such file."""


def content(path: Path) -> bytes:
    """What stands in the file. ConfigError (NoFile where there is none) in a sentence; never waits, whatever `path` is."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{path} is a folder: put the configuration's file in its place")
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path} is no ordinary file: put the configuration's file in its place")
        if found.st_size > MOST_BYTES:
            raise ConfigError(
                f"{path} has {found.st_size / 1024:,.0f} KiB: a configuration has at most {MOST_BYTES // 1024}; "
                "something else was saved under its name"
            )
        if why := misplaced(found):
            raise ConfigError(f"{path} is not used: {why}")
        return path.read_bytes()
    except FileNotFoundError:
        raise NoFile(
            f"{path} does not exist. `run_engine.py init` writes one, or copy config.example.toml there."
        ) from None
    except PermissionError:
        raise ConfigError(
            f"{path} may not be read by this user: `chmod u+r {path}`, or give it to who runs this"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None


def decoded(data: bytes, path: Path) -> str:
    """The file's text with line ends as \\n and without a byte order mark. ConfigError where it is no UTF-8."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path} cannot be read: line {line} is no text in UTF-8. Save it as UTF-8.") from None
    return text.replace("\r\n", "\n")


def text_of(path: Path) -> str:
    """The file's text. ConfigError as `content` and `decoded`."""
    return decoded(content(path), path)


def encoded(text: str, like: bytes) -> bytes:
    """`text` as bytes, with the byte order mark and the line ends that `like` has."""
    if b"\r\n" in like:
        text = text.replace("\n", "\r\n")
    return (BOM if like.startswith(BOM) else b"") + text.encode("utf-8")
