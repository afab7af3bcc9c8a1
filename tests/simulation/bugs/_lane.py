"""Parts of seeded bugs of real orders. Nothing here is right."""

from __future__ import annotations

from typing import Any

from engine.venues.port import NotFound, Refused, Unknown


def sent_again(right: Any) -> Any:
    """No answer: once more, as a client does that retries what timed out."""

    def place(egress: Any, request: Any, *words: Any) -> Any:
        answer = right(egress, request, *words)
        return egress._port.place(request) if isinstance(answer, Unknown) else answer

    return place


def over_at_once(right: Any) -> Any:
    """Not found once: it was never placed."""

    def ask(resolver: Any, one: Any, now: int, late: bool) -> None:
        answer = resolver.port.look_up(one.symbol, one.client, one.venue_id)
        if isinstance(answer, NotFound):
            resolver.booker.end(one, "not_placed", "never placed: it is not found")
            return
        right(resolver, one, now, late)

    return ask


def unknown_is_refused(right: Any) -> Any:
    """No answer: it failed."""

    def send(lane: Any, one: Any, now: int) -> None:
        place = lane.egress.place

        def worse(request: Any, *words: Any) -> Any:
            answer = place(request, *words)
            return Refused("timeout", answer.why) if isinstance(answer, Unknown) else answer

        lane.egress.place = worse
        try:
            right(lane, one, now)
        finally:
            del lane.egress.place

    return send


def none_known(right: Any) -> Any:
    """Of the trades that the exchange lists, none is known."""
    return lambda mirror, symbol, ids: set()


def at_once(right: Any) -> Any:
    """What is ready goes out; its commit comes later."""

    def place(egress: Any, request: Any, before: Any = lambda: None) -> Any:
        egress.sent.add(request.client_id)
        return egress._port.place(request)

    return place


def only_memory(right: Any) -> Any:
    """A stop that another process had sent is not looked after."""

    def read(mirror: Any) -> None:
        right(mirror)
        begun = mirror.__dict__.setdefault(
            "begun", {one.client for one in mirror.intents.values() if one.role == "stop"}
        )
        for client in begun & set(mirror.intents):
            del mirror.intents[client]

    return read


def sent_meanwhile(right: Any) -> Any:
    def second(lane: Any, one: Any, now: int) -> None:
        right(lane, one, now)
        lane._send(one, now)

    return second
