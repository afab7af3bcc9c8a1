"""The Typer application put together, and its one way out: an exit code and a sentence."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.access.files import keep_from_others
from engine.access.redact import known, mask_tracebacks, said
from engine.cli import (
    ai,
    alerts,
    backup,
    books,
    control,
    data,
    export,
    import_trades,
    live,
    move,
    password,
    report,
    research,
    sandbox,
    setup,
    signals,
    steering,
    token,
    trade,
    work,
)
from engine.cli.failures import FAILED, describe
from engine.cli.output import say

app = typer.Typer(
    name="run_engine.py",
    help="Evenkeel: a trading engine for crypto. Without a command the engine runs with my/config.toml.",
    epilog="Results go to stdout, everything else to stderr. "
    "Exit codes: 0 done, 1 refused, 2 usage, 69 exchange, 74 storage, 78 configuration.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    trade,
    sandbox,
    research,
    data,
    work,
    control,
    alerts,
    books,
    export,
    import_trades,
    live,
    backup,
    move,
    password,
    report,
    signals,
    token,
    steering,
    ai,
    setup,
):
    room.register(app)


@app.callback(invoke_without_command=True)
def _door(
    context: typer.Context,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="data folder; data/demo is the demo's [default: the configuration's, or data]"),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="print the version and end")] = False,
) -> None:
    if version:
        from engine import __version__

        sys.stdout.write(f"evenkeel {__version__}\n")
        raise typer.Exit
    if data_dir is not None:
        os.environ["EVENKEEL_DATA"] = str(data_dir)
    setup.load_dotenv()
    if context.invoked_subcommand is None:
        trade.run_with_defaults()


YOUNG_OBJECTS = 20_000
"""How many new objects make Python look for cycles. At its own 700 a start looks thousands of times among what it imports, all
of which stays."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(YOUNG_OBJECTS)
    keep_from_others()
    mask_tracebacks()
    try:
        app(args=argv)
    except Exception as error:
        sys.exit(_failed(error))


def _failed(error: Exception) -> int:
    found = describe(error)
    if found is None:
        import traceback

        sys.stderr.write(said("".join(traceback.format_exception(error)), known()))
        say(
            f"error: this is a defect of Evenkeel, not of what you asked: {type(error).__name__}. "
            "Please report the lines above."
        )
        return FAILED
    code, sentence = found
    say(f"error: {said(sentence, known())}")
    return code
