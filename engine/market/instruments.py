"""An exchange's markets as instruments: tick, lot, minimums, entry-tier fees. Facts only; nothing is asked twice."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.core.types import Instrument
from engine.market.venue import Venue, VenueError, open_venue

ENTRY_FEES = {"coinbase": (Decimal("0.006"), Decimal("0.012"))}
"""(maker, taker) where ccxt's figures are not those of a new account."""
_COINS = Decimal("1e-8")
_MONEY = Decimal("1e-6")
FIAT_LIKE = frozenset(
    "USD EUR GBP JPY AUD CAD CHF BRL TRY KRW MXN ZAR USDT USDC FDUSD TUSD BUSD USDP PYUSD DAI".split()
)


def instruments(
    exchange_id: str, symbols: Sequence[str], base_url: str | None = None, venue: Venue | None = None
) -> list[Instrument]:
    """The instruments of `symbols`, in their order; UnknownSymbol or VenueUnreachable as `Venue` raises them."""
    venue = venue or open_venue(exchange_id, base_url or "")
    return [of_market(venue.exchange_id, venue.market(symbol), venue.ccxt.precisionMode) for symbol in symbols]


def quantum_of(quote: str) -> Decimal:
    """The smallest booked amount: 1e-6 of fiat and stablecoins, 1e-8 of coins."""
    return _MONEY if quote in FIAT_LIKE else _COINS


def of_market(exchange_id: str, market: dict[str, Any], precision_mode: int) -> Instrument:
    """One ccxt market as an instrument; VenueError when it does not say its tick or lot."""
    symbol = str(market["symbol"])
    precision = market.get("precision") or {}
    tick, lot = (_step(precision.get(name), precision_mode) for name in ("price", "amount"))
    if tick is None or lot is None:
        raise VenueError(f"{exchange_id} does not say the tick and lot of {symbol}; choose another symbol")
    limits = market.get("limits") or {}
    maker, taker = ENTRY_FEES.get(exchange_id, (market.get("maker"), market.get("taker")))
    perpetual = bool(market.get("swap"))
    return Instrument(
        symbol=symbol,
        base=str(market["base"]),
        quote=str(market["quote"]),
        tick=tick,
        lot=lot,
        quantum=quantum_of(str(market["quote"])),
        min_qty=_decimal((limits.get("amount") or {}).get("min")) or Decimal(0),
        min_notional=_decimal((limits.get("cost") or {}).get("min")) or Decimal(0),
        maker=_or(_decimal(maker), Decimal("0.001")),
        taker=_or(_decimal(taker), Decimal("0.001")),
        kind="perp" if perpetual else "spot",
    )


def _or(value: Decimal | None, default: Decimal) -> Decimal:
    return default if value is None else value


def _decimal(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _step(precision: Any, mode: int) -> Decimal | None:
    """A grid step from ccxt's precision: a step already (TICK_SIZE, mode 4) or a count of decimals (mode 2)."""
    value = _decimal(precision)
    if value is None:
        return None
    if mode == 2:
        return Decimal(1).scaleb(-int(value))
    return value if value > 0 else None
