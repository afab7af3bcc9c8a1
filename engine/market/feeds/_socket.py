"""One exchange's stream on a thread of its own: connect, subscribe, read, reconnect. Shapes of messages are the
rooms' own.

Lost data is found by sequence numbers and by exchange time (a beat that is far ahead of the one before), never by how
late something arrives. Only when nothing at all comes does a wall clock close the socket, as the last resort.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import certifi
import websocket

from engine.access.outbound import current
from engine.core.bars import Beat, Quote, Tick
from engine.core.types import MS_SECOND
from engine.market.backoff import Backoff
from engine.market.events import Connected, Disconnected, Event, Malformed, Notice, Sequence, SequenceGap
from engine.market.feeds._frames import BINARY, CLOSE, PING, TEXT, Frames
from engine.market.wire import Listing

log = logging.getLogger(__name__)

PING_S = 20.0
WATCHDOG_S = 20.0
CONNECT_S = 10.0
BLOCK = 65_536
JUMP_MS = 3_600_000
BATCH_MS, REORDER_MOST = 250, 64
"""A message's prints are at most so much older than itself; more missing at once than so many are never waited for."""


_COUNTED: dict[type, str] = {Tick: "prints", Quote: "quotes", Beat: "beats", Malformed: "malformed", Notice: "notices"}


class Room(Protocol):
    """What a feed's file holds. `SILENCE_MS`: beats further apart than this (exchange ms) mean that messages were
    missed. A file may also hold `PING`, a text to send each second of exchange time.
    """

    NAME: str
    URL: str
    SILENCE_MS: int

    def native(self, symbol: str) -> str: ...
    def subscribe(self, symbols: list[str]) -> list[str]: ...
    def parse(self, text: str | bytes, symbols: Listing) -> list[Event]: ...


class Continuity:
    """Watches one connection's sequence numbers and times; pure. `check` says what an event reveals to be lost."""

    def __init__(self, silence_ms: int, jump_ms: int = JUMP_MS, grace_ms: int = 1000) -> None:
        self.silence_ms, self.jump_ms, self.grace_ms = silence_ms, jump_ms, grace_ms
        self.last = -1
        self.beat = 0
        self.disorder = 0
        self._missing: set[int] = set()
        self._chains: dict[int, int] = {}  # the last print's number by symbol
        self._before = self._newest = 0  # ms of the message before the first missing one, and of the newest
        self._seen = self._suspect = 0

    def plausible(self, ts: int) -> bool:
        """False for a time more than `jump_ms` ahead of all before, until a second event says the same."""
        if self._seen and ts > self._seen + self.jump_ms:
            confirmed = abs(ts - self._suspect) < self.jump_ms
            self._suspect = ts
            if not confirmed:
                return False
        self._suspect = 0
        self._seen = max(self._seen, ts)
        return True

    def check(self, event: Sequence | Beat) -> SequenceGap | None:
        if type(event) is Sequence:
            return self._number(event) if event.symbol < 0 else self._chain(event)
        gap = 0 < self.beat < event.ts - self.silence_ms
        silent, self.beat = event.ts - self.beat, max(self.beat, event.ts)
        return SequenceGap(event.ts, f"silent for {silent // 1000} s of exchange time") if gap else None

    def _number(self, event: Sequence) -> SequenceGap | None:
        """A number that is missing may still come, out of order, while its prints can count; after that it is lost."""
        number, former = event.number, self.last
        if number <= former:
            self.disorder += 1
            self._missing.discard(number)
            return None
        self.last = number
        lost = number - former - 1 if former >= 0 else 0
        if lost and not self._missing:
            self._before = self._newest
        if lost <= REORDER_MOST:
            self._missing.update(range(number - lost, number))
        self._newest = max(self._newest, event.ts)
        if lost > REORDER_MOST or (self._missing and event.ts >= self._too_late()):
            lost = max(lost, len(self._missing))
            self._missing.clear()
            return SequenceGap(event.ts, f"{lost} messages lost")
        return None

    def _chain(self, event: Sequence) -> SequenceGap | None:
        """Prints of one symbol, numbered without holes. Nothing is waited for: such a venue sends in order."""
        last = self._chains.get(event.symbol)
        if last is not None and event.number <= last:
            self.disorder += 1
            return None
        self._chains[event.symbol] = event.number
        if last is None or event.first <= last + 1:
            return None
        return SequenceGap(event.ts, f"{event.first - last - 1} prints lost")

    def _too_late(self) -> int:
        """When the oldest second closes that a missing message may have prints of."""
        return (self._before - BATCH_MS) // MS_SECOND * MS_SECOND + MS_SECOND + self.grace_ms


class StreamFeed:
    """Streams `symbols` of a room into `on_event`, which is called on this feed's thread and must not block for long.

    `pace` is the speed of exchange time (1 for a real exchange); waits and the watchdog shrink by it.
    """

    polling = False

    def __init__(
        self,
        room: Room,
        symbols: Listing,
        on_event: Callable[[Event], None],
        url: str = "",
        *,
        pace: float = 1.0,
        rng: random.Random | None = None,
        watchdog_s: float = WATCHDOG_S,
        grace_ms: int = 1000,
    ) -> None:
        self.room, self.symbols, self.on_event = room, symbols, on_event
        self.url = url or room.URL
        self.counters: Counter[str] = Counter()
        self.connected = False
        self.last_error = ""
        self.watchdog_s = max(watchdog_s / max(pace, 1e-6), 2.0)
        self.pace, self.grace_ms = pace, grace_ms
        self._ask_s = max(1.0 / max(pace, 1e-6), 0.02)
        self._backoff = Backoff(pace, rng)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"feed-{room.NAME}", daemon=True)
        self._exchange_ts = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Ends the thread; returns when it is over or after `timeout` seconds."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._session()
                reason = "closed by the exchange"
            except (OSError, websocket.WebSocketException, ValueError) as error:
                reason = f"{type(error).__name__}: {error}".strip(": ")[:200]
            except Exception as error:
                # A fault of ours: the stream must go on, and the fault must be seen.
                log.exception("the %s feed failed", self.room.NAME)
                reason = f"{type(error).__name__}: {error}"[:200]
            if self._stop.is_set():
                break
            self.last_error = reason
            self.counters["disconnects" if self.connected else "refused"] += 1
            if self.connected:
                self.on_event(Disconnected(self._exchange_ts, reason))
            self.connected = False
            self._stop.wait(self._backoff.next())
        self.connected = False

    def _session(self) -> None:
        """One connection, from handshake to its end."""
        own: dict[str, Any] = {} if self.url == self.room.URL else {"socket": dial(self.url, CONNECT_S)}
        socket = websocket.create_connection(
            self.url,
            timeout=CONNECT_S,
            enable_multithread=True,
            sslopt=_certificates(self.url),
            redirect_limit=0,
            **own,
        )
        try:
            for message in self.room.subscribe(list(self.symbols)):
                socket.send(message)
            self.connected = True
            self.counters["connects"] += 1
            self.on_event(Connected(0))
            self._read(socket)
        finally:
            socket.close(timeout=0.1)

    def _read(self, socket: websocket.WebSocket) -> None:
        socket.settimeout(0.25)
        # An accelerated exchange sends its seconds in bursts: a second of ours is never a silence there.
        silence_ms, jump_ms = max(self.room.SILENCE_MS, int(1000 * self.pace)), max(JUMP_MS, int(10_000 * self.pace))
        continuity = Continuity(silence_ms, jump_ms, self.grace_ms)
        alive = pinged = asked = time.monotonic()
        ask = getattr(self.room, "PING", None)
        frames = Frames()
        while not self._stop.is_set():
            block = _received(socket)
            now = time.monotonic()
            if block:
                alive = now
            elif now - alive > self.watchdog_s:
                raise TimeoutError(f"nothing came for {self.watchdog_s:.0f} s")
            for opcode, data in frames.take(block):
                if opcode in (TEXT, BINARY):
                    self.take(data, continuity)
                elif opcode == PING:
                    socket.pong(data)
                elif opcode == CLOSE:
                    socket.send_close()
                    return
                if self._stop.is_set():
                    return
            if now - pinged > PING_S:
                pinged = now
                socket.ping()
            if ask and now - asked > self._ask_s:
                asked = now
                socket.send(ask)

    def take(self, data: str | bytes, continuity: Continuity) -> None:
        """Turns one message into events, what it reveals to be lost before what it brings."""
        self.counters["messages"] += 1
        counters = self.counters
        for event in self.room.parse(data, self.symbols):
            # Tuples, not unions: a union is built anew at every look, and this runs for every print.
            if type(event) is Quote and not event.ts:
                event = event._replace(ts=self._exchange_ts)
            if isinstance(event, (Tick, Quote, Sequence, Beat)) and not continuity.plausible(event.ts):
                counters["implausible"] += 1
                continue
            if isinstance(event, (Sequence, Beat)):
                self._in_order(event, continuity)
            elif type(event) is Notice:
                self.last_error = event.text
            if type(event) is not Sequence:
                counters[_COUNTED.get(type(event), "other")] += 1
                self.on_event(event)

    def _in_order(self, event: Sequence | Beat, continuity: Continuity) -> None:
        gap = continuity.check(event)
        if gap is not None:
            self.counters["gaps"] += 1
            self.on_event(gap)
        self._exchange_ts = max(self._exchange_ts, event.ts)
        self._backoff.reset()


def _received(socket: websocket.WebSocket) -> bytes:
    """What has come, at most BLOCK bytes; empty when nothing came within the socket's timeout. OSError at its end."""
    assert socket.sock is not None
    try:
        block = socket.sock.recv(BLOCK)
    except (TimeoutError, ssl.SSLWantReadError):
        return b""
    if not block:
        raise ConnectionError("the exchange has hung up")
    return block


def dial(url: str, timeout: float) -> socket.socket:
    """A connection to an address that a person gave, by the rules for those; encrypted for wss://. Forbidden, OSError."""
    rules = current().with_sandbox(url)
    host, port, scheme = rules.judge(url, ("wss",))
    made = rules.connect(host, port, timeout)
    if scheme == "ws":
        return made
    try:
        return ssl.create_default_context(cafile=_certificates(url).get("ca_certs")).wrap_socket(
            made, server_hostname=host
        )
    except OSError:
        made.close()
        raise


def _certificates(url: str) -> dict[str, str]:
    """The authorities that the REST side trusts too; small systems have none of their own. The person's choice goes first."""
    if not url.startswith("wss://") or "SSL_CERT_FILE" in os.environ or "WEBSOCKET_CLIENT_CA_BUNDLE" in os.environ:
        return {}
    return {"ca_certs": certifi.where()}
