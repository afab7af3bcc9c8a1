"""Binance's public side: time, markets with their filters, quotes and candles."""

from __future__ import annotations

from typing import Any

from engine.sandbox.trading import binance_words as words
from engine.sandbox.trading.binance_told import Told
from engine.sandbox.trading.binance_words import Wrong
from engine.sandbox.trading.prices import MarketPrices, Standing
from engine.sandbox.trading.terms import Instrument, fixed
from engine.sandbox.trading.venue import Venue
from engine.sandbox.trading.wire import Request

STEPS = {"1s": 1000, "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000,
         "2h": 7_200_000, "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000, "12h": 43_200_000, "1d": 86_400_000,
         "3d": 259_200_000}  # fmt: skip
LONG = {"1w": 604_800_000, "1M": 2_678_400_000}
"""Weeks from Monday on, calendar months; the longest."""
MOST_CANDLES = 1000
KINDS = ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"]


class Public:
    """Handlers that need no key."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    def routes(self) -> dict[tuple[str, str], Any]:
        api = "/api/v3"
        return {
            ("GET", f"{api}/ping"): (lambda _request: {}, 1),
            ("GET", f"{api}/time"): (self.time, 1),
            ("GET", f"{api}/exchangeInfo"): (self.info, 20),
            ("GET", f"{api}/ticker/bookTicker"): (self.book_ticker, 2),
            ("GET", f"{api}/ticker/price"): (self.last, 2),
            ("GET", f"{api}/ticker/24hr"): (self.day, 2),
            ("GET", f"{api}/depth"): (self.depth, 5),
            ("GET", f"{api}/klines"): (self.candles, 2),
            ("GET", f"{api}/aggTrades"): (self.prints, 4),
            ("GET", "/sapi/v1/system/status"): (lambda _request: {"status": 0, "msg": "normal"}, 1),
            # ccxt loads futures' markets beside the spot's: there are none.
            ("GET", "/fapi/v1/exchangeInfo"): (lambda _request: {"symbols": []}, 1),
            ("GET", "/dapi/v1/exchangeInfo"): (lambda _request: {"symbols": []}, 1),
        }

    def time(self, request: Request) -> Any:
        return {"serverTime": request.now}

    def info(self, request: Request) -> Any:
        wanted = request.params.get("symbol")
        rows = [_symbol(one) for one in self.venue.instruments.values() if wanted in (None, one.name)]
        if not rows:
            raise Wrong(-1121, "Invalid symbol.")
        limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}]
        return {"timezone": "UTC", "serverTime": request.now, "rateLimits": limits, "exchangeFilters": [],
                "symbols": rows}  # fmt: skip

    def _asked(self, request: Request, row: Any) -> Any:
        """One row for `symbol`, else rows for all of them."""
        if "symbol" in request.params:
            one = instrument(self.venue, request)
            return row(one, self.venue.standing(one, request.now))
        told = ((one, self.venue.prices.standing(one.product, request.now)) for one in self.venue.instruments.values())
        return [row(one, now) for one, now in told if now is not None]

    def book_ticker(self, request: Request) -> Any:
        return self._asked(request, _quote)

    def last(self, request: Request) -> Any:
        return self._asked(request, lambda one, now: {"symbol": one.name, "price": words.price(one, now.price)})

    def day(self, request: Request) -> Any:
        prices = self.venue.prices

        def row(one: Instrument, now: Standing) -> Any:
            if isinstance(prices, MarketPrices):
                return Told(prices.market).day(one, request.now + 1)
            last = words.price(one, now.price)
            return {**_quote(one, now), "lastPrice": last, "openPrice": last, "highPrice": last, "lowPrice": last,
                    "priceChange": "0.00000000", "priceChangePercent": "0.000", "weightedAvgPrice": last,
                    "prevClosePrice": last, "lastQty": "0.00000000", "volume": "0.00000000",
                    "quoteVolume": "0.00000000", "openTime": request.now - 86_400_000, "closeTime": request.now,
                    "firstId": -1, "lastId": -1, "count": 0}  # fmt: skip

        return self._asked(request, row)

    def depth(self, request: Request) -> Any:
        one = instrument(self.venue, request)
        now, prices = self.venue.standing(one, request.now), self.venue.prices
        top = Told(prices.market).top(one, request.now + 1) if isinstance(prices, MarketPrices) else None
        if top is not None:
            return {"lastUpdateId": top[0], "bids": [top[1]], "asks": [top[2]]}
        bid, ask = ([[words.price(one, ticks), "1.00000000"]] for ticks in (now.bid, now.ask))
        return {"lastUpdateId": request.now, "bids": bid, "asks": ask}

    def prints(self, request: Request) -> Any:
        """At most 1,000, oldest first: from `startTime` on, else the newest."""
        one, prices, params = instrument(self.venue, request), self.venue.prices, request.params
        if not isinstance(prices, MarketPrices):
            return []
        limit = min(int(params.get("limit", 500)), MOST_CANDLES)
        end = min(int(params.get("endTime", request.now)) + 1, request.now)
        if "startTime" in params:
            return Told(prices.market).prints(one, int(params["startTime"]), end, limit)
        return Told(prices.market).newest(one, end, limit)

    def candles(self, request: Request) -> Any:
        """At most 1,000, oldest first; without `startTime` the last ones."""
        one, prices = instrument(self.venue, request), self.venue.prices
        interval = request.params.get("interval", "")
        step = LONG.get(interval) or STEPS.get(interval)
        if step is None:
            raise Wrong(-1120, "Invalid interval.")
        limit = min(int(request.params.get("limit", 500)), MOST_CANDLES)
        end = min(int(request.params.get("endTime", request.now)), request.now) + 1
        begin = int(request.params.get("startTime", end - limit * step))
        end = min(end, -(-begin // step) * step + limit * step)
        if not isinstance(prices, MarketPrices):
            return [self._flat(one, step, ts) for ts in range(-(-begin // step) * step, end, step)]
        if interval in LONG:
            return Told(prices.market).long(one, interval == "1M", begin, end, limit, request.now)
        return Told(prices.market).klines(one, step, begin, end, request.now)

    def _flat(self, one: Instrument, step: int, ts: int) -> list[Any]:
        """Where somebody sets the prices nothing is printed: a candle is the price that stood when it opened."""
        now = self.venue.standing(one, ts)
        return [ts, *[words.price(one, now.price)] * 4, "0", ts + step - 1, "0", 0, "0", "0", "0"]


def instrument(venue: Venue, request: Request) -> Instrument:
    name = request.params.get("symbol", "")
    if not name:
        raise Wrong(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    found = venue.instruments.get(name)
    if found is None:
        raise Wrong(-1121, "Invalid symbol.")
    return found


def _quote(one: Instrument, now: Standing) -> dict[str, str]:
    return {"symbol": one.name, "bidPrice": words.price(one, now.bid), "bidQty": "1.00000000",
            "askPrice": words.price(one, now.ask), "askQty": "1.00000000"}  # fmt: skip


def _symbol(one: Instrument) -> dict[str, Any]:
    lot = {
        "minQty": words.size(one, max(one.least, one.step)),
        "maxQty": words.size(one, one.most),
        "stepSize": words.size(one, one.step),
    }
    tick = words.price(one, 1)
    return {
        "symbol": one.name, "status": "TRADING", "baseAsset": one.base, "baseAssetPrecision": 8,
        "quoteAsset": one.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8, "orderTypes": KINDS, "icebergAllowed": False, "ocoAllowed": False,
        "otoAllowed": False, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": False,
        "cancelReplaceAllowed": False, "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": words.price(one, 10**15), "tickSize": tick},
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "NOTIONAL", "minNotional": fixed(one.least_notional, 8), "applyMinToMarket": True,
             "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
            {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
             "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 0},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": words.MOST_ORDERS},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": words.MOST_STOPS},
        ],
        "permissions": [], "permissionSets": [["SPOT"]], "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }  # fmt: skip
