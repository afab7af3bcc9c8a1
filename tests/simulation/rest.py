"""The exchange's REST side without a socket: what `engine.market.venue.Venue` answers, from a simulated market, with faults.

Answers have ccxt's shapes, so that everything above the request is the real code.
"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from engine.market.venue import UnknownSymbol, VenueError, VenueUnreachable
from tests.simulation.clock import Time
from tests.simulation.market import LISTED, Market, price_text, size_text


class SimulatedVenue:
    """One exchange. `unreachable` is the chance that a request fails, `untidy` that rows come twice and out of order."""

    exchange_id = "coinbase"
    base_url = ""

    def __init__(self, truth: Market, time: Time, dice: random.Random, lot: str = "0.000001", least: int = 1) -> None:
        self.truth, self.time, self.dice = truth, time, dice
        self.unreachable = self.untidy = self.refused = 0.0
        self.asked = self.failed = 0
        self.ccxt = SimpleNamespace(precisionMode=4, timeframes={"1m": "ONE_MINUTE"})
        self._listed = {one.symbol: _market(one.symbol, lot, least) for one in LISTED}

    def has(self, capability: str) -> bool:
        return capability in ("fetchTrades", "fetchTime")

    def market(self, symbol: str) -> dict[str, Any]:
        if symbol not in self._listed:
            raise UnknownSymbol(f"coinbase does not list {symbol}")
        return self._listed[symbol]

    def now(self) -> int:
        return self.time.now

    def call(self, method: str, symbol: str, *args: Any) -> list[Any]:
        self.asked += 1
        if self.dice.random() < self.unreachable:
            self.failed += 1
            raise VenueUnreachable("the simulated exchange did not answer")
        if self.dice.random() < self.refused:
            self.failed += 1
            raise VenueError("the simulated exchange refuses")
        rows = self._candles(symbol, *args) if method == "fetch_ohlcv" else self._trades(symbol, *args)
        if rows and self.dice.random() < self.untidy:
            rows = [*rows, *self.dice.sample(rows, len(rows) // 2)]
            self.dice.shuffle(rows)
        return rows

    def _candles(self, symbol: str, _frame: str, start: int, limit: int, params: dict[str, int]) -> list[Any]:
        end = min(params["until"] + 1, start + limit * 60_000, self.time.now)
        return self.truth.candles(symbol, start, end)

    def _trades(self, symbol: str, start: int, limit: int, params: dict[str, int]) -> list[Any]:
        found = self.truth.prints(symbol, start, min(params["until"] + 1, self.time.now))
        return [
            {"timestamp": one.ts, "price": price_text(one.cents), "amount": size_text(one.lots), "id": str(one.id)}
            for one in found[-limit:]
        ]


def _market(symbol: str, lot: str, least: int) -> dict[str, Any]:
    base, _, quote = symbol.partition("/")
    return {
        "symbol": symbol, "base": base, "quote": quote, "swap": False, "maker": "0.001", "taker": "0.001",
        "precision": {"price": "0.01", "amount": lot},
        "limits": {"amount": {"min": lot}, "cost": {"min": str(least)}},
    }  # fmt: skip
