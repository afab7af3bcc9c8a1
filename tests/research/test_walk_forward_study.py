"""A walk as it is asked for: the last fifth stays sealed, every candidate is a trial, the stitched run is one like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.queries import rows, scalar
from db.session import migrate, open_engine
from engine.core.setup import Setup
from engine.ledger.audit import audit
from engine.market.candles import Candles
from engine.research.lineage import data_set_of, lineage_of
from engine.research.seal import openings
from engine.research.space import SpaceError
from engine.research.stored import account_of_run
from engine.research.study import Source, Study
from engine.research.walk_forward_folds import WalkForwardError
from engine.research.walk_forward_study import Ask, candidates_of, walk_study
from tests.research.conftest import MINUTE, START, csv, spec, walk

ROOT = Path(__file__).resolve().parents[2]
N = 15_000
AXES = ["fast=5:15:5", "slow=10:50:20"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def study_of(candles: Candles) -> Study:
    one = spec(candles, fee="0.0005")
    return Study(Setup(one.account, (one.instrument,), (one.slot,), (one.params,), (), 0, 0), (Source("BTC/USD"),))


def test_walked_counted_doubted_and_stored(engine: Engine) -> None:
    candles = walk(N)
    study = study_of(candles)
    said: list[float] = []
    made = walk_study(
        study, AXES, {"BTC/USD": candles}, Ask(folds=3, anchored=True), engine, save=True,
        progress=lambda share, _: said.append(share),
    )  # fmt: skip
    assert said == sorted(said)
    sealed_from = START + (N - N // 5) * MINUTE
    assert made.walk.played.end <= sealed_from
    assert len(made.points) == 7, "fast 10 and slow 10 break the constraint, 15 and 10 too"
    assert made.matrix.shape[1] == 7
    assert (made.doubt.trials, made.doubt.openings) == (7, 0)
    assert openings(engine, ["BTC/USD"], "sma_cross") == []
    tried = lineage_of(engine, "sma_cross", data_set_of(study.setup, START, START + N * MINUTE))
    assert tried.origins == {"walk_forward": 7}
    assert made.run_id is not None
    run = rows(engine, "SELECT * FROM run WHERE id = :r", {"r": made.run_id})[0]
    assert (run["kind"], run["status"]) == ("backtest", "complete")
    assert run["name"] == made.name == "walk-forward sma_cross BTC/USD #1"
    story = json.loads(run["params"])["walk_forward"]
    assert len(story["folds"]) == 3
    assert all(fold["point"].keys() == {"fast", "slow"} for fold in story["folds"])
    assert json.loads(run["stats"])["doubt"]["trials"] == 7
    stored = account_of_run(engine, made.run_id)
    assert stored.curve.final == made.walk.account.curve.final
    assert len(stored.trades) == len(made.walk.account.trades) == scalar(engine, "SELECT count(*) FROM trade")
    json.dumps(made.as_dict(), allow_nan=False)
    report = audit(engine, made.run_id)
    assert report.problems == []


def test_a_walk_into_the_sealed_part_is_counted(engine: Engine) -> None:
    candles = walk(4_000)
    made = walk_study(study_of(candles), [], {"BTC/USD": candles}, Ask(folds=2, sealed=False), engine)
    assert made.walk.played.end == START + 4_000 * MINUTE
    assert len(openings(engine, ["BTC/USD"], "sma_cross")) == 1
    assert made.run_id is None
    assert scalar(engine, "SELECT count(*) FROM run") == 0


def test_what_cannot_be_asked_is_said() -> None:
    candles = walk(2_000)
    study = study_of(candles)
    with pytest.raises(WalkForwardError, match="too many"):
        candidates_of(study, ["fast=2:200:1", "slow=3:400:1"])
    with pytest.raises(SpaceError, match="did you mean"):
        candidates_of(study, ["fst=2:20:1"])
    with pytest.raises(WalkForwardError, match="no set keeps"):
        candidates_of(study, ["fast=50,60", "slow=20,30"])
    assert len(candidates_of(study, ["fast=2:200:1", "slow=3:400:1"], draws=7)) == 7
    assert candidates_of(study, []) == [({}, study.setup)]
    with pytest.raises(WalkForwardError, match="no statistic"):
        walk_study(study, [], {"BTC/USD": candles}, Ask(metric="luck"))


def test_the_command(tmp_path: Path) -> None:
    data = csv(tmp_path / "BTCUSD_20240101.csv", walk(6_000))
    environment = {**os.environ, "EVENKEEL_DATA": str(tmp_path / "data"), "EVENKEEL_HOME": str(tmp_path / "my")}
    for name in ("DATABASE_URL", "EVENKEEL_CONFIG"):
        environment.pop(name, None)
    words = ["walk-forward", "sma_cross", "--data", str(data), "--fee", "0.001", "--grid", "fast=5,10", "--folds", "2"]
    for more in (["--json", "--save"], ["--anchored", "--open-seal"]):
        done = subprocess.run(
            [sys.executable, str(ROOT / "run_engine.py"), *words, *more],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        if "--json" in more:
            told = json.loads(done.stdout)
            assert (told["candidates"], len(told["folds"]), told["run_id"]) == (2, 2, 1)
            assert told["doubt"]["trials"] == 2
        else:
            assert "2 variants tried" in done.stdout
    counted = open_engine(f"sqlite:///{tmp_path / 'data' / 'evenkeel.db'}")
    try:
        assert [one.reason for one in openings(counted, ["BTC/USD"], "sma_cross")] == ["walk-forward over all data"]
    finally:
        counted.dispose()
