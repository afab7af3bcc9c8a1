"""Asks an exchange all that is to be known of the account before real orders go to it. Reads only: nothing is placed.

What it answers is kept without any key (engine/research/venue_told.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.config.model import Config
from engine.research.venue_told import Told
from engine.venues.port import Balance, Clock, Fees, Permissions, Port, Rules


def ask(port: Port, config: Config, symbols: Sequence[str], now: int) -> Told:
    """Everything, one question after the other; what is not answered is left out and said."""
    found: dict[str, Any] = {}
    why: dict[str, str] = {}
    clock = port.sync()
    if isinstance(clock, Clock):
        found |= {"offset_ms": clock.offset_ms, "round_trip_ms": clock.round_trip_ms}
    else:
        why["clock"] = clock.why
    rights = port.permissions()
    if isinstance(rights, Permissions):
        found |= {"withdraw": rights.withdraw, "trade": rights.trade, "ip_bound": rights.ip_bound}
    else:
        why["permissions"] = rights.why
    fees = port.fees(symbols[0])
    if isinstance(fees, Fees):
        found |= {"maker": str(fees.maker), "taker": str(fees.taker)}
    else:
        why["fees"] = fees.why
    balances = port.balances()
    if isinstance(balances, dict):
        found["balance"] = str(_of(balances, config.account.quote))
    else:
        why["balance"] = balances.why
    found["rules"] = dict(_rules(port, symbols, why))
    return Told(
        now, config.run.exchange, True, native_stop=port.native_stop, expiry_ms=port.expiry_ms, why=why, **found
    )


def _of(balances: Mapping[str, Balance], quote: str) -> Any:
    return balances[quote].total if quote in balances else 0


def _rules(port: Port, symbols: Sequence[str], why: dict[str, str]) -> Any:
    for symbol in symbols:
        told = port.rules(symbol)
        if isinstance(told, Rules):
            yield symbol, {
                "min_qty": str(told.min_qty), "min_notional": str(told.min_notional), "trading": told.trading,
            }  # fmt: skip
        else:
            why[symbol] = getattr(told, "why", "") or f"{symbol} is not traded there"
