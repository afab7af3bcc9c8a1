"""The provider's interface: chat completions with a strict schema, and the list of models. One request in, one Reply out.

The key comes from the environment at each call and goes into one header; it is in no message, log or row. Nothing here knows
budgets, prompts or trading.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from engine.access import outbound_http
from engine.access.outbound import Forbidden
from engine.ai.answer import RESPONSE_FORMAT, Decision, Garbage, plain, read
from engine.ai.prices import Price, read_prices

KEY = "OPENROUTER_API_KEY"
MOST_BODY, MOST_LIST = 262_144, 16_000_000
MOST_WORDS = 200
OUTCOME_OF = {402: "no_credit", 404: "no_model", 408: "timeout", 429: "rate_limited"}


@dataclass(frozen=True)
class Reply:
    """What came of a call. `cost` in USD as the provider says (None: it does not); `charged` is False only where it surely cost
    nothing; `wait_s` is how long the provider wants to be left alone."""

    outcome: str
    decision: Decision | None = None
    tokens: Mapping[str, int] = field(default_factory=dict)
    cost: float | None = None
    charged: bool = True
    error: str = ""
    latency_ms: float = 0.0
    wait_s: float = 0.0


def key_from_environment() -> str:
    """The key; empty where there is none or it cannot be one."""
    key = os.environ.get(KEY, "").strip()
    return key if key.isascii() and key.isprintable() and " " not in key else ""


def is_local(base_url: str) -> bool:
    """A stand-in on this machine needs no key."""
    return (urlsplit(base_url).hostname or "") in ("127.0.0.1", "localhost", "::1")


class TooMuch(Exception):
    """The answer is too long, or took too long."""

    def __init__(self, outcome: str, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome


class Client:
    """Calls of one provider. Safe on several threads: nothing is kept between calls."""

    def __init__(self, base_url: str, timeout_s: float) -> None:
        self.base_url, self.timeout_s = base_url.rstrip("/"), timeout_s

    def complete(
        self, model: str, messages: Sequence[Mapping[str, str]], max_tokens: int, price: Price, timeout_s: float
    ) -> Reply:
        """Ask once, never twice. Every failure is a Reply."""
        begun = time.monotonic()
        body = {
            "model": model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": 0,
            "response_format": RESPONSE_FORMAT,
            "provider": {
                "require_parameters": True,
                "max_price": {"prompt": price.prompt * 1e6, "completion": price.answer * 1e6},
            },
        }
        try:
            status, headers, data = self._ask("POST", "/chat/completions", MOST_BODY, begun + timeout_s, body)
            reply = self._read(status, headers, data)
        except TooMuch as error:
            reply = Reply(error.outcome, error=str(error))
        except Forbidden as error:
            reply = Reply("refused", charged=False, error=str(error))
        except requests.ConnectTimeout:
            reply = Reply("timeout", charged=False, error="the provider could not be reached in time")
        except requests.Timeout:
            reply = Reply("timeout", error=f"no answer within {timeout_s:g} s")
        except requests.ConnectionError as error:
            reply = Reply("unavailable", charged=not _never_sent(error), error="the connection to the provider failed")
        except requests.RequestException as error:
            reply = Reply("unavailable", error=f"the provider could not be asked: {type(error).__name__}")
        return Reply(
            **{**vars(reply), "latency_ms": (time.monotonic() - begun) * 1000, "error": self._clean(reply.error)}
        )

    def prices(self) -> dict[str, Price]:
        """The provider's price list. ValueError in a sentence where it cannot be read."""
        try:
            status, _, data = self._ask("GET", "/models", MOST_LIST, time.monotonic() + self.timeout_s, None)
            found = read_prices(orjson.loads(data)) if status == 200 else {}
        except (requests.RequestException, TooMuch, ValueError) as error:
            raise ValueError(
                f"the provider's price list cannot be read: {self._clean(str(error))[:MOST_WORDS]}"
            ) from None
        if not found:
            raise ValueError(f"the provider's price list cannot be read: it answered {status} without a model")
        return found

    def _ask(
        self, method: str, path: str, most: int, deadline: float, body: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        with outbound_http.session(max(deadline - time.monotonic(), 0.05) + 1.0) as session:
            headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
            if key := key_from_environment():
                headers["Authorization"] = f"Bearer {key}"
            left = max(deadline - time.monotonic(), 0.05)
            answer = session.request(
                method, self.base_url + path, data=None if body is None else orjson.dumps(body), headers=headers,
                timeout=(min(left, 10.0), left), allow_redirects=False, stream=True,
                proxies=outbound_http.proxies(self.base_url),
            )  # fmt: skip
            data = bytearray()
            for block in answer.iter_content(16_384):
                data += block
                if len(data) > most:
                    raise TooMuch("garbage", f"the provider's answer is longer than {most:,} bytes")
                if time.monotonic() > deadline:
                    raise TooMuch("timeout", "the provider's answer came too slowly")
            return answer.status_code, answer.headers, bytes(data)

    def _read(self, status: int, headers: Mapping[str, str], data: bytes) -> Reply:
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            body = None
        usage = _usage(body)
        if status != 200:
            return Reply(
                OUTCOME_OF.get(status, "unavailable" if status >= 500 else "refused"), error=_words(status, body),
                charged=bool(usage["cost"]), wait_s=_wait(headers), **usage,
            )  # fmt: skip
        if not isinstance(body, dict):
            return Reply("garbage", error="the provider's answer is no JSON object")
        if isinstance(body.get("error"), dict):
            code = body["error"].get("code")
            told = OUTCOME_OF.get(code, "unavailable") if isinstance(code, int) else "unavailable"
            return Reply(told, error=_words(200, body), charged=bool(usage["cost"]), **usage)
        try:
            decision = read(_content(body))
        except Garbage as error:
            return Reply("garbage", error=str(error), **usage)
        return Reply("abstained" if decision.direction is None else "answered", decision, **usage)

    def _clean(self, text: str) -> str:
        """Words without the key, whoever put it there."""
        key = key_from_environment()
        return plain(text.replace(key, "***") if key else text)


def _content(body: Mapping[str, Any]) -> Any:
    choices = body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise Garbage("the provider's answer does not hold exactly one choice")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise Garbage("the provider's answer holds no message")
    if message.get("tool_calls"):
        raise Garbage("the model wants to call a tool; it was given none")
    if choices[0].get("finish_reason") == "length":
        raise Garbage("the answer was cut off at max_tokens")
    return message.get("content")


def _usage(body: Any) -> dict[str, Any]:
    """Tokens by kind and cost, as far as they are sound numbers."""
    usage = body.get("usage") if isinstance(body, dict) else None
    usage = usage if isinstance(usage, dict) else {}
    asked, answered = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    tokens = {
        "tokens_prompt": _count(usage.get("prompt_tokens")),
        "tokens_answer": _count(usage.get("completion_tokens")),
        "tokens_thought": _count(answered.get("reasoning_tokens") if isinstance(answered, dict) else 0),
        "tokens_cached": _count(asked.get("cached_tokens") if isinstance(asked, dict) else 0),
    }
    cost: Any = usage.get("cost")
    sound = isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost < 10_000
    return {"tokens": tokens, "cost": float(cost) if sound else None}


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _words(status: int, body: Any) -> str:
    """What the provider says about a failure, in a bounded text."""
    error = body.get("error") if isinstance(body, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    words = {
        402: "the key's credit is spent: add credit at the provider",
        401: "the provider does not take the key: check OPENROUTER_API_KEY",
        403: "the provider refused the question",
        404: "the provider does not know the model ([ai] model)",
        429: "the provider is asked too often",
    }.get(status, f"the provider answered {status}")
    return f"{words}: {str(said)[:MOST_WORDS]}" if said else words


def _wait(headers: Mapping[str, Any]) -> float:
    try:
        return min(max(float(str(headers.get("Retry-After") or 0)), 0.0), 3600.0)
    except ValueError:
        return 0.0


def _never_sent(error: requests.ConnectionError) -> bool:
    """True where no connection was made, so nothing can have been charged."""
    return "NewConnectionError" in repr(error) or "NameResolution" in repr(error)
