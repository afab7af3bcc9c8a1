"""The market as the trading side sees it: what stands and what was printed. Two sources: the sandbox's own market, and
prices that somebody sets (simulations and tests). Nobody's orders move it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple, Protocol

from engine.sandbox.market import BLOCK_MS, Market
from engine.sandbox.paths import Prints
from engine.sandbox.products import LISTED, Product


class Standing(NamedTuple):
    """Best bid and ask and the last print's price, in ticks, and its time."""

    bid: int
    ask: int
    price: int
    ts: int


class Prices(Protocol):
    """What a venue needs to know of the market. Times are ms UTC."""

    @property
    def products(self) -> dict[str, Product]: ...

    def standing(self, product: str, now: int) -> Standing | None:
        """The quote left by the prints up to and including `now`; None before the first."""

    def reached(self, product: str, after: int, until: int, ticks: int, up: bool) -> tuple[int, int] | None:
        """(ts, price) of the first print with after < ts <= until at or above `ticks` (`up`), or at or below it."""


class MarketPrices:
    """The sandbox's market, its current blocks kept at hand."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._blocks: dict[str, tuple[int, Prints]] = {}
        self._last: dict[str, tuple[int, int, Standing | None]] = {}

    @property
    def products(self) -> dict[str, Product]:
        return self.market.products

    def _block(self, product: str, at: int) -> tuple[int, Prints]:
        begin = at // BLOCK_MS * BLOCK_MS
        kept = self._blocks.get(product)
        if kept is None or kept[0] != begin:
            kept = self._blocks[product] = (begin, self.market.prints(product, begin, begin + BLOCK_MS))
        return kept

    def standing(self, product: str, now: int) -> Standing | None:
        known = self._last.get(product)
        if known is not None and known[0] <= now < known[1]:
            return known[2]
        begin, block = self._block(product, now)
        place = int(block.ts.searchsorted(now, "right"))
        until = int(block.ts[place]) if place < len(block.ts) else begin + BLOCK_MS
        if place:
            since = int(block.ts[place - 1])
            row = (since, int(block.price[place - 1]), int(block.side[place - 1]), int(block.id[place - 1]))
            quote = self.market.quoted(product, *row)
        else:
            since, found = begin, self.market.quote(product, begin)
            if found is None:
                return None
            quote = found
        made = Standing(quote.bid, quote.ask, quote.price, quote.ts)
        self._last[product] = (since, until, made)
        return made

    def reached(self, product: str, after: int, until: int, ticks: int, up: bool) -> tuple[int, int] | None:
        at = after + 1
        while at <= until:
            begin, block = self._block(product, at)
            a, b = block.ts.searchsorted((at, until + 1))
            part = block.price[a:b]
            hits = (part >= ticks) if up else (part <= ticks)
            if len(hits) and hits.any():
                place = int(a) + int(hits.argmax())
                return int(block.ts[place]), int(block.price[place])
            at = begin + BLOCK_MS
        return None


class SetPrices:
    """Prices that somebody sets, in time order; a product keeps its last one.

    Set what happened until a moment before the venue is asked at that moment: what is set for a time that it has passed
    changes its quotes from then on, but meets no order that rests.
    """

    def __init__(self, products: tuple[Product, ...] = LISTED) -> None:
        self.products = {product.id: product for product in products}
        self._ts: dict[str, list[int]] = {product.id: [] for product in products}
        self._rows: dict[str, list[Standing]] = {product.id: [] for product in products}

    def set(self, product: str, bid: int, ask: int, ts: int, price: int | None = None) -> None:
        """A print at `price` ticks (the middle of the quote unless given) that leaves this quote."""
        if self._ts[product] and ts < self._ts[product][-1]:
            raise ValueError(f"{product}: prices are set in time order, {ts} comes before {self._ts[product][-1]}")
        self._ts[product].append(ts)
        self._rows[product].append(Standing(bid, ask, (bid + ask) // 2 if price is None else price, ts))

    def standing(self, product: str, now: int) -> Standing | None:
        place = bisect_right(self._ts[product], now)
        return self._rows[product][place - 1] if place else None

    def reached(self, product: str, after: int, until: int, ticks: int, up: bool) -> tuple[int, int] | None:
        times = self._ts[product]
        for place in range(bisect_right(times, after), bisect_left(times, until + 1)):
            row = self._rows[product][place]
            if row.price >= ticks if up else row.price <= ticks:
                return row.ts, row.price
        return None
