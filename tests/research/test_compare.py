"""Any runs side by side: what differs is named, priced, and only called a difference when it is one."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text

from db.session import migrate, open_engine
from engine.research.backtest import run_backtest, save_backtest
from engine.research.compare import CompareError, as_dict, compare
from engine.research.compare_trades import match
from tests.research.conftest import spec, walk

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def saved(engine: Engine, params: dict[str, Any] | None = None, n: int = 8_000, **words: Any) -> int:
    one = spec(walk(n), params=params or {}, **words)
    done = save_backtest(engine, one, run_backtest(one))
    assert done.run_id is not None
    return done.run_id


def test_a_run_against_its_twin_does_not_differ(engine: Engine) -> None:
    first, twin = saved(engine), saved(engine)
    made = compare(engine, [first, twin])
    assert made.config == ()
    assert made.against[0].differing == []
    assert len(made.against[0].pairs) == made.sides[0].figures["trades"].value
    gap = made.against[0].gaps["sharpe"]
    assert not isinstance(gap, str)
    assert (gap.low, gap.value, gap.high) == (0, 0, 0)
    assert "No difference" in made.against[0].sentence
    assert np.array_equal(made.sides[0].level, made.sides[1].level)
    json.dumps(as_dict(made), allow_nan=False)


def test_what_differs_is_named_and_trades_are_told_apart(engine: Engine) -> None:
    first, faster, dearer = saved(engine), saved(engine, {"fast": 8}), saved(engine, fee="0.004")
    made = compare(engine, [first, faster, dearer])
    settings = {one.name: one.values for one in made.config}
    assert settings == {
        "sma_cross on BTC/USD 1m: fast": (10, 8, 10),
        "BTC/USD: maker": (0.001, 0.001, 0.004),
        "BTC/USD: taker": (0.001, 0.001, 0.004),
    }
    trades = [{pair.ts: pair for pair in one.pairs} for one in made.against]
    assert any(pair.one is None for pair in trades[0].values())
    assert any(pair.other is None for pair in trades[0].values())
    pairs = made.against[1].pairs
    assert all(pair.one and pair.other and not pair.same for pair in pairs), "the same trades, all dearer"
    assert sum(pair.money for pair in pairs) == pytest.approx(
        made.sides[2].account.trades.pnl.sum() - made.sides[0].account.trades.pnl.sum()
    )
    gap = made.against[1].gaps["total_return"]
    assert not isinstance(gap, str)
    assert gap.value == pytest.approx(
        made.sides[2].figures["total_return"].value - made.sides[0].figures["total_return"].value  # type: ignore[operator]
    )


def test_curves_are_one_where_all_have_begun(engine: Engine) -> None:
    first, late = saved(engine), saved(engine)
    with engine.execution_options(write=True).begin() as connection:
        start = int(connection.execute(text("SELECT started_ts FROM run WHERE id = :r"), {"r": late}).scalar() or 0)
        cut = start + 86_400_000
        connection.execute(text("DELETE FROM equity WHERE run_id = :r AND ts <= :t"), {"r": late, "t": cut})
        connection.execute(text("UPDATE run SET started_ts = :t WHERE id = :r"), {"r": late, "t": cut})
    made = compare(engine, [first, late])
    assert made.rebased_ts == cut
    at = int(np.searchsorted(made.sides[0].ts, cut))
    assert (made.sides[0].ts[at], made.sides[0].level[at]) == (cut, 1.0)
    assert made.sides[1].level[0] == 1.0
    assert made.against[0].days == 5


def test_who_cannot_be_compared_is_said(engine: Engine) -> None:
    first = saved(engine, n=500)
    for wrong in ([first], [first, first], list(range(1, 12))):
        with pytest.raises(CompareError, match="2 to 8 different runs"):
            compare(engine, wrong)
    with pytest.raises(CompareError, match="no run 77"):
        compare(engine, [first, 77])


def test_each_trade_is_matched_once_with_the_nearest() -> None:
    def trade(seq: int, entered: int, **words: Any) -> dict[str, Any]:
        base = {"seq": seq, "symbol": "BTC/USD", "direction": 1, "entry_ts": entered, "pnl": float(seq)}
        return {
            **base,
            "qty": 1.0,
            "entry_price": 1.0,
            "exit_ts": 9,
            "exit_price": 1.0,
            "exit_reason": "exit",
            "fees": 0,
            **words,
        }

    one = [trade(1, 100), trade(2, 200), trade(3, 500), trade(4, 900, direction=-1)]
    other = [trade(1, 104), trade(2, 190), trade(3, 560), trade(4, 900)]
    pairs = match(one, other, 20)
    seqs = [(pair.one and pair.one["seq"], pair.other and pair.other["seq"]) for pair in pairs]
    assert seqs == [(1, 1), (2, 2), (3, None), (None, 3), (None, 4), (4, None)]
    assert [pair.money for pair in pairs] == [0, 0, -3, 3, 4, -4]


def test_the_command_prints_and_writes(tmp_path: Path, engine: Engine) -> None:
    first, faster = saved(engine, n=2_000), saved(engine, {"fast": 8}, n=2_000)
    environment = {**os.environ, "EVENKEEL_DATA": str(tmp_path), "EVENKEEL_HOME": str(tmp_path / "my")}
    environment.pop("DATABASE_URL", None)
    out = tmp_path / "differ.csv"
    for words in (["--json"], ["--trades-out", str(out)]):
        done = subprocess.run(
            [sys.executable, str(ROOT / "run_engine.py"), "compare", str(first), str(faster), *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        if words == ["--json"]:
            told = json.loads(done.stdout)
            assert [row["id"] for row in told["runs"]] == [first, faster]
            assert told["config"] == [{"setting": "sma_cross on BTC/USD 1m: fast", "values": [10, 8]}]
        else:
            assert "fast" in done.stdout
            assert "against" in done.stdout
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == len(compare(engine, [first, faster]).against[0].differing)
    assert {"money", "first_pnl", "this_pnl"} <= rows[0].keys()
