"""/api/commands: what a person may ask of the engine from outside. A command is a row that the loop takes, obeys and answers.

Kill goes by the switch first where the engine has one: it acts even while the database is locked. A deposit is not asked for
here: it moves money in the books, and belongs to the command line.
"""

from __future__ import annotations

import asyncio
import logging
import math
import uuid as uuids
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response, Security
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import col

from db.errors import StorageError
from db.models import Command
from db.session import write_session
from engine.runtime.api.access import Here, killing, reading
from engine.runtime.api.context import Context
from engine.runtime.api.problems import Refused, told
from engine.runtime.api.runs import run_or_refuse
from engine.runtime.api.tokens import Token

router = APIRouter(prefix="/api/commands", tags=["commands"], responses={**told(401), **told(422), **told(503)})
log = logging.getLogger("evenkeel.api")
LOOK_S, WAIT_S = 0.1, 30.0
KINDS = ("pause", "resume", "kill", "close", "tighten_stop", "slot_on", "slot_off", "release")
ON_A_SLOT = ("close", "tighten_stop", "slot_on", "slot_off")
Reader = Annotated[Token, Security(reading)]
Commander = Annotated[Token, Security(killing)]
Short = Annotated[str, Field(max_length=200)]


class Asked(BaseModel):
    """A command. `release`, and `kill` with `flatten`, want `confirm` to hold the word itself: release, flatten."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kind": "pause", "wait": 5}]})

    kind: Literal["pause", "resume", "kill", "close", "tighten_stop", "slot_on", "slot_off", "release"]
    run: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="name or number [default: this engine's]"
    )
    slot: Short | None = Field(
        None, description="close, tighten_stop, slot_on, slot_off: sma_cross:BTC/USD, a symbol, or all"
    )
    price: float | None = Field(None, gt=0, lt=1e15, description="tighten_stop: the new stop, quote currency")
    flatten: bool = Field(False, description="kill: close every position at the market as well")
    breaker: Short | None = Field(None, description="release: the breaker's name, or kill")
    reason: Short = Field("", description="why; release wants one")
    confirm: Short = Field("", description="the typed word")
    uuid: uuids.UUID | None = Field(None, description="a name of your own: sent twice, it is one command")
    wait: float = Field(0, ge=0, le=WAIT_S, description="seconds to wait for the engine's answer")

    @model_validator(mode="after")
    def _complete(self) -> Asked:
        if self.kind in ON_A_SLOT and not self.slot:
            raise ValueError(f"{self.kind} wants slot: as /api/status names it")
        if self.kind == "tighten_stop" and (self.price is None or not math.isfinite(self.price)):
            raise ValueError("tighten_stop wants price")
        if self.kind == "release" and (not self.breaker or not self.reason.strip()):
            raise ValueError("release wants breaker and reason")
        word = "release" if self.kind == "release" else "flatten" if self.kind == "kill" and self.flatten else ""
        if word and self.confirm != word:
            raise ValueError(f'this wants "confirm": "{word}"')
        return self

    def args(self) -> dict[str, Any]:
        """What the engine is told besides the kind."""
        if self.kind == "kill":
            return {"flatten": self.flatten}
        if self.kind == "release":
            return {"breaker": self.breaker, "reason": self.reason.strip()}
        if self.kind == "tighten_stop":
            return {"slot": self.slot, "price": self.price}
        return {"slot": self.slot} if self.kind in ON_A_SLOT else {}


class Told(BaseModel):
    """A command and what became of it: new (not taken yet), done or refused, with the engine's words. Times in ms UTC."""

    uuid: str
    run_id: int | None
    kind: str
    args: dict[str, Any]
    source: str
    created_ts: int
    state: str
    acked_ts: int | None
    result: str | None


@router.post(
    "",
    status_code=202,
    responses={200: {"model": Told, "description": "answered"}, **told(403), **told(404), **told(409)},
)
async def command(asked: Asked, here: Here, who: Commander, response: Response) -> Told:
    """Ask the engine for something. 202 while it has not answered, 200 with its answer (`wait` says how long to wait for it)."""
    if asked.kind != "kill":
        here.count(who)
    told = await asyncio.to_thread(_ask, here, asked, who)
    deadline = asyncio.get_running_loop().time() + asked.wait
    while told.state == "new" and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(LOOK_S)
        told = await asyncio.to_thread(_read, here, told.uuid)
    response.headers["Location"] = f"/api/commands/{told.uuid}"
    response.status_code = 202 if told.state == "new" else 200
    return told


@router.get("")
def commands(here: Here, _: Reader, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[Told]:
    """The newest commands, from wherever they came."""
    with here.reader.connect() as connection:
        found = connection.execute(select(*_COLUMNS).order_by(col(Command.id).desc()).limit(limit))
        return [Told(**row) for row in found.mappings()]


@router.get("/{uuid}", responses=told(404))
def one_command(here: Here, _: Reader, uuid: Annotated[str, Path(min_length=1, max_length=64)]) -> Told:
    """One command and its answer."""
    return _read(here, uuid)


def _ask(here: Context, asked: Asked, who: Token) -> Told:
    """The row, or the one that stands there under this uuid; Refused (409) where that asked for something else."""
    name = str(asked.uuid or uuids.uuid4())
    pressed = asked.kind == "kill" and asked.run is None and _press(here, asked, who)
    try:
        return _written(here, asked, who, name)
    except (StorageError, SQLAlchemyError) as error:
        if not pressed:
            raise
        log.warning("killed without a row in the database: %s", error)
        words = "the kill switch is pressed and acts; the database took no row of it"
        args = {**asked.args(), "reason": asked.reason}
        return Told(uuid=name, run_id=here.run_id, kind="kill", args=args, source="api", created_ts=here.now_ms(), state="done",
                    acked_ts=here.now_ms(), result=words)  # fmt: skip


def _press(here: Context, asked: Asked, who: Token) -> bool:
    """The switch itself, before anything is read or written; whether there is one."""
    if here.press is None:
        return False
    here.press(f"api:{who.name}", asked.flatten, asked.reason.strip())
    return True


def _written(here: Context, asked: Asked, who: Token, name: str) -> Told:
    run = run_or_refuse(here, asked.run)
    if asked.kind == "kill" and asked.run is not None and run["id"] == here.run_id:
        _press(here, asked, who)
    if run["kind"] not in ("paper", "live"):
        raise Refused(422, f"{run['name']} is a {run['kind']}: no engine acts on it")
    row = {
        "uuid": name,
        "run_id": run["id"],
        "kind": asked.kind,
        "args": asked.args(),
        "source": "api",
        "created_ts": here.now_ms(),
    }
    try:
        with write_session(here.writer) as session:
            session.execute(insert(Command), row)
    except IntegrityError:
        known = _read(here, name)
        if (known.kind, known.args, known.run_id) != (asked.kind, asked.args(), run["id"]):
            raise Refused(409, f"{name} is another command's name: {known.kind}. Choose a new uuid") from None
        return known
    return _read(here, name)


def _read(here: Context, name: str) -> Told:
    with here.reader.connect() as connection:
        row = connection.execute(select(*_COLUMNS).where(col(Command.uuid) == name)).mappings().first()
    if row is None:
        raise Refused(404, "there is no such command: GET /api/commands lists the newest")
    return Told(**row)


_COLUMNS = [getattr(Command, name) for name in Told.model_fields]
