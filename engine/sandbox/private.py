"""The private side over HTTP: carries a request to the trading room and its answer back, or no answer at all."""

from __future__ import annotations

import asyncio

from aiohttp import web

from engine.sandbox.clock import Clock
from engine.sandbox.trading.door import DELAY
from engine.sandbox.trading.opening import Opened
from engine.sandbox.trading.wire import NO_ANSWER

SILENCE_S = 60.0
LOOK_S = 0.05


async def carry(request: web.Request, opened: Opened, clock: Clock) -> web.StreamResponse:
    """What the exchange says to a request that arrives now."""
    path, _, query = request.raw_path.partition("?")
    body = await request.read()
    status, headers, answer = opened.door.handle(
        request.method, path, query, request.headers, body, clock.now, clock.machine_ms()
    )
    if DELAY in headers:
        await asyncio.sleep(int(headers[DELAY]) / 1000 / clock.speed)
    if status != NO_ANSWER:
        return web.Response(status=status, headers=headers, body=answer)
    if headers.get("sandbox") != "reset":
        await _silent(request)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


async def _silent(request: web.Request) -> None:
    """Until the client gives up, a minute at most."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SILENCE_S
    while loop.time() < end and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(LOOK_S)
