"""status, and the commands a running engine obeys: pause, resume, kill, release, close, stop, slot, cash.

Each is one row in the table `command`; the engine takes it off its queue, acts, and writes back what it did. Nothing here
touches the engine's state.
"""

from __future__ import annotations

import time
import uuid
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from db.kill_file import NAME, KillOrder, press
from engine.cli import store
from engine.cli.failures import FAILED, USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, emit_table, say, show, when
from engine.market.symbols import canonical_slot

Run = Annotated[str | None, typer.Option("--run", metavar="NAME|N", help="which run [default: the engine heard last]")]
Wait = Annotated[float, typer.Option(min=0, help="seconds to wait for the engine's answer")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]
WAIT = 10.0
POLL_S = 0.1


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py status --json")(status)
    app.command(epilog="Example: run_engine.py pause")(pause)
    app.command(epilog="Example: run_engine.py resume")(resume)
    app.command(epilog="Example: run_engine.py kill --flatten")(kill)
    app.command(epilog="Example: run_engine.py release drawdown_halt --reason 'looked at it'")(release)
    app.command(epilog="Example: run_engine.py close BTC/USD")(close)
    app.command(epilog="Example: run_engine.py stop sma_cross:BTC/USD 61250")(stop)
    app.command(epilog="Example: run_engine.py slot sma_cross:BTC/USD off")(slot)
    app.command(epilog="Example: run_engine.py cash -- -250")(cash)


def status(run: Run = None, json_out: Json = False) -> None:
    """What the engine is doing: state, heartbeat, equity, open positions, tripped breakers."""
    engine = store.open_database()
    found = store.find_run(engine, run)
    state = _state(engine, found)
    if json_out:
        emit_json(state)
        return
    emit_pairs(
        {key: value for key, value in state.items() if not isinstance(value, list)},
        f"run {found['name']} (number {found['id']})",
    )
    emit_table(
        ("position", "qty", "entry", "mark", "stop", "unrealized"),
        [(p["slot"], p["qty"], p["entry_price"], p["mark"], p["stop"], p["unrealized"]) for p in state["positions"]],
        "  no open position",
    )
    for breaker in state["breakers"]:
        numbers = f"{show(breaker['value'])} against {show(breaker['threshold'])}"
        say(f"breaker {breaker['name']} has tripped: {numbers} ({breaker['level']})")


def _state(engine: Any, run: dict[str, Any]) -> dict[str, Any]:
    from engine.runtime.run_state import state

    found = state(engine, run, store.now_ms())
    return {**found, "exchange_time": when(found["exchange_time"]), "last_bar": when(found["last_bar"])}


def pause(run: Run = None, wait: Wait = WAIT, json_out: Json = False) -> None:
    """No new entries; open positions are managed on."""
    send("pause", {}, run, wait, json_out)


def resume(run: Run = None, wait: Wait = WAIT, json_out: Json = False) -> None:
    """End a pause."""
    send("resume", {}, run, wait, json_out)


def kill(
    flatten: Annotated[bool, typer.Option("--flatten", help="also close every position at the market")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for the typed word before --flatten")] = False,
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Stop all trading at once; stays so across restarts until `release kill`.

    A file KILL in the data folder says it first, so that it acts whatever the database does.
    """
    from sqlalchemy.exc import OperationalError

    if flatten and not yes:
        typed("flatten", "This closes every open position at the market.", run)
    if run is None:
        _kill_file(flatten)
    try:
        send("kill", {"flatten": flatten, "source": "command line"}, run, wait, json_out)
    except OperationalError as error:
        if run is not None:
            raise
        say(f"killed by the file {NAME} in {store.data_dir()}; the ledger could not be told: {error.orig}")


def _kill_file(flatten: bool) -> None:
    try:
        press(store.data_dir(), KillOrder("command line", flatten))
    except OSError as error:
        say(
            f"no file {NAME} could be made in {store.data_dir()} ({error.strerror}): the command goes by the ledger alone"
        )


def release(
    breaker: Annotated[str, typer.Argument(help="a tripped breaker's name, or kill")],
    reason: Annotated[str, typer.Option(help="why it is right to go on; kept with the release")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for the typed word")] = False,
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Start a tripped breaker anew: the peak is equity now, losses count from here."""
    if not yes:
        typed("release", f"Breaker {breaker} starts anew from the present equity.", run)
    send("release", {"breaker": breaker, "reason": reason}, run, wait, json_out)


def close(
    what: Annotated[
        str, typer.Argument(metavar="SLOT|SYMBOL|all", help="as `status` names it: sma_cross:BTC/USD, a symbol, or all")
    ],
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Close positions at the market; the trades carry exit_reason manual."""
    send("close", {"slot": canonical_slot(what)}, run, wait, json_out)


def stop(
    what: Annotated[str, typer.Argument(metavar="SLOT", help="exactly one slot with an open position")],
    price: Annotated[float, typer.Argument(min=0, help="the new stop; it may only be tightened")],
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Tighten a position's stop."""
    send("tighten_stop", {"slot": canonical_slot(what), "price": price}, run, wait, json_out)


def slot(
    what: Annotated[str, typer.Argument(metavar="SLOT", help="as `status` names it")],
    state: Annotated[str, typer.Argument(metavar="on|off", help="off: no entries, an open position is managed on")],
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Switch a slot's entries on or off."""
    if state not in ("on", "off"):
        raise Fail(f"{state!r} is neither on nor off", USAGE)
    send(f"slot_{state}", {"slot": canonical_slot(what)}, run, wait, json_out)


def cash(
    amount: Annotated[str, typer.Argument(help="what is paid in; a withdrawal is negative, after `--`")],
    run: Run = None,
    wait: Wait = WAIT,
    json_out: Json = False,
) -> None:
    """Book a deposit or a withdrawal: capital moves, returns do not."""
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise Fail(f"{amount!r} is no amount: write it as 250 or -250.50", USAGE) from None
    if not value.is_finite() or value == 0:
        raise Fail(f"{amount} is no amount to pay in or out", USAGE)
    send("cash", {"amount": str(value)}, run, wait, json_out)


def typed(word: str, warning: str, run: str | None = None) -> None:
    """Fail unless the person types `word`; the run's name and whether its money is real stand before it."""
    badge = badge_of(run)
    say(f"{badge}{warning}")
    if str(typer.prompt(f"{badge}Type {word} to go on", default="", show_default=False, err=True)).strip() != word:
        raise Fail("nothing was done")


def badge_of(run: str | None) -> str:
    """[LIVE main] and a space; empty where no run can be read."""
    try:
        found = store.find_run(store.open_database(), run)
    except Exception:  # whatever is wrong with the database, a kill is not kept back by its badge
        return ""
    return f"[{'DRY' if found.get('dry') else str(found['kind']).upper()} {found['name']}] "


_NO_ENGINE = {"backtest": "a backtest", "imported": "an import"}


def send(kind: str, args: dict[str, Any], run: str | None, wait: float, json_out: bool) -> None:
    """Write the command, wait for the engine's answer, print it. 1 where it is refused or nobody answers."""
    from db.models import Command
    from db.session import write_session

    engine = store.open_database(read_only=False)
    found = store.find_run(engine, run)
    if found["kind"] in ("backtest", "imported"):
        raise Fail(f"{found['name']} is {_NO_ENGINE[found['kind']]}: no engine acts on it; name a paper or live run")
    key = str(uuid.uuid4())
    command = Command(uuid=key, run_id=found["id"], kind=kind, args=args, source="cli", created_ts=store.now_ms())
    with write_session(engine) as session:
        session.add(command)
    answer = _await(engine, key, wait)
    if json_out:
        emit_json(
            {"command": kind, "run": found["name"], "uuid": key, "state": answer["state"], "result": answer["result"]}
        )
    elif answer["state"] != "new":
        say(f"{badge_of(run)}{kind}: {answer['result'] or answer['state']}")
    if answer["state"] == "new":
        heard = _state(engine, found)["heartbeat_age_seconds"]
        last = "none was ever heard" if heard is None else f"last heard {show(heard)} s ago"
        raise Fail(f"{kind} is written, but no engine answered within {wait:g} s ({last}); it acts at the next start")
    if answer["state"] == "refused":
        raise typer.Exit(FAILED)


def _await(engine: Any, key: str, wait: float) -> dict[str, Any]:
    deadline = time.monotonic() + wait
    while True:
        answer = store.rows(engine, "SELECT state, result FROM command WHERE uuid = :uuid", uuid=key)[0]
        if answer["state"] != "new" or time.monotonic() >= deadline:
            return answer
        time.sleep(POLL_S)
