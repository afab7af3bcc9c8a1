"""The door as a service: its socket, its thread, its end. A port that is taken is told and tried again; trading goes on."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from db.session import open_engine
from engine.config.model import Config
from engine.runtime.api.tokens import TokenError, read, tokens_file
from engine.runtime.clock import wall_ms
from engine.runtime.health import Health
from engine.runtime.session import Session

log = logging.getLogger("evenkeel.api")
AGAIN_S = 30.0
BACKLOG = 64
LONGEST_S = 10.0
"""Of the processor for one question to the database."""


class Api:
    """A service. What it is made of is imported on its own thread, after the engine has started."""

    name = "api"

    def __init__(
        self, config: Config, session: Session, health: Health, press: Callable[[str, bool, str], object] | None = None
    ) -> None:
        self.config, self.session, self.health, self.press = config, session, health, press
        self.port = 0
        self._server: Any = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="api", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def committed(self) -> None:
        """Nothing to do."""

    def reconfigured(self, config: Config) -> None:
        """Its address is taken over at the next start."""

    def vitals(self) -> Mapping[str, Any]:
        return {"api_port": self.port}

    def stop(self, seconds: float) -> None:
        self._over.set()
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(seconds)

    # ---- its own thread ----------------------------------------------------------------------------------------------------
    def _serve(self) -> None:
        place = self.config.api
        if not place.loopback and not self._has_token():
            log.error("the API is not opened: %s can be reached by others, and there is no token yet. "
                      "`run_engine.py token new --scope read` makes one; then start again", place.host)  # fmt: skip
            return
        listening = self._listening()
        if listening is None:
            return
        from engine.runtime.api.server import server_for

        url = self.config.database_url()
        reader, writer = open_engine(url, read_only=True, longest_s=LONGEST_S), open_engine(url)
        try:
            with listening:
                self.port = listening.getsockname()[1]
                self._server = server_for(self, reader, writer, wall_ms)
                log.info("the API answers at http://%s:%d", place.host, self.port)
                if not self._over.is_set():
                    self._server.run(sockets=[listening])
        except Exception:
            log.exception("the API has ended; trading goes on")
        finally:
            self.port = 0
            reader.dispose()
            writer.dispose()

    def _has_token(self) -> bool:
        try:
            return bool(read(tokens_file()))
        except TokenError as error:
            log.error("%s", error)
            return False

    def _listening(self) -> socket.socket | None:
        """The socket; where the port is taken, tried again until it is free or the engine ends."""
        place, told = self.config.api, False
        while not self._over.is_set():
            try:
                return _bound(place.host, place.port)
            except OSError as error:
                if not told:
                    log.warning("the API cannot listen at %s:%d: %s. Trading goes on; it is tried again. Another [api] port, or "
                                "enabled = false, ends that", place.host, place.port, error.strerror or error)  # fmt: skip
                told = True
            self._over.wait(AGAIN_S)
        return None

    @property
    def data_dir(self) -> Path:
        return Path(self.config.storage.data_dir)


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made
