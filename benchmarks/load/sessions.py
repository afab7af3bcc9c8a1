"""Sessions of the app beside the engine: real ones over WebSocket to a real server, reading a run of a million trades.

Turns of equal length with and without them; what counts is how long the engine's transactions take. A session is a thread that
asks for a page, reads what comes until the script is over, and asks for the next a second after the last.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import figures, rig, sides
from tests.app import big, big_signals
from tools import shots

SESSIONS, TRADES = 10, 1_000_000
PAGES = ("trades", "performance", "signals", "", "strategies")
SPEED = 240.0
"""Exchange time here runs so fast that several bars close, and as many transactions land, in a second."""
RATE = 1000.0


class Reader:
    """Sessions in this process, until stopped."""

    def __init__(self, address: str, count: int) -> None:
        self.address, self.count = address, count
        self.over = threading.Event()
        self.took: list[float] = []
        self.failed: list[str] = []

    def run(self) -> None:
        threads = [threading.Thread(target=self._session, args=(k,), daemon=True) for k in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _session(self, number: int) -> None:
        import websocket

        place = self.address.replace("http", "ws", 1) + "/_stcore/stream"
        socket = websocket.create_connection(
            place, origin=self.address, subprotocols=["streamlit"], skip_utf8_validation=True, timeout=60
        )
        turn = number
        while not self.over.is_set():
            began = time.perf_counter()
            self._page(socket, PAGES[turn % len(PAGES)])
            self.took.append(time.perf_counter() - began)
            turn += 1
            self.over.wait(max(0.0, 1.0 - (time.perf_counter() - began)))
        socket.close()

    def _page(self, socket: Any, page: str) -> None:
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        wish = BackMsg()
        wish.rerun_script.query_string, wish.rerun_script.page_name = "run=big", page
        socket.send_binary(wish.SerializeToString())
        while not self.over.is_set():
            told = ForwardMsg.FromString(socket.recv_data()[1])
            kind = told.WhichOneof("type")
            if kind == "delta" and told.delta.new_element.WhichOneof("type") == "exception":
                self.failed.append(f"{page}: {told.delta.new_element.exception.message[:200]}")
            if kind == "script_finished":
                return


def read() -> None:
    """A process of its own: sessions from a line on stdin to the next."""
    reader = Reader(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        if line.strip() == "begin":
            reader.over.clear()
            reader.took, reader.failed = [], []
            running = threading.Thread(target=reader.run, daemon=True)
            running.start()
        else:
            reader.over.set()
            running.join(90)
            print(json.dumps({"took": reader.took, "failed": reader.failed}), flush=True)


@contextmanager
def readers(address: str, count: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.load.sessions", address, str(count)]
    process = subprocess.Popen(command, cwd=rig.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        rig.ended(process, 2.0)


def tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    """Commit times with and without, in turn; how long the sessions' script runs took."""
    trades, turns, seconds = (100_000, 1, 6.0) if quick else (TRADES, 4, 12.0)
    big_signals.add(big.make(folder / "evenkeel.db", trades, points=trades))
    notes: dict[str, Any] = {}
    spans: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    took: list[float] = []
    failed: list[str] = []
    with rig.market(folder, 5, SPEED) as exchange, rig.engine(folder, exchange) as engine:
        engine.live()
        with shots.app(folder) as address, readers(address, SESSIONS) as process:
            assert process.stdout is not None
            tell(process, "begin")  # once, unmeasured: the pages' modules are imported, what is cached is cached
            time.sleep(3.0 if quick else 15.0)
            tell(process, "end")
            process.stdout.readline()
            for turn in range(turns):
                for reading in (False, True) if turn % 2 == 0 else (True, False):
                    if reading:
                        tell(process, "begin")
                    begun = time.perf_counter()
                    sent = exchange.stretch(f"{turn}{reading}", RATE, seconds)
                    engine.reached(sent["last"] // 1000 * 1000)
                    spans[reading].append((begun, time.perf_counter()))
                    if reading:
                        tell(process, "end")
                        told = json.loads(process.stdout.readline())
                        took += told["took"]
                        failed += told["failed"]
        notes = engine.stop()
    if failed:
        raise RuntimeError(f"{len(failed)} pages failed under load: {failed[0]}")
    alone, beside = ([sides.landed(notes, *span) for span in spans[reading]] for reading in (False, True))
    found = sides.phases("the engine's commit", ("alone", alone), (f"beside {SESSIONS} sessions", beside))
    thought = [[one for span in spans[reading] for one in sides.steps(notes, *span)] for reading in (False, True)]
    step = sides.both("step", ("alone", thought[0]), ("beside", thought[1]))
    used = [
        [one for span in spans[reading] for one in sides.landed(notes, *span, used=True)] for reading in (False, True)
    ]
    cpu = sides.both("processor", ("alone", used[0]), ("beside", used[1]))
    tries = {
        name: sum(sides.held(notes, *span) for span in spans[side])
        for name, side in (("alone", False), ("beside", True))
    }
    return {
        **found, "sessions": SESSIONS, "trades": trades, "runs": len(took), "script_ms": figures.told(took),
        "step_ratio_p99": step["ratio_p99"], "cpu_ratio_p50": cpu["ratio_p50"], "cpu_ratio_p99": cpu["ratio_p99"],
        "cpu_ms": cpu["sides"][0]["told"]["p50"], "locked_out": tries,
    }  # fmt: skip


if __name__ == "__main__":
    read()
