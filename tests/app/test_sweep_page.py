"""The sweep page: axes around the backtest's settings, what they come to, a finished sweep with its doubts, a set opened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import Engine

from app.read import research_sweep
from app.settings import Settings, study_of, to_address
from db.session import migrate, open_engine
from engine.market.store import Store
from engine.research import jobs, lab, work_sweep, worker_start
from engine.research.lineage import data_set_of, trials_of
from engine.research.study import Study
from engine.research.sweep_table import Table
from engine.research.sweep_work import Task
from engine.research.work_kinds import Interrupted
from engine.research.worker import Pulse, work
from tests.app.conftest import Open, said, tables
from tests.app.test_backtest_page import DAY, START, hours

SETTINGS = Settings(exchange="kraken", symbols=("BTC/USD",), taker=0.001, period="all")
AXES = ["fast=4:12:2", "slow=20:60:10", "stop=0,0.02"]


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_start, "ensure", lambda: False)


@pytest.fixture
def store(data_folder: Path) -> Store:
    made = Store(data_folder / "candles")
    made.write("kraken", "BTC/USD", "1h", hours(50))
    return made


@pytest.fixture
def swept(store: Store, data_folder: Path) -> tuple[Engine, jobs.JobView]:
    """50 sets, done by a worker."""
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    migrate(engine)
    study = study_of(SETTINGS, START, START + 50 * DAY, {})
    args = {"study": study.to_json(), "axes": AXES, "draws": 0, "address": to_address(SETTINGS)}
    uuid = jobs.ask(engine, "sweep", args, "50 sets")
    assert work(engine, once=True) >= 1
    job = jobs.job_of(engine, uuid)
    assert job is not None
    assert (job.state, job.error) == ("done", None)
    return engine, job


def test_a_sweep_is_sealed_counted_and_equal_to_backtests(
    swept: tuple[Engine, jobs.JobView], store: Store, data_folder: Path
) -> None:
    engine, job = swept
    assert job.result["to_ts"] == START + 40 * DAY
    table = work_sweep.table_of(job.result, data_folder / "sweeps")
    assert len(table) == 50
    study = Study.from_json(job.args["study"])
    data = data_set_of(study.setup, START, START + 40 * DAY)
    assert trials_of(engine, "sma_cross", data)[0] == 50
    for row in (0, 27):
        done = lab.run_study(work_sweep.set_of(study, table.point(row), job.result), store)
        assert done.figures["total_return"].value == table.column("total_return")[row]
        assert done.figures["trades"].value == table.column("trades")[row]


def test_the_page_names_no_highest_without_its_trials(open_page: Open, swept: tuple[Engine, jobs.JobView]) -> None:
    test = open_page("sweep")
    words = said(test)
    assert "Highest Sharpe of all" in words
    assert "50 variants were ever tried" in words
    assert "deflated Sharpe" in words
    assert "probability of overfitting" in words
    assert "its neighbours' median" in words
    frame = tables(test)[0]
    assert len(frame) == 50
    assert frame["sharpe"].is_monotonic_decreasing
    figure = json.loads(test.get("plotly_chart")[0].proto.spec)
    assert figure["data"][0]["type"] == "heatmap"


def test_a_set_opens_as_a_backtest_of_its_own(open_page: Open, swept: tuple[Engine, jobs.JobView]) -> None:
    test = open_page("sweep")
    first = tables(test)[0].iloc[0]
    test.button(key="sweep_backtest").click().run()
    assert [error.value for error in test.exception] == []
    assert test.slider(key="lab_sma_cross_fast").value == int(first["fast"])
    assert test.slider(key="lab_sma_cross_slow").value == int(first["slow"])
    assert "variants tried" in said(test)


def test_a_set_opens_as_its_run_stored_once(open_page: Open, swept: tuple[Engine, jobs.JobView]) -> None:
    engine, _ = swept
    test = open_page("sweep")
    frame = tables(test)[0]
    test.button(key="sweep_run").click().run()
    assert work(engine, once=True) >= 1
    test.run()
    assert "Equity and drawdown" in said(test)
    runs = tables(open_page("runs"))[0]
    run = runs.iloc[0]
    assert run["sharpe"] == pytest.approx(frame["sharpe"].iloc[0])
    assert run["ended_ts"] == START + 40 * DAY
    again = open_page("sweep")
    again.button(key="sweep_run").click().run()
    work(engine, once=True)
    assert [error.value for error in again.exception] == []
    assert len(tables(open_page("runs"))[0]) == len(runs)


def test_the_button_says_how_many_sets(open_page: Open, store: Store, data_folder: Path) -> None:
    test = open_page("sweep", **{k: v for k, v in to_address(SETTINGS).items() if v})
    assert "Nothing was swept yet" in said(test)
    test.text_input(key="sweep_axis_fast").input("5:9:1").run()
    test.text_input(key="sweep_axis_slow").input("20,30").run()
    assert test.button(key="sweep_do").label == "Sweep 10 sets"
    test.button(key="sweep_do").click().run()
    assert "waiting for the worker" in said(test)
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    (job,) = jobs.jobs_of(engine)
    engine.dispose()
    assert job.args["axes"] == ["fast=5:9:1", "slow=20,30"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9:5:1", "no parameter sets"),
        ("x", "fast"),
        ("2:200:0.5", "whole number"),
        ("1:20:1", "allowed"),
        ("", "no axis"),
    ],
)
def test_a_bad_axis_is_a_sentence(open_page: Open, store: Store, text: str, words: str) -> None:
    test = open_page("sweep", **{k: v for k, v in to_address(SETTINGS).items() if v})
    test.text_input(key="sweep_axis_fast").input(text).run()
    assert words in said(test)
    assert not [button for button in test.button if button.key == "sweep_do"]
    assert [error.value for error in test.exception] == []


def test_a_search_of_two_objectives_shows_its_front(open_page: Open, store: Store, data_folder: Path) -> None:
    test = open_page("sweep", **{k: v for k, v in to_address(SETTINGS).items() if v})
    test.segmented_control(key="sweep_method").set_value("nsga2").run()
    test.number_input(key="sweep_trials_nsga2").set_value(40).run()
    assert test.button(key="sweep_do").label == "Search 40 trials"
    test.button(key="sweep_do").click().run()
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    assert work(engine, once=True) >= 1
    (job,) = jobs.jobs_of(engine)
    engine.dispose()
    assert (job.state, job.error) == ("done", None)
    assert job.result["search"]["objectives"] == ["sharpe", "max_drawdown"]
    words = said(open_page("sweep", job=job.uuid))
    assert "that no other beats in both" in words
    assert f"{job.result['rows']} variants were ever tried" in words
    assert "deflated Sharpe" in words


def test_a_cancelled_sweep_counts_what_it_tried_and_goes_on(
    open_page: Open, store: Store, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled at its second piece: the page offers to go on, and what is done is not run again."""
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    migrate(engine)
    study = study_of(SETTINGS, START, START + 50 * DAY, {})
    args = {"study": study.to_json(), "axes": AXES, "draws": 0, "address": to_address(SETTINGS)}
    monkeypatch.setattr("engine.research.sweep_work.PLANS", 10)
    told: list[float] = []

    def cancelling(self: Pulse, share: float, words: str = "") -> None:
        told.append(share)
        if share > 0.3 and "sets" in words:
            self.cancel_asked = True
            raise Interrupted

    with monkeypatch.context() as during:
        during.setattr(Pulse, "progress", cancelling)
        uuid = jobs.ask(engine, "sweep", args, "50 sets")
        assert work(engine, once=True) >= 1
    job = jobs.job_of(engine, uuid)
    assert job is not None
    assert job.state == "cancelled"
    tried = trials_of(engine, "sma_cross", data_set_of(study.setup, START, START + 40 * DAY))[0]
    assert 0 < tried < 50
    test = open_page("sweep", job=uuid)
    assert "counted as tried" in said(test)
    test.button(key="sweep_again").click().run()
    ran: list[int] = []
    run = Task.run
    monkeypatch.setattr(
        Task, "run", lambda self, piece, *rest: ran.append(len(piece.points)) or run(self, piece, *rest)
    )
    assert work(engine, once=True) >= 1
    (again, _) = jobs.jobs_of(engine)
    engine.dispose()
    assert (again.state, again.result["rows"]) == ("done", 50)
    assert sum(ran) == 50 - tried


def test_so_many_sets_are_refused_or_asked_for(open_page: Open, store: Store) -> None:
    test = open_page("sweep", **{k: v for k, v in to_address(SETTINGS).items() if v})
    test.multiselect(key="sweep_vary").set_value(["fast", "slow", "stop"]).run()
    test.text_input(key="sweep_axis_slow").input("3:400:1").run()
    test.text_input(key="sweep_axis_stop").input("0:0.9:0.0000001").run()
    assert "take wider steps" in said(test)
    assert test.button(key="sweep_do").disabled
    test.text_input(key="sweep_axis_stop").input("0:0.9:0.005").run()
    assert test.button(key="sweep_do").disabled
    test.checkbox(key="sweep_sure").check().run()
    assert not test.button(key="sweep_do").disabled


def test_without_candles(open_page: Open, data_folder: Path) -> None:
    assert "No candles are stored yet" in said(open_page("sweep"))


def test_a_plateau_is_told_from_a_peak() -> None:
    z = np.array([[0.0, 0.1, 0.2], [0.1, 3.0, 0.1], [np.nan, 0.2, 0.3]])
    assert research_sweep.plateau(z) == ((1, 1), 3.0, pytest.approx(0.1))
    assert research_sweep.plateau(np.full((2, 2), np.nan)) is None


def test_sets_that_lie_thinly_are_gathered() -> None:
    rng = np.random.default_rng(3)
    columns = {
        "point": np.arange(60),
        "a": rng.permutation(60),
        "b": rng.permutation(60) / 10,
        "sharpe": rng.normal(size=60),
    }
    table = Table(pa.table(columns), ("a", "b"), 60, 0, True)
    cells = research_sweep.plane(table, "a", "b", "sharpe")
    assert cells["z"].shape == (research_sweep.BINS, research_sweep.BINS)
    assert cells["x"][0] == "0–4.92"
    best = int(np.argmax(columns["sharpe"]))
    assert (cells["row"] == best).sum() == 1
    where = tuple(int(k[0]) for k in np.nonzero(cells["row"] == best))
    assert where == (min(int(columns["b"][best] / 5.9 * 12), 11), min(int(columns["a"][best] / 59 * 12), 11))
