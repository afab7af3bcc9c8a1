"""/healthz, /readyz and /metrics: for supervisors, load balancers and monitoring. Without a token on this machine alone."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from engine.runtime.api.access import Given, Here
from engine.runtime.api.context import Context
from engine.runtime.api.problems import told
from engine.runtime.metrics import exposition

router = APIRouter(tags=["health"])
STUCK_S = 60.0
"""A loop that has not turned for so long is held to be dead: a supervisor may start the engine again."""


class Alive(BaseModel):
    """The process answers, and its loop has turned within a minute."""

    alive: bool


class Looked(BaseModel):
    """One thing looked at."""

    name: str = Field(description="engine, data, database, disk, venue, clock or latches")
    ok: bool
    words: str = Field(description="what was found, and what to do")


class Ready(BaseModel):
    """Whether the engine would trade as it is configured to."""

    ready: bool
    checks: list[Looked]


@router.get("/healthz", responses={503: {"model": Alive, "description": "the loop is stuck"}})
def healthz(here: Here, response: Response) -> Alive:
    """Is the process alive? 503 where its loop has been stuck for a minute: start it again."""
    stuck = here.health.still() > STUCK_S
    if stuck:
        response.status_code = 503
    return Alive(alive=not stuck)


@router.get("/readyz", responses={503: {"model": Ready, "description": "not ready: the checks say why"}, **told(401)})
def readyz(here: Here, response: Response, given: Given = None) -> Ready:
    """Would it trade? Fresh data, a database that takes writes, an exchange that answers, a clock that is right, no latch that
    blocks."""
    _allowed(here, given)
    found = here.health.checks()
    ready = all(check.ok for check in found)
    if not ready:
        response.status_code = 503
    return Ready(ready=ready, checks=[Looked(name=one.name, ok=one.ok, words=one.words) for one in found])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **told(401)},
)
def metrics(here: Here, given: Given = None) -> Response:
    """Figures in Prometheus's text format."""
    _allowed(here, given)
    return Response(exposition(here.health, here.reader, here.run_id, here.tally), media_type=CONTENT_TYPE_LATEST)


def _allowed(here: Context, given: HTTPAuthorizationCredentials | None) -> None:
    if not here.open_to_all:
        here.token(given, "read")
