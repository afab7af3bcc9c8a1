"""uvicorn as the door runs it: bounded connections, no talk in the log, and no waiting for those who send nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import uvicorn
from sqlalchemy import Engine
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.research import worker_start
from engine.runtime.api.application import application, guarded
from engine.runtime.api.context import Context
from engine.runtime.api.tokens import Keys, tokens_file

if TYPE_CHECKING:
    from engine.runtime.api.service import Api

CONNECTIONS = 64
HEADER_S = 10.0
"""A connection on which no request has come whole for so long is closed."""


class Impatient(H11Protocol):
    """Closes a connection on which a request's head is begun and does not come: the first, or one after an answer."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._waits():
            self._rest()
        elif self._late is None:
            self._watch()

    def connection_lost(self, error: Exception | None) -> None:
        self._rest()
        super().connection_lost(error)

    def _waits(self) -> bool:
        cycle = getattr(self, "cycle", None)
        return cycle is None or cycle.response_complete

    def _watch(self) -> None:
        self._late = asyncio.get_running_loop().call_later(HEADER_S, self._close_if_silent)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close_if_silent(self) -> None:
        self._late = None
        if self._waits() and not self.transport.is_closing():
            self.transport.close()


def server_for(api: Api, reader: Engine, writer: Engine, now_ms: Callable[[], int]) -> uvicorn.Server:
    """The server of a running engine."""
    place = api.config.api
    context = Context(
        api.session.run_id, api.health, Keys(tokens_file()), reader, writer, api.data_dir, now_ms, worker_start.ensure, api.press,
        open_to_all=place.loopback, requests_minute=place.requests_minute,
    )  # fmt: skip
    return server_of(guarded(application(context), place.host, place.allowed_hosts))


def server_of(app: Any) -> uvicorn.Server:
    """A server for `run(sockets=[...])`, on any thread."""
    settings = uvicorn.Config(
        app, loop="asyncio", http=Impatient, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, limit_concurrency=CONNECTIONS, timeout_keep_alive=5, timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=16_384,
    )  # fmt: skip
    return uvicorn.Server(settings)
