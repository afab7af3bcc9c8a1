"""The settings, a class for each table of the file: type, bounds, default and the words that config.example.toml prints.

Each is declared here once and nowhere else. No file is read and nothing is opened here; a rule between two tables is the
whole object's (model.py).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator, model_validator

from engine.core.codes import SizingKind
from engine.market.symbols import canonical, timeframe_ms

DAY_MS = 86_400_000
AiMode = Literal["off", "shadow", "veto", "scale", "trade"]
Mode = Literal["paper", "dry", "live"]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


class RunSection(Section):
    """Which account's history this is, and where prices come from."""

    name: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="name of the run; `run --new NAME` starts another",
    )
    exchange: str = Field("coinbase", pattern=r"^[a-z0-9]+$", description="any exchange ccxt knows, by its id")
    mode: Mode = Field(
        "paper",
        description="paper: fills are simulated on live prices; dry: the same, and every order is prepared, never sent; "
        "live: real orders ([live])",
    )
    base_url: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="REST address; empty: the exchange's own (a sandbox: http://127.0.0.1:8765)",
    )
    ws_url: str = Field("", pattern=r"^(wss?://.+)?$", description="WebSocket address; empty: the exchange's own")


class AccountSection(Section):
    """One cash account in one quote currency."""

    cash: Decimal = Field(
        Decimal(1000), gt=0, strict=False, description="what the account starts with, in quote currency"
    )
    quote: str = Field("USD", pattern=r"^[A-Z0-9]{2,10}$", description="quote currency of every symbol")
    allow_short: bool = Field(False, description="allow short positions, each using its full notional")


class CostsSection(Section):
    """What trading costs; fractions of the notional. 0 has to be typed, and is badged on every result."""

    maker: Decimal | None = Field(
        None, ge=0, lt=1, strict=False, description="fee of resting orders; omitted: the exchange's entry tier"
    )
    taker: Decimal | None = Field(
        None, ge=0, lt=1, strict=False, description="fee of market orders; omitted: the exchange's entry tier"
    )
    slippage_bps: float = Field(
        5.0,
        ge=0,
        le=1000,
        description="slippage of market orders and stops, in hundredths of a percent, beside half the spread",
    )


class SizingSection(Section):
    """How much an entry buys."""

    kind: SizingKind = Field(
        "share",
        description="share: of equity; fixed: quote amount; risk: fraction lost at the stop; volatility: deviation a year",
    )
    value: float = Field(0.2, gt=0, description="share 0.2 = a fifth of equity; risk 0.01 = one percent")

    @model_validator(mode="after")
    def _fraction(self) -> Self:
        if self.kind in ("share", "risk") and self.value > 1:
            raise ValueError(f"a {self.kind} is a fraction of equity, at most 1 (0.2 = 20 %)")
        return self


class LimitsSection(Section):
    """What stops trading. Fractions of equity; 0 switches a limit off."""

    max_positions: int = Field(4, ge=1, le=1000, description="open positions at once")
    max_gross: float = Field(
        1.0, gt=0, le=10, description="sum of all positions as a fraction of equity; 1 = no leverage"
    )
    per_symbol: float = Field(0.2, ge=0, le=10, description="one symbol's positions as a fraction of equity")
    per_sector: float = Field(0.0, ge=0, le=10, description="one sector's positions as a fraction of equity")
    sectors: dict[str, Annotated[tuple[str, ...], Strict(False)]] = Field(
        default_factory=dict,
        strict=False,
        description='coins in another sector than in my/sectors.toml and the map that comes along: { Memes = ["DOGE"] }',
    )
    price_collar: float = Field(
        0.02, ge=0, lt=1, description="an entry that would fill so far from the last mark is cancelled"
    )
    orders_symbol_minute: int = Field(10, ge=0, le=10_000, description="entries of one symbol in a UTC minute")
    orders_minute: int = Field(30, ge=0, le=10_000, description="entries of the account in a UTC minute")
    orders_day: int = Field(300, ge=0, le=1_000_000, description="entries of the account in a UTC day")
    stop_cooldown_minutes: int = Field(
        0, ge=0, le=525_600, description="time after a stop in which its slot enters nothing"
    )
    stale_seconds: int = Field(
        300, ge=0, le=86_400, description="time without a price after which a symbol's entries wait for the next one"
    )
    feed_errors: int = Field(
        5, ge=0, le=1000, description="lost connections in a row that pause entries until the feed holds"
    )
    venue_errors: int = Field(
        5, ge=0, le=1000, description="failed calls in a row that pause entries until the exchange answers"
    )
    ai_budget: float = Field(
        1.0, ge=0, le=1, description="share of the AI budget after which the rules decide alone until the next day"
    )
    slot_loss: float = Field(
        0.0, ge=0, lt=1, description="a slot's loss since UTC midnight that pauses it until the next day"
    )
    symbol_loss: float = Field(
        0.02, ge=0, lt=1, description="a symbol's loss since UTC midnight that pauses it until the next day"
    )
    consecutive_losses: int = Field(5, ge=0, le=1000, description="losing trades in a row that pause a slot")
    consecutive_losses_minutes: int = Field(60, ge=1, le=525_600, description="how long such a pause lasts")
    daily_loss_pause: float = Field(
        0.03, ge=0, lt=1, description="loss since UTC midnight that pauses entries until the next day"
    )
    daily_loss_halt: float = Field(
        0.05, ge=0, lt=1, description="loss since UTC midnight that halts until a person releases it"
    )
    drawdown_reduce: float = Field(
        0.1, ge=0, lt=1, description="fall from the peak after which positions may only shrink"
    )
    drawdown_halt: float = Field(
        0.2, ge=0, lt=1, description="fall from the peak that halts until a person releases it"
    )

    probation_size: float = Field(
        0.5, gt=0, le=1, description="part of their size that entries have after a pause or a release, for a while"
    )
    probation_trades: int = Field(3, ge=0, le=1000, description="closed trades until sizes are whole again")
    trips_a_day: int = Field(
        3, ge=0, le=1000, description="the trip of a UTC day from which a timed pause waits for a person"
    )

    @model_validator(mode="after")
    def _one_sector_each(self) -> Self:
        coins = [coin.upper() for members in self.sectors.values() for coin in members]
        twice = sorted({coin for coin in coins if coins.count(coin) > 1})
        if twice:
            raise ValueError(f"sectors: {', '.join(twice)} stands in two; a coin belongs to one")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for mild, hard in (("daily_loss_pause", "daily_loss_halt"), ("drawdown_reduce", "drawdown_halt")):
            if 0 < getattr(self, hard) < getattr(self, mild):
                raise ValueError(f"{mild} ({getattr(self, mild):g}) must not be above {hard} ({getattr(self, hard):g})")
        return self


class SlotSection(Section):
    """One strategy on one or more symbols; each symbol becomes a slot of its own. Slots are served in this order."""

    strategy: str = Field(
        "sma_cross", pattern=r"^[A-Za-z_]\w*$", description="file name in engine/strategies or my/strategies"
    )
    symbols: tuple[str, ...] = Field(
        ("BTC/USD",), strict=False, description="BTC/USD, BTC-USD and BTCUSD mean the same"
    )
    timeframe: str = Field("1m", description="length of a bar; divides a day: 1m, 5m, 15m, 1h, 4h, 1d")
    label: str = Field("", max_length=40, description="tells two slots apart that are otherwise the same")
    challenger_of: str = Field(
        "",
        max_length=60,
        description="strategy or label of the slot it is measured against: it trades on paper in an account of its own",
    )
    enabled: bool = Field(True, description="false: no entries, an open position is managed until it is closed")
    params: dict[str, Any] = Field(
        default_factory=dict, description="the strategy's own parameters (`run_engine.py strategies` lists them)"
    )
    stop: float | None = Field(
        None, gt=0, lt=1, description="stop loss as a fraction of the fill; omitted: the strategy's own"
    )
    target: float | None = Field(None, gt=0, le=100, description="take profit as a fraction of the fill")
    trail: float | None = Field(None, gt=0, lt=1, description="trailing stop as a fraction of the fill")
    breakeven: float | None = Field(None, gt=0, le=100, description="gain after which the stop moves to the entry")
    time_stop: int | None = Field(None, ge=1, description="bars after which the position is closed")
    sizing: SizingSection | None = Field(None, description='overrides [sizing]: { kind = "risk", value = 0.01 }')
    allow_short: bool | None = Field(None, description="overrides [account] allow_short")
    ai: AiMode | None = Field(None, description="overrides [ai] mode, for strategies that ask a model")

    @field_validator("symbols")
    @classmethod
    def _canonical(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if not symbols:
            raise ValueError('at least one symbol, as in ["BTC/USD"]')
        return tuple(canonical(symbol) for symbol in symbols)

    @field_validator("timeframe")
    @classmethod
    def _divides_a_day(cls, text: str) -> str:
        if DAY_MS % timeframe_ms(text):
            raise ValueError("a length that divides a UTC day: 1m, 5m, 15m, 1h, 4h, 1d")
        return text

    @property
    def timeframe_ms(self) -> int:
        return timeframe_ms(self.timeframe)


class StorageSection(Section):
    """Where what happens is kept."""

    data_dir: str = Field("data", min_length=1, description="folder of database, candles, tape and logs")
    database_url: str = Field(
        "",
        pattern=r"^((sqlite|postgresql)[+a-z0-9]*:.+)?$",
        description="empty: evenkeel.db in data_dir; or postgresql+psycopg://...",
    )
    tape_days: int = Field(90, ge=1, le=36_500, description="days the tape is kept")
    warn_mb: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="free space below which it is told, and candles and details of the log are written no more; 0: never",
    )
    hold_mb: int = Field(
        256,
        ge=0,
        le=1_000_000,
        description="free space below which entries wait, until there is twice as much; 0: never",
    )
    reserve_mb: int = Field(
        64,
        ge=0,
        le=10_000,
        description="size of a file that is given back on a full disk, for exits and a kill; 0: none",
    )

    @model_validator(mode="after")
    def _early(self) -> Self:
        if 0 < self.warn_mb < self.hold_mb:
            raise ValueError(
                f"hold_mb ({self.hold_mb}) must not be above warn_mb ({self.warn_mb}): tell first, then hold"
            )
        return self


class LogSection(Section):
    """What the log file and the terminal tell."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severity that is written")


class EngineSection(Section):
    """How the engine keeps time."""

    grace_ms: int = Field(1000, ge=0, le=60_000, description="exchange time a second stays open for late prints")
    latency_ms: int = Field(250, ge=0, le=60_000, description="assumed way of an order to the exchange")
    history_bars: int = Field(
        500, ge=0, le=100_000, description="bars fetched before the start, beyond the strategies' own warm-up"
    )
    slot_budget_ms: int = Field(
        1000,
        ge=10,
        le=60_000,
        description="time a slot's strategy may take for a bar; above it three times in a row: stopped",
    )
