"""fetch, import and data: candles into the store, and what is in it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import store as place
from engine.cli.failures import USAGE, Fail
from engine.cli.output import emit_json, emit_table, say, when

if TYPE_CHECKING:
    from engine.market.store import Series, Store

DAY_MS = 86_400_000


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: run_engine.py fetch --exchange coinbase --symbol BTC/USD --timeframe 1m --days 90")(
        fetch
    )
    app.command(epilog="Example: run_engine.py data --json")(data)
    app.command("import", epilog="Example: run_engine.py import BTCUSDT-1m-2026-03.zip --dry-run")(import_files)


def candle_store() -> Store:
    """The store of candles in the data folder."""
    from engine.market.store import Store

    return Store(place.data_dir() / "candles")


def parse_day(text: str) -> int:
    """A UTC day or moment (2026-01-31, 2026-01-31T12:00, or ms) as ms UTC. Fail (2) with what is accepted."""
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Fail(f"{text!r} is no day: write 2026-01-31, 2026-01-31T12:00 or milliseconds UTC", USAGE) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def fetch(
    symbol: Annotated[list[str], typer.Option(help="BTC/USD, BTC-USD or BTCUSD; several times for several")],
    exchange: Annotated[str, typer.Option(help="any exchange ccxt knows, by its id")] = "coinbase",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h, 1d")] = "1m",
    days: Annotated[float | None, typer.Option(min=0.01, help="so many days up to now [default: 30]")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="DAY", help="first day, UTC")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DAY", help="up to this moment, UTC [default: now]")] = None,
    base_url: Annotated[str | None, typer.Option(help="another REST address, such as a sandbox's")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Fetch candles into the store; what is there already is not fetched again."""
    from engine.market.symbols import canonical, timeframe_ms

    start, end = span(days, from_, to)
    results = []
    for name in symbol:
        try:
            pair, _ = canonical(name), timeframe_ms(timeframe)
        except ValueError as error:
            raise Fail(str(error), USAGE) from None
        results.append(fetch_one(exchange, pair, timeframe, start, end, base_url))
    if json_out:
        emit_json({"exchange": exchange, "timeframe": timeframe, "fetched": results})
    else:
        emit_table(list(results[0]), [list(row.values()) for row in results], "nothing was fetched")


def span(days: float | None, from_: str | None, to: str | None) -> tuple[int, int]:
    """(start, end) in ms UTC of --days, or --from and --to; 30 days up to now when nothing is said."""
    end = parse_day(to) if to else place.now_ms()
    start = parse_day(from_) if from_ else end - int((days or 30) * DAY_MS)
    if start >= end:
        raise Fail(f"the span ends ({when(end)}) before it begins ({when(start)})", USAGE)
    return start, end


def fetch_one(exchange: str, symbol: str, timeframe: str, start: int, end: int, base_url: str | None) -> dict[str, Any]:
    """One symbol's candles into the store, with progress and notes on stderr; what the store then says of them."""
    from engine.market.history import fetch as fetch_history

    if base_url:
        place.permit_hosts()
        place.spare_disk()
    done = fetch_history(
        exchange, symbol, timeframe, start, end, candle_store(), base_url=base_url, progress=_Progress(symbol)
    )
    for note in done.notes:
        say(f"{symbol}: {note}")
    if done.series is None:
        return {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "bars": 0, "new": 0}
    return {**_row(done.series), "new": done.rows}


class _Progress:
    """`progress(done, total)` as a bar on a terminal, as a line at each tenth elsewhere."""

    def __init__(self, label: str) -> None:
        self.label, self.tenth = label, -1

    def __call__(self, done: int, total: int) -> None:
        share = min(1.0, done / total) if total else 1.0
        if sys.stderr.isatty():
            bar = "#" * int(share * 30)
            sys.stderr.write(f"\r{self.label} [{bar:<30}] {share:4.0%}" + ("\n" if share >= 1 else ""))
            sys.stderr.flush()
        elif int(share * 10) > self.tenth:
            self.tenth = int(share * 10)
            say(f"{self.label} {share:.0%}")


def data(
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    delete: Annotated[
        str | None, typer.Option(metavar="EXCHANGE:SYMBOL:TIMEFRAME", help="take a series out of the store")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before deleting")] = False,
) -> None:
    """What candles are stored, from when to when, and how good they are."""
    from engine.research.stock import stock

    store = candle_store()
    if delete is not None:
        _delete(store, delete, yes)
        return
    found = stock(store)
    if json_out:
        rows_out = [{**_row(one.series), "bytes": one.size, "quality": one.series.quality.as_dict()} for one in found]
        emit_json({"folder": store.root, "stored": rows_out})
        return
    rows = [{**_row(one.series), "MB": f"{one.size / 1e6:.1f}"} for one in found]
    empty = "nothing is stored yet: `run_engine.py fetch --symbol BTC/USD --timeframe 1m --days 90`"
    emit_table(list(rows[0]) if rows else [], [list(row.values()) for row in rows], empty)


def _delete(store: Store, text: str, yes: bool) -> None:
    parts = text.split(":")
    if len(parts) != 3:
        raise Fail(
            f"--delete {text} names no series: write exchange:symbol:timeframe, as in coinbase:BTC/USD:1m", USAGE
        )
    try:
        series = store.find(*parts)
    except ValueError as error:
        raise Fail(str(error), USAGE) from None
    if series is None:
        raise Fail(f"{text} is not stored; `run_engine.py data` lists what is")
    if not yes:
        typer.confirm(f"delete {series.quality.rows:,} candles of {text}?", abort=True, err=True)
    store.delete(*parts)
    say(f"{text}: {series.quality.rows:,} candles deleted")


def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV (also .gz, .zip), JSON, Feather, Parquet")
    ],
    exchange: Annotated[
        str | None, typer.Option(help="where they are from [default: from the file, or `imported`]")
    ] = None,
    symbol: Annotated[str | None, typer.Option(help="[default: from the file]")] = None,
    repair: Annotated[
        str | None, typer.Option(metavar="drop|fill", help="what to do with defects [default: refuse]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it is and store nothing")] = False,
    json_out: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Bring candles of ccxt, freqtrade, Binance Vision, CryptoDataDownload or Kaggle's Bitstamp into the store."""
    from engine.research.stock import bring_in, look_at

    if repair not in (None, "drop", "fill"):
        raise Fail(
            f"--repair {repair} is not known: drop takes defects out, fill also puts flat bars into holes", USAGE
        )
    store, rows = candle_store(), list[dict[str, Any]]()
    for file in files:
        found = look_at(file, file.name, repair or "")
        pair = symbol or found.symbol
        if not pair:
            raise Fail(f"{file.name} does not say what it is of: name it with --symbol BTC/USD", USAGE)
        for note in found.notes:
            say(f"{file.name}: {note}")
        where = exchange or found.exchange or "imported"
        row: dict[str, Any] = {
            "file": file.name,
            "layout": found.layout,
            "exchange": where,
            "symbol": pair,
            "timeframe": found.timeframe,
        }
        row |= {"bars": len(found.candles), "from": when(found.quality.start), "to": when(found.quality.end)}
        row |= {"grade": found.quality.grade}
        try:
            rows.append(row if dry_run else {**row, "stored": bring_in(store, found, where, pair).quality.rows})
        except ValueError as error:
            raise Fail(str(error), USAGE) from None
    if json_out:
        emit_json({"dry_run": dry_run, "files": rows})
    else:
        emit_table(list(rows[0]), [list(row.values()) for row in rows], "no file was given")


def _row(series: Series) -> dict[str, Any]:
    quality = series.quality
    return {
        "exchange": series.exchange,
        "symbol": series.symbol,
        "timeframe": series.timeframe,
        "bars": quality.rows,
        "from": when(quality.start),
        "to": when(quality.end),
        "missing": quality.gaps,
        "outliers": quality.outliers,
        "revised": series.revised,
        "grade": quality.grade,
        "hash": quality.content_hash[:12],
    }
