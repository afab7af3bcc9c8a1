"""alerts: which channels there are, one test message, what was told, acknowledge, try dead letters again.

test speaks to the provider itself, with the configuration and the .env of this moment, whether an engine runs or not.
ack and resend are rows for the engine, like every command.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from engine.cli import store
from engine.cli.control import WAIT, Json, Run, Wait, send
from engine.cli.failures import FAILED, USAGE, Fail
from engine.cli.output import emit_json, emit_table, say, when


def register(app: typer.Typer) -> None:
    alerts = typer.Typer(
        help="What a person is told: channels, a test, history.",
        no_args_is_help=True,
        rich_markup_mode=None,
        epilog="Example: run_engine.py alerts test slack",
    )
    alerts.command("channels", epilog="Example: run_engine.py alerts channels")(channels)
    alerts.command("test", epilog="Example: run_engine.py alerts test slack")(try_one)
    alerts.command("list", epilog="Example: run_engine.py alerts list --kind trade")(listed)
    alerts.command("ack", epilog="Example: run_engine.py alerts ack 17")(ack)
    alerts.command("resend", epilog="Example: run_engine.py alerts resend all")(resend)
    app.add_typer(alerts, name="alerts")


Config = Annotated[Path | None, typer.Option("--config", help="configuration file [default: my/config.toml]")]


def channels(config: Config = None, json_out: Json = False) -> None:
    """Every channel, and what it lacks."""
    from engine.access.outbound import permit
    from engine.alerts.catalog import kinds, open_channels
    from engine.config.reading import find, load

    settings = load(config or find())
    permit(settings.network.allow_hosts)
    _, lacking = open_channels(settings.alerts, os.environ)
    rows = [(name, cls.title, lacking.get(name, "in use")) for name, cls in kinds().items()]
    if json_out:
        emit_json({"channels": [dict(zip(("name", "title", "state"), row, strict=True)) for row in rows]})
    else:
        emit_table(("channel", "", "state"), rows, "there are none")


def try_one(
    channel: Annotated[str, typer.Argument(help="its name, as `alerts channels` says")],
    config: Config = None,
    json_out: Json = False,
) -> None:
    """Send one message, and print the provider's answer. Ends with 1 when it was not taken."""
    from engine.access.outbound import permit
    from engine.alerts.catalog import kinds, open_channels
    from engine.alerts.router import attempt, sample
    from engine.config.reading import find, load

    settings = load(config or find())
    permit(settings.network.allow_hosts)
    if channel not in kinds():
        raise Fail(f"no channel {channel!r}; there are {', '.join(kinds())}", USAGE)
    ready, lacking = open_channels(settings.alerts, os.environ)
    if channel in lacking:
        raise Fail(f"{channel} is not in use: {lacking[channel]}")
    now = time.time_ns() // 1_000_000
    receipt = attempt(ready[channel], sample(now, now, settings.run.name))
    if json_out:
        emit_json(
            {"channel": channel, "ok": receipt.outcome == "sent", "outcome": receipt.outcome, "answer": receipt.words}
        )
    else:
        said = {"sent": "took it", "retry": "did not take it now", "refused": "refused it"}[receipt.outcome]
        say(f"{kinds()[channel].title} {said}: {receipt.words}")
    if receipt.outcome != "sent":
        raise typer.Exit(FAILED)


def listed(
    kind: Annotated[str | None, typer.Option(help="only this kind")] = None,
    severity: Annotated[str | None, typer.Option(help="only info, warning or critical")] = None,
    unheard: Annotated[bool, typer.Option("--open", help="only what nobody has acknowledged")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="at most so many, newest first")] = 30,
    json_out: Json = False,
) -> None:
    """What was told, newest first, and what became of it in each channel."""
    from engine.alerts.history import history

    found = history(store.open_database(), kind=kind, severity=severity, unheard=unheard, limit=limit)
    if json_out:
        emit_json({"alerts": found})
        return
    emit_table(
        ("number", "when", "severity", "kind", "what", "went", "acknowledged"),
        [
            (r["id"], when(r["ts"]), r["severity"], r["kind"], r["title"], r["went"] or "history", when(r["acked_ts"]))
            for r in found
        ],
        "nothing was told yet",
    )


def ack(
    which: Annotated[str, typer.Argument(metavar="NUMBER|all", help="as `alerts list` says")],
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Acknowledge: it is not sent on to escalate_to."""
    send("alert_ack", {"which": _which(which)}, run, wait, json_out)


def resend(
    which: Annotated[str, typer.Argument(metavar="NUMBER|all", help="a dead letter's number, on the page Alerts")],
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Try dead letters again from the start."""
    send("alert_resend", {"which": _which(which)}, run, wait, json_out)


def _which(text: str) -> str | int:
    if text == "all":
        return text
    if not text.isdigit():
        raise Fail(f"{text!r} is neither a number nor all", USAGE)
    return int(text)
