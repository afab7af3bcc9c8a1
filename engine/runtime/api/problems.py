"""Errors as the API tells them: RFC 9457 problem documents whose `detail` is a sentence a person can act on.

What went wrong inside never reaches the asker; it stands in the log.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from starlette.exceptions import HTTPException

from db.errors import StorageError

log = logging.getLogger("evenkeel.api")


class Problem(BaseModel):
    """What an error looks like."""

    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(description="what is wrong and what to do")


class Refused(HTTPException):
    """A request that is not served: the status, and a sentence about what to do."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem_bytes(status: int, detail: str) -> bytes:
    """The document, encoded."""
    return orjson.dumps({"title": HTTPStatus(status).phrase, "status": status, "detail": detail})


def answer(status: int, detail: str, headers: Any = None) -> Response:
    return Response(problem_bytes(status, detail), status, dict(headers or {}), "application/problem+json")


def told(status: int) -> dict[int | str, dict[str, Any]]:
    """An error's place in the OpenAPI description."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": HTTPStatus(status).phrase, "content": {"application/problem+json": schema}}}


def install(app: FastAPI) -> None:
    """Every error of `app` as a problem."""

    @app.exception_handler(HTTPException)
    def _refused(request: Request, error: HTTPException) -> Response:
        detail = error.detail if isinstance(error, Refused) else _plain(error.status_code, request)
        return answer(error.status_code, str(detail), error.headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(422, "; ".join(_sentence(one) for one in error.errors()[:5]))

    @app.exception_handler(StorageError)
    def _storage(request: Request, error: StorageError) -> Response:
        return answer(503, str(error))

    @app.exception_handler(SQLAlchemyError)
    def _database(request: Request, error: SQLAlchemyError) -> Response:
        log.warning("a request found the database unwilling: %s", error)
        busy = isinstance(error, OperationalError)
        words = "the database is busy or out of reach: try again in a moment" if busy else "the database refused that"
        return answer(503 if busy else 500, words)

    @app.exception_handler(Exception)
    def _defect(request: Request, error: Exception) -> Response:
        log.error("a request failed: %s %s", request.method, request.url.path, exc_info=error)
        return answer(500, "this is a defect of Evenkeel; the engine's log has the details")


def _plain(status: int, request: Request) -> str:
    if status == 404:
        return f"there is no {request.url.path} here; GET /api/openapi.json lists what there is"
    if status == 405:
        return f"{request.url.path} does not take {request.method}"
    if status == 400:
        return "the body is no JSON object that can be read"
    return HTTPStatus(status).phrase


def _sentence(error: Any) -> str:
    if error["type"] == "json_invalid":
        return f"the body is no JSON: {error.get('ctx', {}).get('error', 'it ends too soon')}"
    place = ".".join(str(part) for part in error["loc"] if part not in ("body", "query", "path")) or "the body"
    words = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {words[:1].lower()}{words[1:]}"
