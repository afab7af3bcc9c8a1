"""One WebSocket connection: what it subscribed to, how far it has been told, and how far it says it has read.

The connection pulls its lines from the script up to the clock; nothing is queued, so nothing is dropped. After each
stretch it is pinged with the exchange time; the pong tells how far the client has read, and the clock never runs further
ahead of that than `lead` allows.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import ClientError, WSMsgType, web

from engine.sandbox.clock import Clock
from engine.sandbox.faults import GARBAGE, Faults
from engine.sandbox.script import STRETCH_MS, Line
from engine.sandbox.speech import Channels, Speech, Wish

FAREWELL_S = 2.0
QUIET_S = 0.25
"""A client without heartbeats counts as subscribed when it has not subscribed to more for so long."""


class Session:
    """Runs one connection until it ends; `ready` once it counts as subscribed, from then on `read` bounds the clock."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None, clock: Clock,
                 speech: Speech, other: Speech | None, begin: Wish | None, batch_ms: int, faults: Faults,
                 counters: Counter[str], lead: int) -> None:  # fmt: skip
        """`other`: the speech that the first message may turn to; `begin`: what the address has asked for already."""
        self.socket, self.transport, self.clock = socket, transport, clock
        self.speech, self.other, self._begun, self.batch_ms = speech, other, begin, batch_ms
        self.faults, self.counters = faults, counters
        self.channels: Channels = {}
        self.ready = False
        self.told = self.read = self.pinged = clock.now
        self._ping_every = max(lead // 8, 1)
        self._asked_at = 0.0
        self._joined, self._survived = clock.now, faults.past(clock.now)
        self._held: bytes | None = None
        self._requests: list[bytes | str] = []
        self._quiet: asyncio.TimerHandle | None = None
        self._over = False
        self._heard = asyncio.Event()

    def barrier(self) -> int | None:
        """The exchange time at which this connection will be cut: the clock must not pass it before."""
        cut = self.faults.cut_after(self._joined, self._survived)
        ends = [cut[0]] if cut else []
        if self.speech.life_ms:
            ends.append(self._joined + self.speech.life_ms)
        return min(ends, default=None)

    async def run(self) -> None:
        pump = asyncio.create_task(self._pump())
        try:
            async for message in self.socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._requests.append(message.data)
                    self.clock.tell()
                elif message.type == WSMsgType.PING:
                    await self.socket.pong(message.data)
                elif message.type == WSMsgType.PONG:
                    self._ponged(bytes(message.data))
        finally:
            self._over = True
            pump.cancel()
            if self._quiet:
                self._quiet.cancel()
            await asyncio.gather(pump, return_exceptions=True)

    def _ponged(self, data: bytes) -> None:
        if data.isdigit() and self.read < int(data) <= self.pinged:
            self.read = int(data)
            self._asked_at = asyncio.get_running_loop().time()
            self._heard.set()
            self.clock.nudge()

    def deaf_s(self) -> float:
        """Wall seconds for which a ping has been waiting for its pong."""
        return asyncio.get_running_loop().time() - self._asked_at if self.pinged > self.read else 0.0

    async def _pump(self) -> None:
        try:
            if self._begun is not None:
                await self._grant(self._begun)
            while not self._over:
                changed = self.clock.changed
                while self._requests:
                    await self._answer(self._requests.pop(0))
                if not await self._tell():
                    return
                await changed.wait()
        except (ConnectionError, ClientError, RuntimeError):
            self.cut()

    async def _tell(self) -> bool:
        """Sends everything up to now; False when the connection was cut."""
        while self.told < self.clock.now or self.barrier() is not None:
            barrier = self.barrier()
            if barrier is not None and barrier <= self.told:
                await self._all_read()
                self._count_cut()
                self.cut()
                return False
            if self.told >= self.clock.now:
                break
            until = min(self.clock.now, self.told + STRETCH_MS)
            # A line at the very instant of the cut is not sent any more.
            last = until if barrier is None else min(until, barrier - 1)
            for line in self.speech.script.lines(self.channels, self.told, last):
                await self._send_line(line)
            self.told = until if barrier is None else min(until, barrier)
            await self._ping()
        if self.clock.ended and self._held is not None:
            held, self._held = self._held, None
            await self._frame(held)
        return True

    def _count_cut(self) -> None:
        cut = self.faults.cut_after(self._joined, self._survived)
        if cut and cut[0] <= self.told:
            cut[1].struck += 1

    async def _ping(self) -> None:
        if self.channels and (self.told >= self.pinged + self._ping_every or self.clock.ended):
            await self._ask()

    async def _ask(self) -> None:
        """Asks how far the client has read: its pong gives the text back."""
        if self.pinged == self.read:
            self._asked_at = asyncio.get_running_loop().time()
        self.pinged = self.told
        await self.socket.ping(str(self.told).encode())

    async def _all_read(self) -> None:
        """Waits a moment for the client to have read everything, so that a cut always comes at the same place."""
        if self.channels and self.told > self.pinged:
            await self._ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while self.read < self.pinged:
                    self._heard.clear()
                    await self._heard.wait()

    def cut(self) -> None:
        """Ends the connection as a broken network does: without a word."""
        self._over = True
        self.counters["cut"] += 1
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]

    # --- what goes out -----------------------------------------------------------------------------------------------

    async def _send_line(self, line: Line) -> None:
        what = (line.head, line.product_id)
        if self.faults.strike("silence", line.ts, *what, product_id=line.product_id) or self.faults.strike(
            "drop", line.ts, *what, product_id=line.product_id
        ):
            self.speech.withheld()
            self.counters["withheld"] += 1
            return
        if fault := self.faults.strike("garbage", line.ts, *what, product_id=line.product_id):
            pick = GARBAGE[int(self.faults.draw(fault, "which", *what) * len(GARBAGE))]
            await self._frame(pick, binary=pick.startswith(b"\xff"))
        text = self.speech.told(line)
        held, self._held = self._held, None
        if held is None and self.faults.strike("shuffle", line.ts, *what, product_id=line.product_id):
            self._held = text
            return
        await self._frame(text)
        if self.faults.strike("duplicate", line.ts, *what, product_id=line.product_id):
            await self._frame(text)
        if held is not None:
            await self._frame(held)

    async def _frame(self, data: bytes, binary: bool = False) -> None:
        self.counters["messages"] += 1
        await self.socket.send_frame(data, WSMsgType.BINARY if binary else WSMsgType.TEXT)

    # --- what comes in -----------------------------------------------------------------------------------------------

    async def _answer(self, text: bytes | str) -> None:
        request: Any = None
        try:
            request = orjson.loads(text)
            wish = self._understood(request)
        except ValueError as error:
            await self._frame(self.speech.refused(str(error), request))
            return
        await self._grant(wish)

    def _understood(self, request: Any) -> Wish:
        """What a message asks for. The address alone does not say whose speech a client uses: its first message does."""
        if self.other is not None and not self.channels and isinstance(request, dict) and "method" in request:
            self.speech, self.other = self.other, None
        return self.speech.read(request)

    async def _grant(self, wish: Wish) -> None:
        at = self.clock.now
        if wish.add:
            at = await self._subscribe(wish.channels)
        elif wish.add is False:
            self._unsubscribe(wish.channels)
        for frame in self.speech.replies(wish, self.channels, at):
            await self._frame(frame)
        self._count_as_subscribed()

    def _now_whole(self) -> int:
        """The end of the last whole batch: what was printed before it is the snapshot's, the rest comes as updates."""
        return self.clock.now // self.batch_ms * self.batch_ms

    async def _subscribe(self, channels: list[tuple[str, list[str]]]) -> int:
        """Adds to what is told; the exchange time after which the new lines begin."""
        if self.channels:
            # The other channels first catch up to the same instant.
            if not await self._tell():
                raise ConnectionResetError("cut")
            at = self.told // self.batch_ms * self.batch_ms
        else:
            at = self.told = self.read = self.pinged = self._now_whole()
        for channel, products in channels:
            known = self.channels.setdefault(channel, [])
            known += [p for p in products if p not in known]
        return at

    def _unsubscribe(self, channels: list[tuple[str, list[str]]]) -> None:
        for channel, products in channels:
            left = [p for p in self.channels.get(channel, []) if p not in products]
            if left:
                self.channels[channel] = left
            else:
                self.channels.pop(channel, None)

    def _count_as_subscribed(self) -> None:
        """At once with beats and something else; else when nothing more is asked for a while.

        A held clock must not start between the first and the last request of one client.
        """
        if self._quiet:
            self._quiet.cancel()
        if self.speech.complete(self.channels):
            self._begin()
        elif self.channels:
            self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._begin)
        else:
            self.ready = False

    def _begin(self) -> None:
        self.ready = True
        self.clock.nudge()
