"""The kernel's records from what a person configures: account, symbols, slots, breakers. No rules, no state of a run."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import numpy as np

from engine.core import codes
from engine.core.layout import ACCOUNT, BREAKER, SLOT, SYMBOL
from engine.core.types import MS_DAY, NEVER, RATE, AccountSpec, BreakerSpec, Instrument, Rows, SlotSpec


def _rate(value: float | None) -> int:
    return round((value or 0.0) * RATE)


def account_record(spec: AccountSpec, slots: Sequence[SlotSpec]) -> Rows:
    record = np.zeros(1, ACCOUNT)
    row = record[0]
    scale = float(1 / spec.quantum)
    row["quantum_scale"] = scale
    row["max_gross"] = _rate(spec.max_gross)
    row["symbol_cap"] = _rate(spec.symbol_cap)
    row["max_positions"] = spec.max_positions
    row["sector_cap"], row["collar"] = _rate(spec.sector_cap), _rate(spec.collar)
    row["max_symbol_minute"], row["max_minute"] = spec.orders_symbol_minute, spec.orders_minute
    row["max_day"] = spec.orders_day
    for name in ("order_most", "symbol_most", "gross_most"):
        row[name] = floor(getattr(spec, name) * scale)
    row["first_trades"] = spec.first_trades
    row["delay_ms"] = spec.delay_ms
    row["auto_ack_ms"] = spec.auto_ack_ms
    row["bucket_ms"] = min((slot.timeframe_ms for slot in slots), default=MS_DAY)
    row["research"] = int(spec.research)
    row["venue"] = int(spec.fills == "venue")
    row["venue_stops"] = int(spec.venue_stops)
    row["start"] = row["cash"] = spec.cash_quanta
    row["cash_value"] = row["equity"] = row["peak"] = row["day_start"] = spec.cash_quanta / scale
    for name in ("due", "bucket_end", "midnight", "wake"):
        row[name] = NEVER
    return record


def symbol_records(account: AccountSpec, instruments: Sequence[Instrument]) -> Rows:
    records = np.zeros(len(instruments), SYMBOL)
    sector_of = dict(account.sectors)
    sectors = sorted(set(sector_of.values()))
    for row, instrument in zip(records, instruments, strict=True):
        if instrument.quote != account.quote:
            raise ValueError(
                f"{instrument.symbol} is quoted in {instrument.quote}, the account in {account.quote}: "
                "an account has one quote currency; use a second run for the other"
            )
        if instrument.quantum != account.quantum:
            raise ValueError(
                f"{instrument.symbol} books in steps of {instrument.quantum}, the account in {account.quantum}"
            )
        row["num"], row["den"] = instrument.num, instrument.den
        row["unit"] = float(instrument.tick * instrument.lot)
        row["min_qty"] = int(-(-instrument.min_qty // instrument.lot))
        row["min_notional"] = int(-(-instrument.min_notional // instrument.quantum))
        row["maker"], row["taker"] = _rate(float(instrument.maker)), _rate(float(instrument.taker))
        row["slippage"] = round(account.slippage_bps * 1e-4 * RATE)
        row["perp"] = int(instrument.kind == "perp")
        row["sector"] = sectors.index(sector_of[instrument.symbol]) if instrument.symbol in sector_of else -1
    return records


def slot_records(account: AccountSpec, slots: Sequence[SlotSpec], symbol_index: dict[str, int]) -> Rows:
    records = np.zeros(len(slots), SLOT)
    for row, slot in zip(records, slots, strict=True):
        if slot.symbol not in symbol_index:
            raise ValueError(f"slot {slot.label or slot.strategy}: no instrument for {slot.symbol}")
        row["symbol"] = symbol_index[slot.symbol]
        row["timeframe_ms"] = slot.timeframe_ms
        configure_slot(row, slot, account)
        row["time_exit"] = NEVER
    return records


def configure_slot(row: np.void, slot: SlotSpec, account: AccountSpec) -> None:
    """Write a slot's settings into its record; state and live stops are left alone."""
    row["sizing"] = codes.SIZINGS.index(slot.sizing.kind)
    fixed = slot.sizing.kind == "fixed"
    row["size"] = round(slot.sizing.value / float(account.quantum)) if fixed else _rate(slot.sizing.value)
    row["size_volatility"] = slot.sizing.value
    protection = slot.protection
    row["stop_rate"], row["target_rate"] = _rate(protection.stop), _rate(protection.target)
    row["trail_rate"], row["breakeven_rate"] = _rate(protection.trail), _rate(protection.breakeven)
    row["time_stop"] = protection.time_stop or 0
    row["allow_short"] = int(slot.allow_short)
    row["cooldown_ms"] = slot.cooldown_ms


_SCOPES = {
    "consecutive_losses": ("slot", "account"),
    "daily_loss": ("slot", "symbol", "account"),
    "drawdown": ("account",),
    "stale_data": ("symbol",),
    "feed_errors": ("account",),
    "venue_errors": ("account",),
    "storage": ("account",),
    "ai_budget": ("account",),
}


def breaker_records(
    specs: Sequence[BreakerSpec], slots: Sequence[SlotSpec], symbols: Sequence[str]
) -> tuple[Rows, list[str]]:
    """One record per breaker, one per slot or symbol for those with that scope, and their names in the same order."""
    rows, names = [], []
    for spec in specs:
        if spec.scope not in _SCOPES[spec.kind]:
            raise ValueError(
                f"breaker {spec.name}: {spec.kind} is watched for {' or '.join(_SCOPES[spec.kind])}, not for {spec.scope}"
            )
        owners = {"account": [""], "slot": [slot.key for slot in slots], "symbol": list(symbols)}[spec.scope]
        for number, owner in enumerate(owners):
            row = np.zeros(1, BREAKER)[0]
            row["slot"] = number if spec.scope == "slot" else -1
            row["symbol"] = number if spec.scope == "symbol" else -1
            _configure_breaker(row, spec, _frame_of(spec.scope, number, slots, symbols))
            rows.append(row)
            names.append(f"{spec.name}:{owner}" if owner else spec.name)
    return np.array(rows, BREAKER) if rows else np.zeros(0, BREAKER), names


def _frame_of(scope: str, number: int, slots: Sequence[SlotSpec], symbols: Sequence[str]) -> int:
    """ms of the owner's finest strategy bar; 0 for the account."""
    if scope == "account":
        return 0
    mine = [slots[number]] if scope == "slot" else [slot for slot in slots if slot.symbol == symbols[number]]
    return min((slot.timeframe_ms for slot in mine), default=0)


def _configure_breaker(row: np.void, spec: BreakerSpec, frame_ms: int) -> None:
    """`frame_ms`: a slot's cool-down lasts four of its bars at least, and a symbol is not stale within one of its own."""
    stale = spec.kind == "stale_data"
    row["kind"] = codes.BREAKER_KINDS.index(spec.kind)
    row["wide"] = int(spec.kind == "stale_data" or (spec.kind == "daily_loss" and spec.scope != "account"))
    row["threshold"] = max(spec.threshold, frame_ms / 1000) if stale else spec.threshold
    row["level"] = codes.LEVELS.index(spec.action)
    row["flatten"] = int(spec.flatten)
    row["end"] = codes.BREAKER_ENDS.index(spec.end)
    row["cooldown_ms"] = max(spec.minutes * 60_000, 4 * frame_ms)
    row["probation_rate"], row["probation_trades"] = _rate(spec.probation), spec.probation_trades
    row["trips_a_day"] = spec.trips_a_day
    row["until"] = NEVER
