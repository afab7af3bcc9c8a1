"""The candles a command works on: from a file or from the store, with the symbol and timeframe they are of."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.data import candle_store, parse_day
from engine.cli.failures import USAGE, Fail
from engine.cli.output import say

if TYPE_CHECKING:
    from engine.core.types import Instrument
    from engine.market.candles import Candles
    from engine.market.files import Repair


def from_file(path: Path, rows: int | None, repair: str | None, symbol: str | None, timeframe: str | None) -> Candles:
    """Candles of a file; symbol from the option, the file's column or its name; notes go to stderr."""
    from engine.market.files import read_candles
    from engine.market.symbols import timeframe_name

    wanted = length_of(timeframe) if timeframe else 0
    candles = read_candles(path, rows, _repair(repair))
    if wanted and wanted != candles.timeframe_ms:
        raise Fail(f"{path} holds {timeframe_name(candles.timeframe_ms)} candles, not {timeframe}", USAGE)
    for note in candles.notes:
        say(f"{path.name}: {note}")
    return replace(candles, symbol=pair_of(symbol) if symbol else candles.symbol or symbol_in(path.stem))


def from_store(exchange: str, symbol: str, timeframe: str, start: int | None, end: int | None) -> Candles:
    """Stored candles of [start, end); DataError says how to fetch what is missing."""
    length_of(timeframe)
    candles = candle_store().read(exchange, pair_of(symbol), timeframe, start, end)
    if not len(candles):
        raise Fail(f"no stored candles of {symbol} lie in that span; `run_engine.py data` shows what there is")
    return candles


def chosen(
    data: Path | None, rows: int | None, repair: str | None, place: tuple[str | None, str | None, str | None],
    span: tuple[str | None, str | None],
) -> Candles:  # fmt: skip
    """What the options name: a file, or stored candles. `place` is exchange, symbol and timeframe, `span` first and last day."""
    exchange, symbol, timeframe = place
    if data is not None:
        return from_file(data, rows, repair, symbol, timeframe)
    if not symbol or not timeframe:
        raise Fail(
            "say what to run over: --data FILE, or --exchange, --symbol and --timeframe of stored candles", USAGE
        )
    start, end = (parse_day(text) if text else None for text in span)
    return from_store(exchange or "coinbase", symbol, timeframe, start, end)


def symbol_in(stem: str) -> str:
    """The pair a file's name says: BTCUSDT_20240101 is BTC/USDT. ASSET/USD where it names none."""
    from engine.market import imports

    return imports.symbol_in(stem) or "ASSET/USD"


def plain_instrument(candles: Candles, maker: Decimal | None = None, taker: Decimal | None = None) -> Instrument:
    """The grid of data without instrument facts, finer where prices are below 0.01; fees not given are the entry tier's."""
    from engine.core.types import Instrument

    fees = {name: fee for name, fee in (("maker", maker), ("taker", taker)) if fee is not None}
    return Instrument.unspecified(candles.symbol or "ASSET/USD", low_price=float(candles.low.min()) < 0.01, **fees)


def pair_of(symbol: str) -> str:
    """BTC/USD of BTC-USD and BTCUSD. Fail (2) otherwise."""
    from engine.market.symbols import canonical

    try:
        return canonical(symbol)
    except ValueError as error:
        raise Fail(str(error), USAGE) from None


def length_of(timeframe: str) -> int:
    """A timeframe in ms. Fail (2) where it is none."""
    from engine.market.symbols import timeframe_ms

    try:
        return timeframe_ms(timeframe)
    except ValueError as error:
        raise Fail(str(error), USAGE) from None


_REPAIRS: dict[str, Repair] = {"drop": "drop", "fill": "fill"}


def _repair(text: str | None) -> Repair | None:
    if text is None or text in _REPAIRS:
        return _REPAIRS[text] if text else None
    raise Fail(
        f"--repair {text} is not known: drop takes defects out, fill does that and puts flat bars into holes", USAGE
    )
