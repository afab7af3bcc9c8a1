"""Whoever opens a connection and says nothing is sent away, by a server that others start, too; a WebSocket of a page stays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import uvicorn
import websocket

from engine.access import patience


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server of uvicorn's own settings, as Streamlit makes one."""
    monkeypatch.setattr(uvicorn.Server, "startup", uvicorn.Server.startup)  # as it was, afterwards
    monkeypatch.setattr(patience, "HEADER_S", 1.0)
    patience.hurry(5)
    server = uvicorn.Server(uvicorn.Config(_app, lifespan="off", log_config=None, ws="websockets-sansio"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield listening.getsockname()
    server.should_exit = server.force_exit = True
    thread.join(10)
    listening.close()


def test_silence_ends_a_connection_and_leaves_a_page_alone(address: tuple[str, int]) -> None:
    with closing(websocket.create_connection(f"ws://{address[0]}:{address[1]}/", timeout=20)) as page:
        slow = [socket.create_connection(address, timeout=20) for _ in range(8)]
        for begun in slow:
            begun.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-")
        assert {begun.recv(12) for begun in slow} <= {b"", b"HTTP/1.1 503"}
        for begun in slow:
            begun.close()
        page.send("still here")  # it was there before them, longer than they could be
        assert page.recv() == "still here"
