"""move --in: a bundle checked, audited and put where nothing is yet. The caller holds the locks of engine and worker.

Everything is unpacked and proved in a folder of its own first. The latch stands while files are put in place, the database last,
so that a start before the end is refused; broken off anywhere, the same command begins anew and replaces only its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from db.errors import StorageError
from db.session import FILE_NAME
from engine.ledger import portable
from engine.ledger.backup import Verified, current, examine
from engine.runtime.crash import point
from engine.runtime.move import bundle, latch
from engine.runtime.move.bundle import Manifest
from engine.runtime.move.latch import ARRIVING, Latch, Moved
from engine.runtime.move.leaving import FOLDERS, SINGLE, Place


def arrive(place: Place, file: Path, now_ms: int) -> tuple[Manifest, Verified]:
    """Take a bundle in. BundleError, StorageError or Moved in a sentence; what is refused has changed nothing."""
    manifest = bundle.manifest_of(file)
    digest = bundle.digest(file)
    standing = latch.read(place.data)
    ours = standing is not None and standing.state == ARRIVING and standing.digest == digest
    if standing is not None and not ours:
        _refuse(standing, digest)
    if standing is not None and ours:
        clear(place, standing)
    _nothing_there(place, manifest)
    placed = [str(path) for path in _places(place, manifest)]
    Latch(ARRIVING, str(file.resolve()), digest, now_ms, tuple(placed)).write(place.data)
    point("move.arriving")
    try:
        shutil.rmtree(place.stage, ignore_errors=True)
        bundle.unpack(file, place.stage)
        found = _proved(place.stage / "data" / FILE_NAME)
    except BaseException:
        shutil.rmtree(place.stage, ignore_errors=True)
        latch.lift(place.data)
        raise
    point("move.unpacked")
    _put(place, manifest)
    point("move.placed")
    _database(place)
    point("move.taken")
    shutil.rmtree(place.stage, ignore_errors=True)
    latch.lift(place.data)
    return manifest, found


def _refuse(standing: Latch, digest: str) -> None:
    if standing.digest == digest:
        raise Moved(
            "this is the very copy that the bundle was made from: `run_engine.py move --undo` makes it trade again"
        )
    if standing.state == ARRIVING:
        raise Moved(
            f"a move in of another bundle, {standing.file}, was broken off: give that one again, or `move --undo` first"
        )
    raise Moved(f"this copy was moved away to {standing.file}: take the bundle in with another data folder")


def _nothing_there(place: Place, manifest: Manifest) -> None:
    """StorageError where something would be replaced."""
    if isinstance(place.database, Engine) and not portable.is_empty(place.database):
        raise StorageError("the PostgreSQL database holds runs already: give an empty one in DATABASE_URL")
    for path in _places(place, manifest):
        if path.exists():
            raise StorageError(
                f"{path} is there already, and nothing is replaced: give another data folder (EVENKEEL_DATA), or move it away"
            )
    for name in _own(manifest):
        path = place.home / name
        if path.exists() and bundle.hashed(path) != manifest.files[f"my/{name}"]:
            raise StorageError(f"{path} is there already and is another than the bundle's: move it away")


def _places(place: Place, manifest: Manifest) -> Iterator[Path]:
    """Everything that arriving makes: the database's file, folders of the data folder, files of my/."""
    if isinstance(place.database, Path):
        yield place.database
    tops = {name.split("/")[1] for name in manifest.files if name.startswith("data/")}
    for name in (*FOLDERS, *SINGLE):
        if name in tops:
            yield place.data / name
    for name in _own(manifest):
        path = place.home / name
        if not path.exists() or bundle.hashed(path) != manifest.files[f"my/{name}"]:
            yield path


def _own(manifest: Manifest) -> list[str]:
    return [name.removeprefix("my/") for name in manifest.files if name.startswith("my/")]


def _proved(file: Path) -> Verified:
    found = Verified(file.parent)
    if not file.is_file():
        raise StorageError("the bundle holds no database")
    examine(file, found)
    if not found.ok:
        raise StorageError(f"the bundle's books are not right, nothing was taken in: {'; '.join(found.problems[:3])}")
    return found


def _put(place: Place, manifest: Manifest) -> None:
    for name in (*FOLDERS, *SINGLE):
        if (place.stage / "data" / name).exists():
            os.replace(place.stage / "data" / name, place.data / name)
            point("move.folder")
    for name in _own(manifest):
        target = place.home / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(target.name + ".arriving")
            shutil.copyfile(place.stage / "my" / name, fresh)
            os.replace(fresh, target)
    latch.sync(place.data)


def _database(place: Place) -> None:
    file = place.stage / "data" / FILE_NAME
    if isinstance(place.database, Path):
        place.database.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, fresh := place.database.with_name(place.database.name + ".arriving"))
        with fresh.open("rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(fresh, place.database)
        latch.sync(place.database.parent)
    else:
        portable.into_server(current(file, place.stage), place.database)


def _of_an_arrival(place: Place, path: Path) -> bool:
    if ".." in path.parts:
        return False
    own = [place.data / name for name in (*FOLDERS, *SINGLE)]
    if isinstance(place.database, Path):
        own.append(place.database)
    return path.absolute() in [one.absolute() for one in own] or (
        place.home.absolute() in path.absolute().parents and not path.is_dir()
    )


def undo(place: Place) -> str:
    """Lift the latch: after a move out this copy may trade again, after one in that was broken off what it made is removed.
    What was done, in words; Moved where there is no latch."""
    standing = latch.read(place.data)
    if standing is None:
        raise Moved(f"nothing was moved out of {place.data} or into it: there is nothing to undo")
    if standing.state == ARRIVING:
        clear(place, standing)
    shutil.rmtree(place.stage, ignore_errors=True)
    latch.lift(place.data)
    if standing.state == ARRIVING:
        return f"what the move in had put in place is removed; {standing.file} can be taken in anew, here or elsewhere"
    return (
        f"this copy may be started again; do not take {standing.file} in anywhere: two engines would trade one account"
    )


def clear(place: Place, standing: Latch) -> None:
    """Remove what an arrival that was broken off had put in place; none of it was there before it began. Whatever the latch
    says, nothing is removed where an arrival puts nothing. StorageError for such a latch."""
    paths = [Path(name) for name in standing.placed]
    for path in paths:
        if not _of_an_arrival(place, path):
            raise StorageError(
                f"{place.data / latch.NAME} names {path}, where no bundle is ever put: look who wrote that file"
            )
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        for ending in ("-wal", "-shm", "-journal", ".arriving"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
