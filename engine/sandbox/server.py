"""The sandbox as a server: `serve` for the command line, `Sandbox.running` for tests in the same process. Loopback only."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from aiohttp import web

from engine.market.files import Repair
from engine.sandbox.errors import SandboxError
from engine.sandbox.exchange import Exchange
from engine.sandbox.faults import Fault, read_fault
from engine.sandbox.opening import open_market, opening_time
from engine.sandbox.trading.faults import TradeFault, drawn
from engine.sandbox.trading.keys import Key

HOST = "127.0.0.1"
_T = TypeVar("_T")


def exchange_of(
    *,
    seed: int = 7,
    replay: Sequence[str | os.PathLike[str]] = (),
    repair: Repair | None = None,
    start: int | str | None = None,
    speed: float = 1.0,
    hold: bool = False,
    seconds: float | None = None,
    symbols: Iterable[str] | None = None,
    rate: float = 1.0,
    batch_ms: int = 250,
    faults: Iterable[Mapping[str, Any]] = (),
    balances: Mapping[str, str] | None = None,
    trouble: int | None = None,
) -> Exchange:
    """An exchange that is not yet served; options as in `serve`. SandboxError says what to change."""
    market = open_market(seed, replay, symbols, rate, repair)
    begin, end = opening_time(market, start, bool(replay))
    if seconds is not None:
        if seconds <= 0:
            raise SandboxError(f"seconds must be above 0, got {seconds:g}")
        end = min(end, (begin + int(seconds * 1000)) // 1000 * 1000)
    made = Exchange(market, begin, speed=speed, hold=hold, until=end, batch_ms=batch_ms, balances=balances)
    for fault in faults:
        made.add_fault(read_fault(fault))
    for drawn_fault in drawn(trouble) if trouble is not None else ():
        made.add_fault(drawn_fault)
    return made


class Sandbox:
    """An exchange on a thread of its own: `with Sandbox.running(seed=7, start="2026-01-05") as sb: sb.rest_url`."""

    def __init__(self, exchange: Exchange, port: int = 0) -> None:
        self.exchange, self.market = exchange, exchange.market
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    @classmethod
    @contextmanager
    def running(cls, *, port: int = 0, **options: Any) -> Iterator[Sandbox]:
        """Serves until the block ends; options as in `exchange_of`, port 0 takes a free one."""
        sandbox = cls(exchange_of(**options), port)
        sandbox.start()
        try:
            yield sandbox
        finally:
            sandbox.stop()

    @property
    def rest_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://{HOST}:{self.port}/ws"

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._failed is not None:
            why = os.strerror(self._failed.errno or 0).lower()
            raise SandboxError(
                f"port {self.port} cannot be used ({why}): end what listens there, or choose another with --port"
            ) from self._failed

    def stop(self) -> None:
        if self._thread.is_alive():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end)
            self._thread.join(10)

    def _end(self) -> None:
        if self._stop is not None:
            self._stop.set()

    def now(self) -> int:
        """Exchange time in ms UTC."""
        return self.exchange.clock.now

    def keys(self, venue: str) -> tuple[Key, ...]:
        """The demo keys of `coinbase` (ECDSA, then Ed25519) or `binance`."""
        return self.exchange.trading.opened[venue].keys

    def status(self) -> dict[str, Any]:
        return self._call(self.exchange.status)

    def fault(self, kind: str, **options: Any) -> Fault | TradeFault:
        """Switches a fault on: `fault("silence", seconds=30)`, `fault("lost_answer", what="place", count=1)`."""
        asked = read_fault({"kind": kind, **options})
        return self._call(lambda: self.exchange.add_fault(asked)[0])

    def clear(self, kind: str = "") -> int:
        return self._call(lambda: self.exchange.clear_faults(kind))

    def wait_until(self, ts: int, timeout: float = 30.0) -> bool:
        """Waits until exchange time has reached `ts`; False after `timeout` seconds."""
        return self.wait_for(lambda: self.exchange.clock.now >= ts, timeout)

    def wait_for(self, true: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Waits until `true`, which is looked at whenever the clock moves and every 20 ms; False after `timeout` seconds."""

        async def wait() -> bool:
            deadline = time.monotonic() + timeout
            while not true():
                if time.monotonic() > deadline:
                    return False
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await self.exchange.clock.changed.wait()
            return True

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result(timeout + 5)

    def _call(self, function: Callable[[], _T]) -> _T:
        async def call() -> _T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        runner = web.AppRunner(self.exchange.app(), access_log=None, shutdown_timeout=0.5)
        try:
            await runner.setup()
            await web.TCPSite(runner, HOST, self.port).start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            await self._stop.wait()
        except OSError as error:
            self._failed = error
        finally:
            await runner.cleanup()
            self._ready.set()


def serve(port: int = 8765, *, on_ready: Callable[[Sandbox], None] | None = None, **options: Any) -> None:
    """Serves on the loopback address until SIGINT or SIGTERM; for the command line.

    Options: `seed`; `replay` (candle files, `SYMBOL=FILE` names the symbol); `repair` (drop, fill: what to do
    with defects in them); `start` (ms UTC or ISO text); `speed` 1-3600; `hold`;
    `seconds` of exchange time after which the clock stands still; `symbols`; `rate` (1 = as many prints as listed);
    `batch_ms`; `faults` (as posted to /sandbox/faults); `balances` that
    both accounts begin with ({"USD": "5000"}); `trouble`, the seed of a
    day on which much goes wrong with orders. SandboxError says what to change.
    """
    sandbox = Sandbox(exchange_of(**options), port)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    sandbox.start()
    try:
        if on_ready:
            on_ready(sandbox)
        while not over.wait(1.0):
            pass
    finally:
        sandbox.stop()
