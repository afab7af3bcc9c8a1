"""The walk-forward page: from the form to a job, from the job's result to folds, curve, steadiness and the stitched run."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.read import research_walk
from db.session import open_engine
from engine.market.store import Store
from engine.research import jobs, worker_start
from engine.research.worker import work
from tests.app.conftest import Open, said, tables
from tests.app.test_backtest_page import hours


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_start, "ensure", lambda: False)


def test_from_nothing_to_a_stitched_run(open_page: Open, data_folder: Path) -> None:
    assert "No candles are stored yet" in said(open_page("walk_forward"))
    Store(data_folder / "candles").write("kraken", "BTC/USD", "1h", hours())
    test = open_page("walk_forward", exchange="kraken", symbols="BTC/USD", taker="0.001", period="all")
    assert "Nothing was walked yet" in said(test)
    test.text_input(key="walk_axis_sma_cross_fast").set_value("50,60").run()
    test.text_input(key="walk_axis_sma_cross_slow").set_value("20,30").run()
    assert "no set keeps" in said(test)
    test.text_input(key="walk_axis_sma_cross_fast").set_value("5,10").run()
    test.number_input(key="walk_folds").set_value(4).run()
    test.button(key="walk_do").click().run()
    assert "waiting for the worker" in said(test)
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    assert work(engine, once=True) == 1
    job = jobs.jobs_of(engine)[0]
    engine.dispose()
    assert (job.kind, job.state, job.args["axes"]) == ("walk_forward", "done", ["fast=5,10", "slow=20,30"])
    words = said(test.run())
    assert [error.value for error in test.exception] == []
    assert "of 4 tests made money" in words
    assert "4 variants tried" in words
    assert f"Stored as {job.result['run']}" in words
    folds = tables(test)[0]
    assert list(folds["test_return"] / 100) == pytest.approx([fold["test_return"] for fold in job.result["folds"]])
    assert len(test.get("plotly_chart")) == 3
    numbers = {m.label: m.value for m in open_page("trades", run=str(job.result["run"])).metric}
    assert numbers["Trades"] == str(job.result["trades"])


def test_the_words_follow_the_folds() -> None:
    fold = {"point": {"fast": 5, "slow": 2.5}, "train_from": 0, "test_from": 2, "test_to": 3, "train_growth": 0.5,
            "test_growth": 0.1, "test_return": 0.01, "trades": 3, "score": 1.0, "ahead_of": 0.75}  # fmt: skip
    other = {**fold, "point": {"fast": 5, "slow": 3.5}, "test_return": -0.02, "test_growth": -0.1, "ahead_of": None}
    made = {"folds": [fold, other], "efficiency": 0.3, "why_no_efficiency": ""}
    assert research_walk.sentence(made) == (
        "1 of 2 tests made money; out of sight of the choice 30 % of the growth in training was left: less than half; "
        "the chosen set did better than 75 % of the others (chance: 50 %)."
    )
    assert "lost money as soon" in research_walk.sentence({**made, "efficiency": -0.1})
    assert "no value: all" in research_walk.sentence({**made, "efficiency": None, "why_no_efficiency": "all"})
    assert research_walk.steadiness(made["folds"])["fast"] == {"values": [5, 5], "usual": 5, "same": 2}
    assert research_walk.growth([fold], "train") == pytest.approx(0.5)
    assert research_walk.growth([fold, {**fold, "test_growth": None}], "test") is None
    assert research_walk.point_words(fold["point"]) == "fast 5, slow 2.5"
