"""One exchange on one event loop: its market, clock, faults and connections, and the door every request comes through."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from engine.sandbox import private, rest
from engine.sandbox.binance_script import BinanceScript
from engine.sandbox.binance_stream import BinanceSpeech
from engine.sandbox.clock import Clock
from engine.sandbox.control import MAX_SPEED, MIN_SPEED, Control
from engine.sandbox.errors import SandboxError
from engine.sandbox.faults import Fault, Faults
from engine.sandbox.market import Market
from engine.sandbox.model import Provider
from engine.sandbox.script import Script
from engine.sandbox.speech import CoinbaseSpeech, Speech, Wish
from engine.sandbox.stream import Session
from engine.sandbox.trading.faults import TradeFault
from engine.sandbox.trading.opening import Exchanges
from engine.sandbox.trading.prices import MarketPrices
from engine.sandbox.wire import rfc3339

HOLD_LEAD_MS = 5_000
DEAF_S = 15.0
BUFFER_BYTES = 65_536


class Exchange:
    """One market, its clock, its faults and its connections; lives on one event loop."""

    def __init__(
        self, market: Market, start: int, *, speed: float, hold: bool, until: int | None, batch_ms: int,
        balances: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise SandboxError(
                f"speed {speed:g} is not between {MIN_SPEED:g} and {MAX_SPEED:g} exchange seconds a second"
            )
        if batch_ms < 1 or 1000 % batch_ms:
            raise SandboxError(f"batch_ms must divide a second (1000, 500, 250, ...), got {batch_ms}")
        self.market, self.hold = market, hold
        self.faults = Faults(market.seed)
        self.counters: Counter[str] = Counter()
        self.sessions: set[Session] = set()
        self.clock = Clock(start, speed, until, self._limit)
        self.script = Script(market, start, batch_ms)
        self.trading = Exchanges(MarketPrices(market), market.seed, balances, start)
        self.binance_script = BinanceScript(market, self.trading.opened["binance"].venue.instruments)

    def lead(self) -> int:
        """Exchange ms by which the clock may be ahead of what a subscribed client has read."""
        return HOLD_LEAD_MS if self.hold else int(min(max(5_000, self.clock.speed * 500), 60_000))

    def _limit(self, now: int) -> int | None:
        ready = [session for session in self.sessions if session.ready]
        cuts = [at for session in self.sessions if (at := session.barrier()) is not None]
        bounds = [session.read + self.lead() for session in ready] + cuts
        absence = [fault.end for fault in self.faults.listed if fault.kind == "gone" and fault.acts(now)]
        if self.hold and not ready:
            # Nobody could subscribe while the exchange is gone: a held clock runs on to the end of that.
            bounds.append(max(absence, default=now))
        if not self.hold:
            for session in ready:
                if session.deaf_s() > DEAF_S:
                    session.cut()
        return min(bounds, default=None)

    # --- what tests and testers do -----------------------------------------------------------------------------------

    def add_fault(self, fault: Fault | TradeFault) -> list[Fault] | list[TradeFault]:
        """Switches a fault on; one of the accounts at each exchange that it concerns."""
        if isinstance(fault, TradeFault):
            self.trading.advance(self.clock.now)
            return self.trading.add(fault)
        made = self.faults.add(fault, self.clock.now)
        self._look()
        return [made]

    def clear_faults(self, kind: str = "") -> int:
        cleared = self.faults.clear(kind) + self.trading.clear(kind)
        self._look()
        return cleared

    def change_clock(self, speed: float | None, hold: bool | None, seconds: float | None) -> None:
        self.clock.speed = speed or self.clock.speed
        self.hold = self.hold if hold is None else hold
        if seconds is not None:
            self.clock.until = (self.clock.now + int(seconds * 1000)) // 1000 * 1000
        self._look()

    def _look(self) -> None:
        self.clock.tell()
        self.clock.nudge()

    def status(self) -> dict[str, Any]:
        clock = self.clock
        return {
            "time": rfc3339(clock.now), "ts": clock.now, "start": clock.start, "until": clock.until,
            "ended": clock.ended, "speed": clock.speed, "hold": self.hold, "standing": clock.standing,
            "held": self.hold and not any(session.ready for session in self.sessions),
            "clients": len(self.sessions), "subscribed": sum(session.ready for session in self.sessions),
            "read": min((session.read for session in self.sessions if session.ready), default=None),
            "seed": self.market.seed, "products": list(self.market.products), "notes": list(self.market.source.notes),
            "counters": dict(self.counters),
            "faults": self.faults.report() + self.trading.faults(),
        }  # fmt: skip

    # --- the server --------------------------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._door])
        app.add_routes(rest.Rest(self.market, self.clock, self.faults).routes())
        app.add_routes(Provider(self.market.seed, self.clock, self.faults).routes())
        app.add_routes(Control(self).routes())
        app.add_routes([web.get(path, self.stream) for path in ("/", "/ws", "/ws/{names:.+}", "/stream")])
        app.cleanup_ctx.append(self._running)
        app.on_shutdown.append(self._farewell)
        return app

    async def _farewell(self, _app: web.Application) -> None:
        for session in list(self.sessions):
            session.cut()

    async def _running(self, _app: web.Application) -> Any:
        task = asyncio.create_task(self.clock.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    @web.middleware
    async def _door(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        try:
            if not request.path.startswith("/sandbox/"):
                self.counters["requests"] += 1
                spoilt = await self._spoilt(request)
                if spoilt is not None:
                    return spoilt
                whose = self.trading.whose(request.method, request.path)
                if whose is not None:
                    return await private.carry(request, whose, self.clock)
            return await handler(request)  # type: ignore[no-any-return]
        except rest.Refused as error:
            self.counters["refused"] += 1
            return rest.refusal(error)
        except web.HTTPNotFound:
            return rest.refusal(rest.Refused(404, "NOT_FOUND", f"{request.path} is not served by the sandbox"))

    async def _spoilt(self, request: web.Request) -> web.StreamResponse | None:
        """What faults make of a request: an error, a broken connection, a delay, or nothing."""
        now, count = self.clock.now, self.counters["requests"]
        path = "ws" if request.path in ("/", "/ws", "/stream") or request.path.startswith("/ws/") else request.path
        if self.faults.gone(now):
            self.counters["gone"] += 1
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if slow := self.faults.strike("slow", now, count, path=path):
            await asyncio.sleep(slow.delay)
        if fault := self.faults.strike("http", now, count, path=path):
            words = {429: "too many requests", 503: "service unavailable"}.get(fault.status, "told to fail")
            code = "RATE_LIMIT_EXCEEDED" if fault.status == 429 else "INTERNAL"
            return rest.refusal(rest.Refused(fault.status, code, words))
        return None

    def _spoken(self, request: web.Request) -> tuple[Speech, Speech | None, Wish | None]:
        """Whose speech an address means, which one its first message may turn to, and what the address asks for."""
        names = request.match_info.get("names", "")
        combined = request.path == "/stream"
        binance = BinanceSpeech(self.binance_script, combined)
        if not names and not combined:
            return CoinbaseSpeech(self.script), binance, None
        asked = [one for one in (names or request.query.get("streams", "")).split("/") if one]
        try:
            return binance, None, Wish(True, binance.streams(asked)) if asked else None
        except ValueError as error:
            raise rest.Refused(400, "INVALID_ARGUMENT", str(error)) from None

    async def stream(self, request: web.Request) -> web.StreamResponse:
        made = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=65_536)
        if not made.can_prepare(request):
            return rest.answer({"name": "Evenkeel sandbox exchange", "status": "/sandbox/status"})
        spoken = self._spoken(request)
        await made.prepare(request)
        transport = request.transport
        if transport is not None:
            # Small buffers: what a client has not read should wait here, not in the network.
            transport.set_write_buffer_limits(BUFFER_BYTES)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self.counters["connections"] += 1
        session = Session(
            made, transport, self.clock, *spoken, self.script.batch_ms, self.faults, self.counters, self.lead()
        )
        self.sessions.add(session)
        try:
            await session.run()
        finally:
            self.sessions.discard(session)
            self.clock.nudge()
        return made
