"""The one file that a life travels in: a plain tar, `manifest.json` first, every file listed with its size and SHA-256.

Members are `data/...` and `my/...`. Reading trusts nothing: a name that is not listed, leads elsewhere or is no ordinary file
ends it. What goes in and where it is put is leaving.py's and arriving.py's.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, Any

MANIFEST = "manifest.json"
MOST_MANIFEST = 256_000_000
SECRETS = (".env", ".env.*", "app-password", "tokens.json", "*.pem", "*.key")
PIECE = 1 << 20


class BundleError(Exception):
    """The file is no bundle, or not the one that was written; the words say what is wrong."""

    exit_code = 74


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. `files` is name -> (SHA-256 in hex, bytes); `server`: the ledger was
    a PostgreSQL server's; `needs` are names of environment variables that
    it does not carry; `notes` are sentences for the person."""

    version: str
    schema: str
    made: int
    files: dict[str, tuple[str, int]]
    data_dir: str = "data"
    server: bool = False
    runs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(text: bytes) -> Manifest:
        """BundleError where it cannot be what we wrote."""
        try:
            told: dict[str, Any] = json.loads(text)
            files = {str(name): (str(one[0]), int(one[1])) for name, one in told["files"].items()}
            runs, needs, notes = (tuple(map(str, told[name])) for name in ("runs", "needs", "notes"))
            if not all(safe(name) for name in files):
                raise ValueError("a name leads out of the bundle")
            if key := next((name for name in files if secret(name)), None):
                raise ValueError(
                    f"it holds {key}, which no bundle of ours carries: it would open the app, the API or an account"
                )
            version, schema, data_dir = (str(told[name]) for name in ("version", "schema", "data_dir"))
            return Manifest(
                version, schema, int(told["made"]), files, data_dir, bool(told["server"]), runs, needs, notes
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise BundleError(f"{MANIFEST} of the bundle cannot be read: {error}") from error


def safe(name: str) -> bool:
    """Whether a member's name stays where it is put."""
    parts = PurePosixPath(name).parts
    plain = "\\" not in name and "\0" not in name and name == str(PurePosixPath(*parts)) if parts else False
    return plain and len(parts) > 1 and parts[0] in ("data", "my") and ".." not in parts


def secret(name: str) -> bool:
    """Whether a file of my/ is a key, or opens the app or the API: those stay where they are, and are taken from nobody."""
    return any(fnmatch(PurePosixPath(name).name.lower(), pattern) for pattern in SECRETS)


def write(target: Path, manifest: Manifest, members: Mapping[str, Path | bytes]) -> None:
    """Write the bundle to `target` (readable by its owner alone), synced. OSError as it comes."""
    handle = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _put(tar, MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
            for name in manifest.files:
                _put(tar, name, members[name])
        file.flush()
        os.fsync(file.fileno())


def _put(tar: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = 0o600
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
        return
    entry.size = content.stat().st_size
    with content.open("rb") as file:
        tar.addfile(entry, file)


def listed(members: Mapping[str, Path | bytes]) -> dict[str, tuple[str, int]]:
    """Hash and size of each member, in the order in which they are written."""
    return {name: hashed(members[name]) for name in sorted(members)}


def hashed(content: Path | bytes) -> tuple[str, int]:
    """SHA-256 in hex, and bytes."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest(), len(content)
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), content.stat().st_size


def digest(file: Path) -> str:
    """The whole bundle's SHA-256, in hex."""
    return hashed(file)[0]


def manifest_of(file: Path) -> Manifest:
    """What the bundle says of itself. BundleError."""
    with _opened(file) as tar:
        return _first(tar, file)


def unpack(file: Path, into: Path | None = None) -> Manifest:
    """Check every member against the manifest, and with `into` write it there. BundleError at the first that is not as listed."""
    with _opened(file) as tar:
        manifest = _first(tar, file)
        try:
            _check(tar, file, manifest, into)
        except (tarfile.TarError, EOFError) as error:
            raise BundleError(f"{file} is damaged: {error}. Copy it again") from error
    return manifest


def _check(tar: tarfile.TarFile, file: Path, manifest: Manifest, into: Path | None) -> None:
    left = dict(manifest.files)
    while (entry := tar.next()) is not None:
        stream = tar.extractfile(entry) if entry.isreg() else None
        if stream is None:
            raise BundleError(f"{file} holds {entry.name!r}, which is no ordinary file")
        expected = left.pop(entry.name, None)
        if expected is None:
            raise BundleError(f"{file} holds {entry.name!r}, which it does not list: it is not as it was written")
        if entry.issparse() or entry.size != expected[1]:  # before a byte is written: holes would fill any disk
            raise BundleError(f"{entry.name} in {file} is not as large as what was written: copy the bundle again")
        if _taken(stream, None if into is None else into / entry.name) != expected:
            raise BundleError(f"{entry.name} in {file} is not what was written: copy the bundle again")
    if left:
        raise BundleError(f"{next(iter(left))} is missing in {file}: copy the bundle again")


def _opened(file: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(file, "r:")
    except FileNotFoundError:
        raise BundleError(f"there is no {file}") from None
    except (tarfile.TarError, OSError) as error:
        raise BundleError(f"{file} is no bundle that `move --out` wrote: {error}") from error


def _first(tar: tarfile.TarFile, file: Path) -> Manifest:
    try:
        entry = tar.next()
        stream = tar.extractfile(entry) if entry is not None and entry.name == MANIFEST and entry.isreg() else None
        if entry is None or stream is None or entry.size > MOST_MANIFEST:
            raise BundleError(f"{file} is no bundle that `move --out` wrote: it does not begin with {MANIFEST}")
        return Manifest.of(stream.read())
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BundleError(f"{file} is damaged: {error}. Copy it again") from error


def _taken(stream: IO[bytes], target: Path | None) -> tuple[str, int]:
    """Hash and size of what the stream gave; written to `target` and synced where there is one."""
    seen, size = hashlib.sha256(), 0
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    with open(os.devnull if target is None else target, "wb") as out:
        while piece := stream.read(PIECE):
            seen.update(piece)
            size += len(piece)
            out.write(piece)
        if target is not None:
            out.flush()
            os.fsync(out.fileno())
    return seen.hexdigest(), size
