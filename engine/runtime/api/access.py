"""What a route asks of its caller: a token that reads, or one that commands."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials

from engine.runtime.api.context import Context, bearer, context_of
from engine.runtime.api.tokens import Token

Given = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
Here = Annotated[Context, Depends(context_of)]


def reading(here: Here, given: Given) -> Token:
    """Any token, as often as it may ask."""
    token = here.token(given, "read")
    here.count(token)
    return token


def commanding(here: Here, given: Given) -> Token:
    """A token with the scope command, as often as it may ask."""
    token = here.token(given, "command")
    here.count(token)
    return token


def killing(here: Here, given: Given) -> Token:
    """A token with the scope command, not counted yet: a kill is never asked to wait."""
    return here.token(given, "command")
