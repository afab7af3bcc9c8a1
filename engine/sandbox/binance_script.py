"""What Binance's streams say when: messages of each stream in exchange time. A pure function of the market, kept a while, so
that all connections share the work. `head` of a line is the stream's name, `tail` the message.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from engine.sandbox.market import Market
from engine.sandbox.script import KEPT, STRETCH_MS, Line
from engine.sandbox.trading import binance_words as words
from engine.sandbox.trading.binance_market import STEPS
from engine.sandbox.trading.binance_told import Told
from engine.sandbox.trading.terms import Instrument

LAST = 9
"""The place of klines among what is sent in one instant: a beat says that everything before it has been sent."""
Maker = Callable[[Instrument, int], list[Line]]


class BinanceScript:
    """The lines of `market` for what Binance lists. Prints and quotes go out as they happen, klines of seconds each second,
    longer ones every two seconds and at their end, tickers each second."""

    def __init__(self, market: Market, listed: Mapping[str, Instrument]) -> None:
        self.market, self.listed = market, {name.lower(): one for name, one in listed.items()}
        self._told = Told(market)
        self._kept: OrderedDict[tuple[str, str, int], list[Line]] = OrderedDict()
        self._makers: dict[str, Maker] = {
            "aggTrade": lambda one, start: self._prints(one, start, "aggTrade"),
            "trade": lambda one, start: self._prints(one, start, "trade"),
            "bookTicker": self._quotes,
            "miniTicker": lambda one, start: self._days(one, start, "miniTicker"),
            "ticker": lambda one, start: self._days(one, start, "ticker"),
            "depth": lambda one, start: self._changes(one, start, "depth"),
            "depth@100ms": lambda one, start: self._changes(one, start, "depth@100ms"),
        }
        for kind in (f"depth{levels}{pace}" for levels in (5, 10, 20) for pace in ("", "@100ms")):
            self._makers[kind] = lambda one, start, kind=kind: self._tops(one, start, kind)  # type: ignore[misc]
        for interval in STEPS:
            self._makers[f"kline_{interval}"] = lambda one, start, i=interval: self._klines(one, start, i)  # type: ignore[misc]

    def serves(self, kind: str) -> bool:
        return kind in self._makers

    def lines(self, channels: dict[str, list[str]], after: int, until: int) -> list[Line]:
        """All lines with after < ts <= until of the streams, in sending order."""
        found: list[Line] = []
        for stretch in range(after // STRETCH_MS, until // STRETCH_MS + 1):
            for kind, names in channels.items():
                for name in names:
                    found += [line for line in self._stretch(kind, name, stretch) if after < line.ts <= until]
        found.sort()
        return found

    def _stretch(self, kind: str, name: str, stretch: int) -> list[Line]:
        key = (kind, name, stretch)
        if key not in self._kept:
            one = self.listed.get(name)
            self._kept[key] = self._makers[kind](one, stretch * STRETCH_MS) if one is not None else []
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _prints(self, one: Instrument, start: int, kind: str) -> list[Line]:
        head = _stream(one, kind)
        rows = self._told.prints(one, start, start + STRETCH_MS)
        if kind == "trade":
            rows = [{"t": row["a"], **{key: row[key] for key in ("p", "q", "T", "m", "M")}} for row in rows]
        return [Line(row["T"], 0, one.product, head, _event(kind, row["T"], one, row)) for row in rows]

    def _quotes(self, one: Instrument, start: int) -> list[Line]:
        head = _stream(one, "bookTicker")
        return [
            Line(ts, 1, one.product, head, words.json({"u": number, "s": one.name, "b": bid, "B": bids, "a": ask, "A": asks}))
            for ts, number, (bid, bids), (ask, asks) in self._told.tops(one, start, start + STRETCH_MS)
        ]  # fmt: skip

    def _tops(self, one: Instrument, start: int, kind: str) -> list[Line]:
        head = _stream(one, kind)
        return [
            Line(ts, 2, one.product, head, words.json({"lastUpdateId": number, "bids": [bid], "asks": [ask]}))
            for ts, number, bid, ask in self._told.tops(one, start, start + STRETCH_MS)
        ]

    def _changes(self, one: Instrument, start: int, kind: str) -> list[Line]:
        """The book's changes: it has one level a side, so that the old one goes when the new one comes."""
        head, lines = _stream(one, kind), []
        former = self._told.top(one, start) or (0, ["0", "0"], ["0", "0"])
        for ts, number, bid, ask in self._told.tops(one, start, start + STRETCH_MS):
            gone = [
                [[old[0], "0.00000000"]] if old[0] != new[0] else []
                for old, new in zip(former[1:], (bid, ask), strict=True)
            ]
            row = {"U": former[0] + 1, "u": number, "b": [*gone[0], bid], "a": [*gone[1], ask]}
            lines.append(Line(ts, 2, one.product, head, _event("depthUpdate", ts, one, row)))
            former = (number, bid, ask)
        return lines

    def _days(self, one: Instrument, start: int, kind: str) -> list[Line]:
        head, lines = _stream(one, kind), []
        for ts in range(-(-start // 1000) * 1000, start + STRETCH_MS, 1000):
            row = self._told.day(one, ts)
            if row is not None:
                event = "24hrTicker" if kind == "ticker" else "24hrMiniTicker"
                lines.append(
                    Line(ts, 3, one.product, head, _event(event, ts, one, words.streamed_day(row, kind == "ticker")))
                )
        return lines

    def _klines(self, one: Instrument, start: int, interval: str) -> list[Line]:
        step, head, lines = STEPS[interval], _stream(one, f"kline_{interval}"), []
        pace = 1000 if step == 1000 else 2000
        seconds = self._told.seconds(one, start - 1000, start + STRETCH_MS) if step == 1000 else {}
        for ts in range(-(-start // pace) * pace, start + STRETCH_MS, pace):
            begin = (ts - 1) // step * step
            row = seconds.get(begin) if step == 1000 else self._told.kline(one, step, begin, ts)
            if row is not None:
                told = words.streamed_kline(one.name, interval, row, ts >= begin + step)
                lines.append(Line(ts, LAST, one.product, head, _event("kline", ts, one, {"k": told})))
        return lines


def _stream(one: Instrument, kind: str) -> bytes:
    return f"{one.name.lower()}@{kind}".encode()


def _event(kind: str, ts: int, one: Instrument, row: Mapping[str, object]) -> bytes:
    return words.json({"e": kind, "E": ts, "s": one.name, **row})
