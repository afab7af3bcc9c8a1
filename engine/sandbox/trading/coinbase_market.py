"""Coinbase's public side as far as a client reads it before it trades: time, products, currencies, the top of the book."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.sandbox import wire
from engine.sandbox.market import Quote
from engine.sandbox.trading.coinbase_words import Wrong
from engine.sandbox.trading.terms import FIAT, Instrument
from engine.sandbox.trading.venue import Venue
from engine.sandbox.trading.wire import Request

V3 = "/api/v3/brokerage"


class Public:
    """Handlers that need no key."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def routes(self) -> dict[tuple[str, str], Callable[[Request], Any]]:
        return {
            ("GET", f"{V3}/time"): lambda request: wire.server_time(request.now),
            ("GET", "/v2/time"): lambda request: {
                "data": {"epoch": request.now // 1000, "iso": wire.rfc3339(request.now)}
            },
            ("GET", f"{V3}/market/products"): self.products,
            ("GET", f"{V3}/products"): self.products,
            ("GET", f"{V3}/market/product_book"): self.book,
            ("GET", f"{V3}/product_book"): self.book,
            ("GET", f"{V3}/best_bid_ask"): self.best,
            ("GET", "/v2/currencies"): self.fiat,
            ("GET", "/v2/currencies/crypto"): self.coins,
            ("GET", "/v2/exchange-rates"): self.rates,
        }

    def _quote(self, one: Instrument, now: int) -> Quote | None:
        found = self.venue.prices.standing(one.product, now)
        return Quote(found.bid, found.ask, one.least, one.least, found.ts, found.price, 0) if found else None

    def _named(self, request: Request) -> list[Instrument]:
        wanted = request.several("product_ids") + request.several("product_id")
        return [one for one in self.venue.instruments.values() if not wanted or one.name in wanted]

    def product(self, request: Request) -> Any:
        one = self.venue.instruments.get(request.path.rpartition("/")[2])
        if one is None:
            raise Wrong(404, "NOT_FOUND", "the product is not listed")
        return self._row(one, request.now)

    def products(self, request: Request) -> Any:
        spot = request.params.get("product_type", "SPOT") in ("SPOT", "")
        rows = [self._row(one, request.now) for one in self._named(request)] if spot else []
        return {"products": rows, "num_products": len(rows)}

    def _row(self, one: Instrument, now: int) -> dict[str, Any]:
        row = wire.product(self.venue.prices.products[one.product], self._quote(one, now), None)
        step = one.size_text(one.step)
        return {**row, "base_increment": step, "base_min_size": step}

    def book(self, request: Request) -> Any:
        named = self._named(request)
        if not request.params.get("product_id") or not named:
            raise Wrong(404, "NOT_FOUND", "the product is not listed")
        return {"pricebook": self._top(named[0], request.now)}

    def best(self, request: Request) -> Any:
        return {"pricebooks": [self._top(one, request.now) for one in self._named(request)]}

    def _top(self, one: Instrument, now: int) -> dict[str, Any]:
        quote = self._quote(one, now)
        if quote is None:
            return {"product_id": one.name, "bids": [], "asks": [], "time": wire.rfc3339(now)}
        return wire.book(self.venue.prices.products[one.product], quote, now)

    def fiat(self, _request: Request) -> Any:
        quotes = dict.fromkeys(one.quote for one in self.venue.instruments.values())
        return {
            "data": [{"id": code, "name": wire.currency(code), "min_size": "0.01"} for code in quotes if code in FIAT]
        }

    def coins(self, _request: Request) -> Any:
        bases = dict.fromkeys(one.base for one in self.venue.instruments.values())
        return {"data": [{"asset_id": code, "code": code, "name": code, "color": "#334155", "sort_index": place,
                          "exponent": 8, "type": "crypto", "address_regex": ""}
                         for place, code in enumerate(bases)]}  # fmt: skip

    def rates(self, request: Request) -> Any:
        rates = {}
        for one in self.venue.instruments.values():
            if quote := self._quote(one, request.now):
                rates[one.base] = f"{10**one.price_digits / quote.price:.16f}"
        return {"data": {"currency": "USD", "rates": rates}}
