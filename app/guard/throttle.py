"""How often a password may be tried: a few times at once, then after waits that double. Pure; `now` is in seconds.

Counted for an address and for all addresses together, since behind a proxy everybody has one. A browser in which somebody
logged in before is counted alone: strangers cannot keep its owner out. The command line and the kill file on the machine
itself are never in its way.
"""

from __future__ import annotations

from dataclasses import dataclass

FREE, FREE_IN_ALL = 5, 20
"""Wrong tries before the first wait: of one address, of all."""
FIRST_S, LONGEST_S = 2.0, 300.0
FORGET_S = 3600.0
MOST = 10_000
"""Addresses remembered."""


@dataclass
class _Count:
    wrong: int = 0
    last: float = 0.0

    def wait(self, now: float, free: int) -> float:
        if self.wrong < free or now - self.last > FORGET_S:
            return 0.0
        pause = min(FIRST_S * 2.0 ** min(self.wrong - free, 30), LONGEST_S)
        return max(0.0, self.last + pause - now)

    def add(self, now: float) -> None:
        self.wrong = 1 if now - self.last > FORGET_S else self.wrong + 1
        self.last = now


class Throttle:
    """Counts wrong passwords."""

    def __init__(self) -> None:
        self._all = _Count()
        self._by_address: dict[str, _Count] = {}

    def wait(self, address: str, now: float, known: bool = False) -> float:
        """Seconds until this address may try again; 0.0: now. What is tried earlier is not looked at. `known`: a browser that
        was let in before, by its own mark."""
        own = self._by_address.get(address)
        return max(own.wait(now, FREE) if own else 0.0, 0.0 if known else self._all.wait(now, FREE_IN_ALL))

    def wrong(self, address: str, now: float, known: bool = False) -> None:
        """A wrong password was given."""
        if address not in self._by_address and len(self._by_address) >= MOST:
            del self._by_address[min(self._by_address, key=lambda name: self._by_address[name].last)]
        self._by_address.setdefault(address, _Count()).add(now)
        if not known:
            self._all.add(now)

    def right(self, address: str) -> None:
        """The right password was given: this address begins anew."""
        self._by_address.pop(address, None)
