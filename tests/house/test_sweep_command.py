"""sweep on the command line: results, their file, what is refused, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from db.session import migrate, open_engine
from engine.research.lineage import data_set, trials_of
from engine.research.sweep_table import read_data
from tests.research.conftest import csv, walk

ROOT = Path(__file__).resolve().parents[2]


def command(folder: Path, *args: str) -> list[str]:
    return [sys.executable, str(ROOT / "run_engine.py"), "--data-dir", str(folder / "data"), "sweep", *args]


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *args), cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return csv(tmp_path_factory.mktemp("candles") / "BTCUSD_1m.csv", walk(8_000))


def test_a_grid_equals_single_backtests(candles: Path, tmp_path: Path) -> None:
    words = ["sma_cross", "--data", str(candles), "--fee", "0.001", "--stop", "0.01", "--json"]
    done = run(tmp_path, *words, "--grid", "fast=5,10", "--grid", "slow=8,30", "--metric", "total_return")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["sets"], told["run"], told["excluded"], told["complete"]) == (4, 3, 1, True)
    assert told["trials"] == 3
    returns = [row["total_return"] for row in told["results"]]
    assert returns == sorted(returns, reverse=True)
    best = told["first"]
    alone = subprocess.run(
        [sys.executable, str(ROOT / "run_engine.py"), "backtest", *words, "--param", f"fast={best['fast']}", "--param",
         f"slow={best['slow']}"], cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    single = json.loads(alone.stdout)
    for name in ("trades", "sharpe", "total_return", "max_drawdown", "final_equity", "fees", "win_rate"):
        assert best[name] == single[name], name
    assert read_data(Path(told["file"]) if Path(told["file"]).is_absolute() else tmp_path / told["file"]).num_rows == 3


def test_a_search_stays_off_the_seal_and_is_judged_by_all_that_was_tried(candles: Path, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'data' / 'evenkeel.db'}")
    migrate(engine)
    words = [
        "sma_cross",
        "--data",
        str(candles),
        "--fee",
        "0.001",
        "--grid",
        "fast=3:20",
        "--grid",
        "slow=21:60",
        "--json",
    ]
    done = run(
        tmp_path, *words, "--method", "nsga2", "--trials", "24", "--objective", "sharpe", "--objective", "max_drawdown"
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["run"] + told["excluded"] + told["repeated"] == told["sets"] == 24
    assert told["bars"] < 8_000
    assert "stay sealed" in done.stderr
    assert told["trials"] == told["run"]
    assert {"deflated_sharpe", "pbo", "psr", "min_track_record", "verdict", "grade"} <= set(told)
    assert "two days" in str(told["undefined"]) or "16" in str(told["undefined"])
    front = [(row["sharpe"], row["max_drawdown"]) for row in told["front"]]
    assert front == sorted(front, reverse=True)
    more = json.loads(run(tmp_path, *words, "--method", "tpe", "--trials", "16").stdout)
    data = data_set(["BTC/USD"], told["start"], told["end"])
    assert more["trials"] == trials_of(engine, "sma_cross", data)[0] > more["run"]
    engine.dispose()


def test_sets_that_never_trade_say_why(candles: Path, tmp_path: Path) -> None:
    args = ["--data", str(candles), "--rows", "150", "--grid", "fast=50,60", "--grid", "slow=200,210"]
    done = run(tmp_path, "sma_cross", *args)
    assert done.returncode == 0, done.stderr
    assert "no set closed a trade" in done.stderr
    assert "needs 200 before its first signal" in done.stderr
    assert "deflated sharpe" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "say what to vary"),
        (["--grid", "stop=0:0.9:0.000000001", "--grid", "target=0:90:0.00000000001"], "8,100,000,009,000,900,000,001"),
        (["--grid", "fast=3,4", "--method", "nsga2", "--objective", "sharpe"], "name both"),
        (["--grid", "fast=9:5"], "no parameter sets"),
        (["--grid", "fats=5,6"], "did you mean fast"),
        (["--grid", "fast=5", "--metric", "luck"], "--metric luck"),
    ],
)
def test_what_is_refused_is_a_sentence(candles: Path, tmp_path: Path, args: list[str], words: str) -> None:
    done = run(tmp_path, "sma_cross", "--data", str(candles), *args)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_keeps_what_is_done(candles: Path, tmp_path: Path) -> None:
    words = ["rsi_reversion", "--data", str(candles), "--out", str(tmp_path / "s.arrow"), "--workers", "1"]
    words += ["--grid", "length=2:200", "--grid", "stop_atr=1:20", "--json"]
    process = subprocess.Popen(
        command(tmp_path, *words), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    part = tmp_path / "s.arrow.part"
    try:
        while process.poll() is None and not (part.exists() and part.stat().st_size > 60_000):
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1, err
    told = json.loads(out)
    assert not told["complete"]
    assert 0 < told["run"] < told["sets"] == 3980
    assert "goes on from there" in err
