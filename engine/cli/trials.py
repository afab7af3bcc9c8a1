"""Every backtest counts as a trial, saved or not, wherever there is a database to count in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.cli import store
from engine.cli.output import say

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from engine.core.setup import Setup


def engine_for(save: bool) -> Engine | None:
    """The database in force, made or moved forward first where something is to be saved; None where there is none, or where
    it is of another version and nothing is to be saved."""
    import os

    store.point_to_data()
    there = os.environ.get("DATABASE_URL") or (store.data_dir() / "evenkeel.db").exists()
    if not (there or save):
        return None
    from db.errors import StorageError
    from db.session import check_schema, migrate, open_engine

    engine = open_engine()
    if save:
        migrate(engine)
        return engine
    try:
        check_schema(engine)
    except StorageError:
        engine.dispose()
        return None
    return engine


def count(setup: Setup, from_ts: int, to_ts: int, returns: Any, run_id: int | None = None) -> None:
    """Note a backtest of `setup` over [from_ts, to_ts) that made these daily returns, and tell how many there have been.

    Never fails a backtest: a database that is busy or of another version counts nothing.
    """
    engine = engine_for(False)
    if engine is None:
        return
    from sqlalchemy.exc import SQLAlchemyError

    from engine.analytics.doubt import deflated_sharpe_of
    from engine.analytics.values import Undefined
    from engine.analytics.verdict import percent
    from engine.research.lineage import count_setup, data_set_of, lineage_of, strategies_of

    try:
        count_setup(engine, setup, from_ts, to_ts, returns, run_id=run_id)
        found = lineage_of(engine, strategies_of(setup), data_set_of(setup, from_ts, to_ts))
        if found.trials > 1:
            chance = percent(deflated_sharpe_of(returns, found.trials, found.variance))
            say(
                f"note: {found.trials:,} variants tried on these days; with all counted, its Sharpe is above 0 with {chance}"
            )
    except Undefined:
        say(f"note: {found.trials:,} variants tried on these days")
    except SQLAlchemyError as error:
        say(f"note: this trial could not be counted: {type(error).__name__}")
    finally:
        engine.dispose()
