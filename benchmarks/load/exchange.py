"""The local exchange of the load test, a process of its own: REST as the sandbox has it, and a WebSocket that only sends.

Its bytes are encoded before the clock runs (see frames), so that it is not what is measured. Orders come on stdin as JSON
lines, one answer a line goes to stdout: {"rate", "seconds", "speed"} sends a stretch, {"out"} says where its notes are kept.
Between stretches only heartbeats come. Loopback only.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import queue
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from benchmarks.load.frames import BURST_S, Maker
from engine.sandbox.faults import Faults
from engine.sandbox.market import Market
from engine.sandbox.products import LISTED
from engine.sandbox.rest import Rest

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BUFFER = 256 * 1024
IDLE_S = 0.02
START = 1_772_452_850_000
"""2026-03-02 12:00:50 UTC: ten seconds before a minute is over, so that the engine is soon done with its beginning."""


class Time:
    """Exchange ms, as REST reads it."""

    now = START


def serve_rest(market: Market, clock: Any) -> int:
    """REST on a thread of its own; its port."""
    found: queue.Queue[int] = queue.Queue()

    async def run() -> None:
        app = web.Application()
        app.add_routes(Rest(market, clock, Faults(market.seed)).routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    return found.get(timeout=30)


def handshake(server: socket.socket) -> socket.socket:
    """The next client's socket, upgraded; whatever it says later is not read."""
    client, _ = server.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += client.recv(4096)
    key = next(
        line.split(b":", 1)[1].strip() for line in asked.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
    )
    accept = base64.b64encode(hashlib.sha1(key + MAGIC.encode()).digest()).decode()
    upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    client.sendall(f"{upgraded}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
    return client


class Sender:
    """One connection, and the exchange's clock that its messages move."""

    def __init__(self, client: socket.socket, maker: Maker, clock: Any, speed: float) -> None:
        self.client, self.maker, self.clock, self.speed = client, maker, clock, speed
        self.exact = float(clock.now)
        self.notes: list[tuple[float, float]] = []

    def idle(self, seconds: float) -> None:
        """Heartbeats for a moment; every exchange second one."""
        until = time.perf_counter() + seconds
        last = time.perf_counter()
        while (now := time.perf_counter()) < until:
            before = int(self.exact) // 1000
            self.exact += (now - last) * 1000 * self.speed
            last = now
            if int(self.exact) // 1000 > before:
                self.clock.now = int(self.exact)
                self._send(self.maker.beat(self.clock.now), self.clock.now)
            time.sleep(IDLE_S / 4)

    def stretch(self, rate: float, seconds: float, speed: float) -> dict[str, Any]:
        """Send what was encoded, each burst when it is due; how that went."""
        numbered, first = self.maker.number, len(self.notes)
        made = self.maker.stretch(int(self.exact) // 1000 * 1000 + 1000, rate, seconds, speed)
        cpu, begun, late = time.process_time(), time.perf_counter(), 0.0
        for k, (burst, last) in enumerate(zip(made.bursts, made.last, strict=True)):
            wait = begun + k * BURST_S - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            late = max(late, -wait)
            if burst:
                self._send(burst, last)
        took = time.perf_counter() - begun
        self.exact = float(made.last[-1])
        self.clock.now = made.last[-1]
        return {
            "rate": rate, "seconds": seconds, "took": took, "late": late, "ticks": made.ticks,
            "messages": self.maker.number - numbered,
            "bytes": sum(map(len, made.bursts)), "cpu": time.process_time() - cpu, "first": min(made.lots),
            "last": made.last[-1],            "lots": made.lots, "bursts": self.notes[first:],
        }  # fmt: skip

    def _send(self, data: bytes, newest: int) -> None:
        self.notes.append((float(newest), time.perf_counter()))
        self.client.sendall(data)


def main() -> None:
    speed, folder, per_message = float(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    market = Market(7)
    clock = Time()
    rest = serve_rest(market, clock)
    server = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"rest": rest, "ws": server.getsockname()[1]}), flush=True)
    orders: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=lambda: [orders.put(json.loads(line)) for line in sys.stdin] and None, daemon=True).start()
    quotes = [market.quote(product.id, START) for product in LISTED]
    client = handshake(server)
    time.sleep(0.3)
    sender = Sender(client, Maker(LISTED, [q.price if q else 100 for q in quotes], per_message), clock, speed)
    while True:
        try:
            sender.idle(IDLE_S)
            if orders.empty():
                continue
            order = orders.get()
            if order.get("end"):
                return
            done = sender.stretch(order["rate"], order["seconds"], order.get("speed", speed))
        except OSError:  # the engine has been stopped, or killed at work
            return
        np.save(folder / f"sent-{order['name']}.npy", np.array(done.pop("bursts")))
        print(json.dumps({**order, **done}), flush=True)


if __name__ == "__main__":
    main()
