"""The front of an exchange: every request comes through here, and so does what goes wrong with requests and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

from engine.sandbox.trading.faults import TradeFaults
from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.trouble import Trouble
from engine.sandbox.trading.wire import Answer, Request, request, silence

HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Please wait.</body></html>"
DELAY = "Sandbox-Delay"
"""The header of an answer that takes so many ms of exchange time to arrive; the server waits, a simulation may."""


class Tongue(Protocol):
    """An exchange's language over one account."""

    @property
    def name(self) -> str: ...

    def respond(self, request: Request) -> Answer: ...

    def place_path(self, method: str, path: str) -> str: ...

    def private(self, method: str, path: str) -> bool: ...

    def client_id(self, request: Request) -> str:
        """The client id of an order that is placed."""

    def failed(self, status: int, wait_s: int) -> Answer:
        """An error of the exchange's own: 5xx, 429, 418."""

    def with_id(self, answer: Answer, order_id: str | None) -> Answer:
        """The answer to a new order with another id in it, or none."""


class Heard(NamedTuple):
    """A request that reached the exchange: when, `place` or `cancel`, the client id, and the answer's status."""

    ts: int
    what: str
    client_id: str
    status: int


class Door:
    """`handle` is the exchange. Time may come in any order; it never goes back."""

    def __init__(self, tongue: Tongue, matching: Matching, trouble: Trouble) -> None:
        self.tongue, self.matching, self.trouble = tongue, matching, trouble
        self.heard: list[Heard] = []
        """Every order and cancel that was delivered, in order of delivery; twice where it was delivered twice."""
        self.requests = 0
        self._banned_until = 0

    @property
    def faults(self) -> TradeFaults:
        return self.trouble.faults

    def private(self, method: str, path: str) -> bool:
        """Whether a path needs a key."""
        return self.tongue.private(method, path)

    def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, now_ms: int,
        wall_ms: int | None = None,
    ) -> Answer:  # fmt: skip
        """(status, headers, body) of one request that arrives at exchange time `now_ms`; status 0: no answer comes.

        `query` is the raw text after the question mark. `wall_ms`: the machine's time, by which a signature may be
        judged too; a client cannot sign for an exchange whose time runs faster than life.
        """
        self.requests += 1
        self.matching.advance(now_ms)
        made = request(method, path, query, headers, body, self.matching.venue.now, wall_ms)
        what = self.tongue.place_path(method, path)
        return self._spoilt(made, what) if self.faults.listed else self._deliver(made, what)

    def _deliver(self, asked: Request, what: str) -> Answer:
        answer = self.tongue.respond(asked)
        if what != "read":
            client_id = self.tongue.client_id(asked) if what == "place" else ""
            self.heard.append(Heard(asked.now, what, client_id, answer[0]))
        return answer

    def _spoilt(self, asked: Request, what: str) -> Answer:
        """What faults leave of a request: on its way, at the exchange's front, on the way back."""
        faults, now, path = self.faults, asked.now, asked.path
        self.trouble.chances(now)
        if fault := faults.strike("lost_request", now, what, path):
            return silence(fault.how)
        if fault := faults.strike("late", now, what, path):
            self._later(asked, what, faults.wait(fault))
            return silence(fault.how)
        if (refused := self._turned_away(asked, what)) is not None:
            return refused
        fault = faults.strike("error", now, what, path)
        if fault is not None and not faults.done(fault):
            return self.tongue.failed(fault.status, 0)
        answer = self._deliver(asked, what)
        if twin := faults.strike("twice", now, what, path):
            self._later(asked, what, faults.wait(twin))
        return self.tongue.failed(fault.status, 0) if fault is not None else self._way_back(answer, asked, what)

    def _later(self, asked: Request, what: str, wait: int) -> None:
        """The request arrives once more, or at last, after `wait` ms; nobody hears the answer."""

        def arrive(ts: int) -> None:
            clocks = tuple(clock + ts - asked.now for clock in asked.clocks)
            self._deliver(replace(asked, now=ts, clocks=clocks, params=dict(asked.params)), what)

        self.matching.venue.at(asked.now + wait, arrive)

    def _turned_away(self, asked: Request, what: str) -> Answer | None:
        """Bans and maintenance: answers that say beyond doubt that nothing was done."""
        now = asked.now
        if now < self._banned_until:
            return self.tongue.failed(418, (self._banned_until - now) // 1000 + 1)
        if fault := self.faults.strike("ban", now, what, asked.path):
            wait = self.faults.wait(fault)
            self._banned_until = now + wait
            return self.tongue.failed(429 if fault.status not in (418, 429) else fault.status, wait // 1000 + 1)
        if self.faults.strike("maintenance", now, what, asked.path):
            return self.tongue.failed(503, 0)
        return None

    def _way_back(self, answer: Answer, asked: Request, what: str) -> Answer:
        faults, now, path = self.faults, asked.now, asked.path
        if what == "place":
            if faults.strike("no_id", now, what, path):
                answer = self.tongue.with_id(answer, None)
            if faults.strike("wrong_id", now, what, path) and self.matching.orders.all:
                answer = self.tongue.with_id(answer, self._old_id())
        if fault := faults.strike("lost_answer", now, what, path):
            return silence(fault.how)
        if faults.strike("html", now, what, path):
            return 200, {"Content-Type": "text/html"}, HTML
        if fault := faults.strike("cut", now, what, path):
            return answer[0], answer[1], answer[2][: int(faults.draw(fault, "length") * len(answer[2]))]
        if fault := faults.strike("slow_answer", now, what, path):
            return answer[0], {**answer[1], DELAY: str(faults.wait(fault))}, answer[2]
        return answer

    def _old_id(self) -> str:
        first = self.matching.orders.all[0]
        return str(first.number) if self.tongue.name == "binance" else first.id
