"""Promoting a run: what it was made of comes into the configuration, comments stay, no limit is loosened, refusals are said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from db.session import open_engine
from engine.cli.app import app
from engine.config.edit import Slot, with_slot
from engine.config.errors import ConfigError
from engine.config.reading import load
from engine.config.sections import LimitsSection
from engine.core.setup import Setup
from engine.core.types import AccountSpec, Instrument, SlotSpec
from engine.research.jobs import ask, job_of
from engine.research.work_kinds import KINDS, Kind
from engine.research.worker import work
from engine.runtime.build import breakers_of
from engine.runtime.promote import CannotPromote, _limits, _reach, job, promotion, write
from tests.research.conftest import csv, walk

CONFIG = """# my configuration
[limits]
max_positions = 2  # no more

[[slots]]
strategy = "sma_cross"
symbols = ["BTC-USD", "ETH/USD"]  # two of them
timeframe = "1m"
params = { fast = 10, slow = 50 }  # the classic
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one saved backtest, made by the command."""
    folder = tmp_path_factory.mktemp("promote")
    candles = csv(folder / "btc.csv", walk(1500))
    words = [
        "--data-dir", folder, "backtest", "sma_cross", "--data", candles, "--symbol", "BTC/USD", "--timeframe", "1m", "--save",
        "--param", "fast=5", "--param", "slow=40", "--stop", "0.02", "--size", "0.1", "--json",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENKEEL_DATA", str(folder))
        patch.delenv("DATABASE_URL", raising=False)
        made = CliRunner().invoke(app, [str(word) for word in words])
    assert made.exit_code == 0, made.output
    return folder


@pytest.fixture
def engine(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("EVENKEEL_DATA", str(data))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    opened = open_engine()
    yield opened
    opened.dispose()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


def test_a_run_comes_into_the_configuration_and_comments_stay(engine: Engine, config: Path) -> None:
    made = promotion(engine, 1, config, {})
    assert config.read_text() == CONFIG, "it was only looked at"
    write(made, {})
    after = load(config, {})
    mine = next(slot for slot in after.slots if slot.symbols == ("BTC/USD",))
    other = next(slot for slot in after.slots if slot.symbols == ("ETH/USD",))
    assert (mine.params, mine.stop) == ({"fast": 5, "slow": 40}, 0.02)
    assert mine.sizing is not None
    assert mine.sizing.value == 0.1
    assert (other.params, other.stop, other.sizing) == ({"fast": 10, "slow": 50}, None, None)
    for comment in ("# my configuration", "# no more", "# two of them", "# the classic"):
        assert comment in config.read_text()
    assert promotion(engine, 1, config, {}).diff == "", "a second time changes nothing"


def test_looser_limits_of_a_run_are_told_and_not_written(engine: Engine, config: Path) -> None:
    made = promotion(engine, 1, config, {})
    write(made, {})
    after = load(config, {})
    assert after.limits.max_positions == 1, "the run had one slot, which is stricter"
    assert after.limits.drawdown_halt == 0.2
    (said,) = [note for note in made.notes if "not loosened" in note]
    assert "drawdown_halt" in said
    assert "per_symbol" in said


def limits() -> some.SearchStrategy[LimitsSection]:
    share = some.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5])
    pairs = some.tuples(share, share).map(lambda pair: pair if not pair[1] else (min(pair), pair[1]))
    return some.builds(
        lambda most, gross, cap, losses, day, fall: LimitsSection(
            max_positions=most, max_gross=gross, per_symbol=cap, consecutive_losses=losses, daily_loss_pause=day[0],
            daily_loss_halt=day[1], drawdown_reduce=fall[0], drawdown_halt=fall[1],
        ),
        some.integers(1, 9), some.sampled_from([0.5, 1.0, 3.0]), share, some.integers(0, 9), pairs, pairs,
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(limits(), limits())
def test_no_limit_is_ever_loosened(mine: LimitsSection, ran: LimitsSection) -> None:
    cap = {"max_positions": ran.max_positions, "max_gross": ran.max_gross, "symbol_cap": ran.per_symbol}
    account = AccountSpec(Decimal(1000), "USD", Decimal("1e-8"), **cap)
    one = SlotSpec("", "sma_cross", "BTC/USD", 60_000)
    setup = Setup(account, (Instrument.unspecified("BTC/USD"),), (one,), ({},), breakers_of(ran), 0, 0)
    changed, _ = _limits(mine, setup)
    for key in changed.keys() | {"max_positions", "max_gross", "per_symbol", "drawdown_halt"}:
        before, after = (_reach(key, value) for value in (getattr(mine, key), changed.get(key, getattr(mine, key))))
        assert after == min(before, _reach(key, getattr(ran, key))) or (after == before and key not in changed)
        assert after <= before


def test_an_edit_between_look_and_write_is_not_overwritten(engine: Engine, config: Path) -> None:
    made = promotion(engine, 1, config, {})
    config.write_text(CONFIG + "# an afterthought\n")
    with pytest.raises(ConfigError, match="edited meanwhile"):
        write(made, {})
    assert config.read_text() == CONFIG + "# an afterthought\n"


def test_what_would_be_refused_at_a_start_is_refused_here(engine: Engine, config: Path) -> None:
    config.write_text(CONFIG.replace("USD", "EUR") + '\n[account]\nquote = "EUR"\n')
    with pytest.raises(Exception, match="BTC/USD is not quoted in EUR"):
        promotion(engine, 1, config, {})
    made = replace(promotion(engine, 1, restored(config), {}), text="[[slots]]\nfast = 1\n")
    with pytest.raises(Exception, match="fast"):
        write(made, {})
    assert config.read_text() == CONFIG


def restored(config: Path) -> Path:
    config.write_text(CONFIG)
    return config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE slot SET source_hash = 'another'", "is not the one"),
        ("UPDATE run SET params = '{}'", "did not store"),
        ("UPDATE run SET status = 'writing'", "still being written"),
    ],
)
def test_refusals_say_what_to_do(engine: Engine, config: Path, change: str, said: str) -> None:
    with engine.connect() as connection:
        before = connection.execute(text("SELECT source_hash FROM slot")).scalar()
        kept = connection.execute(text("SELECT params, status FROM run")).one()
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(text(change))
    try:
        with pytest.raises(CannotPromote, match=said):
            promotion(engine, 1, config, {})
    finally:
        with engine.execution_options(write=True).begin() as connection:
            connection.execute(text("UPDATE slot SET source_hash = :x"), {"x": before})
            connection.execute(text("UPDATE run SET params = :p, status = :s"), {"p": kept[0], "s": kept[1]})
    assert config.read_text() == CONFIG


def test_as_a_command_and_as_a_job(engine: Engine, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_CONFIG", str(config))
    monkeypatch.setitem(KINDS, "promote", Kind(job))
    shown = CliRunner().invoke(app, ["promote", "1", "--json"])
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    assert not told["written"]
    assert "+params = {fast = 5, slow = 40}  # the classic" in told["diff"].replace("{ ", "{").replace(" }", "}")
    assert config.read_text() == CONFIG

    def asked(**args: Any) -> Any:
        uuid = ask(engine, "promote", {"run_id": 1, **args})
        assert work(engine, once=True) == 1
        return job_of(engine, uuid)

    looked = asked()
    assert looked.result["diff"] == told["diff"]
    assert "edited meanwhile" in asked(write="of another file").error
    assert asked(write=looked.result["digest"]).result["written"]
    assert load(config, {}).slots[-1].params == {"fast": 5, "slow": 40}


@settings(max_examples=60, deadline=None)
@given(
    some.lists(some.sampled_from(["BTC/USD", "ETH/USD", "SOL/USD"]), min_size=1, max_size=3, unique=True),
    some.dictionaries(some.sampled_from(["fast", "slow"]), some.integers(5, 90), max_size=2),
    some.one_of(some.none(), some.sampled_from([0.01, 0.5])),
)
def test_an_edited_slot_says_what_was_wanted_and_others_stay(
    symbols: list[str], params: dict[str, int], stop: Any
) -> None:
    wanted = Slot("sma_cross", tuple(symbols), "1m", "", {"params": params, "stop": stop})
    once = with_slot(CONFIG, wanted)
    assert with_slot(once, wanted) == once
    found = {symbol: table for table in tables(once) for symbol in table["symbols"]}
    assert found.keys() == {"BTC/USD", "ETH/USD"} | set(symbols)
    for symbol, table in found.items():
        expected = (params, stop) if symbol in symbols else ({"fast": 10, "slow": 50}, None)
        assert (table.get("params", {}), table.get("stop")) == expected


def tables(toml: str) -> list[dict[str, Any]]:
    import tomllib

    from engine.market.symbols import canonical

    read = tomllib.loads(toml)["slots"]
    return [{**table, "symbols": [canonical(one) for one in table["symbols"]]} for table in read]
