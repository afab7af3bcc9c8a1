"""backtest --config and --slot: several slots in one account, by a configuration with its limits, or as typed with none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli import store as place
from engine.cli import trials
from engine.cli.ai import Replay, say_replayed
from engine.cli.candles import pair_of
from engine.cli.data import candle_store
from engine.cli.failures import USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, say, say_compiling, when
from engine.cli.period import Period
from engine.cli.strategy import make_strategy
from engine.cli.tables import write_table

if TYPE_CHECKING:
    from engine.cli.backtest import Options
    from engine.core.types import Instrument, SlotSpec
    from engine.research.lab import StudyResult
    from engine.research.study import Source, Study

Words = tuple[str, str, str, list[str]]
"""Strategy, symbol, timeframe and parameters of a slot."""
UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str, option: str) -> int:
    """`90m`, `24h` or `7d` in ms. Fail (2) otherwise."""
    match = re.fullmatch(r"([1-9]\d*)([mhd])", text.strip())
    if not match:
        raise Fail(f"{option} {text} is no duration: write a number and m, h or d, as in {option} 24h", USAGE)
    return int(match[1]) * UNITS[match[2]]


@dataclass(frozen=True)
class Outs:
    """Where results go."""

    save: bool
    trades: Path | None
    equity: Path | None
    json: bool


def study_of(config: Path, period: Period, execution: str | None, auto_ack: str | None) -> Study:
    """What the configuration would have traded in the period: known at the bar's end, as a backtest on candles is."""
    from engine.analytics.learning import Rules
    from engine.config.reading import load
    from engine.research.own_record import Lessons
    from engine.research.study import Source, Study
    from engine.runtime.build import setup_of, symbols_of

    read = load(config)
    exchange, symbols = read.run.exchange, symbols_of(read)
    setup = setup_of(read, _instruments(exchange, symbols))
    wait = duration_ms(auto_ack, "--auto-ack") if auto_ack else 0
    setup = replace(setup, account=replace(setup.account, delay_ms=0, auto_ack_ms=wait), grace_ms=0, latency_ms=0)
    start, end = period.of(exchange, symbols, execution or _finest(setup.slots))
    sources = tuple(Source(one.symbol, exchange, execution or "") for one in setup.instruments)
    told = read.learning
    if told.enabled and told.sizes:
        say(
            "note: weights that multiply sizes ([learning] sizes) act in a run, not in a backtest: sizes are as configured"
        )
    lessons = Lessons(
        told.enabled, told.every_hours, told.dwell_days, Rules(told.prior, least=told.least, most=told.most)
    )
    return Study(setup, sources, start or 0, end or 0, f"configuration of {read.run.name}", lessons)


def _finest(slots: Sequence[SlotSpec]) -> str:
    from engine.market.symbols import timeframe_name

    return timeframe_name(min(slot.timeframe_ms for slot in slots))


def study_of_slots(
    asked: Sequence[Words],
    options: Options,
    source: Source,
    period: Period,
) -> Study:
    """Slots as asked for, one account without limits; `source` says where all their candles come from."""
    from engine.core.setup import Setup
    from engine.core.types import AccountSpec, SlotSpec
    from engine.market.symbols import timeframe_ms
    from engine.research.study import Study

    slots: list[SlotSpec] = []
    params: list[dict[str, Any]] = []
    for strategy, symbol, step, own in asked:
        made = make_strategy(strategy, own)
        params.append(dict(made.params.model_dump(mode="json")))
        label = str(len(slots) + 1) if any((s.strategy, s.symbol) == (strategy, symbol) for s in slots) else ""
        try:
            length = timeframe_ms(step)
        except ValueError as error:
            raise Fail(str(error), USAGE) from None
        slots.append(SlotSpec(label, strategy, symbol, length, options.sized(), options.protection(), options.short))
    symbols = list(dict.fromkeys(slot.symbol for slot in slots))
    if source.file and len(symbols) > 1:
        raise Fail(
            f"--data is one symbol's candles, and the slots name {', '.join(symbols)}: use stored candles", USAGE
        )
    start, end = (
        (None, None) if source.file else period.of(source.exchange, symbols, source.timeframe or _finest(slots))
    )
    sources = tuple(replace(source, symbol=symbol) for symbol in symbols)
    instruments = tuple(_plain(options, one) for one in sources)
    finest = min(slot.timeframe_ms for slot in slots)
    account = AccountSpec(
        cash=options.cash, quote=instruments[0].quote, quantum=instruments[0].quantum, max_positions=len(slots), symbol_cap=0.0,
        slippage_bps=options.slippage_bps, delay_ms=options.delay_bars * finest, research=options.research,
    )  # fmt: skip
    setup = Setup(account, instruments, tuple(slots), tuple(params), (), 0, 0)
    return Study(setup, sources, start or 0, end or 0, ", ".join(f"{s.strategy} on {s.symbol}" for s in slots))


def slot_words(text: str, timeframe: str | None) -> Words:
    """(strategy, symbol, timeframe, parameters) of `sma_cross:BTC/USD:1h:fast=5,slow=20`. Fail (2) in a sentence."""
    words = [word.strip() for word in text.split(":")]
    own = words.pop().split(",") if len(words) > 2 and "=" in words[-1] else []
    step = words.pop() if len(words) > 2 and re.fullmatch(r"\d+[a-zA-Z]", words[-1]) else timeframe
    if len(words) < 2 or not all(words):
        raise Fail(f"--slot {text} is not strategy:symbol, as in --slot sma_cross:BTC/USD:1h:fast=5,slow=20", USAGE)
    if not step:
        raise Fail(f"--slot {text} has no timeframe: write {words[0]}:{words[1]}:1h, or give --timeframe", USAGE)
    return words[0], pair_of(":".join(words[1:])), step, own


def _plain(options: Options, source: Source) -> Instrument:
    """A grid too fine to matter, as a backtest without a configuration has; finer still where prices are below 0.01."""
    from engine.core.types import Instrument
    from engine.research.loading import lowest

    fees = {name: fee for name, fee in (("maker", options.maker), ("taker", options.taker)) if fee is not None}
    low = lowest(source, candle_store())
    return Instrument.unspecified(source.symbol, low_price=low is not None and low < 0.01, **fees)


def _instruments(exchange: str, symbols: list[str]) -> list[Instrument]:
    """As the database knows them from an engine's start; else on a grid too fine to matter, with a note."""
    known = _known_instruments(exchange)
    strange = [symbol for symbol in symbols if symbol not in known]
    if strange:
        say(f"note: tick, lot and minimum of {', '.join(strange)} are not known here: no engine has traded them yet")
    return [known.get(symbol) or _unspecified(exchange, symbol) for symbol in symbols]


def _unspecified(exchange: str, symbol: str) -> Instrument:
    from engine.core.types import Instrument
    from engine.market.instruments import ENTRY_FEES

    if exchange not in ENTRY_FEES:
        return Instrument.unspecified(symbol)
    maker, taker = ENTRY_FEES[exchange]
    return Instrument.unspecified(symbol, maker=maker, taker=taker)


def _known_instruments(exchange: str) -> dict[str, Instrument]:
    from db.errors import StorageError
    from engine.core.types import Instrument

    decimals = ("tick", "lot", "quantum", "min_qty", "min_notional", "maker", "taker")
    try:
        rows = place.rows(place.open_database(), "SELECT * FROM instrument WHERE exchange = :x", x=exchange)
    except StorageError:
        return {}
    found = {}
    for row in rows:
        facts: dict[str, Any] = {name: row[name] for name in ("symbol", "base", "quote", "kind")}
        facts |= {name: Decimal(row[name]) for name in decimals}
        found[row["symbol"]] = Instrument(**facts)
    return found


def run(study: Study, outs: Outs, replay: Replay | None = None) -> None:
    """Run it, with models' recorded answers where that is asked; print what came of it, and store it."""
    from engine.research.backtest import TRADE_COLUMNS
    from engine.research.lab import run_study, strategies_of
    from engine.research.told import equity_columns, trade_rows

    say_compiling()
    made = strategies_of(study)
    recorded = replay.answers(list(zip(study.setup.slots, made, strict=True))) if replay is not None else None
    done = run_study(study, candle_store(), strategies=made, recorded=recorded)
    number = _save(done) if outs.save else None
    if outs.trades is not None:
        rows = trade_rows(done.played, study.setup.instruments, study.setup.slots)
        write_table(outs.trades, {name: [row[name] for row in rows] for name in ("strategy", "symbol", *TRADE_COLUMNS)})
    if outs.equity is not None:
        write_table(outs.equity, equity_columns(done.played))
    _report(done, number, outs.json)
    trials.count(done.setup, done.played.start, done.played.end, done.account.returns, number)


def _save(done: StudyResult) -> int:
    from db.session import migrate, open_engine
    from engine.research.lab import save_study

    place.point_to_data()
    engine = open_engine()
    migrate(engine)
    return save_study(engine, done)[0]


def _report(done: StudyResult, run_id: int | None, json_out: bool) -> None:
    from engine.analytics.table import plain

    told: dict[str, Any] = {
        "run_id": run_id,
        **_what(done),
        "start": done.played.start,
        "end": done.played.end,
        "benchmarks": {name: float(curve.equity[-1]) / curve.start - 1 for name, curve in done.benchmarks.items()},
        **plain(done.figures),
        "elapsed_seconds": done.seconds,
        **done.facts,
    }
    if json_out:
        emit_json(told)
        return
    for name in ("undefined", "too_few", "series", "lookahead"):
        told.pop(name)
    for sentence in told.pop("look_ahead"):
        say(f"WARNING: it looks ahead, so nothing here can be believed: {sentence}. `check` says more")
    notes = [*told.pop("notes"), *(f"{slot} closed no trade: {why}" for slot, why in told.pop("silent").items())]
    if why := told.pop("why_no_trades"):
        notes = [why]
    say_record(told.pop("own_record", None))
    for slot, answers in told.pop("ai", {}).items():
        say_replayed(answers, f", {slot}")
    emit_pairs({**told, "start": when(told["start"]), "end": when(told["end"])})
    for note in notes:
        say(f"note: {note}")
    fees = [one.taker for one in done.setup.instruments] + [one.maker for one in done.setup.instruments]
    if not all(fees) or not done.setup.account.slippage_bps:
        say("note: fee or slippage is zero; no exchange is that kind")


def say_record(renewed: dict[str, int] | None) -> None:
    """Which strategies knew how their signals did, and that a run tells them only where it is told to."""
    for name, times in (renewed or {}).items():
        say(f"note: {name} knew its own record, renewed {times} times; a run tells it with [learning] enabled = true")


def _what(done: StudyResult) -> dict[str, Any]:
    """What ran, on how many candles; of one slot under the names that every backtest has."""
    from engine.market.symbols import timeframe_name
    from engine.research.silence import slot_name

    setup = done.setup
    bars = sum(len(one) for one in done.candles.values())
    told: dict[str, Any] = {"slots": [f"{slot.strategy} on {slot.symbol}" for slot in setup.slots], "bars": bars}
    if len(setup.slots) == 1:
        one = setup.slots[0]
        told |= {"strategy": one.strategy, "params": dict(setup.params[0]), "symbol": one.symbol}
        return {**told, "timeframe": timeframe_name(one.timeframe_ms)}
    return {**told, "trades_by_slot": {slot_name(setup, at): _traded(done, at) for at in range(len(setup.slots))}}


def _traded(done: StudyResult, at: int) -> int:
    return int((done.played.reports.trades["slot"] == at).sum())
