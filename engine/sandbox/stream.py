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

from engine.sandbox import wire
from engine.sandbox.clock import Clock
from engine.sandbox.faults import GARBAGE, Faults
from engine.sandbox.script import CHANNELS, STRETCH_MS, Line, Script

FAREWELL_S = 2.0
QUIET_S = 0.25
"""A client without heartbeats counts as subscribed when it has not subscribed to more for so long."""


class Session:
    """Runs one connection until it ends; `ready` once it counts as subscribed, from then on `read` bounds the clock."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None, clock: Clock,
                 script: Script, faults: Faults, counters: Counter[str], lead: int) -> None:  # fmt: skip
        self.socket, self.transport, self.clock, self.script = socket, transport, clock, script
        self.faults, self.counters = faults, counters
        self.channels: dict[str, list[str]] = {}
        self.ready = False
        self.told = self.read = self.pinged = clock.now
        self._ping_every = max(lead // 8, 1)
        self._asked_at = 0.0
        self._sequence = 0
        self._joined, self._survived = clock.now, faults.past(clock.now)
        self._held: bytes | None = None
        self._requests: list[bytes | str] = []
        self._quiet: asyncio.TimerHandle | None = None
        self._over = False
        self._heard = asyncio.Event()

    def barrier(self) -> int | None:
        """The exchange time at which this connection will be cut: the clock must not pass it before."""
        cut = self.faults.cut_after(self._joined, self._survived)
        return cut[0] if cut else None

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
            for line in self.script.lines(self.channels, self.told, last):
                await self._send_line(line)
            self.told = until if barrier is None else min(until, barrier)
            await self._ping()
        if self.clock.ended and self._held is not None:
            held, self._held = self._held, None
            await self._frame(held)
        return True

    def _count_cut(self) -> None:
        cut = self.faults.cut_after(self._joined, self._survived)
        if cut:
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
            # Numbered but never sent: the next message's number tells.
            self._sequence += 1
            self.counters["withheld"] += 1
            return
        if fault := self.faults.strike("garbage", line.ts, *what, product_id=line.product_id):
            pick = GARBAGE[int(self.faults.draw(fault, "which", *what) * len(GARBAGE))]
            await self._frame(pick, binary=pick.startswith(b"\xff"))
        text = self._numbered(line.head, line.tail)
        held, self._held = self._held, None
        if held is None and self.faults.strike("shuffle", line.ts, *what, product_id=line.product_id):
            self._held = text
            return
        await self._frame(text)
        if self.faults.strike("duplicate", line.ts, *what, product_id=line.product_id):
            await self._frame(text)
        if held is not None:
            await self._frame(held)

    def _numbered(self, head: bytes, tail: bytes) -> bytes:
        text = head + str(self._sequence).encode() + tail
        self._sequence += 1
        return text

    async def _frame(self, data: bytes, binary: bool = False) -> None:
        self.counters["messages"] += 1
        await self.socket.send_frame(data, WSMsgType.BINARY if binary else WSMsgType.TEXT)

    # --- what comes in -----------------------------------------------------------------------------------------------

    async def _answer(self, text: bytes | str) -> None:
        try:
            request = orjson.loads(text)
            channel, products = self._checked(request)
        except ValueError as error:
            await self._frame(wire.error(str(error)))
            return
        at = self.clock.now
        if request["type"] == "subscribe":
            at = await self._subscribe(channel, products)
        else:
            self._unsubscribe(channel, products)
        event = {"subscriptions": {name: ids or [name] for name, ids in self.channels.items()}}
        await self._frame(self._numbered(*wire.message("subscriptions", at, [event])))
        if request["type"] == "subscribe":
            for head, tail in self.script.snapshot(channel, products, at):
                await self._frame(self._numbered(head, tail))
        self._count_as_subscribed()

    def _checked(self, request: Any) -> tuple[str, list[str]]:
        """Channel and products of a request; ValueError with the words of the refusal."""
        if not isinstance(request, dict) or request.get("type") not in ("subscribe", "unsubscribe"):
            raise ValueError("type must be subscribe or unsubscribe")
        channel = request.get("channel")
        if channel not in CHANNELS:
            raise ValueError(f"channel {channel!r} is not served here; choose one of {', '.join(CHANNELS)}")
        products = request.get("product_ids") or []
        if not isinstance(products, list) or not all(isinstance(p, str) for p in products):
            raise ValueError("product_ids must be a list of product ids such as BTC-USD")
        listed = self.script.market.products
        if unknown := [p for p in products if p not in listed]:
            raise ValueError(f"{', '.join(unknown)} is not a product; listed are {', '.join(listed)}")
        if channel == "heartbeats":
            return channel, []
        if not products:
            raise ValueError(f"channel {channel} needs product_ids")
        return channel, list(dict.fromkeys(products))

    def _now_whole(self) -> int:
        """The end of the last whole batch: what was printed before it is the snapshot's, the rest comes as updates."""
        return self.clock.now // self.script.batch_ms * self.script.batch_ms

    async def _subscribe(self, channel: str, products: list[str]) -> int:
        """Adds to what is told; the exchange time after which the new lines begin."""
        if self.channels:
            # The other channels first catch up to the same instant.
            if not await self._tell():
                raise ConnectionResetError("cut")
            at = self.told // self.script.batch_ms * self.script.batch_ms
        else:
            at = self.told = self.read = self.pinged = self._now_whole()
        known = self.channels.setdefault(channel, [])
        known += [p for p in products if p not in known]
        return at

    def _unsubscribe(self, channel: str, products: list[str]) -> None:
        left = [p for p in self.channels.get(channel, []) if p not in products]
        if left:
            self.channels[channel] = left
        else:
            self.channels.pop(channel, None)

    def _count_as_subscribed(self) -> None:
        """At once with heartbeats and a market channel; else when nothing more is asked for a while.

        A held clock must not start between the first and the last request of one client.
        """
        if self._quiet:
            self._quiet.cancel()
        if "heartbeats" in self.channels and len(self.channels) > 1:
            self._begin()
        elif self.channels:
            self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._begin)
        else:
            self.ready = False

    def _begin(self) -> None:
        self.ready = True
        self.clock.nudge()
