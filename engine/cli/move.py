"""move: the whole life of an engine into one file, and out of it on another machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli import store
from engine.cli.backup import alone, sqlite_path
from engine.cli.control import typed
from engine.cli.failures import CONFIG, USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, say

if TYPE_CHECKING:
    from engine.ledger.backup import Verified
    from engine.runtime.move.bundle import Manifest
    from engine.runtime.move.leaving import Place

STOP = (
    "Stop it first: Ctrl-C where it runs, `kill -TERM` and its number, `systemctl stop evenkeel-engine evenkeel-work`, "
    "or `docker compose stop engine worker`"
)


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py move --out /mnt/stick/evenkeel.tar")(move)


def move(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="audit, bundle everything into FILE, latch this copy")
    ] = None,
    take_in: Annotated[
        Path | None, typer.Option("--in", metavar="FILE", help="verify and audit FILE, put it in place, take over")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="lift this copy's latch; asks for a typed word")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for the typed word")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Move to another machine: database, tapes, candles and my/ without its secrets. Refuses while an engine or worker runs."""
    if (out is not None) + (take_in is not None) + undo != 1:
        raise Fail("say one of --out FILE, --in FILE and --undo", USAGE)
    if out is not None:
        _out(out, json_out)
    elif take_in is not None:
        _in(take_in, json_out)
    else:
        _undo(yes, json_out)


def _out(file: Path, json_out: bool) -> None:
    from engine.runtime.move.leaving import leave

    place = _place()
    with _alone():
        manifest, found = leave(place, file.absolute(), dict(os.environ), store.now_ms())
    _tell(file, manifest, found, json_out, f"This copy starts no more. There: `run_engine.py move --in {file.name}`")


def _in(file: Path, json_out: bool) -> None:
    from engine.runtime.move.arriving import arrive
    from engine.runtime.move.bundle import manifest_of

    manifest = manifest_of(file)
    if manifest.server and not os.environ.get("DATABASE_URL"):
        raise Fail(
            "the ledger in this bundle was a PostgreSQL server's: say in DATABASE_URL where it goes, postgresql://... of an "
            "empty database or sqlite:///data/evenkeel.db, and keep that for the start",
            CONFIG,
        )
    if not (os.environ.get("EVENKEEL_DATA") or os.environ.get("DATABASE_URL")):
        os.environ["EVENKEEL_DATA"] = manifest.data_dir
    place = _place()
    with _alone():
        manifest, found = arrive(place, file, store.now_ms())
    _tell(
        file, manifest, found, json_out, f"It lies in {place.data} and {place.home}. `run_engine.py doctor`, then start"
    )


def _undo(yes: bool, json_out: bool) -> None:
    from engine.runtime.move.arriving import undo

    place = _place()
    if not yes:
        typed("undo", "If the bundle was taken in elsewhere, two engines would trade one account.")
    with _alone():
        words = undo(place)
    if json_out:
        emit_json({"undone": place.data, "words": words})
    else:
        say(words)


def _place() -> Place:
    from db.session import open_engine
    from engine.config.reading import find, home
    from engine.runtime.move.leaving import Place

    config = find()
    data, file = store.data_dir(), sqlite_path()
    return Place(data, home(), config, file if file is not None else open_engine(), _named(config, str(data)))


def _named(config: Path, data: str) -> str:
    """The data folder as the configuration names it; a wrong configuration moves, too."""
    from engine.config.errors import ConfigError
    from engine.config.files import text_of
    from engine.config.reading import tables_of

    try:
        storage = tables_of(text_of(config), str(config)).get("storage")
    except ConfigError:
        return data
    return str(storage.get("data_dir") or "data") if isinstance(storage, dict) else "data"


class _alone:
    """The locks of engine and worker, or a sentence that says how to stop them."""

    def __enter__(self) -> None:
        from engine.runtime.lock import AlreadyRunning

        try:
            self._release = alone()
        except (AlreadyRunning, Fail) as error:
            raise Fail(f"{str(error).partition(': stop it first')[0]}. {STOP}", error.exit_code) from error

    def __exit__(self, *_error: object) -> None:
        self._release()


def _tell(file: Path, manifest: Manifest, found: Verified, json_out: bool, next_step: str) -> None:
    unset = [name for name in manifest.needs if not os.environ.get(name)]
    told = {"bundle": file, "schema": manifest.schema, "files": len(manifest.files), "runs": list(manifest.runs)}
    told |= {
        "megabytes": round(sum(size for _, size in manifest.files.values()) / 1e6, 1),
        "audited runs": found.audited,
    }
    if json_out:
        emit_json({**told, "needs": list(manifest.needs), "unset": unset, "notes": list(manifest.notes)})
        return
    emit_pairs({**told, "runs": ", ".join(manifest.runs)})
    for note in manifest.notes:
        say(note)
    if manifest.needs:
        say(f"Bring along by hand, their values are not in the bundle: {', '.join(manifest.needs)}")
        say("and what the engine's service is given (engine.env), if it runs as one")
    say(next_step)
