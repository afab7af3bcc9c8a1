"""What a person types wrong is told with what to type instead, and blamed on where it was typed."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from engine.cli.candles import length_of
from engine.cli.failures import STORAGE, USAGE, Fail, describe
from engine.config.errors import ConfigError
from engine.config.reading import parse
from engine.market.venue import VenueError, _make


def test_a_timeframe_that_is_none() -> None:
    with pytest.raises(Fail, match="'7q' is not known: write a number and s, m, h, d or w") as told:
        length_of("7q")
    assert told.value.exit_code == USAGE


def test_a_database_that_another_program_holds() -> None:
    for error in (
        sqlite3.OperationalError("database is locked"),
        OperationalError("SELECT 1", {}, Exception("database is locked")),
    ):
        assert describe(error) == (
            STORAGE, "another program holds the database, longer than is waited for: end it, or try again in a moment"
        )  # fmt: skip


def test_a_variable_of_the_environment_is_named_and_not_the_file() -> None:
    slot = '[[slots]]\nstrategy = "sma_cross"\nsymbols = ["BTC/USD"]\n[limits]\nmax_gross = "much"\n'
    env = {"EVENKEEL_API_PORT": "banana", "EVENKEEL_RUN_NOPE": "3"}
    with pytest.raises(ConfigError) as told:
        parse(slot, "my.toml", env)
    begins = sorted(line.partition(":")[0] for line in str(told.value).splitlines())
    assert begins == ["EVENKEEL_API_PORT", "EVENKEEL_RUN_NOPE", "my.toml"]


@pytest.mark.parametrize(
    ("name", "words"), [("coinbas", "did you mean coinbase"), ("zzzz", "such as coinbase or kraken")]
)
def test_an_exchange_that_is_none(name: str, words: str) -> None:
    with pytest.raises(VenueError, match=words):
        _make(name, "")
