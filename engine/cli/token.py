"""token: who may ask the engine over HTTP. A token is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from engine.cli import store
from engine.cli.output import emit_json, emit_table, say, when


def register(app: typer.Typer) -> None:
    room = typer.Typer(
        help="Tokens of the HTTP API.",
        epilog="Example: run_engine.py token new --scope read",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    room.command("new", epilog="Example: run_engine.py token new --scope read --name grafana")(new)
    room.command("list", epilog="Example: run_engine.py token list")(list_)
    room.command("revoke", epilog="Example: run_engine.py token revoke grafana")(revoke)
    app.add_typer(room, name="token")


def new(
    scope: Annotated[
        str, typer.Option(help="read: look and export; command: that, and pause, kill, backtest")
    ] = "read",
    name: Annotated[str, typer.Option(help="what it is for [default: the scope]")] = "",
    days: Annotated[int, typer.Option(min=0, max=3650, help="it ends after so many days; 0 = never")] = 0,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Make a token and print it, once. It opens the API from the next request on."""
    from engine.runtime.api.tokens import create, tokens_file

    text = create(tokens_file(), scope, name or scope, store.now_ms(), days)
    if json_out:
        emit_json({"token": text, "scope": scope, "name": name or scope})
        return
    sys.stdout.write(f"{text}\n")
    say(f"Keep it: it is not shown again. Only its hash stands in {tokens_file()}.")


def list_(json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False) -> None:
    """The tokens there are, without their texts."""
    from engine.runtime.api.tokens import read, tokens_file

    kept = read(tokens_file())
    if json_out:
        emit_json(
            {
                "tokens": [
                    {"name": one.name, "scope": one.scope, "created_ts": one.created_ts, "ends_ts": one.ends_ts}
                    for one in kept
                ]
            }
        )
        return
    emit_table(
        ("name", "scope", "made", "ends"),
        [(one.name, one.scope, when(one.created_ts), when(one.ends_ts) if one.ends_ts else "") for one in kept],
        "there are none",
    )


def revoke(name: Annotated[str, typer.Argument(help="as `token list` names it")]) -> None:
    """Forget a token; it opens nothing from the next request on."""
    from engine.runtime.api.tokens import revoke as forget
    from engine.runtime.api.tokens import tokens_file

    forget(tokens_file(), name)
    say(f"{name} is revoked")
