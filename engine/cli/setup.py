"""init, doctor, config check, strategies, new-strategy: a person's own folder, and whether everything is in order."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.access.files import foreign
from engine.access.redact import is_secret
from engine.cli.failures import CONFIG, FAILED
from engine.cli.output import emit_json, emit_table, say


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py init")(init)
    app.command(epilog="Example: run_engine.py doctor --json")(doctor)
    app.command(epilog="Example: run_engine.py strategies")(strategies)
    app.command("new-strategy", epilog="Example: run_engine.py new-strategy my_breakout")(new_strategy)
    config = typer.Typer(help="Look at the configuration.", no_args_is_help=True, rich_markup_mode=None)
    config.command("check", epilog="Example: run_engine.py config check my/config.toml")(config_check)
    app.add_typer(config, name="config")


def load_dotenv() -> None:
    """Lay my/.env and ./.env under the environment: what is set already wins. A file that others may read gives no secrets, one
    that they may write gives nothing."""
    home = Path(os.environ.get("EVENKEEL_HOME") or "my")
    files = [path for path in (home / ".env", Path(".env")) if path.is_file()]
    if not files:
        return
    from dotenv import dotenv_values

    for path in files:
        if foreign(path):
            say(
                f"{path} belongs to another user, or others may write it: not used. Give it to yourself, and `chmod 600 {path}`"
            )
            continue
        values = {key: value for key, value in dotenv_values(path).items() if value}
        if os.name == "posix" and path.stat().st_mode & 0o077 and (secret := [key for key in values if is_secret(key)]):
            say(f"{path} can be read by others: {', '.join(secret)} not used. `chmod 600 {path}` puts that right.")
            values = {key: value for key, value in values.items() if key not in secret}
        for key, value in values.items():
            os.environ.setdefault(key, value)


def init() -> None:
    """Ask five questions and write my/config.toml."""
    from engine.config.reading import home
    from engine.runtime.init import write

    path = write(home(), lambda question, default: str(typer.prompt(question, default=default, err=True)))
    sys.stdout.write(f"{path}\n")
    say("Written. Next: `run_engine.py config check`, then `run_engine.py` to trade on paper.")


def doctor(json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False) -> None:
    """Say what is wrong, and how to put it right. Ends with 1 when something is."""
    from engine.runtime.doctor import examine

    findings = examine()
    if json_out:
        emit_json({"ok": all(f.ok for f in findings), "findings": [vars(f) for f in findings]})
    else:
        emit_table(
            ("", "what", "finding"),
            [("ok" if f.ok else "WRONG", f.what, f.text) for f in findings],
            "nothing to look at",
        )
    if not all(f.ok for f in findings):
        raise typer.Exit(FAILED)


def strategies(json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False) -> None:
    """List the strategies that can be named, with their parameters."""
    from engine.strategies import catalog

    listed = {name: catalog.load(name) for name in sorted(catalog.available())}
    if json_out:
        emit_json({name: cls.Params.model_json_schema() for name, cls in listed.items()})
        return
    rows = [
        (name, _defaults(cls.Params), (cls.__doc__ or "").strip().partition("\n")[0]) for name, cls in listed.items()
    ]
    emit_table(
        ("strategy", "parameters", "what it does"), rows, "there are none: `run_engine.py new-strategy NAME` writes one"
    )


def _defaults(params: type) -> str:
    fields = params.model_fields  # type: ignore[attr-defined]  # a pydantic model by the base class's contract
    return " ".join(f"{name}={field.default}" for name, field in fields.items())


def new_strategy(name: Annotated[str, typer.Argument(help="lower-case letters, digits and underscores")]) -> None:
    """Write a strategy that runs into my/strategies, and its test, to start from."""
    from engine.config.reading import home
    from engine.runtime.init import new_strategy as write

    path = write(home(), name)
    sys.stdout.write(f"{path}\n")
    say(f"Written, with a test beside it: `python -m pytest {path.with_name(f'test_{name}.py')}`.")
    say(f"Next: `run_engine.py check {name} --data FILE`, `run_engine.py backtest {name} --data FILE`.")


def config_check(
    file: Annotated[Path | None, typer.Argument(help="configuration file [default: my/config.toml]")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Read the configuration as the engine would, and say what is wrong with it. Ends with 78 when something is."""
    from engine.config.check import check_slots
    from engine.config.errors import ConfigError
    from engine.config.going_live import check_live
    from engine.config.reading import find, load

    path = file or find()
    try:
        config = load(path)
        check_slots(config, str(path))
        check_live(config, os.environ, str(path))
    except ConfigError as error:
        if json_out:
            emit_json({"ok": False, "file": path, "error": str(error)})
            raise typer.Exit(CONFIG) from None
        raise
    slots = [f"{slot.strategy} on {symbol} at {slot.timeframe}" for slot in config.slots for symbol in slot.symbols]
    if json_out:
        emit_json({"ok": True, "file": path, "run": config.run.name, "slots": slots})
    else:
        sys.stdout.write(f"{path} is right: run {config.run.name} on {config.run.exchange}, {len(slots)} slots\n")
        sys.stdout.writelines(f"  {slot}\n" for slot in slots)
