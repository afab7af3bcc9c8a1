"""password: the key to the app for whoever does not sit at this machine. Asked for, never taken as an argument."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from engine.cli.failures import USAGE, Fail
from engine.cli.output import say


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py password")(password)


def password(
    remove_it: Annotated[
        bool, typer.Option("--remove", help="have no password: the app answers this machine only")
    ] = False,
) -> None:
    """Set the app's password (asked twice, or one line on stdin); everybody who is logged in has to log in again."""
    from engine.access.password import remove, set_password
    from engine.config.reading import home

    if remove_it:
        say("the password is removed" if remove(home()) else "there was no password")
        return
    path = set_password(home(), _asked())
    say(f"the password is set; its hash is kept in {path}")


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = str(typer.prompt("Password", hide_input=True, err=True))
    if first != typer.prompt("Again", hide_input=True, err=True):
        raise Fail("the two are not the same; nothing was changed", USAGE)
    return first
