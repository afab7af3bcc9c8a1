"""One exchange's candles and prints by REST, a request or a stretch at a time. Knows nothing of stores and files.

Numbers stay the exchange's text until they are ticks. Everything runs through a Venue, which waits and tries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.core.bars import Tick
from engine.core.types import Instrument
from engine.market.symbols import timeframe_ms
from engine.market.venue import Venue
from engine.market.wire import Listed, listing, to_id, to_qty, to_ticks

PAGE = {"coinbase": 300, "coinbaseexchange": 300, "binance": 1000, "kraken": 720}
DEFAULT_PAGE = 500
TRADES_PAGE = 1000
MAX_TRADE_PAGES = 200
_FROM_SINCE = frozenset({"kraken"})
"""Venues that serve prints from `since` on, whatever the end."""


def page_size(venue: Venue) -> int:
    return PAGE.get(venue.exchange_id, DEFAULT_PAGE)


def raw_candles(venue: Venue, symbol: str, timeframe: str, start: int, end: int) -> list[list[Any]]:
    """One request: rows [ts, open, high, low, close, volume], numbers as the exchange's text, in any order."""
    limit = min(page_size(venue), max((end - start) // timeframe_ms(timeframe), 1))
    params = {"until": end - 1} if venue.exchange_id != "kraken" else {}
    rows: list[list[Any]] = venue.call("fetch_ohlcv", symbol, timeframe, start, limit, params)
    return [row for row in rows if row and row[0] is not None and None not in row[1:6]]


def trades(venue: Venue, instrument: Instrument, index: int, start: int, end: int) -> list[Tick] | None:
    """Every print of an instrument with start <= ts < end (ms UTC), sorted, as symbol `index`.

    None where the exchange does not serve them that far back. Venues cut a full page at its old end or at its new
    one, and say neither that they did nor where their limit is; so both ends are asked again until nothing new comes.
    """
    if not venue.has("fetchTrades"):
        return None
    listed = listing([instrument], str)[instrument.symbol]._replace(symbol=index)
    found: dict[int | str, Tick] = {}
    windowed = _trade_page(venue, instrument.symbol, listed, start, end, found)
    asked = 1
    while found and asked < MAX_TRADE_PAGES:
        before, oldest = len(found), min(t.ts for t in found.values())
        windowed &= _trade_page(venue, instrument.symbol, listed, start, oldest, found)
        asked += 1
        if len(found) == before:
            break
    while found and asked < MAX_TRADE_PAGES:
        before, newest = len(found), max(t.ts for t in found.values())
        if newest >= end:
            break
        _trade_page(venue, instrument.symbol, listed, newest, end, found)
        asked += 1
        if len(found) == before:
            break
    if asked >= MAX_TRADE_PAGES or not (windowed or any(t.ts <= start for t in found.values())):
        return None
    return _ordered(t for t in found.values() if start <= t.ts < end)


def recent_trades(venue: Venue, instrument: Instrument, index: int) -> list[Tick]:
    """The newest prints the exchange shows in one answer, sorted, as symbol `index`."""
    listed = listing([instrument], str)[instrument.symbol]._replace(symbol=index)
    return _ordered(_ticks_of(venue.call("fetch_trades", instrument.symbol, None, TRADES_PAGE), listed))


def _trade_page(venue: Venue, symbol: str, listed: Listed, start: int, end: int, found: dict[int | str, Tick]) -> bool:
    """One request for [start, end), seconds whole, added to `found`; False when the venue did not keep to the
    window.
    """
    until = -(-end // 1000) * 1000 + 1000
    ticks = _ticks_of(venue.call("fetch_trades", symbol, start, TRADES_PAGE, {"until": until}), listed)
    for tick in ticks:
        found.setdefault(tick.trade_id, tick)
    return venue.exchange_id in _FROM_SINCE or all(tick.ts <= until + 1000 for tick in ticks)


def _ticks_of(rows: Sequence[dict[str, Any]], listed: Listed) -> list[Tick]:
    """ccxt's trades as prints; a row that has no time, price, quantity or id is left out."""
    ticks = []
    for row in rows:
        try:
            ts, price, qty = int(row["timestamp"]), to_ticks(str(row["price"]), listed), to_qty(row["amount"])
            ticks.append(Tick(listed.symbol, ts, price, qty, to_id(row["id"])))
        except (ValueError, TypeError, KeyError):
            continue
    return ticks


def _ordered(ticks: Iterable[Tick]) -> list[Tick]:
    """By time, then id: numbers as numbers."""
    return sorted(ticks, key=lambda t: (t.ts, t.trade_id if type(t.trade_id) is int else -1, str(t.trade_id)))
