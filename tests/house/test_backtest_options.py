"""What a person types for a backtest is read exactly, or refused in words before anything is run."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.cli.backtest import Options, amount
from engine.cli.failures import Fail
from engine.cli.strategy import parse_params
from engine.cli.tables import write_table
from tests.house.conftest import Cli

COLUMNS = {"entry_ts": np.array([1, 2]), "pnl": np.array([0.5, np.nan]), "exit_reason": ["stop", "open"]}


def test_parameters_keep_their_types() -> None:
    assert parse_params(["fast=10", "x=0.5", "on=true", "kind=ema", "day = 2"]) == {
        "fast": 10, "x": 0.5, "on": True, "kind": "ema", "day": 2,
    }  # fmt: skip
    for texts in (["fast"], ["=3"], ["fast=1", "fast=2"]):
        with pytest.raises(Fail) as caught:
            parse_params(texts)
        assert caught.value.exit_code == 2


def test_money_is_read_as_a_decimal() -> None:
    assert amount("cash", "1000.10") == Decimal("1000.10")
    assert amount("fee", "0") == 0
    for name, text in (
        ("cash", "0"),
        ("cash", "-1"),
        ("fee", "-0.1"),
        ("fee", "free"),
        ("cash", "inf"),
        ("cash", "nan"),
    ):
        with pytest.raises(Fail, match=f"--{name}"):
            amount(name, text)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"taker": Decimal(1)}, "0.1 %"),
        ({"maker": Decimal(2)}, "0.1 %"),
        ({"size": 0.0}, "--size 0"),
        ({"size": 20.0}, "--size 20"),
        ({"stop": 2.0}, "2 %"),
        ({"stop": 0.0}, "--stop 0"),
        ({"stop": float("nan")}, "--stop"),
        ({"target": -0.1}, "--target"),
    ],
)
def test_a_percentage_is_not_taken_for_a_fraction(change: dict[str, object], word: str) -> None:
    good = {"cash": Decimal(1000), "maker": None, "taker": None, "slippage_bps": 5.0}
    good |= {"size": 0.2, "stop": 0.02, "target": None}
    Options(**good).check()  # type: ignore[arg-type]
    with pytest.raises(Fail, match=word):
        Options(**{**good, **change}).check()  # type: ignore[arg-type]


def test_zero_cost_is_noticed() -> None:
    assert Options(Decimal(1), None, Decimal(0), 5.0, 1.0, None, None).free
    assert Options(Decimal(1), None, None, 0.0, 1.0, None, None).free
    assert not Options(Decimal(1), None, None, 5.0, 1.0, None, None).free


def test_a_table_in_three_kinds_says_the_same(tmp_path: Path) -> None:
    for kind in (".csv", ".json", ".parquet"):
        write_table(tmp_path / "made" / f"t{kind}", COLUMNS)
    rows = list(csv.DictReader((tmp_path / "made" / "t.csv").open()))
    assert rows == [
        {"entry_ts": "1", "pnl": "0.5", "exit_reason": "stop"},
        {"entry_ts": "2", "pnl": "", "exit_reason": "open"},
    ]
    wanted = [{"entry_ts": 1, "pnl": 0.5, "exit_reason": "stop"}, {"entry_ts": 2, "pnl": None, "exit_reason": "open"}]
    assert json.loads((tmp_path / "made" / "t.json").read_text()) == wanted
    assert pq.read_table(tmp_path / "made" / "t.parquet").to_pylist() == wanted
    assert len(list((tmp_path / "made").iterdir())) == 3


def test_a_wrong_kind_of_file_is_told_before_the_work(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("backtest", "sma_cross", "--data", "none.csv", "--trades-out", str(tmp_path / "trades.xls"))
    assert outcome.code == 2
    assert ".csv, .json, .parquet" in outcome.err
