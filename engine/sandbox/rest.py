"""The REST side: what unmodified ccxt.coinbase asks for without keys.

Nothing is shown that lies after the exchange's present moment.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from engine.sandbox import dice, wire
from engine.sandbox.clock import Clock
from engine.sandbox.faults import Faults
from engine.sandbox.market import Market
from engine.sandbox.paths import Prints
from engine.sandbox.products import Product
from engine.sandbox.simulated import Candles

PAGE_CANDLES = 300
PAGE_TRADES, DEFAULT_TRADES = 1000, 100
GRANULARITY_S = {
    "ONE_MINUTE": 60, "FIVE_MINUTE": 300, "FIFTEEN_MINUTE": 900, "THIRTY_MINUTE": 1800, "ONE_HOUR": 3600,
    "TWO_HOUR": 7200, "SIX_HOUR": 21_600, "ONE_DAY": 86_400,
}  # fmt: skip


class Refused(Exception):
    """A request the exchange answers with an error: HTTP status, code, words."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code = status, code


def answer(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")


def refusal(error: Refused) -> web.Response:
    return answer({"error": error.code, "error_details": str(error), "message": str(error)}, error.status)


class Rest:
    """Handlers over one market and clock."""

    def __init__(self, market: Market, clock: Clock, faults: Faults) -> None:
        self.market, self.clock, self.faults = market, clock, faults

    def routes(self) -> list[web.RouteDef]:
        v3 = "/api/v3/brokerage"
        routes = [
            web.get(f"{v3}/time", self.time),
            web.get(f"{v3}/best_bid_ask", self.best),
            web.get("/v2/time", self.time_v2),
            web.get("/v2/currencies", self.fiat),
            web.get("/v2/currencies/crypto", self.coins),
            web.get("/v2/exchange-rates", self.rates),
            web.get("/v2/prices/{product_id}/{side}", self.price),
        ]
        # The public paths, and the same behind a key (which is not checked: there is nothing to protect).
        for root, book in ((f"{v3}/market", f"{v3}/market/product_book"), (v3, f"{v3}/product_book")):
            routes += [
                web.get(f"{root}/products", self.products),
                web.get(root + "/products/{product_id}", self.product),
                web.get(root + "/products/{product_id}/candles", self.candles),
                web.get(root + "/products/{product_id}/ticker", self.trades),
                web.get(book, self.book),
            ]
        return routes

    # --- listings ----------------------------------------------------------------------------------------------------

    async def products(self, request: web.Request) -> web.Response:
        wanted = request.query.getall("product_ids", [])
        listed = [] if request.query.get("product_type", "SPOT") not in ("SPOT", "") else self._listed(wanted)
        offset = _whole(request, "offset", 0)
        limit = _whole(request, "limit", len(listed)) or len(listed)
        rows = [self._row(product) for product in listed[offset : offset + limit]]
        return answer({"products": rows, "num_products": len(listed)})

    async def product(self, request: web.Request) -> web.Response:
        return answer(self._row(self._product(request.match_info["product_id"])))

    def _listed(self, wanted: list[str]) -> list[Product]:
        return [p for p in self.market.products.values() if not wanted or p.id in wanted]

    def _row(self, product: Product) -> dict[str, Any]:
        now = self.clock.now
        return wire.product(product, self.market.quote(product.id, now), self.market.day(product.id, now))

    def _product(self, product_id: str) -> Product:
        found = self.market.products.get(product_id)
        if found is None:
            listed = ", ".join(self.market.products)
            raise Refused(404, "NOT_FOUND", f"product {product_id} is not listed; listed are {listed}")
        return found

    # --- the market --------------------------------------------------------------------------------------------------

    async def candles(self, request: web.Request) -> web.Response:
        """At most 300 a call, newest first, counted from `start`; candles without trades are left out."""
        product = self._product(request.match_info["product_id"])
        granularity = request.query.get("granularity", "")
        if granularity not in GRANULARITY_S:
            raise Refused(400, "INVALID_ARGUMENT", f"granularity must be one of {', '.join(GRANULARITY_S)}")
        step = GRANULARITY_S[granularity]
        start, end = _whole(request, "start"), _whole(request, "end")
        if start > end:
            raise Refused(400, "INVALID_ARGUMENT", "start must not be after end")
        if (end - start) / step > PAGE_CANDLES:
            text = f"number of candles requested should be at most {PAGE_CANDLES}, got {-(-(end - start) // step)}"
            raise Refused(400, "INVALID_ARGUMENT", text)
        first = -(-start // step) * step
        last = min(end + 1, first + PAGE_CANDLES * step)
        rows = self.market.candles(product.id, step * 1000, first * 1000, last * 1000, self.clock.now)
        return answer({"candles": wire.candles(product, self._with_gaps(product.id, rows))})

    def _with_gaps(self, product_id: str, rows: Candles) -> Candles:
        for fault in self.faults.listed:
            if fault.kind == "candle_gaps" and fault.acts(self.clock.now) and fault.product_id in ("", product_id):
                name = dice.key(self.faults.seed, fault.number, product_id)
                lost = dice.uniform(name, rows.ts // 1000) < fault.probability
                fault.struck += int(lost.sum())
                rows = Candles(*(column[~lost] for column in rows))
        return rows

    async def trades(self, request: web.Request) -> web.Response:
        """The newest prints of a window of seconds, at most 1,000 a call, newest first; and the top of the book."""
        product = self._product(request.match_info["product_id"])
        limit = min(max(_whole(request, "limit", DEFAULT_TRADES), 1), PAGE_TRADES)
        now = self.clock.now
        end = min(_whole(request, "end", now // 1000 + 1) * 1000 + 1, now)
        if "start" in request.query:
            found = self.market.prints(product.id, _whole(request, "start") * 1000, end)
        else:
            found = self.market.latest(product.id, end, limit)
        rows = wire.trades(product, Prints(*(column[-limit:] for column in found)))
        quote = self.market.quote(product.id, now)
        bid, ask = (product.price_text(quote.bid), product.price_text(quote.ask)) if quote else ("", "")
        return answer({"trades": [{**row, "bid": "", "ask": ""} for row in rows], "best_bid": bid, "best_ask": ask})

    async def book(self, request: web.Request) -> web.Response:
        product = self._product(request.query.get("product_id", ""))
        return answer({"pricebook": self._book(product)})

    async def best(self, request: web.Request) -> web.Response:
        wanted = request.query.getall("product_ids", [])
        return answer({"pricebooks": [self._book(product) for product in self._listed(wanted)]})

    def _book(self, product: Product) -> dict[str, Any]:
        quote = self.market.quote(product.id, self.clock.now)
        if quote is None:
            return {"product_id": product.id, "bids": [], "asks": [], "time": wire.rfc3339(self.clock.now)}
        return wire.book(product, quote, self.clock.now)

    async def price(self, request: web.Request) -> web.Response:
        product = self._product(request.match_info["product_id"])
        quote = self.market.quote(product.id, self.clock.now)
        if quote is None:
            raise Refused(404, "NOT_FOUND", f"{product.id} has not been traded yet")
        ticks = {"buy": quote.ask, "sell": quote.bid}.get(request.match_info["side"], quote.price)
        return answer({"data": {"base": product.base, "currency": product.quote, "amount": product.price_text(ticks)}})

    # --- the rest ----------------------------------------------------------------------------------------------------

    async def time(self, _request: web.Request) -> web.Response:
        return answer(wire.server_time(self.clock.now))

    async def time_v2(self, _request: web.Request) -> web.Response:
        now = self.clock.now
        return answer({"data": {"epoch": now // 1000, "iso": wire.rfc3339(now)}})

    async def fiat(self, _request: web.Request) -> web.Response:
        quotes = dict.fromkeys(product.quote for product in self.market.products.values())
        return answer({"data": [{"id": quote, "name": wire.currency(quote), "min_size": "0.01"} for quote in quotes]})

    async def coins(self, _request: web.Request) -> web.Response:
        rows = [
            {"asset_id": p.id, "code": p.base, "name": p.name, "color": "#334155", "sort_index": place, "exponent": 8,
             "type": "crypto", "address_regex": ""}
            for place, p in enumerate(self.market.products.values())
        ]  # fmt: skip
        return answer({"data": rows})

    async def rates(self, _request: web.Request) -> web.Response:
        """Units of each coin that one dollar buys, as ccxt reads them."""
        rates = {}
        for product in self.market.products.values():
            if quote := self.market.quote(product.id, self.clock.now):
                rates[product.base] = f"{10**product.price_digits / quote.price:.16f}"
        return answer({"data": {"currency": "USD", "rates": rates}})


def _whole(request: web.Request, name: str, default: int | None = None) -> int:
    """A whole number of the query; Refused when it is missing or something else."""
    text = request.query.get(name, "")
    if not text and default is not None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused(400, "INVALID_ARGUMENT", f"{name} must be a whole number, got {text!r}")
    return int(text)
