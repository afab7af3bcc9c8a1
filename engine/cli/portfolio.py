"""backtest --config: a whole configuration over stored candles, all its slots in one account, its costs, limits and breakers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli import store as place
from engine.cli import trials
from engine.cli.data import candle_store
from engine.cli.failures import USAGE, Fail
from engine.cli.output import emit_json, emit_pairs, say, say_compiling, when
from engine.cli.tables import TRADE_COLUMNS, write_table

if TYPE_CHECKING:
    from engine.core.types import Instrument
    from engine.research.study import Study
    from engine.research.work_study import Done

UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def duration_ms(text: str, option: str) -> int:
    """`90m`, `24h` or `7d` in ms. Fail (2) otherwise."""
    match = re.fullmatch(r"([1-9]\d*)([mhd])", text.strip())
    if not match:
        raise Fail(f"{option} {text} is no duration: write a number and m, h or d, as in {option} 24h", USAGE)
    return int(match[1]) * UNITS[match[2]]


def study_of(config: Path, start: int | None, end: int | None, execution: str | None, auto_ack: str | None) -> Study:
    """What the configuration would have traded in [start, end): known at the bar's end, as a backtest on candles is."""
    from engine.research.study import Source, Study
    from engine.runtime.build import setup_of, symbols_of
    from engine.runtime.config import load

    read = load(config)
    exchange = read.run.exchange
    setup = setup_of(read, _instruments(exchange, symbols_of(read)))
    wait = duration_ms(auto_ack, "--auto-ack") if auto_ack else 0
    setup = replace(setup, account=replace(setup.account, delay_ms=0, auto_ack_ms=wait), grace_ms=0, latency_ms=0)
    sources = tuple(Source(one.symbol, exchange, execution or "") for one in setup.instruments)
    return Study(setup, sources, start or 0, end or 0, f"configuration of {read.run.name}")


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
    from decimal import Decimal

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


def run(study: Study, save: bool, trades_out: Path | None, equity_out: Path | None, json_out: bool) -> None:
    """Run it, print what came of it, store it where that is asked."""
    from engine.research import work_study
    from engine.research.told import equity_columns, trade_rows

    say_compiling()
    done = work_study.run(study, candle_store())
    number = _save(done) if save else None
    if trades_out is not None:
        rows = trade_rows(done.played, study.setup.instruments, study.setup.slots)
        write_table(trades_out, {name: [row[name] for row in rows] for name in ("strategy", "symbol", *TRADE_COLUMNS)})
    if equity_out is not None:
        write_table(equity_out, equity_columns(done.played))
    _report(done, number, json_out)
    trials.count(done.setup, done.played.start, done.played.end, done.account.returns, number)


def _save(done: Done) -> int:
    from db.session import migrate, open_engine
    from engine.research import work_study

    place.point_to_data()
    engine = open_engine()
    migrate(engine)
    return work_study.save(engine, done)[0]


def _report(done: Done, run_id: int | None, json_out: bool) -> None:
    from engine.analytics.table import plain

    setup, stats = done.setup, plain(done.figures)
    told: dict[str, Any] = {
        "run_id": run_id,
        "slots": [f"{slot.strategy} on {slot.symbol}" for slot in setup.slots],
        "start": done.played.start,
        "end": done.played.end,
        "data_hash": done.data_hash,
        "data_grade": done.grade,
        **stats,
        "elapsed_seconds": done.seconds,
        "why_no_trades": done.silence,
        "look_ahead": done.look_ahead,
    }
    if json_out:
        emit_json(told)
        return
    for name in ("undefined", "too_few"):
        told.pop(name, None)
    emit_pairs({**told, "start": when(told["start"]), "end": when(told["end"])})
