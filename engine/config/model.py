"""The configuration: one frozen object, swapped whole, never changed in place. Its tables are in sections.py.

Rules between tables stand here. Reading files is reading.py's; nothing here opens a file, a database or a strategy.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from engine.config.ai import AiSection
from engine.config.alerts import AlertsSection
from engine.config.api import ApiSection, HealthSection, ScheduleSection
from engine.config.live import LiveSection
from engine.config.network import NetworkSection
from engine.config.sections import (
    AccountSection,
    CostsSection,
    EngineSection,
    LimitsSection,
    LogSection,
    RunSection,
    Section,
    SizingSection,
    SlotSection,
    StorageSection,
)
from engine.config.steering import AllocatorSection, LearningSection


class Config(Section):
    """Everything a run is told. Frozen."""

    run: RunSection = RunSection()
    account: AccountSection = AccountSection()
    live: LiveSection = LiveSection()
    costs: CostsSection = CostsSection()
    sizing: SizingSection = SizingSection()
    limits: LimitsSection = LimitsSection()
    storage: StorageSection = StorageSection()
    log: LogSection = LogSection()
    engine: EngineSection = EngineSection()
    alerts: AlertsSection = AlertsSection()
    api: ApiSection = ApiSection()
    health: HealthSection = HealthSection()
    schedule: ScheduleSection = ScheduleSection()
    allocator: AllocatorSection = AllocatorSection()
    learning: LearningSection = LearningSection()
    ai: AiSection = AiSection()
    network: NetworkSection = NetworkSection()
    slots: tuple[SlotSection, ...] = Field(strict=False, description="one [[slots]] table for each strategy")

    @model_validator(mode="after")
    def _one_quote_and_no_twins(self) -> Self:
        if not self.incumbents:
            raise ValueError(
                "[[slots]] is empty: an engine without a strategy has nothing to do; add one [[slots]] table"
            )
        seen: set[tuple[str, str, str, str]] = set()
        for number, slot in enumerate(self.slots, 1):
            for symbol in slot.symbols:
                if symbol.partition("/")[2].partition(":")[0] != self.account.quote:
                    raise ValueError(
                        f"[[slots]] {number}: {symbol} is not quoted in {self.account.quote}; an account has one quote currency. "
                        f"Change the symbol, or quote in [account]"
                    )
                twin = (slot.strategy, symbol, slot.timeframe, slot.label)
                if twin in seen:
                    raise ValueError(
                        f"[[slots]] {number}: {slot.strategy} on {symbol} at {slot.timeframe} "
                        "stands there twice; give one a label"
                    )
                seen.add(twin)
        return self

    @model_validator(mode="after")
    def _challengers_have_somebody_to_beat(self) -> Self:
        feed = {(symbol, slot.timeframe) for slot in self.incumbents for symbol in slot.symbols}
        named = {
            (symbol, name)
            for slot in self.incumbents
            for symbol in slot.symbols
            for name in (slot.strategy, slot.label)
        }
        for number, slot in enumerate(self.slots, 1):
            for symbol in slot.symbols if slot.challenger_of else ():
                if (symbol, slot.challenger_of) not in named:
                    raise ValueError(
                        f"[[slots]] {number}: no slot {slot.challenger_of!r} on {symbol} to challenge; name the strategy or the "
                        "label of one that is no challenger itself"
                    )
                if (symbol, slot.timeframe) not in feed:
                    raise ValueError(
                        f"[[slots]] {number}: nothing is traded on {symbol} at {slot.timeframe}; a challenger lives of the bars "
                        "of the account it challenges"
                    )
        return self

    @property
    def incumbents(self) -> tuple[SlotSection, ...]:
        """The slots of the account itself."""
        return tuple(slot for slot in self.slots if not slot.challenger_of)

    @property
    def challengers(self) -> tuple[SlotSection, ...]:
        """The slots that each trade on paper in an account of their own."""
        return tuple(slot for slot in self.slots if slot.challenger_of)

    @property
    def cash(self) -> Decimal:
        """What a new run starts with, in quote currency: real orders trade `live.capital`, and a dry run rehearses that."""
        capital = self.live.capital
        return self.account.cash if self.run.mode == "paper" or capital is None else capital

    def database_url(self) -> str:
        """The database's address; SQLite in the data folder unless another is named."""
        return self.storage.database_url or f"sqlite:///{Path(self.storage.data_dir) / 'evenkeel.db'}"
