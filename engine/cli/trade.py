"""run, demo, sandbox: the commands that keep going until they are told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.failures import USAGE, Fail
from engine.cli.output import say, say_compiling

if TYPE_CHECKING:
    from engine.config.model import Config


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py run --config my/config.toml --supervise")(run)
    app.command(epilog="Example: run_engine.py demo --speed 60 --minutes 10")(demo)


def run_with_defaults() -> None:
    """What `run_engine.py` alone means."""
    run()


def run(
    config: Annotated[Path | None, typer.Option(help="configuration file [default: my/config.toml]")] = None,
    once: Annotated[bool, typer.Option("--once", help="recover, take what is due, commit, end")] = False,
    supervise: Annotated[
        bool, typer.Option("--supervise", help="start again after a crash, waiting longer each time")
    ] = False,
    new: Annotated[
        str | None, typer.Option(metavar="NAME", help="start another run instead of going on with the present one")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", hidden=True)] = False,
) -> None:
    """Trade until told to stop. SIGTERM and Ctrl-C stop gracefully; a second one ends at once and loses nothing either."""
    source, settings = _configuration(config, new)
    if supervise:
        raise typer.Exit(_supervised(settings, config, once, demo))
    from engine.config.text import bare
    from engine.runtime.logs import Terminal, start_logging

    start_logging(Path(settings.storage.data_dir), settings.log.level)
    say_compiling()
    from engine.runtime.loop import run_engine
    from engine.runtime.nightly import Nightly

    stop = threading.Event()
    _stop_on_signals(stop)
    with Terminal() as terminal, Nightly(enabled=not once):
        code = run_engine(
            settings, bare(settings), demo=demo, once=once, stop=stop, on_event=terminal.status, watch=source
        )
    raise typer.Exit(code)


def _configuration(path: Path | None, new: str | None) -> tuple[Path, Config]:
    """Its file and the checked configuration, or ConfigError before anything is touched; --new is written into the file."""
    from engine.access.outbound import permit
    from engine.config.check import check_slots
    from engine.config.door import opened, write
    from engine.config.edit import with_setting
    from engine.config.going_live import check_live
    from engine.config.reading import find, load, parse

    source = path or find()
    settings = load(source)
    read, text = opened(source), None
    if new:
        text = with_setting(read.text, "run", "name", new)
        settings = parse(text, str(source), {**os.environ, "EVENKEEL_RUN_NAME": new})
    check_slots(settings, str(source))
    check_live(settings, os.environ, str(source))
    permit(settings.network.allow_hosts)
    os.environ["EVENKEEL_DATA"] = settings.storage.data_dir
    if settings.storage.database_url:
        os.environ["DATABASE_URL"] = settings.storage.database_url
    if new and text:
        _refuse_known(new)
        write(source, text, read.digest, "run --new")
    return source, settings


def _refuse_known(name: str) -> None:
    """Fail when a run of that name exists: going on with it is what a start without --new does."""
    from db.errors import MissingDatabase
    from engine.cli import store

    try:
        known = store.rows(store.open_database(), "SELECT id FROM run WHERE name = :name", name=name)
    except MissingDatabase:
        return
    if known:
        raise Fail(
            f"there is a run {name} already: choose another name, or start without --new to go on with it", USAGE
        )


def _supervised(settings: Config, config: Path | None, once: bool, demo: bool) -> int:
    import logging

    from engine.access.redact import mask_logs
    from engine.runtime.down import Down
    from engine.runtime.supervise import supervise

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    mask_logs()
    options = ["--config", str(config)] if config else []
    flags = [name for name, on in (("--once", once), ("--demo", demo)) if on]
    down = Down(settings)
    code = supervise([sys.executable, sys.argv[0], "run", *options, *flags], None if demo else down.tell)
    down.finish()
    return code


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(signum: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + signum)
        stop.set()
        say("stopping: no more entries, the event at hand is finished and written (again to end at once)")

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, handle)


def demo(
    speed: Annotated[float, typer.Option(min=1, max=3600, help="exchange seconds a second")] = 60,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, help="end after so many minutes [default: when told to]")
    ] = None,
    port: Annotated[
        int, typer.Option(min=1024, max=65535, help="the app's port; the next free one is taken if it is not")
    ] = 8501,
    app: Annotated[bool, typer.Option(help="start the app too")] = True,
) -> None:
    """A sandbox exchange, the engine on it, and the app, in one go; everything lives in data/demo."""
    from engine.runtime.demo import run_demo

    raise typer.Exit(run_demo(speed=speed, minutes=minutes, app_port=port, with_app=app))
