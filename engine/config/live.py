"""The table [live]: what a person writes before real orders may go out. The rules around it are going_live.py's."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from engine.config.sections import Section

PHRASE = "these orders are real and I may lose this money"
"""What a person types, word for word, into `live.acknowledge`."""


class LiveSection(Section):
    """Real orders (`run.mode = "live"`): what a person has to write here before any is sent. Keys come from the environment."""

    acknowledge: str = Field("", description=f'the sentence "{PHRASE}", typed')
    capital: Decimal | None = Field(
        None, gt=0, strict=False, description="what the engine trades with, in quote currency, whatever the balance is"
    )
    max_order: Decimal | None = Field(
        None,
        gt=0,
        strict=False,
        description="largest entry, in quote currency; a larger one is made smaller or refused",
    )
    max_position: Decimal | None = Field(
        None, gt=0, strict=False, description="largest position in one symbol, in quote currency"
    )
    max_exposure: Decimal | None = Field(
        None, gt=0, strict=False, description="largest sum of all positions, in quote currency; at most the capital"
    )
    first_trades: int = Field(
        10, ge=0, le=1000, description="so many trades of a run have the venue's smallest size before sizes are whole"
    )
    bare_exit_s: int = Field(
        30,
        ge=0,
        le=86_400,
        description="a position whose stop the exchange has not confirmed for so long is closed at market; 0 = never",
    )
    paper_days: int = Field(
        30, ge=0, le=3650, description="days on paper that the page Go live wants to have seen; advice, no lock"
    )
    paper_trades: int = Field(
        30, ge=0, le=1_000_000, description="closed trades on paper that it wants to have seen; advice, no lock"
    )
