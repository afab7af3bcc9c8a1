"""A server that does not wait for those who send nothing: uvicorn's HTTP protocol, which closes a connection whose request's head
does not come. Knows no route; imported by those who serve alone."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S = 10.0
"""A connection on which no request has come whole for so long is closed."""


class Impatient(H11Protocol):
    """Closes a connection on which a request's head is begun and does not come: the first, or one after an answer. One that
    has become a WebSocket is no longer its business."""

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
        if self.transport.get_protocol() is self and self._waits() and not self.transport.is_closing():
            self.transport.close()


def hurry(connections: int) -> None:
    """Let every server of uvicorn's that begins in this process from here on be impatient, and answer 503 beyond so many
    connections; for one that somebody else makes (Streamlit's), whose settings nobody can reach."""
    begin: Any = uvicorn.Server.startup

    async def startup(server: uvicorn.Server, sockets: Any = None) -> None:
        kept: Any = server.config
        kept.http_protocol_class, kept.limit_concurrency = Impatient, connections
        await begin(server, sockets=sockets)

    changed: Any = uvicorn.Server
    changed.startup = startup
