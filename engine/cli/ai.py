"""ai: what asking a model would cost, what it has cost, the question as it was sent, and asking about past bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import store
from engine.cli.data import parse_day
from engine.cli.failures import UNAVAILABLE, USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, emit_table, say, when

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from engine.config.model import Config
    from engine.core.types import SlotSpec
    from engine.research.recorded import Recorded
    from engine.strategies.base import Strategy

ai_app = typer.Typer(
    help="Models that strategies ask: cost, calls, questions, past bars.",
    no_args_is_help=True,
    epilog="Example: run_engine.py ai estimate",
)
CONFIG = Annotated[Path | None, typer.Option(help="configuration file [default: my/config.toml]")]


def register(app: typer.Typer) -> None:
    app.add_typer(ai_app, name="ai")


@ai_app.command(epilog="Example: run_engine.py ai estimate --config my/config.toml")
def estimate(
    config: CONFIG = None, json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False
) -> None:
    """Before anything is asked: calls a day x tokens x price = cost a day, and how long the budget lasts."""
    from engine.ai.estimate import estimates

    read = _config(config)
    rows = estimates(read, _prices(read))
    if json_out:
        emit_json({"slots": rows, "budget_day": read.ai.budget_day, "budget_month": read.ai.budget_month})
        return
    if not rows:
        say("no slot of this configuration asks a model (its strategy has no `asks`, or its mode is off)")
        return
    emit_table(list(rows[0]), [list(row.values()) for row in rows], "")
    a_day = sum(row["cost_day"] for row in rows)
    days = read.ai.budget_month / a_day if a_day else float("inf")
    lasts = (
        f"the month's {read.ai.budget_month:.2f} USD last {min(days, 31):.1f} days"
        if days < 31
        else "the month's budget lasts"
    )
    over = " (more than a day's budget: calls beyond it are not made)" if a_day > read.ai.budget_day else ""
    say(f"at most {a_day:.4f} USD a day{over}; {lasts}")


@ai_app.command(epilog="Example: run_engine.py ai calls --run main")
def calls(
    run: Annotated[str | None, typer.Option("--run", metavar="NAME|N", help="which run [default: the last]")] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="how many")] = 20,
    past: Annotated[bool, typer.Option("--past", help="those of `ai backfill`, which belong to no run")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """The newest calls: when, what came back, what it cost."""
    from db.queries import rows
    from engine.market.candles import iso

    if past and run is not None:
        raise Fail("calls of `ai backfill` belong to no run: give --past or --run, not both", USAGE)
    engine = store.open_database()
    found = {"id": None, "name": None} if past else store.find_run(engine, run)
    which = "purpose = 'backfill'" if past else "run_id = :run"
    sql = f"""SELECT id, about_ts, strategy, symbol, model, outcome, direction, confidence, cost, latency_ms, error FROM ai_call
        WHERE {which} ORDER BY id DESC LIMIT :last"""
    who = {"last": last} if past else {"run": found["id"], "last": last}
    told = [{**row, "about_ts": iso(int(row["about_ts"]))} for row in rows(engine, sql, who)]
    if json_out:
        emit_json({"run": found["name"], "calls": told})
        return
    none = "no past bar has been asked about" if past else f"{found['name']} has asked no model"
    emit_table(list(told[0]) if told else [], [list(row.values()) for row in told], none)


@ai_app.command(epilog="Example: run_engine.py ai show 42")
def show(number: Annotated[int, typer.Argument(help="the call's number, as `ai calls` lists it")]) -> None:
    """One call: the question as it was sent, and the answer as text."""
    from db.queries import rows
    from engine.ai.prompts import sent_text

    found = rows(store.open_database(), "SELECT * FROM ai_call WHERE id = :id", {"id": number})
    if not found:
        raise Fail(f"there is no call number {number}; `run_engine.py ai calls` lists them", USAGE)
    call = dict(found[0])
    sent = str(call.pop("prompt_text"))
    call.pop("context")
    spoken = ("about_ts", "asked_ts", "arrived_ts", "created_ts", "sent_ts", "done_ts")
    emit_pairs({name: when(value) if name in spoken else value for name, value in call.items()})
    typer.echo(f"\n{sent_text(sent) or 'it was never sent'}")


@ai_app.command(
    epilog="Example: run_engine.py ai backfill ai_trend --symbol BTC/USD --timeframe 1h --from 2026-01-01 --to 2026-02-01"
)
def backfill(
    strategy: Annotated[str, typer.Argument(help="a strategy that asks")],
    symbol: Annotated[str, typer.Option(help="BTC/USD")],
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h, 1d")],
    from_: Annotated[str, typer.Option("--from", metavar="DAY", help="first day, UTC")],
    to: Annotated[str, typer.Option("--to", metavar="DAY", help="up to this moment, UTC")],
    exchange: Annotated[str, typer.Option(help="stored candles of this exchange")] = "coinbase",
    param: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="a parameter; several times for several")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="most questions")] = 1000,
    config: CONFIG = None,
    before_cutoff: Annotated[
        bool,
        typer.Option("--before-cutoff", help="ask about days that the model may remember, too; results stay flagged"),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Ask about past bars, so that a backtest has something to replay. Says what it may cost and waits for a yes."""
    from engine.ai import backfill as past
    from engine.cli import candles as sources
    from engine.cli.strategy import make_strategy

    read = _config(config)
    first, last = parse_day(from_), parse_day(to)
    made = make_strategy(strategy, param or [])
    candles = sources.from_store(exchange, symbol, timeframe, None, last)
    engine = _database()
    try:
        plan = past.plan(
            engine,
            read.ai,
            made,
            candles,
            (first, last),
            _prices(read),
            most,
            sources.plain_instrument(candles, None, None),
            before_cutoff,
        )
    except past.NothingToAsk as error:
        raise Fail(str(error), USAGE) from None
    say(plan.words())
    if plan.questions and not yes and not typer.confirm("Ask now?", err=True):
        say("nothing was asked")
        return
    try:
        done = past.ask_all(
            engine, read.ai, plan, lambda n, total: say(f"asked {n} of {total}") if n % 20 == 0 else None
        )
    except past.NothingToAsk as error:
        raise Fail(str(error), USAGE) from None
    if json_out:
        emit_json(done)
    else:
        emit_pairs(done)


@dataclass(frozen=True)
class Replay:
    """What `--ai`, `--ai-model` and `--ai-cutoff` ask for."""

    mode: str
    model: str = ""
    cutoff: str = ""

    def answers(self, slots: Sequence[tuple[SlotSpec, Strategy]]) -> dict[int, Recorded]:
        """What was answered for each slot that asks, by its number; those that nobody has answered are left to their rule, and
        told. Fail (2) where nothing can be replayed."""
        from db.errors import MissingDatabase
        from engine.core.setup import Advice
        from engine.research.recorded import recorded
        from engine.strategies._ask import asks_of

        self._check()
        asking = {at: slot for at, (slot, strategy) in enumerate(slots) if asks_of(strategy) is not None}
        if not asking:
            names = ", ".join(dict.fromkeys(slot.strategy for slot, _ in slots))
            raise Fail(f"{names} asks no model: it has no `asks`", USAGE)
        try:
            engine = store.open_database()
        except MissingDatabase:
            engine = None
        found: dict[int, Recorded] = {}
        for at, slot in asking.items():
            if engine is None:
                break
            place = (slot.strategy, slot.symbol, slot.timeframe_ms)
            given = recorded(engine, *place, Advice(self.mode, 0.55), self.model, self.cutoff, slot.key)
            if given.answers:
                found[at] = given
        silent = [slot for at, slot in asking.items() if at not in found]
        if silent and not found:
            raise Fail(self._nobody(silent[0]), USAGE)
        for slot in silent:
            say(f"note: {self._nobody(slot)}; here its rule decides alone")
        return found

    def _check(self) -> None:
        from datetime import date

        from engine.strategies._ask import MODES

        if self.mode not in MODES[1:]:
            raise Fail(f"--ai {self.mode} is no mode: choose {', '.join(MODES[1:])}", USAGE)
        try:
            date.fromisoformat(self.cutoff or "2000-01-01")
        except ValueError:
            raise Fail(f"--ai-cutoff {self.cutoff} is no day: write it as 2024-10-01", USAGE) from None

    def _nobody(self, slot: SlotSpec) -> str:
        who = f"{self.model} has not" if self.model else "no model has"
        return (
            f"{who} answered for {slot.strategy} on {slot.symbol} at this timeframe yet: run it in mode shadow, or ask about "
            "past bars with `run_engine.py ai backfill`"
        )


def say_replayed(told: Mapping[str, Any], where: str = "") -> None:
    """What a person should know of answers that were replayed."""
    say(
        f"AI{where}: {told['answers']:,} recorded answers of {told['model']}, mode {told['mode']}; replaying them cost nothing"
    )
    if told["warning"]:
        say(f"WARNING: {told['warning']}")


def _database() -> Engine:
    """The database in force, made or moved forward first: past bars can be asked about before an engine has ever run."""
    from db.session import migrate, open_engine

    store.point_to_data()
    engine = open_engine()
    migrate(engine)
    return engine


def _config(path: Path | None) -> Config:
    from engine.access.outbound import permit
    from engine.config.network import check_addresses
    from engine.config.reading import find, load

    config = load(path or find())
    check_addresses(config, str(path or find()))
    permit(config.network.allow_hosts)
    return config


def _prices(config: Config) -> dict[str, Any]:
    """The provider's price list, unless the configuration has the model's price. Fail (69) where it cannot be read."""
    from engine.ai.client import Client

    if config.ai.price_prompt is not None:
        return {}
    try:
        return dict(Client(config.ai.base_url, 15.0).prices())
    except ValueError as error:
        raise Fail(f"{error}; or set price_prompt and price_answer in [ai]", UNAVAILABLE) from None
