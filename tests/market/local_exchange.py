"""A real server on loopback in the shapes of Coinbase Advanced Trade, small and scripted: each test says what it answers."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import orjson
from aiohttp import WSMsgType, web

START = 1_704_067_200_000
MINUTE = 60_000
PRODUCT = {
    "product_id": "BTC-USD", "price": "100", "base_increment": "0.00000001", "quote_increment": "0.01", "price_increment": "0.01",
    "base_min_size": "0.00000001", "base_max_size": "3400", "quote_min_size": "1", "quote_max_size": "150000000",
    "base_name": "Bitcoin", "quote_name": "US Dollar", "is_disabled": False, "new": False, "status": "online",
    "cancel_only": False, "limit_only": False, "post_only": False, "trading_disabled": False, "auction_mode": False,
    "product_type": "SPOT", "quote_currency_id": "USD", "base_currency_id": "BTC", "alias": "", "alias_to": [],
    "base_display_symbol": "BTC", "quote_display_symbol": "USD", "view_only": False,
}  # fmt: skip


def iso(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ts % 1000:03d}Z"


def candle(i: int) -> dict[str, str]:
    o, c = 100 + i % 7, 100 + (i + 1) % 7
    return {"start": str((START + i * MINUTE) // 1000), "low": str(min(o, c) - 1), "high": str(max(o, c) + 1),
            "open": f"{o}.10", "close": f"{c}.10", "volume": f"{1 + i % 3}.5"}  # fmt: skip


class Exchange:
    """`minutes` of candles and one print every 100 ms of the last two minutes; `faults` are statuses to answer first."""

    def __init__(self, minutes: int = 1000) -> None:
        self.minutes = minutes
        self.now = START + minutes * MINUTE
        self.faults: list[int] = []
        self.asked: Counter[str] = Counter()
        self.spans: list[tuple[int, int]] = []
        self.page = 1000
        first = self.now - 2 * MINUTE
        self.trades = [(first + 100 * i, i + 1, f"{100 + i % 5}.25", "0.125") for i in range(1200)]
        self.sessions: list[Callable[[web.WebSocketResponse], object]] = []
        self.subscribed: list[dict] = []
        self.url = self.ws_url = ""

    @web.middleware
    async def faulty(self, request: web.Request, handler):
        self.asked[request.path] += 1
        if self.faults:
            status = self.faults.pop(0)
            return web.json_response({"error": "x", "message": "told to fail"}, status=status)
        return await handler(request)

    async def candles(self, request: web.Request) -> web.Response:
        start, end = int(request.query["start"]) * 1000, int(request.query["end"]) * 1000
        if (end - start) // MINUTE > 300:
            return web.json_response({"error": "INVALID_ARGUMENT", "message": "more than 300 candles"}, status=400)
        self.spans.append((start, end))
        rows = [candle(i) for i in range(self.minutes) if start <= START + i * MINUTE <= end and i % 50 != 49]
        return web.json_response({"candles": rows[::-1][:350]})

    async def ticker(self, request: web.Request) -> web.Response:
        start, end = int(request.query.get("start", 0)) * 1000, int(request.query.get("end", 10**10)) * 1000
        limit = min(int(request.query.get("limit", 100)), self.page)
        rows = [t for t in self.trades if start <= t[0] < end][::-1][:limit]
        names = ("time", "trade_id", "price", "size")
        trades = [dict(zip(names, (iso(t[0]), str(t[1]), t[2], t[3]), strict=True)) for t in rows]
        return web.json_response({"trades": [{**t, "product_id": "BTC-USD", "side": "BUY"} for t in trades]})

    @staticmethod
    def fixed(answer: dict):
        async def handler(_: web.Request) -> web.Response:
            return web.json_response(answer)

        return handler

    async def products(self, request: web.Request) -> web.Response:
        return web.json_response({"products": [] if "product_type" in request.query else [PRODUCT]})

    async def time(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"iso": iso(self.now), "epochSeconds": str(self.now // 1000), "epochMillis": str(self.now)}
        )

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for _ in range(3):
            message = await socket.receive()
            if message.type == WSMsgType.TEXT:
                self.subscribed.append(orjson.loads(message.data))
        await self.sessions.pop(0)(socket)  # type: ignore[misc]
        return socket

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self.faulty])
        answers = {
            "/v2/currencies": {"data": []}, "/v2/currencies/crypto": {"data": []},
            "/v2/exchange-rates": {"data": {"currency": "USD", "rates": {}}},
        }  # fmt: skip
        for path, answer in answers.items():
            app.router.add_get(path, self.fixed(answer))
        base = "/api/v3/brokerage"
        app.router.add_get(f"{base}/market/products", self.products)
        app.router.add_get(f"{base}/time", self.time)
        app.router.add_get(f"{base}/market/products/BTC-USD/candles", self.candles)
        app.router.add_get(f"{base}/market/products/BTC-USD/ticker", self.ticker)
        app.router.add_get("/ws", self.stream)
        return app


@contextmanager
def serving(exchange: Exchange) -> Iterator[Exchange]:
    """The exchange on a free loopback port, on a thread of its own."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(exchange.app(), shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        exchange.url, exchange.ws_url = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
        ready.set()
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield exchange
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
