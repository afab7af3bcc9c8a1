"""A stand-in for a provider of models: the same paths and shapes as chat completions have, without a key and without a model.

What it answers is drawn from the seed and the question, so the same session gives the same answers; its words say that it is
no model. Faults: `slow` and `http` (402, 429, 503) with path chat, `garbage` and `nonsense` for what a model writes.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from aiohttp import web

from engine.sandbox import dice
from engine.sandbox.clock import Clock
from engine.sandbox.faults import Faults

MODELS: dict[str, dict[str, str]] = {
    "evenkeel/stand-in": {"prompt": "0.0000001", "completion": "0.0000004"},
    "evenkeel/stand-in-large": {"prompt": "0.000003", "completion": "0.000015"},
    "evenkeel/stand-in-free": {"prompt": "0", "completion": "0"},
}
BYTES_A_TOKEN = 4
GARBAGE = (
    "I think the market will go up!",
    '{"direction": "up", "confidence": 2, "horizon": -1, "reasons": "yes"}',
    '{"direction": "long", "confidence": 0.9',
    '```json\n{"direction": "long", "confidence": 0.9, "horizon": 4, "reasons": []}\n```',
    '{"direction": "long", "confidence": NaN, "horizon": 4, "reasons": []}',
    '{"direction": "long", "confidence": 0.9, "horizon": 4, "reasons": [], "size": 100, "symbol": "DOGE/USD"}',
    "<script>alert(1)</script>",
    "",
)
VIEWS = ("long", "long", "short", "short", "flat", "abstain")
REASONS = (
    "A stand-in answered: no model was asked.",
    "The view is drawn from the question's hash.",
)


class Provider:
    """Handlers of /api/v1."""

    def __init__(self, seed: int, clock: Clock, faults: Faults) -> None:
        self.seed, self.clock, self.faults = seed, clock, faults
        self.asked = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v1/models", self.models), web.post("/api/v1/chat/completions", self.complete)]

    async def models(self, _request: web.Request) -> web.Response:
        rows = [
            {"id": name, "name": name, "pricing": {**prices, "request": "0"}, "context_length": 32_000}
            for name, prices in MODELS.items()
        ]
        return _answer({"data": rows})

    async def complete(self, request: web.Request) -> web.Response:
        try:
            asked = orjson.loads(await request.read())
            model, messages = str(asked["model"]), asked["messages"]
            text = "\n".join(str(one["content"]) for one in messages)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _failure(400, "the request holds no model or no messages")
        if model not in MODELS:
            return _failure(404, f"No endpoints found for {model}.")
        self.asked += 1
        number = int(hashlib.sha256(f"{self.seed}\n{text}".encode()).hexdigest()[:12], 16)
        message = self._message(number)
        return _answer(self._body(model, text, message))

    def _message(self, number: int) -> dict[str, Any]:
        now = self.clock.now
        if self.faults.strike("nonsense", now, number, path="chat"):
            call = {"id": "call_1", "type": "function", "function": {"name": "buy", "arguments": '{"qty": 1e9}'}}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        if self.faults.strike("garbage", now, number, path="chat"):
            return {"role": "assistant", "content": GARBAGE[number % len(GARBAGE)]}
        draws = dice.uniform(dice.key(self.seed, number), [0, 1, 2])
        told = {
            "direction": VIEWS[int(draws[0] * len(VIEWS))],
            "confidence": round(0.5 + 0.45 * float(draws[1]), 2),
            "horizon": 4 + int(draws[2] * 20),
            "reasons": list(REASONS),
        }
        return {"role": "assistant", "content": orjson.dumps(told).decode()}

    def _body(self, model: str, text: str, message: dict[str, Any]) -> dict[str, Any]:
        prices = MODELS[model]
        asked = -(-len(text.encode()) // BYTES_A_TOKEN)
        answered = -(-len(orjson.dumps(message)) // BYTES_A_TOKEN)
        cost = asked * float(prices["prompt"]) + answered * float(prices["completion"])
        return {
            "id": f"gen-{self.asked}",
            "object": "chat.completion",
            "created": self.clock.now // 1000,
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {
                "prompt_tokens": asked,
                "completion_tokens": answered,
                "total_tokens": asked + answered,
                "cost": cost,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        }


def _answer(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")


def _failure(status: int, words: str) -> web.Response:
    return _answer({"error": {"code": status, "message": words}}, status)
