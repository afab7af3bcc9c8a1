"""Requests and answers as bytes: what Coinbase's and Binance's words share. No account, order or rule of a venue is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

NO_ANSWER = 0
"""The status of a request that is never answered: the connection ends without a word, or stays silent until the client
gives up. The header `sandbox` says which: `silence` or `reset`.
"""
Answer = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/json;charset=UTF-8"}


@dataclass(slots=True)
class Request:
    """A request as it arrives. `query` without the question mark, header names in small letters; `now` is exchange time,
    `clocks` every time that a signature may be judged by.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    now: int
    clocks: tuple[int, ...]
    params: dict[str, str] = field(default_factory=dict)

    def several(self, name: str) -> list[str]:
        """Every value of a name that is given more than once in the query."""
        return [value for key, value in parse_qsl(self.query) if key == name]


def request(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, now: int,
            wall: int | None) -> Request:  # fmt: skip
    small = {name.lower(): value for name, value in headers.items()}
    clocks = (now,) if wall is None else (now, wall)
    made = Request(method, path, query, small, body, now, clocks)
    made.params = pairs(query)
    return made


def pairs(query: str) -> dict[str, str]:
    """What a query or a form says; the last of several values of a name."""
    if "%" in query or "+" in query or ";" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    # Nothing is encoded: eight times as fast.
    return dict(part.split("=", 1) for part in query.split("&") if "=" in part)


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return status, {**JSON, **headers} if headers else JSON, orjson.dumps(data)


def silence(how: str = "silence") -> Answer:
    return NO_ANSWER, {"sandbox": how}, b""
