"""The sandbox's market in Binance's numbers: prints, tops of the book, klines and days of one listing. The stream and the
public REST side tell the same rows from here. Nothing is shown that lies after the moment it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.sandbox.market import Market
from engine.sandbox.paths import Prints
from engine.sandbox.trading import binance_words as words
from engine.sandbox.trading.terms import DIGITS, TEN, Instrument, fixed

Level = list[str]
"""[price, quantity]."""
FLAT = "0.00000000"
DAY_MS = 86_400_000
MONDAY = 4 * DAY_MS
"""The first one after 1970-01-01."""


class Told:
    """Rows of listings over one market. A print is an aggregate whose first number follows the last one of the print before, as
    there: a hole in the numbers is a lost message."""

    def __init__(self, market: Market) -> None:
        self.market = market

    def size(self, one: Instrument, lots: int) -> str:
        """Lots of the market, which are finer than those of the listing."""
        return fixed(lots * TEN[DIGITS - self.market.products[one.product].size_digits], 8)

    def prints(self, one: Instrument, start: int, end: int, most: int | None = None) -> list[dict[str, Any]]:
        """The first `most` with start <= ts < end, oldest first."""
        return self._rows(one, self.market.prints(one.product, start, end), most)

    def newest(self, one: Instrument, before: int, count: int) -> list[dict[str, Any]]:
        return self._rows(one, self.market.latest(one.product, before, count), None)

    def _rows(self, one: Instrument, found: Prints, most: int | None) -> list[dict[str, Any]]:
        columns = [column[:most].tolist() for column in found]
        if not columns[0]:
            return []
        before = self._before(one, columns[0][0], columns[4][0])
        rows = []
        for ts, ticks, size, side, number in zip(*columns, strict=True):
            rows.append({"a": number, "p": words.price(one, ticks), "q": self.size(one, size), "f": before + 1, "l": number,
                         "T": ts, "m": side < 0, "M": True})  # fmt: skip
            before = number
        return rows

    def _before(self, one: Instrument, ts: int, number: int) -> int:
        """The number of the print before the one of `ts` and `number`."""
        found = self.market.latest(one.product, ts + 1, 8).id
        earlier = found[found < number]
        return int(earlier[-1]) if len(earlier) else number - 1

    def tops(self, one: Instrument, start: int, end: int) -> Iterator[tuple[int, int, Level, Level]]:
        """(ts, number, best bid, best ask) that each print leaves."""
        for ts, ticks, _, side, number in zip(*map(list, self.market.prints(one.product, start, end)), strict=True):
            quote = self.market.quoted(one.product, int(ts), int(ticks), int(side), int(number))
            yield int(ts), int(number), *self._levels(one, quote.bid, quote.bid_size, quote.ask, quote.ask_size)

    def top(self, one: Instrument, before: int) -> tuple[int, Level, Level] | None:
        """(number, best bid, best ask) just before a moment; None where nothing was printed yet."""
        quote = self.market.quote(one.product, before)
        if quote is None:
            return None
        return quote.id, *self._levels(one, quote.bid, quote.bid_size, quote.ask, quote.ask_size)

    def _levels(self, one: Instrument, bid: int, bids: int, ask: int, asks: int) -> tuple[Level, Level]:
        return [words.price(one, bid), self.size(one, bids)], [words.price(one, ask), self.size(one, asks)]

    def klines(self, one: Instrument, step: int, begin: int, end: int, now: int) -> list[list[Any]]:
        """Those with begin <= open < end; of the running one what was printed before `now`."""
        rows = self.market.candles(one.product, step, begin, end, now)
        return [self._kline(one, step, *row) for row in zip(*(column.tolist() for column in rows), strict=True)]

    def long(self, one: Instrument, months: bool, begin: int, end: int, most: int, now: int) -> list[list[Any]]:
        """Klines of weeks or calendar months that open in [begin, end), `most` of them, out of days."""
        rows: dict[int, list[int]] = {}
        days = self.market.candles(one.product, DAY_MS, _opens(begin, months), end, now)
        for ts, open_, high, low, close, volume in zip(*(column.tolist() for column in days), strict=True):
            row = rows.setdefault(_opens(ts, months), [open_, high, low, close, 0])
            row[1], row[2], row[3], row[4] = max(row[1], high), min(row[2], low), close, row[4] + volume
        found = sorted(at for at in rows if begin <= at < end)[:most]
        return [
            self._kline(one, _opens(at + 32 * DAY_MS if months else at + 8 * DAY_MS, months) - at, at, *rows[at])
            for at in found
        ]

    def kline(self, one: Instrument, step: int, begin: int, now: int) -> list[Any] | None:
        """The one that opened at `begin`, as of `now`: flat at the last price where nothing was printed."""
        if found := self.klines(one, step, begin, begin + step, now):
            return found[0]
        last = self.market.quote(one.product, begin)
        if last is None:
            return None
        return self._kline(one, step, begin, last.price, last.price, last.price, last.price, 0)

    def seconds(self, one: Instrument, begin: int, end: int) -> dict[int, list[Any]]:
        """One kline a second, whole seconds with begin <= ts < end; a silent one is flat at the last price."""
        rows = self.market.candles(one.product, 1000, begin, end)
        by_ts = {row[0]: row for row in zip(*(column.tolist() for column in rows), strict=True)}
        first = -(-begin // 1000) * 1000
        before = self.market.quote(one.product, first)
        last, found = before.price if before else 0, {}
        for ts in range(first, end, 1000):
            row = by_ts.get(ts) or (ts, last, last, last, last, 0)
            last = row[4]
            if last:
                found[ts] = self._kline(one, 1000, *row)
        return found

    def _kline(
        self, one: Instrument, step: int, ts: int, open_: int, high: int, low: int, close: int, volume: int
    ) -> list[Any]:
        four = (words.price(one, ticks) for ticks in (open_, high, low, close))
        # What was paid goes by the candle's typical price: candles of years are not added up print by print.
        paid = (high + low + close) * volume // 3 * TEN[DIGITS - one.price_digits - self._digits(one)]
        return [ts, *four, self.size(one, volume), ts + step - 1, fixed(paid, 8), 0, FLAT, FLAT, "0"]

    def _digits(self, one: Instrument) -> int:
        return self.market.products[one.product].size_digits

    def day(self, one: Instrument, now: int) -> dict[str, Any] | None:
        """The 24 hours up to `now`, as /ticker/24hr tells them; None where nothing was printed."""
        quote, day = self.market.quote(one.product, now), self.market.day(one.product, now)
        if quote is None:
            return None
        first, low, high, volume = (day.first, day.low, day.high, day.volume) if day else (*[quote.price] * 3, 0)
        low, high = min(low, quote.price), max(high, quote.price)
        mean = (low + high + quote.price) // 3
        paid = mean * volume * TEN[DIGITS - one.price_digits - self._digits(one)]
        bid, ask = self._levels(one, quote.bid, quote.bid_size, quote.ask, quote.ask_size)
        moved = words.price(one, abs(quote.price - first))
        return {
            "symbol": one.name, "priceChange": f"-{moved}" if quote.price < first else moved,
            "priceChangePercent": f"{(quote.price / first - 1) * 100:.3f}", "weightedAvgPrice": words.price(one, mean),
            "prevClosePrice": words.price(one, first), "lastPrice": words.price(one, quote.price), "lastQty": FLAT,
            "bidPrice": bid[0], "bidQty": bid[1], "askPrice": ask[0], "askQty": ask[1],
            "openPrice": words.price(one, first), "highPrice": words.price(one, high), "lowPrice": words.price(one, low),
            "volume": self.size(one, volume), "quoteVolume": fixed(paid, 8), "openTime": now - 86_400_000, "closeTime": now,
            "firstId": -1, "lastId": quote.id, "count": 0,
        }  # fmt: skip


def _opens(ts: int, months: bool) -> int:
    """The start of the calendar month, or of the week, of `ts`."""
    if not months:
        return (ts - MONDAY) // (7 * DAY_MS) * (7 * DAY_MS) + MONDAY
    month = np.datetime64(ts, "ms").astype("datetime64[M]")
    return int(month.astype("datetime64[ms]").astype(np.int64))
