"""What the routes stand on: databases of their own, the health of the loop, the tokens, the worker. One object, given whole.

Nothing of the loop is in it but copies.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fastapi import Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Engine

from engine.runtime.api.pace import Pace
from engine.runtime.api.problems import Refused
from engine.runtime.api.tokens import Keys, Token, TokenError, found
from engine.runtime.metrics import Tally
from engine.runtime.pulse import Check, Probe, Pulse

TRIES, TRIES_S = 20, 60.0
"""Wrong tokens that are answered as such within so long; more are told to wait. Right ones are served all the same."""
bearer = HTTPBearer(auto_error=False, description="a token of `run_engine.py token new --scope read` (or command)")


class Wellbeing(Protocol):
    """The health service, as far as routes look at it."""

    pulse: Pulse | None
    probe: Probe

    def checks(self) -> list[Check]: ...
    def still(self) -> float: ...


@dataclass
class Context:
    """`reader` and `writer` open databases of this door's own; `press` is the kill switch (source, flatten, reason) and acts at
    once; `worker` sees to it that somebody does jobs; `open_to_all` lets this machine read health and figures without a token."""

    run_id: int
    health: Wellbeing
    keys: Keys
    reader: Engine
    writer: Engine
    data_dir: Path
    now_ms: Callable[[], int]
    worker: Callable[[], object]
    press: Callable[[str, bool, str], object] | None = None
    open_to_all: bool = True
    requests_minute: int = 0
    steady: Callable[[], float] = time.monotonic
    exporting: threading.Lock = field(default_factory=threading.Lock)
    tally: Tally = field(init=False)
    pace: Pace = field(init=False)
    _wrong: deque[float] = field(default_factory=lambda: deque(maxlen=TRIES))

    def __post_init__(self) -> None:
        self.tally, self.pace = Tally(self.run_id), Pace(self.requests_minute)

    def count(self, token: Token) -> None:
        """One more request of this token. Refused (429) where it asks too often."""
        if wait := self.pace.wait(token.name, self.steady()):
            words = (
                f"the token {token.name!r} asks more than {self.requests_minute} times a minute ([api] requests_minute)"
            )
            raise Refused(429, f"{words}: try again in {wait} s. A kill is always taken", {"Retry-After": str(wait)})

    def token(self, credentials: HTTPAuthorizationCredentials | None, scope: str) -> Token:
        """Whose token it is. Refused (401, 403, 429) where it does not open that scope."""
        try:
            kept = self.keys.kept()
        except TokenError as error:
            raise Refused(503, f"no token can be checked: {error}") from error
        if credentials is None:
            raise _unknown("this needs a token: `run_engine.py token new --scope read` (or command) makes one; send it as "
                           "`Authorization: Bearer TOKEN`")  # fmt: skip
        match = found(kept, credentials.credentials)
        if match is None:
            self._too_many()
            raise _unknown("no such token: it was revoked, or not copied whole")
        if match.ended(self.now_ms()):
            raise _unknown(f"the token {match.name!r} has ended: revoke it and make another")
        if scope == "command" and match.scope != "command":
            raise Refused(
                403,
                f"the token {match.name!r} may read only: this needs one of `run_engine.py token new --scope command`",
            )
        return match

    def _too_many(self) -> None:
        now = time.monotonic()
        if len(self._wrong) == TRIES and now - self._wrong[0] < TRIES_S:
            raise Refused(429, "too many wrong tokens: try again in a minute", {"Retry-After": "60"})
        self._wrong.append(now)


def _unknown(words: str) -> Refused:
    return Refused(401, words, {"WWW-Authenticate": "Bearer"})


def context_of(request: Request) -> Context:
    """The context of the application that the request came to."""
    found: Any = request.app.state.context
    assert isinstance(found, Context)
    return found
