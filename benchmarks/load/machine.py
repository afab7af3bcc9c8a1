"""What this machine itself can do, taken in the same run: other figures then also stand as a multiple of these.

A durable commit of one row, a round trip over the loopback, a message's JSON read, bytes through a socket, plain arithmetic.
"""

from __future__ import annotations

import os
import platform
import socket
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from benchmarks.load import figures
from benchmarks.load.frames import Maker
from engine.sandbox.products import LISTED

PRICES = (6_400_000, 320_000, 15_000, 6_200, 14_500, 14_000)


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    """Figures in ms, us and a second; `load` is the machine's own, before and after."""
    before, count = os.getloadavg()[0], 200 if quick else 1000
    commits, trips = _commits(folder, count), _round_trips(count * 5)
    messages = _messages(20_000 if quick else 60_000)
    return {
        "cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform(),
        "commit_ms": figures.told(commits), "sync_ms": figures.told(_syncs(folder, count)),
        "round_trip_us": figures.told(trips, 1e6), "json_us": _json_us(messages),
        "loopback_ticks_s": _loopback(messages), "additions_ns": _additions_ns(), "load": [before, os.getloadavg()[0]],
    }  # fmt: skip


def _commits(folder: Path, count: int) -> list[float]:
    """Seconds of each of `count` transactions of one row, as safe as the ledger's."""
    raw = sqlite3.connect(folder / "limit.db", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    took = []
    for k in range(count):
        begun = time.perf_counter()
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("INSERT INTO t VALUES (?, ?)", (k, "x" * 100))
        raw.execute("COMMIT")
        took.append(time.perf_counter() - begun)
    raw.close()
    return took


def _syncs(folder: Path, count: int) -> list[float]:
    """Seconds of each write of 4 KiB and fsync behind a file's end."""
    took = []
    with (folder / "limit.bin").open("wb", buffering=0) as file:
        for _ in range(count):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            took.append(time.perf_counter() - begun)
    return took


def _round_trips(count: int) -> list[float]:
    """Seconds of a small message there and back over TCP on the loopback, another thread answering."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        there, _ = server.accept()
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with there:
            while data := there.recv(64):
                there.sendall(data)

    threading.Thread(target=answer, daemon=True).start()
    took = []
    with socket.create_connection(server.getsockname()) as here:
        here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            begun = time.perf_counter()
            here.sendall(b"x" * 32)
            here.recv(64)
            took.append(time.perf_counter() - begun)
    server.close()
    return took


def _messages(count: int) -> bytes:
    """`count` prints of the load test, framed."""
    return b"".join(Maker(LISTED, PRICES).stretch(1_772_452_860_000, count, 1.0, 20.0).bursts)


def _json_us(messages: bytes) -> float:
    """Microseconds of the processor to read one message's JSON, nothing made of it."""
    texts = list(messages.split(b'{"channel')[1:20_001])
    texts = [b'{"channel' + part[: part.rindex(b"}") + 1] for part in texts]
    begun = time.process_time()
    for text in texts:
        orjson.loads(text)
    return (time.process_time() - begun) / len(texts) * 1e6


def _loopback(messages: bytes) -> float:
    """Prints a second that the sender's socket bears when nobody reads what they say: the sender is not what is measured."""
    server = socket.create_server(("127.0.0.1", 0))

    def swallow() -> None:
        there, _ = server.accept()
        with there:
            while there.recv(65_536):
                pass

    reader = threading.Thread(target=swallow, daemon=True)
    reader.start()
    begun = time.perf_counter()
    with socket.create_connection(server.getsockname()) as here:
        here.sendall(messages)
    reader.join(30)
    took = time.perf_counter() - begun
    server.close()
    return messages.count(b'"trade_id"') / took


def _additions_ns() -> float:
    """Nanoseconds of the processor for one step of a plain Python loop: how fast the interpreter is here and now."""
    begun, total = time.process_time(), 0
    for k in range(2_000_000):
        total += k
    return (time.process_time() - begun) / 2_000_000 * 1e9
