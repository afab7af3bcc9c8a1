"""From a checked configuration to the Setup of a run. Instruments come in from outside; only the map of sectors is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.config import sectors
from engine.config.breakers import breaker, switched_on
from engine.config.model import Config
from engine.config.sections import LimitsSection, SlotSection
from engine.core.setup import Advice, Setup
from engine.core.types import AccountSpec, BreakerSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.symbols import timeframe_ms


def symbols_of(config: Config) -> list[str]:
    """Every symbol of the configuration once, in its order."""
    return list(dict.fromkeys(symbol for slot in config.slots for symbol in slot.symbols))


def setup_of(config: Config, instruments: Sequence[Instrument]) -> Setup:
    """The run that `config` describes on these instruments. ValueError when they do not fit the account."""
    costs = config.costs
    graded = tuple(
        replace(
            instrument,
            maker=instrument.maker if costs.maker is None else costs.maker,
            taker=instrument.taker if costs.taker is None else costs.taker,
        )
        for instrument in instruments
    )
    slots, params = [], []
    for section in config.incumbents:
        for symbol in section.symbols:
            slots.append(_slot(config, section, symbol))
            params.append(dict(section.params))
    account = AccountSpec(
        cash=config.cash,
        quote=config.account.quote,
        quantum=graded[0].quantum,
        max_gross=config.limits.max_gross,
        max_positions=config.limits.max_positions,
        symbol_cap=config.limits.per_symbol,
        sector_cap=config.limits.per_sector,
        sectors=_sectors(config.limits, symbols_of(config)),
        collar=config.limits.price_collar,
        orders_symbol_minute=config.limits.orders_symbol_minute,
        orders_minute=config.limits.orders_minute,
        orders_day=config.limits.orders_day,
        slippage_bps=costs.slippage_bps,
        delay_ms=config.engine.grace_ms + config.engine.latency_ms,
    )
    return Setup(
        account,
        graded,
        tuple(slots),
        tuple(params),
        breakers_of(config.limits),
        config.engine.grace_ms,
        config.engine.latency_ms,
        advice=advice_of(config),
    )


def challengers_of(config: Config, setup: Setup) -> dict[str, tuple[Setup, SlotSection]]:
    """By slot key the setup of each challenger, an account of its own on the instruments and under the limits of `setup`, and the
    section it comes of. Never a venue's: whatever the account trades on, a challenger's fills are the kernel's."""
    found = {}
    paper = replace(setup.account, cash=config.cash, fills="model", venue_stops=False)
    for section in config.challengers:
        for symbol in section.symbols:
            slot = _slot(config, section, symbol)
            own = replace(
                setup, account=paper, slots=(slot,), params=(dict(section.params),), breakers=breakers_of(config.limits),
                shares={}, weights={}, advice=(),
            )  # fmt: skip
            found[slot.key] = own, section
    return found


def for_mode(setup: Setup, config: Config, venue_stops: bool = False) -> Setup:
    """`setup` as the mode of `config` has it: dry and live keep to the amounts of [live], live is filled by the venue
    (`venue_stops`: which keeps stops too)."""
    if config.run.mode == "paper":
        return setup
    live, real = config.live, config.run.mode == "live"
    account = replace(
        setup.account,
        order_most=float(live.max_order or 0),
        symbol_most=float(live.max_position or 0),
        gross_most=float(live.max_exposure or 0),
        first_trades=live.first_trades,
        fills="venue" if real else "model",
        venue_stops=real and venue_stops,
    )
    return replace(setup, account=account)


def advice_of(config: Config) -> tuple[Advice, ...]:
    """How far each slot listens to a model; nothing at all where no slot of the configuration does."""
    found = tuple(
        Advice(section.ai or config.ai.mode, config.ai.min_confidence)
        for section in config.incumbents
        for _ in section.symbols
    )
    return found if any(one.mode != "off" for one in found) else ()


def _slot(config: Config, section: SlotSection, symbol: str) -> SlotSpec:
    sizing = section.sizing or config.sizing
    short = config.account.allow_short if section.allow_short is None else section.allow_short
    return SlotSpec(
        label=section.label,
        strategy=section.strategy,
        symbol=symbol,
        timeframe_ms=timeframe_ms(section.timeframe),
        sizing=Sizing(sizing.kind, sizing.value),
        protection=Protection(section.stop, section.target, section.trail, section.breakeven, section.time_stop),
        allow_short=short,
        cooldown_ms=config.limits.stop_cooldown_minutes * 60_000,
    )


def _sectors(limits: LimitsSection, symbols: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(symbol, sector) by the symbol's base, in the order of the symbols, where a limit asks for them.

    The map's file is read once in a process, so that editing it loosens no limit before the next start; one that cannot be read
    was refused by config.check."""
    if not limits.per_sector:
        return ()
    of = sectors.at_start(sectors.own_file()) | sectors.named(limits.sectors)
    return tuple((symbol, of[base]) for symbol in symbols if (base := symbol.partition("/")[0]) in of)


def breakers_of(limits: LimitsSection) -> tuple[BreakerSpec, ...]:
    """The breakers that are switched on; a threshold of 0 switches one off."""
    trial: dict[str, Any] = {"probation": limits.probation_size, "probation_trades": limits.probation_trades}
    cooling = {"minutes": limits.consecutive_losses_minutes, "trips_a_day": limits.trips_a_day}
    return switched_on(
        (
            breaker("consecutive_losses", limits.consecutive_losses, **cooling, **trial),
            breaker("slot_loss", limits.slot_loss, **trial),
            breaker("symbol_loss", limits.symbol_loss, **trial),
            breaker("daily_loss_pause", limits.daily_loss_pause),
            breaker("daily_loss_halt", limits.daily_loss_halt),
            breaker("drawdown_reduce", limits.drawdown_reduce, **trial),
            breaker("drawdown_halt", limits.drawdown_halt, **trial),
            breaker("stale_data", limits.stale_seconds),
            breaker("feed_errors", limits.feed_errors),
            breaker("venue_errors", limits.venue_errors),
            breaker("storage", 1),
            breaker("ai_budget", limits.ai_budget),
        )
    )


def with_orphans(setup: Setup, stored: Mapping[str, Any], open_keys: set[str]) -> tuple[Setup, set[str]]:
    """Slots that the configuration no longer has but that still hold a position stay, to be managed until they are flat.

    `stored` is the former setup's JSON. Returns the wider setup and the keys of what was kept.
    """
    former = Setup.from_json(stored)
    known = {slot.key for slot in setup.slots}
    kept = [(s, p) for s, p in zip(former.slots, former.params, strict=True) if s.key in open_keys - known]
    symbols = {instrument.symbol for instrument in setup.instruments}
    wanted = {slot.symbol for slot, _ in kept} - symbols
    wider = replace(
        setup,
        slots=setup.slots + tuple(slot for slot, _ in kept),
        params=setup.params + tuple(params for _, params in kept),
        advice=setup.advice and setup.advice + (Advice(),) * len(kept),
        instruments=setup.instruments + tuple(i for i in former.instruments if i.symbol in wanted),
    )
    return wider, {slot.key for slot, _ in kept}
