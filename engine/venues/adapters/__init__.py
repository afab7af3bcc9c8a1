"""Exchanges that take orders. One file = one exchange: a file here is found by its name; `_` files are what they share.

A file has NAME, its tables of definitive refusals, and `Adapter`, which satisfies engine.venues.port.Port. ccxt is loaded
when an adapter is made, not before. Whether one may be made at all is not decided here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from engine.venues.port import Port


def available() -> list[str]:
    """Exchanges that orders can be sent to, by the files in this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def room(exchange: str) -> Any:
    """The file of one exchange; ValueError where there is none."""
    if exchange not in available():
        raise ValueError(f"{exchange} takes no live orders here; these do: {', '.join(available())}")
    return importlib.import_module(f"{__name__}.{exchange}")


def make(
    exchange: str,
    key: str,
    secret: str,
    *,
    base_url: str = "",
    transport: Callable[..., Any] | None = None,
    clock: Callable[[], int] | None = None,
    steady: Callable[[], int] | None = None,
    by_machine: bool = False,
    silent_ms: int = 0,
) -> Port:
    """A private client of one account. Asks nothing yet.

    `base_url` aims at a server that speaks the exchange's protocol (https, or this machine). `transport` (`_wire.Transport`)
    replaces the network; `clock` (wall, ms UTC) and `steady` (ms, never set back) replace the machine's. With a transport
    nothing is paced by sleeping. `by_machine`: requests are signed with the wall clock's time instead of the venue's, for a
    sandbox whose time runs faster than life and which takes either. `silent_ms`: how long the venue still wants no requests.
    """
    if not key.strip() or not secret.strip():
        raise ValueError(f"{exchange} needs an API key and its secret; both come from the environment")
    file = room(exchange)
    made = file.Adapter(
        file.Keys(key.strip(), secret), base_url=base_url, transport=transport, clock=clock, steady=steady
    )
    made.client.by_machine = by_machine
    made.client.be_silent(silent_ms)
    port: Port = made
    return port
