"""What candles are in stock, for pages and commands that may not reach into the market room: listed, judged, brought, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.market.candles import Candles, DataError
from engine.market.coverage import Coverage, coverage
from engine.market.files import Repair
from engine.market.imports import Found, look
from engine.market.store import Series, Store
from engine.market.symbols import canonical, timeframe_ms

__all__ = [
    "Candles",
    "Coverage",
    "DataError",
    "Found",
    "Stocked",
    "bring_in",
    "canonical",
    "cover",
    "delete",
    "look_at",
    "stock",
]


@dataclass(frozen=True)
class Stocked:
    """One series in the store, and how many bytes it takes on disk."""

    series: Series
    size: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.series.exchange, self.series.symbol, self.series.timeframe


def stock(store: Store) -> list[Stocked]:
    """Everything stored, by exchange, symbol and length of timeframe."""
    found = [Stocked(series, series.path.stat().st_size) for series in store.list()]
    return sorted(found, key=lambda one: (one.series.exchange, one.series.symbol, timeframe_ms(one.series.timeframe)))


def cover(store: Store, exchange: str, symbol: str, timeframe: str) -> Coverage:
    """Shares a day, holes and outliers of one series. DataError where it is not stored."""
    return coverage(store.read(exchange, symbol, timeframe))


def look_at(path: Path, name: str, repair: str = "") -> Found:
    """A file understood, nothing stored yet; `repair` "", "drop" or "fill". DataError in a sentence."""
    chosen: dict[str, Repair] = {"drop": "drop", "fill": "fill"}
    return look(path, name, chosen.get(repair))


def bring_in(store: Store, found: Found, exchange: str, symbol: str) -> Series:
    """The file's candles merged into the store under this exchange and symbol. ValueError for a name that is none."""
    name = exchange.strip().lower()
    if not name.isidentifier():
        raise ValueError(f"exchange {exchange!r} is no name: letters and digits only, such as binance")
    if not symbol.strip():
        raise ValueError("say which pair the file is of, such as BTC/USD: its name does not tell")
    return store.append(name, canonical(symbol), found.timeframe, found.candles)


def delete(store: Store, exchange: str, symbol: str, timeframe: str) -> bool:
    """A series out of the store; False where it was not there."""
    return store.delete(exchange, symbol, timeframe)
