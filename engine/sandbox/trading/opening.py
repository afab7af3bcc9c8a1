"""Opens an exchange with accounts: which markets it lists, its rules and keys, and what the customer begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.sandbox.trading.binance import Binance
from engine.sandbox.trading.coinbase import Coinbase
from engine.sandbox.trading.door import Door
from engine.sandbox.trading.faults import TradeFault, TradeFaults
from engine.sandbox.trading.keys import Key, binance_key, ecdsa_key, ed25519_key
from engine.sandbox.trading.matching import Matching
from engine.sandbox.trading.prices import Prices
from engine.sandbox.trading.terms import DIGITS, Instrument, atoms, instrument, text
from engine.sandbox.trading.trouble import Trouble
from engine.sandbox.trading.venue import Rules, Venue
from engine.sandbox.trading.view import View

BEGINNING: Mapping[str, str] = {"USD": "100000", "USDT": "100000"}
BINANCE_RULES = Rules(1000, 1000, "received", 8, "open", ("market", "limit", "stop", "stop_limit"))
COINBASE_RULES = Rules(6000, 12_000, "quote", DIGITS, "ever", ("market", "limit", "stop_limit"))
BINANCE_ROOTS = ("/api/v3/", "/sapi/", "/fapi/", "/dapi/")
COARSEST = 5
"""Binance's lots are coarser than Coinbase's: five digits at most."""


@dataclass(frozen=True)
class Opened:
    """One exchange: `door.handle` is its front, `venue` the truth behind it, `keys` what its demo keys are."""

    door: Door
    venue: Venue
    matching: Matching
    keys: tuple[Key, ...]

    def fault(self, kind: str, **options: Any) -> TradeFault:
        """Switches a fault on: `fault("late", what="place", delay=7_000, count=1)`."""
        return self.door.trouble.add(TradeFault.model_validate({"kind": kind, **options}))


class Exchanges:
    """Coinbase and Binance side by side over one market, each with accounts of its own."""

    def __init__(
        self, prices: Prices, seed: int = 7, balances: Mapping[str, str] | None = None, start: int = 0
    ) -> None:
        beginning = BEGINNING if balances is None else balances
        self.opened = {
            "coinbase": open_coinbase(prices, seed, beginning, start),
            "binance": open_binance(prices, seed, beginning, start),
        }

    def advance(self, now: int) -> None:
        for opened in self.opened.values():
            opened.matching.advance(now)

    def add(self, fault: TradeFault) -> list[TradeFault]:
        """Switches a fault on at the exchange it names, or at both."""
        return [opened.door.trouble.add(fault) for name, opened in self.opened.items() if fault.venue in ("", name)]

    def clear(self, kind: str = "") -> int:
        return sum(opened.door.faults.clear(kind) for opened in self.opened.values())

    def faults(self) -> list[dict[str, Any]]:
        return [row for opened in self.opened.values() for row in opened.door.faults.report()]

    def report(self, now: int) -> dict[str, Any]:
        """The truth about both accounts: balances, orders that are open, how much was asked and traded."""
        self.advance(now)
        return {name: _report(opened) for name, opened in self.opened.items()}

    def whose(self, method: str, path: str) -> Opened | None:
        """The exchange that answers a path here; None for Coinbase's public ones, which the sandbox serves itself."""
        if path.startswith(BINANCE_ROOTS) and not path.startswith("/api/v3/brokerage"):
            return self.opened["binance"]
        coinbase = self.opened["coinbase"]
        return coinbase if coinbase.door.private(method, path) else None


def open_binance(prices: Prices, seed: int = 7, balances: Mapping[str, str] = BEGINNING, start: int = 0) -> Opened:
    """Binance spot. Each product in dollars is listed twice, against USD and against USDT, at the same prices."""
    listed: list[Instrument] = []
    for product in prices.products.values():
        quotes = ("USD", "USDT") if product.quote == "USD" else (product.quote,)
        digits = min(product.size_digits, COARSEST)
        listed += [instrument(product, product.base + quote, quote, digits, 5) for quote in quotes]
    venue = Venue("binance", listed, prices, BINANCE_RULES, seed)
    _fund(venue, balances, start)
    keys = (binance_key(seed),)
    matching, view = Matching(venue), View()
    trouble = Trouble(TradeFaults(seed, venue.name), matching, view)
    return Opened(Door(Binance(matching, view, keys), matching, trouble), venue, matching, keys)


def open_coinbase(prices: Prices, seed: int = 7, balances: Mapping[str, str] = BEGINNING, start: int = 0) -> Opened:
    """Coinbase Advanced Trade: the products as they are listed."""
    listed = [instrument(one, one.id, one.quote, one.size_digits, 1) for one in prices.products.values()]
    venue = Venue("coinbase", listed, prices, COINBASE_RULES, seed)
    _fund(venue, balances, start)
    keys = (ecdsa_key(seed), ed25519_key(seed))
    matching, view = Matching(venue), View()
    trouble = Trouble(TradeFaults(seed, venue.name), matching, view)
    return Opened(Door(Coinbase(matching, view, keys), matching, trouble), venue, matching, keys)


def _report(opened: Opened) -> dict[str, Any]:
    venue, orders = opened.venue, opened.venue.orders
    return {
        "balances": {
            asset: {"free": text(free), "held": text(held)}
            for asset, (free, held) in venue.books.shown(venue.now).items()
            if free or held
        },
        "open": [
            {"client_id": one.ask.client_id, "id": one.id, "number": one.number, "market": one.instrument.name,
             "side": "buy" if one.ask.side > 0 else "sell", "kind": one.ask.kind,
             "quantity": one.instrument.size_text(one.ask.lots), "filled": one.instrument.size_text(one.filled)}
            for one in orders.open.values()
        ],
        "orders": len(orders.all), "fills": len(orders.fills), "requests": opened.door.requests,
    }  # fmt: skip


def _fund(venue: Venue, balances: Mapping[str, str], start: int) -> None:
    venue.now = start
    for asset, amount in balances.items():
        if any(asset in (one.base, one.quote) for one in venue.instruments.values()):
            venue.books.move(start, asset, "outside", "free", atoms(amount), "opening balance")
