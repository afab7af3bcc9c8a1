"""The dead man's ping: while the engine is ready it calls an address every so many seconds, and whoever listens there raises the
alarm when the calls stay away (healthchecks.io and its like).

On a thread of its own, with one try, a short time and no redirects; the answer is not read. The address is a secret: it comes
from the environment and never reaches log, status row or error.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from engine.access import outbound_http
from engine.access.outbound import Forbidden
from engine.config.model import Config

log = logging.getLogger("evenkeel.ping")
ADDRESS = "EVENKEEL_PING_URL"
TIMEOUT_S = 5.0


class Ping:
    """A service; without an address it has no thread. `ready` says whether the engine is, from any thread."""

    name = "ping"

    def __init__(self, config: Config, ready: Callable[[], bool], address: str | None = None) -> None:
        self.every_s, self.ready = float(config.health.ping_seconds), ready
        self.address = os.environ.get(ADDRESS, "") if address is None else address
        self.sent = self.failed = 0
        self._told = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ping", daemon=True)

    def start(self) -> None:
        if not self.address:
            return
        if urlsplit(self.address).scheme not in ("http", "https"):
            log.error("%s in .env is no http:// or https:// address: nothing is called", ADDRESS)
            return
        self._thread.start()

    def committed(self) -> None:
        """Nothing to do."""

    def reconfigured(self, config: Config) -> None:
        self.every_s = float(config.health.ping_seconds)

    def vitals(self) -> Mapping[str, Any]:
        return {"pings": self.sent, "pings_failed": self.failed} if self.address else {}

    def stop(self, seconds: float) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    # ---- its own thread ----------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        while not self._over.is_set():
            if self.ready():
                self._call()
            self._over.wait(self.every_s)

    def _call(self) -> None:
        try:
            with outbound_http.session(2 * TIMEOUT_S) as session:
                session.proxies = outbound_http.proxies(self.address)
                answer = session.get(self.address, timeout=TIMEOUT_S, allow_redirects=False, stream=True)
                problem = "" if answer.status_code < 400 else f"it answered {answer.status_code}"
        except Forbidden as error:
            problem = str(error)
        except (requests.RequestException, ValueError, OSError) as error:
            problem = type(error).__name__  # its text would hold the address
        if problem:
            self.failed += 1
        else:
            self.sent += 1
        if problem != self._told:
            if problem:
                log.warning("the dead man's ping does not arrive: %s", problem)
            else:
                log.info("the dead man's ping arrives again")
        self._told = problem
