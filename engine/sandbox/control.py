"""/sandbox/...: what a tester sees and switches. These paths answer whatever fault acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.sandbox.faults import Fault
from engine.sandbox.rest import Refused, answer
from engine.sandbox.trading.faults import KINDS as TRADE_KINDS
from engine.sandbox.trading.faults import TradeFault, drawn

if TYPE_CHECKING:
    from engine.sandbox.exchange import Exchange

_Model = TypeVar("_Model", bound=BaseModel)
MIN_SPEED, MAX_SPEED = 1.0, 3600.0


class ClockChange(BaseModel):
    """What POST /sandbox/clock takes; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    speed: float | None = Field(None, ge=MIN_SPEED, le=MAX_SPEED)
    hold: bool | None = None
    seconds: float | None = Field(None, gt=0, description="stop so many exchange seconds from now")


class Plan(BaseModel):
    """What POST /sandbox/trouble takes: a seed that makes the accounts' day quiet or violent."""

    model_config = ConfigDict(extra="forbid")

    seed: int
    low: float = Field(0.02, gt=0, le=1)
    high: float = Field(0.2, gt=0, le=1)


class Control:
    """Handlers over one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sandbox/status", self.status),
            web.get("/sandbox/faults", self.listed),
            web.post("/sandbox/faults", self.add),
            web.delete("/sandbox/faults", self.clear),
            web.post("/sandbox/clock", self.clock),
            web.post("/sandbox/trouble", self.trouble),
            web.get("/sandbox/keys", self.keys),
            web.get("/sandbox/accounts", self.accounts),
        ]

    async def status(self, _request: web.Request) -> web.Response:
        return answer(self.exchange.status())

    async def listed(self, _request: web.Request) -> web.Response:
        return answer({"faults": self.exchange.status()["faults"]})

    async def add(self, request: web.Request) -> web.Response:
        """One fault, or a list of them."""
        body = await _body(request)
        asked = [_fault(item) for item in (body if isinstance(body, list) else [body])]
        made = [one for fault in asked for one in self.exchange.add_fault(fault)]
        return answer({"faults": [fault.model_dump(exclude_none=True) for fault in made]}, 201)

    async def trouble(self, request: web.Request) -> web.Response:
        """Many faults at once, drawn from a seed."""
        plan = _parsed(Plan, await _body(request))
        made = [one for fault in drawn(plan.seed, plan.low, plan.high) for one in self.exchange.add_fault(fault)]
        return answer({"faults": [fault.model_dump(exclude_defaults=True) for fault in made]}, 201)

    async def keys(self, _request: web.Request) -> web.Response:
        """The demo keys: they are made of the seed and protect nothing."""
        opened = self.exchange.trading.opened
        return answer({name: [{"apiKey": key.name, "secret": key.secret} for key in one.keys]
                       for name, one in opened.items()})  # fmt: skip

    async def accounts(self, _request: web.Request) -> web.Response:
        return answer(self.exchange.trading.report(self.exchange.clock.now))

    async def clear(self, request: web.Request) -> web.Response:
        return answer({"cleared": self.exchange.clear_faults(request.query.get("kind", ""))})

    async def clock(self, request: web.Request) -> web.Response:
        change = _parsed(ClockChange, await _body(request))
        self.exchange.change_clock(change.speed, change.hold, change.seconds)
        return answer(self.exchange.status())


async def _body(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Refused(400, "INVALID_ARGUMENT", f"the body is not JSON: {error}") from None


def _fault(item: Any) -> Fault | TradeFault:
    if isinstance(item, dict) and item.get("kind") in TRADE_KINDS:
        return _parsed(TradeFault, item)
    return _parsed(Fault, item)


def _parsed(kind: type[_Model], body: Any) -> _Model:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise Refused(400, "INVALID_ARGUMENT", words) from None
