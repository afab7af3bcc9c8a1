"""move --out: everything that was lived into one file, and this copy latched. The caller holds the locks of engine and worker.

The order is the proof that there are never two: the latch first, then the bundle under another name, read back and compared, then
the latch closed for good, and only then the bundle's own name. Broken off anywhere, the same command goes on; `--undo` goes back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

import engine as evenkeel
from db.errors import StorageError
from db.live import OPEN
from db.session import FILE_NAME, head, open_engine
from engine.config.secrets import masked
from engine.ledger import portable
from engine.ledger.backup import Verified, copy_file, examine
from engine.runtime.crash import point
from engine.runtime.move import bundle, latch
from engine.runtime.move.bundle import Manifest
from engine.runtime.move.latch import ARRIVING, LEAVING, LEFT, Latch, Moved

FOLDERS = ("runs", "candles", "sweeps", "walks", "reports")
"""What of a data folder travels beside the database; logs, backups and caches stay."""
SINGLE = ("KILL", "instance")
"""The latch that kills, and the installation's name: by it orders that stand at the exchange are known as ours, there as here."""
OURS = frozenset({"EVENKEEL_HOME", "EVENKEEL_DATA", "EVENKEEL_CONFIG", "EVENKEEL_KILL_AT", "EVENKEEL_CLOCK_MS"})
KEYS = ("OPENROUTER_API_KEY", "DATABASE_URL")


@dataclass(frozen=True)
class Place:
    """Where a life is kept: the data folder, the person's own folder, the database (a file, or a server)."""

    data: Path
    home: Path
    config: Path
    database: Path | Engine
    named: str = "data"
    """The data folder as the configuration names it: where the start on the other machine looks."""

    @property
    def stage(self) -> Path:
        return self.data / "move.part"


def leave(place: Place, target: Path, env: dict[str, str], now_ms: int) -> tuple[Manifest, Verified]:
    """Bundle everything into `target` and latch this copy. Moved, StorageError or BundleError, in a sentence; what failed before
    the bundle was whole leaves this copy as it was."""
    if (standing := latch.read(place.data)) is not None:
        _go_on(place, standing)
    if target.exists():
        raise StorageError(f"{target} is there already: give another name")
    part = _part(target)
    Latch(LEAVING, str(target), ts=now_ms).write(place.data)
    point("move.latched")
    try:
        manifest, found = _bundled(place, part, env, now_ms)
    except BaseException:
        _sweep(place, part)
        latch.lift(place.data)
        raise
    point("move.bundled")
    Latch(LEFT, str(target), bundle.digest(part), now_ms).write(place.data)
    point("move.left")
    os.replace(part, target)
    latch.sync(target.parent)
    point("move.named")
    _sweep(place, part)
    return manifest, found


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _go_on(place: Place, standing: Latch) -> None:
    """Refuse what a move in or a finished move out holds; one that ended right before its bundle had a name is done anew."""
    if standing.state == ARRIVING:
        latch.refuse_moved(place.data)
    if standing.state == LEFT and not _part(Path(standing.file)).exists():
        raise Moved(
            f"this copy was moved away to {standing.file} already. `run_engine.py move --undo` first, to bundle anew"
        )


def _sweep(place: Place, part: Path) -> None:
    shutil.rmtree(place.stage, ignore_errors=True)
    part.unlink(missing_ok=True)


def _bundled(place: Place, part: Path, env: dict[str, str], now_ms: int) -> tuple[Manifest, Verified]:
    part.parent.mkdir(parents=True, exist_ok=True)
    found = _copied(place)
    point("move.copied")
    members: dict[str, Path | bytes] = {f"data/{FILE_NAME}": place.stage / FILE_NAME}
    members |= {f"data/{path.relative_to(place.data).as_posix()}": path for path in _data(place.data)}
    notes = [*_own(place, members), *_standing(place)]
    manifest = Manifest(
        evenkeel.__version__, head(), now_ms, bundle.listed(members), place.named, isinstance(place.database, Engine),
        _runs(place), needs(env, place.home), tuple(notes),
    )  # fmt: skip
    bundle.write(part, manifest, members)
    bundle.unpack(part)
    return manifest, found


def _copied(place: Place) -> Verified:
    """A copy of the database that was opened and audited. StorageError where its books are not right."""
    shutil.rmtree(place.stage, ignore_errors=True)
    place.stage.mkdir(parents=True)
    file = place.stage / FILE_NAME
    if isinstance(place.database, Path):
        if not place.database.exists():
            raise StorageError(f"there is no database at {place.database}: nothing to move")
        copy_file(place.database, file)
    else:
        portable.to_file(place.database, file)
    found = Verified(place.stage)
    examine(file, found)
    if not found.ok:
        raise StorageError(
            f"the books are not right, nothing was moved: {'; '.join(found.problems[:3])}. `run_engine.py audit` has more"
        )
    return found


def _data(folder: Path) -> Iterator[Path]:
    for name in SINGLE:
        if (folder / name).is_file():
            yield folder / name
    for name in FOLDERS:
        yield from (path for path in (folder / name).rglob("*") if path.is_file() and not path.is_symlink())


def _own(place: Place, members: dict[str, Path | bytes]) -> list[str]:
    """my/ into the members, without secrets; sentences about what stays."""
    notes, left = [], []
    for path in sorted(place.home.rglob("*")) if place.home.is_dir() else ():
        name = path.relative_to(place.home)
        if path.is_symlink() or bundle.secret(name.as_posix()):
            left.append(name.as_posix())
        elif path.is_file() and "__pycache__" not in name.parts:
            members[f"my/{name.as_posix()}"] = path
    if place.config.is_file():
        content = place.config.read_bytes()
        shown = masked(content.decode("utf-8", errors="replace")).encode()
        if shown != content:
            notes.append("a password in an address of config.toml was left out: put it back where *** stands")
        members["my/config.toml"] = shown if shown != content else place.config
    if left:
        notes.append(f"left behind, keep them apart: {', '.join(left)} of {place.home}")
    return notes


def _standing(place: Place) -> list[str]:
    """Sentences about what the bundle cannot carry: orders at an exchange, and a server's database that stays behind."""
    notes = []
    opened = open_engine(f"sqlite:///{place.stage / FILE_NAME}", read_only=True)
    try:
        with opened.connect() as connection:
            count = int(connection.execute(text(f"SELECT count(*) FROM intent WHERE {OPEN}")).scalar_one())
    finally:
        opened.dispose()
    if count:
        notes.append(
            f"{count} order{'s' * (count > 1)} may stand at the exchange: stops there go on protecting, and the start on the "
            "other machine takes them up by their ids. Until then nobody else looks after them: bring the keys, start it soon"
        )
    if isinstance(place.database, Engine):
        notes.append(
            "the server that this ledger was on still holds it: point no engine there again, and drop it in time"
        )
    return notes


def _runs(place: Place) -> tuple[str, ...]:
    opened = open_engine(f"sqlite:///{place.stage / FILE_NAME}", read_only=True)
    try:
        with opened.connect() as connection:
            rows = connection.execute(text("SELECT name FROM run WHERE kind IN ('paper', 'live') ORDER BY id"))
            return tuple(str(row[0]) for row in rows)
    finally:
        opened.dispose()


def needs(env: dict[str, str], home: Path) -> tuple[str, ...]:
    """Names of environment variables that this life was given, here or in `.env` files; never their values."""
    from dotenv import dotenv_values

    names = set(env)
    for file in (home / ".env", Path(".env")):
        if file.is_file():
            names |= {name for name, value in dotenv_values(file).items() if value}
    return tuple(sorted(name for name in names if (name.startswith("EVENKEEL_") or name in KEYS) and name not in OURS))
