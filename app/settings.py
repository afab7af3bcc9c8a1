"""What the backtest page is set to, as one frozen value: into the address and back, and into the Study that is run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.config.breakers import breaker, switched_on
from engine.core.setup import Setup
from engine.core.types import MS_DAY, AccountSpec, BreakerSpec, Instrument, Protection, Sizing, SlotSpec
from engine.research.stock import canonical
from engine.research.study import Source, Study

PERIODS = {"30": "30 d", "60": "60 d", "90": "90 d", "all": "all", "custom": "custom"}
STEPS = {"1m": 60_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000, "4h": 14_400_000, "1d": MS_DAY}
SIZINGS = {
    "share": "share of equity",
    "fixed": "fixed amount",
    "risk": "risk at the stop",
    "volatility": "target volatility",
}
LOW_PRICE = 0.01
"""Below it prices need a finer grid."""


@dataclass(frozen=True)
class Settings:
    """Rates, sizes and thresholds as fractions, but `slippage` and `spread` in basis points; 0 = none where that has a sense.

    `params` holds, by strategy, what differs from nothing: every declared parameter once the form has been drawn.
    """

    strategies: tuple[str, ...] = ("sma_cross",)
    exchange: str = ""
    symbols: tuple[str, ...] = ()
    timeframe: str = "1h"
    fills: str = ""
    period: str = "90"
    first: str = ""
    last: str = ""
    cash: float = 1000.0
    maker: float = 0.006
    taker: float = 0.012
    slippage: float = 5.0
    spread: float = 0.0
    delay: int = 0
    sizing: str = "share"
    size: float = 0.2
    stop: float = 0.0
    target: float = 0.0
    trail: float = 0.0
    breakeven: float = 0.0
    time_stop: int = 0
    short: bool = False
    research: bool = False
    limits: bool = False
    max_positions: int = 4
    max_gross: float = 1.0
    per_symbol: float = 0.2
    losses: int = 5
    losses_minutes: int = 60
    day_pause: float = 0.03
    day_halt: float = 0.05
    fall_reduce: float = 0.10
    fall_halt: float = 0.20
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def free(self) -> bool:
        """No fee or no slippage: typed, and badged."""
        return self.taker == 0 or (self.slippage == 0 and self.spread == 0)


def to_address(settings: Settings) -> dict[str, str]:
    """What differs from the defaults, as text; parameters as `strategy.name`. Every known name is there, "" for a default."""
    plain, out = Settings(), {}
    for item in fields(Settings):
        if item.name == "params":
            continue
        value = getattr(settings, item.name)
        out[item.name] = "" if value == getattr(plain, item.name) else _text(value)
    for strategy in settings.strategies:
        for name, value in settings.params.get(strategy, {}).items():
            out[f"{strategy}.{name}"] = _text(value)
    return out


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value)) if isinstance(value, bool) else f"{value:.12g}" if isinstance(value, float) else str(value)


def from_address(query: Mapping[str, str], known: tuple[str, ...]) -> Settings:
    """Settings as an address has them; what is nonsense keeps its default. `known` are the strategies there are.

    Parameters stay text: what they are is known to the form alone.
    """
    plain, found = Settings(), {}
    for item in fields(Settings):
        if item.name in query and item.name != "params":
            found[item.name] = _value(query[item.name], getattr(plain, item.name))
    settings = replace(plain, **found)
    strategies = tuple(name for name in settings.strategies if name in known) or plain.strategies
    params: dict[str, dict[str, Any]] = {}
    for key, text in query.items():
        strategy, dot, name = key.partition(".")
        if dot and strategy in known:
            params.setdefault(strategy, {})[name] = text
    period = settings.period if settings.period in PERIODS else plain.period
    timeframe = settings.timeframe if settings.timeframe in STEPS else plain.timeframe
    sizing = settings.sizing if settings.sizing in SIZINGS else plain.sizing
    return replace(settings, strategies=strategies, params=params, period=period, timeframe=timeframe, sizing=sizing)


def _value(text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return text == "1"
        if isinstance(default, tuple):
            return tuple(part for part in text.split(",") if part)
        if isinstance(default, int):
            return max(int(text), 0)
        if isinstance(default, float):
            number = float(text)
            return number if 0 <= number < 1e12 else default
    except ValueError:
        return default
    return text


def span(settings: Settings, start: int, end: int) -> tuple[int, int]:
    """[from, to) in ms UTC of the period, where candles are stored from `start` to `end` (ends of the data, not of today)."""
    if settings.period == "custom":
        low, high = day_ms(settings.first), day_ms(settings.last)
        return low if low is not None else start, high + MS_DAY if high is not None else end
    if settings.period == "all":
        return start, end
    return max(start, end - int(settings.period) * MS_DAY), end


def day_ms(text: str) -> int | None:
    """Midnight UTC of 2026-01-31 in ms; None for anything else."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def day_of(ts: int) -> date:
    """The UTC day of ms."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(ts))).date()


def study_of(settings: Settings, from_ts: int, to_ts: int, lowest: Mapping[str, float]) -> Study:
    """The Study of these settings; `lowest` is each symbol's lowest price, which decides its grid. ValueError in a sentence."""
    quotes = {symbol.partition("/")[2] for symbol in settings.symbols}
    if len(quotes) != 1:
        raise ValueError(
            f"one account has one quote currency; {', '.join(settings.symbols)} are quoted in {len(quotes)}"
        )
    step = STEPS[settings.timeframe]
    instruments = tuple(
        Instrument.unspecified(
            symbol, low_price=lowest.get(symbol, 1.0) < LOW_PRICE, maker=_decimal(settings.maker), taker=_decimal(settings.taker)
        )
        for symbol in settings.symbols
    )  # fmt: skip
    slots = tuple(_slot(settings, name, symbol, step) for name in settings.strategies for symbol in settings.symbols)
    params = tuple(dict(settings.params.get(slot.strategy, {})) for slot in slots)
    account = AccountSpec(
        cash=_decimal(settings.cash), quote=quotes.pop(), quantum=instruments[0].quantum,
        slippage_bps=settings.slippage + settings.spread / 2, delay_ms=settings.delay * step, research=settings.research,
        max_positions=settings.max_positions if settings.limits else len(slots),
        max_gross=settings.max_gross if settings.limits else 1.0,
        symbol_cap=settings.per_symbol if settings.limits else 0.0,
    )  # fmt: skip
    setup = Setup(account, instruments, slots, params, breakers(settings) if settings.limits else (), 0, 0)
    sources = tuple(Source(symbol, settings.exchange, settings.fills) for symbol in settings.symbols)
    return Study(setup, sources, from_ts, to_ts, title(settings))


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.12g}")


def _slot(settings: Settings, strategy: str, symbol: str, step: int) -> SlotSpec:
    protection = Protection(
        settings.stop or None, settings.target or None, settings.trail or None, settings.breakeven or None,
        settings.time_stop or None,
    )  # fmt: skip
    sizing: Any = Sizing(settings.sizing, settings.size)  # type: ignore[arg-type]
    return SlotSpec("", strategy, symbol, step, sizing, protection, settings.short)


def breakers(settings: Settings) -> tuple[BreakerSpec, ...]:
    """The breakers that are switched on, as a live configuration makes them; a threshold of 0 switches one off."""
    return switched_on(
        (
            breaker("consecutive_losses", settings.losses, minutes=settings.losses_minutes),
            breaker("daily_loss_pause", settings.day_pause),
            breaker("daily_loss_halt", settings.day_halt),
            breaker("drawdown_reduce", settings.fall_reduce),
            breaker("drawdown_halt", settings.fall_halt),
        )
    )


def title(settings: Settings) -> str:
    """The run in a few words."""
    return f"{', '.join(settings.strategies)} on {', '.join(settings.symbols)} {settings.timeframe}"


def pairs(texts: list[str]) -> tuple[list[str], str]:
    """(canonical pairs, "") or ([], the sentence about the first that is none)."""
    try:
        return list(dict.fromkeys(canonical(text) for text in texts)), ""
    except ValueError as error:
        return [], str(error)
