"""live: is it time for real orders, and what is open there that nobody is sure of?"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli import control, store
from engine.cli.failures import FAILED, Fail
from engine.cli.output import emit_json, say

Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def register(app: typer.Typer) -> None:
    room = typer.Typer(
        help="Real orders: what is missing before them, and what is unsettled.",
        epilog="Example: run_engine.py live check",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    room.command("check", epilog="Example: run_engine.py live check --json")(check)
    room.command("settle", epilog="Example: run_engine.py live settle 0a1b2c3d4e5f60718293a4b5c6d7e8f9")(settle)
    app.add_typer(room, name="live")


def check(
    config: Annotated[Path | None, typer.Option(help="configuration file [default: my/config.toml]")] = None,
    ask: Annotated[bool, typer.Option(help="ask the exchange about the account; reads only")] = True,
    json_out: Json = False,
) -> None:
    """Go through everything that should be so before real orders, with what to do. Ends with 1 where something is not yet."""
    from engine.config.reading import find, load
    from engine.research.live_checks import checks, ready
    from engine.research.venue_told import kept

    settings = load(config or find())
    os.environ.setdefault("EVENKEEL_DATA", settings.storage.data_dir)
    if ask:
        _ask(settings)
    made = checks(_database(), settings, os.environ, kept(Path(settings.storage.data_dir)), store.now_ms())
    if json_out:
        emit_json({"ready": ready(made), "mode": settings.run.mode, "checks": [vars(one) for one in made]})
    else:
        for one in made:
            sys.stdout.write(f"{one.state:<10}  {one.title}: {one.found}\n")
            sys.stdout.write(f"{'':<12}-> {one.todo}\n" if one.todo else "")
    if not ready(made):
        raise typer.Exit(FAILED)


def settle(
    order: Annotated[str, typer.Argument(metavar="ID", help="the order's id, as the page Go live names it")],
    reason: Annotated[str, typer.Option(help="how you know; kept with it")] = "looked at the exchange",
    filled: Annotated[
        bool,
        typer.Option("--filled", help="it has filled as the exchange's order says, though its trades are not shown"),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for the typed word")] = False,
    run: control.Run = None,
    wait: control.Wait = control.WAIT,
    json_out: Json = False,
) -> None:
    """Say that an order nobody can tell about was never placed, or has filled as the exchange's own order says. The exchange is
    asked once more before."""
    found = store.find_run(store.open_database(), run)
    if found["kind"] != "live":
        raise Fail(f"run {found['name']} is {found['kind']}: no real order of it can be unsure")
    if not yes:
        word = "filled" if filled else "never placed"
        booked = ": what its order there says was filled and paid goes into the books" if filled else ""
        control.typed(word, f"Order {order} is taken as {word}{booked}. Look on the exchange's own page first.", run)
    control.send("settle", {"order": order, "reason": reason, "filled": filled}, run, wait, json_out)


def _ask(settings: Any) -> None:
    """Ask the exchange and keep what it tells; without keys nothing is opened and nothing asked."""
    from engine.config.errors import ConfigError
    from engine.config.going_live import without_keys
    from engine.research.venue_told import keep
    from engine.runtime.build import symbols_of
    from engine.venues.asking import ask as ask_venue
    from engine.venues.opening import private_client

    if list(without_keys(settings, os.environ)):
        return
    try:
        port = private_client(settings, os.environ)
    except ConfigError as error:
        say(str(error))
        return
    try:
        keep(Path(settings.storage.data_dir), ask_venue(port, settings, symbols_of(settings), store.now_ms()))
    finally:
        port.close()


def _database() -> Any:
    from db.errors import StorageError

    try:
        return store.open_database()
    except StorageError:
        return None
