"""The runs page: every run with what came of it, filters in the address, notes, again on newest data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.settings import Settings, study_of
from engine.analytics.ratios import sharpe
from engine.market.store import Store
from engine.research import jobs, lab, worker_start
from engine.research.stored import account_of_run
from engine.research.worker import work
from tests.app.conftest import Open, said, tables
from tests.app.test_backtest_page import DAY, START, hours


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_start, "ensure", lambda: False)


@pytest.fixture
def backtest(database: Engine, data_folder: Path) -> str:
    """A stored backtest over the first 40 of 50 days; its name."""
    store = Store(data_folder / "candles")
    store.write("kraken", "BTC/USD", "1h", hours(50))
    study = study_of(Settings(exchange="kraken", symbols=("BTC/USD",), limits=True), START, START + 40 * DAY, {})
    _, name = lab.save_study(database, lab.run_study(study, store))
    return name


def test_without_a_run_it_says_how_one_comes(open_page: Open, data_folder: Path) -> None:
    assert "There is no run yet" in said(open_page("runs"))


def test_every_run_is_listed(open_page: Open, database: Engine, backtest: str) -> None:
    frame = tables(open_page("runs"))[0]
    assert set(frame["name"]) == {"test-data", "test-backtest", backtest}
    row = frame.set_index("name").loc[backtest]
    assert (row["kind"], row["strategies"], row["symbols"], row["timeframe"]) == (
        "backtest",
        "sma_cross",
        "BTC/USD",
        "1h",
    )
    assert row["data_grade"] == "A"
    assert row["sharpe"] == pytest.approx(row["sharpe"])
    living = frame.set_index("name").loc["test-data"]
    assert living["total_return"] != 0
    account = account_of_run(database, 1)
    assert living["sharpe"] == pytest.approx(sharpe(account.returns), rel=1e-9)
    assert living["max_drawdown"] == pytest.approx(account.deepest * 100, rel=1e-9)


def test_filters_live_in_the_address(open_page: Open, database: Engine, backtest: str) -> None:
    assert list(tables(open_page("runs", kind="paper"))[0]["name"]) == ["test-data"]
    assert list(tables(open_page("runs", find="SMA_cross btc #3", kind="backtest"))[0]["name"]) == [backtest]
    assert "No run fits these filters" in said(open_page("runs", find="no such thing"))
    test = open_page("runs", kind="nonsense")
    test.selectbox(key="runs_kind").select("paper").run()
    assert test.query_params["kind"] == "paper"


def test_notes_are_kept_and_the_newest_verdict_shown(open_page: Open, database: Engine, backtest: str) -> None:
    test = open_page("runs", open=backtest)
    assert "Nothing was written" in said(test)
    _note(test, "", "")
    assert "Write a verdict or a note first" in said(test)
    _note(test, "trades too often <b>x</b>", "luck")
    _note(test, "", "keep")
    words = said(test)
    assert "luck · trades too often <b>x</b>" in words
    assert tables(open_page("runs"))[0].set_index("name").loc[backtest]["verdict"] == "keep"


def _note(test: object, text: str, verdict: str) -> None:
    page: object = test
    page.text_area[0].input(text)  # type: ignore[attr-defined]
    next(box for box in page.text_input if box.label == "Verdict").input(verdict)  # type: ignore[attr-defined]
    next(button for button in page.button if button.label == "Write it down").click().run()  # type: ignore[attr-defined]


def test_again_on_newest_data_is_a_run_of_its_own(open_page: Open, database: Engine, backtest: str) -> None:
    test = open_page("runs", open=backtest)
    test.button(key="rerun").click().run()
    assert "waiting for the worker" in said(test)
    assert work(database, once=True)
    (job,) = (one for one in jobs.jobs_of(database) if one.kind == "backtest")
    assert (job.state, job.error) == ("done", None)
    frame = tables(open_page("runs"))[0].set_index("name")
    again = frame.loc[job.result["run"]]
    assert again["ended_ts"] == START + 50 * DAY
    assert again["started_ts"] == START + 10 * DAY


def test_a_run_of_the_command_line_is_made_again_too(
    open_page: Open, database: Engine, backtest: str, data_folder: Path
) -> None:
    """It has no study beside it; account, grid, slots and exchange say the same, and it had no breakers."""
    from app.read.research_runs import study_of as again
    from db.queries import scalar
    from engine.research.save import save_played

    store = Store(data_folder / "candles")
    study = study_of(Settings(exchange="kraken", symbols=("BTC/USD",)), START, START + 20 * DAY, {})
    done, setup = lab.run_study(study, store), study.setup
    number, _ = save_played(
        database, done.played, account=setup.account, instruments=setup.instruments, slots=setup.slots, params=setup.params,
        exchange="kraken", stats={}, data_hash="", data_grade="A",
    )  # fmt: skip
    assert again(database, number) == replace(study, title="sma_cross on BTC/USD")
    assert scalar(database, "SELECT count(*) FROM job") == 0


def test_what_if_plays_it_again_under_other_costs(open_page: Open, database: Engine, backtest: str) -> None:
    test = open_page("runs", open=backtest)
    toggle = next(one for one in test.toggle if one.label.startswith("What if"))
    test = toggle.set_value(True).run()
    assert "move a slider" in said(test)
    before = {one.label: one.value for one in test.metric}
    test = test.slider(key="whatif_taker").set_value(1.99).run()
    after = {one.label: (one.value, one.delta) for one in test.metric}
    assert after["Fees"][0] != before["Fees"]
    assert after["Fees"][1] == f"was {before['Fees']}"
    assert "played again in" in said(test)
    test = test.slider(key="whatif_size").set_value(0.1).run()
    assert not test.exception


def test_runs_are_laid_side_by_side(open_page: Open, database: Engine, backtest: str, data_folder: Path) -> None:
    store = Store(data_folder / "candles")
    other = study_of(Settings(exchange="kraken", symbols=("BTC/USD",), taker=0.001), START, START + 40 * DAY, {})
    number, name = lab.save_study(database, lab.run_study(other, store))
    test = open_page("runs", open=backtest, **{"with": f"{number},99"})
    words = said(test)
    assert f"{name} against {backtest}:" in words
    assert "Growth of 1 since" in words
    frames = tables(test)
    assert any("taker" in " ".join(map(str, frame.get("setting", []))) for frame in frames)
    statistics = next(frame for frame in frames if "gap1" in frame.columns)
    assert len(statistics) > 10
    assert any(
        "made" in frame.columns and set(frame["made"]) <= {"both", "the first alone", "this one alone"}
        for frame in frames
    )
    assert "Growth of 1" not in said(open_page("runs", open=backtest))


def test_a_paper_run_and_a_backtest_that_share_no_time(open_page: Open, database: Engine, backtest: str) -> None:
    test = open_page("runs", open=backtest, **{"with": "1"})
    assert "share no time" in said(test)


def test_a_run_is_promoted_once_its_difference_was_seen(
    open_page: Open, database: Engine, backtest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.research.work_kinds import KINDS, Kind
    from engine.runtime import promote

    config = tmp_path / "config.toml"
    config.write_text('[[slots]]  # mine\nstrategy = "sma_cross"\ntimeframe = "1h"\nparams = { fast = 3 }\n')
    monkeypatch.setenv("EVENKEEL_CONFIG", str(config))
    monkeypatch.setitem(KINDS, "promote", Kind(promote.job))
    test = open_page("runs", open=backtest)
    test.button(key="promote_ask").click().run()
    assert "waiting for the worker" in said(test)
    assert work(database, once=True)
    test.run()
    assert "Nothing is written yet" in said(test)
    assert "-params = { fast = 3 }" in test.code[0].value
    assert "fast = 3" in config.read_text()
    test.button(key="promote_write").click().run()
    assert work(database, once=True)
    test.run()
    assert "Written to" in said(test)
    assert "fast = 3" not in config.read_text()
    assert config.read_text().startswith("[[slots]]  # mine")
