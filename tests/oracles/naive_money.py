"""Cash and its arithmetic for the naive engine: Decimal all the way, rounded only where the rules round.

Roundings the rules leave open and that both engines share: an amount of money to spend is floored to the quantum at
each step, a reservation is rounded half to even at each step, a share of equity is a whole number of 1e-9.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from math import floor as floor_float
from math import isfinite

from engine.core.types import AccountSpec, Instrument, Sizing

ONE = Decimal(1)
BUFFER = Decimal("1.005")


def nine(rate: float | Decimal | None) -> Decimal:
    """A rate as the rules carry it: a whole number of 1e-9."""
    return Decimal(0) if rate is None else Decimal(round(rate * 10**9)) / 10**9


def half_even(value: Decimal) -> int:
    return int(value.quantize(ONE, ROUND_HALF_EVEN))


def floor(value: Decimal) -> int:
    return int(value.quantize(ONE, ROUND_FLOOR))


class Books:
    """Cash of the account and the grids of its instruments."""

    def __init__(self, account: AccountSpec, instruments: list[Instrument]) -> None:
        self.cash, self.quantum, self.gross = account.cash, account.quantum, nine(account.max_gross)
        self.instruments = instruments

    def rate(self, symbol: int, maker: bool) -> Decimal:
        instrument = self.instruments[symbol]
        return nine(instrument.maker if maker else instrument.taker)

    def to_quantum(self, value: Decimal) -> Decimal:
        return half_even(value / self.quantum) * self.quantum

    def notional(self, symbol: int, lots: int, ticks: int) -> Decimal:
        instrument = self.instruments[symbol]
        return self.to_quantum(lots * instrument.lot * ticks * instrument.tick)

    def fee(self, symbol: int, notional: Decimal, maker: bool) -> Decimal:
        return self.to_quantum(notional * self.rate(symbol, maker))

    def need(self, symbol: int, lots: int, ticks: int) -> Decimal:
        """What a queued entry reserves: notional and the buffer, then the taker fee on both."""
        padded = self.to_quantum(self.notional(symbol, lots, ticks) * BUFFER)
        return self.to_quantum(padded * (1 + self.rate(symbol, False)))

    def cost(self, symbol: int, lots: int, ticks: int) -> Decimal:
        notional = self.notional(symbol, lots, ticks)
        return notional + self.fee(symbol, notional, False)

    def down(self, money: Decimal) -> Decimal:
        """Money floored to the quantum."""
        return floor(money / self.quantum) * self.quantum

    def lots(self, symbol: int, money: Decimal, ticks: int) -> int:
        """Whole lots that `money` buys at a price, never below zero."""
        instrument = self.instruments[symbol]
        return max(0, floor(money / (ticks * instrument.tick * instrument.lot)))

    def affordable(self, symbol: int, power: Decimal, ticks: int, at_fill: bool) -> int:
        """Lots the buying power pays for with fee and, for an order that waits, the buffer."""
        net = self.down(power / (1 + self.rate(symbol, False)))
        if not at_fill:
            return self.lots(symbol, self.down(net / BUFFER), ticks)
        lots = self.lots(symbol, net, ticks)
        while lots > 0 and self.cost(symbol, lots, ticks) > power:
            lots -= 1
        return lots

    def wish(
        self, symbol: int, sizing: Sizing, equity: Decimal, ticks: int, stop: int, volatility: float
    ) -> tuple[int, str]:
        """Lots the slot's sizing asks for, before any limit; a reason where it cannot say."""
        if sizing.kind == "fixed":
            return self.lots(symbol, self.to_quantum(Decimal(str(sizing.value))), ticks), ""
        if sizing.kind == "risk":
            return (self.lots(symbol, self.down(equity * nine(sizing.value)), stop), "") if stop else (0, "no_stop")
        share = nine(sizing.value)
        if sizing.kind == "volatility":
            if not isfinite(volatility) or volatility <= 0:
                return 0, "no_volatility"
            share = min(Decimal(floor_float(sizing.value / volatility * 1e9)) / 10**9, self.gross)
        return self.lots(symbol, self.down(equity * share), ticks), ""

    def too_small(self, symbol: int, lots: int, ticks: int) -> bool:
        instrument = self.instruments[symbol]
        short = lots * instrument.lot < instrument.min_qty
        return lots <= 0 or short or self.notional(symbol, lots, ticks) < instrument.min_notional
