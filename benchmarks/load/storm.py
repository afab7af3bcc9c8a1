"""Ten thousand alerts at once, one channel that takes the connection and never answers, one that answers at once.

The alerts come with the engine's own transactions, as every alert does. What counts is how long the machine's steps and
the engine's commits take while they are delivered, beside a stretch before.
"""

from __future__ import annotations

import http.server
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import rig, sides

ALERTS = 10_000
RATE = 1000.0


@contextmanager
def hanging() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


@contextmanager
def answering() -> Iterator[tuple[str, list[float]]]:
    """A webhook's server, and when each message came."""
    came: list[float] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            came.append(time.perf_counter())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        server.server_close()


def measure(folder: Path, quick: bool = False) -> dict[str, Any]:
    alerts, seconds = (1000, 5.0) if quick else (ALERTS, 12.0)
    with hanging() as silent, answering() as (good, came), rig.market(folder) as exchange:
        secrets = {
            "EVENKEEL_WEBHOOK_URL": good, "EVENKEEL_WEBHOOK_SECRET": "a-secret-of-the-load-test",
            "EVENKEEL_SLACK_WEBHOOK": silent,
            "EVENKEEL_LOAD_ALERTS": str(alerts),
        }  # fmt: skip
        more = '[network]\nallow_hosts = ["127.0.0.1"]\n\n[alerts]\nthrottle_count = 1000\ntimeout_s = 5.0\npush = ["error"]\n'
        with rig.engine(folder, exchange, more=more, secrets=secrets) as engine:
            engine.live()
            spans, sent = [], []
            for k in range(2):
                if k:
                    (folder / "storm").touch()
                begun = time.perf_counter()
                sent.append(exchange.stretch(f"{k}", RATE, seconds))
                engine.reached(sent[-1]["last"] // 1000 * 1000)
                spans.append((begun, time.perf_counter()))
            waiting = _count(folder, "SELECT count(*) FROM alert WHERE kind = 'error'")
            rig.until(
                lambda: (
                    _count(folder, "SELECT count(*) FROM alert_delivery WHERE channel = 'webhook' AND state = 'sent'")
                    >= 1
                ),
                "the good channel delivers",
            )
            hung = _count(
                folder, "SELECT count(*) FROM alert_delivery WHERE channel = 'slack' AND state IN ('new', 'failed')"
            )
            notes = engine.stop()
    values = [sides.steps(notes, *span) for span in spans]
    commits = [sides.landed(notes, *span) for span in spans]
    found = sides.both("the machine's step", ("before", values[0]), ("in the storm", values[1]))
    return {
        **found, "alerts": waiting, "sent": sum(1 for at in came if at >= spans[1][0]), "hung": hung,
        "commit": sides.both("the engine's commit", ("before", commits[0]), ("in the storm", commits[1])),
    }  # fmt: skip


def _count(folder: Path, query: str) -> int:
    with closing(sqlite3.connect(f"file:{folder / 'evenkeel.db'}?mode=ro", uri=True, timeout=5)) as raw:
        return int(raw.execute(query).fetchone()[0])
