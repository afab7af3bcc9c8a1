"""Whether a model may open positions by itself: only after enough of its decisions are scored, or where a person has
typed that they accept it unproven. Until then mode trade is shadow, and is told so."""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy import Engine

from engine.ai.record import scored
from engine.config.ai import ACCEPT, PROVEN, AiSection
from engine.core.setup import Setup

log = logging.getLogger("evenkeel.ai")


def gated(setup: Setup, ai: AiSection, engine: Engine, run_id: int | None) -> Setup:
    """The setup with mode trade turned into shadow where the run's models are not proven. Reads the database."""
    if not any(advice.mode == "trade" for advice in setup.advice) or ai.trade_unproven == ACCEPT:
        return setup
    found = 0
    if run_id is not None:
        with engine.connect() as connection:
            found = scored(connection, run_id)
    if found >= PROVEN:
        return setup
    log.warning(
        "[ai] mode trade is shadow for now: %d of %d decisions are scored. It acts from the first start or reload after that; "
        'or type trade_unproven = "%s"', found, PROVEN, ACCEPT,
    )  # fmt: skip
    calmer = (replace(one, mode="shadow") if one.mode == "trade" else one for one in setup.advice)
    return replace(setup, advice=tuple(calmer))
