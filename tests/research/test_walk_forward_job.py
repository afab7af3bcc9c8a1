"""A walk as a job: done by the worker, ended when cancelled, gone on with where it was; its result is a run of its own."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from db.queries import rows
from engine.core.setup import Setup
from engine.market.store import Store
from engine.research import walk_forward
from engine.research.jobs import ask, job_of
from engine.research.study import Source, Study
from engine.research.walk_forward_study import Ask
from engine.research.work_kinds import Context, Interrupted
from engine.research.work_kinds import walk_forward as job
from engine.research.worker import work
from tests.research.conftest import spec, walk

N = 8_000
AXES = ["fast=5:15:5", "slow=10:50:20"]
HOW = asdict(Ask(folds=3, train=0.4))


def asked(folder: Path) -> dict[str, Any]:
    candles = walk(N)
    Store(folder / "candles").write("coinbase", "BTC/USD", "1m", replace(candles, symbol=""))
    one = spec(candles, fee="0.0005")
    setup = Setup(one.account, (one.instrument,), (one.slot,), (one.params,), (), 0, 0)
    return {"study": Study(setup, (Source("BTC/USD", "coinbase"),)).to_json(), "axes": AXES, "ask": HOW}


class Broken(Context):
    """Ends the work once so much of it is done."""

    until = 0.4

    def progress(self, share: float, words: str = "") -> None:
        if share >= self.until:
            raise Interrupted


def test_the_worker_walks_and_the_result_is_a_run(engine: Engine, tmp_path: Path) -> None:
    uuid = ask(engine, "walk_forward", asked(tmp_path), "a walk")
    assert work(engine, once=True) == 1
    done = job_of(engine, uuid)
    assert done is not None
    assert (done.state, done.error) == ("done", None)
    run = rows(engine, "SELECT * FROM run WHERE id = :r", {"r": done.result["run_id"]})[0]
    assert (run["name"], run["status"]) == (done.result["run"], "complete")
    assert len(done.result["folds"]) == 3
    assert all(fold["ahead_of"] is None or 0 <= fold["ahead_of"] <= 1 for fold in done.result["folds"])
    assert json.loads(run["params"])["walk_forward"]["folds"] == done.result["folds"]


def test_a_walk_that_was_broken_off_goes_on_and_ends_the_same(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = asked(tmp_path)
    with pytest.raises(Interrupted):
        job(args, Broken(engine, 0))
    assert rows(engine, "SELECT id FROM run") == []
    (file,) = (tmp_path / "walks").glob("*.json")
    assert len(json.loads(file.read_text())) == 1
    whole = job({**args, "ask": HOW}, Context(engine, 0))
    trained: list[int] = []
    best_by = walk_forward.best_by

    def counted(*words: Any, **named: Any) -> Any:
        choose = best_by(*words, **named)

        def chosen(setups: Any, seen: Any, fold: Any) -> Any:
            trained.append(fold.number)
            return choose(setups, seen, fold)

        return chosen

    monkeypatch.setattr("engine.research.walk_forward_study.best_by", counted)
    again = job(args, Context(engine, 0))
    assert trained == [], "every fold had been chosen for"
    assert [fold["point"] for fold in again["folds"]] == [fold["point"] for fold in whole["folds"]]
    assert again["total_return"] == whole["total_return"]
    file.write_text('{"torn')
    fresh = job(args, Context(engine, 0))
    assert trained == [0, 1, 2]
    assert fresh["total_return"] == whole["total_return"]
