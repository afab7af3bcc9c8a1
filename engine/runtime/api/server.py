"""uvicorn as the door runs it: bounded connections, no talk in the log, and no waiting for those who send nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import uvicorn
from sqlalchemy import Engine

from engine.access.patience import Impatient
from engine.research import worker_start
from engine.runtime.api.application import application, guarded
from engine.runtime.api.context import Context
from engine.runtime.api.tokens import Keys, tokens_file

if TYPE_CHECKING:
    from engine.runtime.api.service import Api

CONNECTIONS = 64


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
