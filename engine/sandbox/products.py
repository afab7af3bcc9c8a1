"""What the exchange lists: names, grids, and the character of each simulated market. No prices of any moment here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """One listed product. A price is a whole number of ticks of 10**-price_digits quote units, a size a whole number of
    lots of 10**-size_digits base units.

    The rest describes the simulation: `price` around which it wanders, `beta` to the common factor, `deviation` of its
    own daily log returns, `turnover` in base units a day, `rate` in prints a second of a busy hour (about 1.4 times the
    mean), `spread` as a share of the price.
    """

    id: str
    name: str
    price_digits: int
    size_digits: int
    price: float
    beta: float
    deviation: float
    turnover: float
    rate: float
    spread: float = 0.0001

    @property
    def base(self) -> str:
        return self.id.partition("-")[0]

    @property
    def quote(self) -> str:
        return self.id.partition("-")[2]

    @property
    def tick(self) -> str:
        return decimal(1, self.price_digits)

    @property
    def lot(self) -> str:
        return decimal(1, self.size_digits)

    def price_text(self, ticks: int) -> str:
        return decimal(ticks, self.price_digits)

    def size_text(self, lots: int) -> str:
        return decimal(lots, self.size_digits)


def decimal(units: int, digits: int) -> str:
    """`units` of 10**-digits as exact decimal text without an exponent; trailing zeros are dropped."""
    if units < 0:
        return f"-{decimal(-units, digits)}"
    if not digits:
        return str(units)
    text = str(units).zfill(digits + 1)
    return f"{text[:-digits]}.{text[-digits:]}".rstrip("0").rstrip(".")


LISTED = (
    Product("BTC-USD", "Bitcoin", 2, 8, 64_000.0, 1.0, 0.006, 9_000.0, 3.5, 0.00002),
    Product("ETH-USD", "Ethereum", 2, 8, 3_200.0, 1.2, 0.014, 110_000.0, 2.8, 0.00004),
    Product("SOL-USD", "Solana", 2, 8, 150.0, 1.5, 0.025, 1_400_000.0, 2.1, 0.0001),
    Product("XRP-USD", "XRP", 4, 6, 0.62, 1.1, 0.022, 90_000_000.0, 1.8, 0.0002),
    Product("LINK-USD", "Chainlink", 3, 2, 14.5, 1.3, 0.022, 1_600_000.0, 1.6, 0.0003),
    Product("DOGE-USD", "Dogecoin", 5, 1, 0.14, 1.4, 0.030, 500_000_000.0, 1.9, 0.0002),
)
"""The simulated markets, six of them, correlated through one factor."""
