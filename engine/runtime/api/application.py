"""The application put together: routes, the errors' form, the description, and the door before them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Security
from fastapi.responses import JSONResponse

import engine as evenkeel
from engine.runtime.api import backtests, commands, health, runs, trades
from engine.runtime.api.access import reading
from engine.runtime.api.context import Context
from engine.runtime.api.door import LOCAL, Door
from engine.runtime.api.problems import Problem, install, told

WORDS = """The engine's own door: health and figures for monitoring, exports, runs, backtests and commands.

Times are ms UTC, money is in quote currency, rates are fractions. An error is a problem document whose `detail` says what to do.
"""


def application(context: Context) -> FastAPI:
    """The routes over a context; `serve` puts them behind the door."""
    app = FastAPI(
        title="Evenkeel",
        description=WORDS,
        version=evenkeel.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    install(app)
    for room in (health, runs, trades, backtests, commands):
        app.include_router(room.router)

    @app.get(
        "/api/openapi.json",
        tags=["description"],
        dependencies=[Security(reading)],
        responses={**told(401), **told(503)},
    )
    def openapi() -> JSONResponse:
        """This description."""
        return JSONResponse(description(app))

    return app


def description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; every error as a problem."""
    found = app.openapi()
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for path in found["paths"].values():
        for method, operation in path.items():
            of_the_door = (403, 429) if method == "get" else (400, 403, 408, 413, 429)
            for status in (*of_the_door, *((422,) if "422" in operation["responses"] else ())):
                operation["responses"][str(status)] = told(status)[status]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return found


def guarded(app: FastAPI, host: str, allowed: Iterable[str]) -> Door:
    """The application behind its door, called by the names of this machine, `host`, and those that are allowed."""
    return Door(app, [*LOCAL, host, *allowed])
