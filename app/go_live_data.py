"""What the page Go live asks: the checks before real orders, and a live run's orders beside its twin."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from sqlalchemy import Engine

from app import data
from app.clock import now_ms
from db.queries import scalar
from engine.config.errors import ConfigError
from engine.config.live import LiveSection
from engine.config.model import Config
from engine.config.reading import find, load, parse
from engine.research.live_checks import Check
from engine.research.live_checks import checks as every_check
from engine.research.twins import Beside
from engine.research.twins import beside as beside_twin
from engine.research.venue_told import Told, kept


@dataclass(frozen=True)
class Found:
    """The checks of the file `path`, and when the exchange was asked last."""

    path: Path
    config: Config
    told: Told | None
    made: list[Check]


def checks(engine: Engine | None) -> Found:
    """Every check; ConfigError where the configuration's file cannot be used. The app has no keys: what it says of the account is
    what the exchange told when `live check` was run last."""
    path = find()
    config = load(path)
    told = kept(Path(os.environ.get("EVENKEEL_DATA") or config.storage.data_dir))
    return Found(path, config, told, every_check(engine, config, os.environ, told, now_ms()))


def first_trades(engine: Engine, run_id: int) -> int:
    """How many of the run's first positions have the exchange's smallest size, by the configuration that is in force."""
    text = scalar(
        engine,
        "SELECT c.text FROM config_version c JOIN run r ON r.config_version_id = c.id WHERE r.id = :run",
        {"run": run_id},
    )
    try:
        return parse(str(text)).live.first_trades if text else LiveSection().first_trades
    except ConfigError:  # written by a program with other settings
        return LiveSection().first_trades


def beside(engine: Engine, run_id: int, twin: int) -> Beside | None:
    """A live run against its twin, reckoned anew with each trade that either closes."""
    return _beside(
        engine, data._place(engine), run_id, data.trades_stamp(engine, run_id), data.trades_stamp(engine, twin)
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _beside(_engine: Engine, place: str, run_id: int, mine: int, its: int) -> Beside | None:
    return beside_twin(_engine, run_id)
