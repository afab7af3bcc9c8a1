"""The backtest page and its form: settings in the address, errors beside fields, results, what is missing, jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import Field
from sqlalchemy import insert, text
from streamlit.testing.v1 import AppTest

from app import review_try
from app.forms import declared, from_text, read
from app.read import research
from app.settings import Settings, from_address, span, study_of, to_address
from db.models import Job
from db.queries import columns
from db.session import migrate, open_engine, write_session
from engine.market.candles import Candles
from engine.market.store import Store
from engine.research import jobs, lab, worker_start
from engine.research.lineage import data_set_of, trials_of
from engine.research.study import Study
from engine.research.worker import work
from engine.strategies.base import StrategyParams
from engine.strategies.catalog import available, load
from tests.app.conftest import Open, said, tables

HOUR, DAY = 3_600_000, 86_400_000
START = 1_704_067_200_000
DAYS = 100


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_start, "ensure", lambda: False)


def hours(days: int = DAYS, seed: int = 7) -> Candles:
    rng = np.random.default_rng(seed)
    n = days * 24
    close = np.round(20_000 * np.exp(np.cumsum(rng.normal(0, 0.006, n))), 2)
    open_ = np.concatenate(([20_000.0], close[:-1]))
    high, low = np.maximum(open_, close) * 1.002, np.minimum(open_, close) * 0.998
    return Candles(START + HOUR * np.arange(n), open_, high, low, close, np.full(n, 3.0), HOUR)


@pytest.fixture
def store(data_folder: Path) -> Store:
    made = Store(data_folder / "candles")
    made.write("kraken", "BTC/USD", "1h", hours())
    made.write("kraken", "ETH/USD", "1h", hours(seed=8))
    return made


# ---- the declaration as a form -----------------------------------------------------------------------------------------
class _Every(StrategyParams):
    """One of each kind."""

    length: int = Field(5, gt=1, le=9, description="bars")
    width: float = Field(2.0, gt=0, le=6)
    side: Literal["up", "down"] = "up"
    on: bool = True
    free: float = 1.5


def test_a_declaration_is_read_once() -> None:
    by = {field.name: field for field in declared(_Every)}
    assert [(f.kind, f.low, f.high) for f in by.values()] == [
        ("int", 2, 9), ("float", 0, 6), ("choice", None, None), ("bool", None, None), ("float", None, None)
    ]  # fmt: skip
    assert by["width"].step == pytest.approx(0.05)
    assert by["side"].options == ("up", "down")
    assert from_text(by["length"], "7") == 7
    assert from_text(by["length"], "x") == 5
    assert from_text(by["free"], "nan") == 1.5
    assert from_text(by["on"], "0") is False
    assert from_text(by["side"], "down") == "down"


@pytest.mark.parametrize("name", sorted(available()))
def test_every_strategy_has_a_form_that_its_defaults_fill(name: str) -> None:
    model = load(name).Params
    good, wrong = read(model, {field.name: field.default for field in declared(model)})
    assert wrong == {}
    assert good == model().model_dump(mode="json")


def test_an_error_stands_beside_its_field() -> None:
    model = load("sma_cross").Params
    assert read(model, {"fast": 1, "slow": 50})[1].keys() == {"fast"}
    good, wrong = read(model, {"fast": 60, "slow": 50})
    assert good is None
    assert wrong == {"slow": "fast (60) must be below slow (50)"}


# ---- settings ----------------------------------------------------------------------------------------------------------
def test_settings_go_into_the_address_and_come_back() -> None:
    made = Settings(
        strategies=("sma_cross", "rsi_reversion"), exchange="kraken", symbols=("BTC/USD", "ETH/USD"), timeframe="4h",
        period="custom", first="2024-02-01", last="2024-03-01", taker=0.001, stop=0.02, limits=True, day_halt=0.0, short=True,
        params={"sma_cross": {"fast": 12, "slow": 34}},
    )  # fmt: skip
    address = {name: text for name, text in to_address(made).items() if text}
    back = from_address({**address, "run": "main"}, ("sma_cross", "rsi_reversion"))
    assert replace(back, params=made.params) == made
    assert back.params == {"sma_cross": {"fast": "12", "slow": "34"}}
    assert not any(to_address(Settings()).values())


def test_nonsense_in_an_address_keeps_the_defaults() -> None:
    bad = {
        "cash": "nan",
        "taker": "-1",
        "timeframe": "7x",
        "period": "soon",
        "strategies": "nope",
        "sizing": "?",
        "delay": "x",
    }
    assert from_address(bad, ("sma_cross",)) == Settings()


def test_periods_count_from_the_end_of_the_data() -> None:
    end = START + DAYS * DAY
    assert span(Settings(period="30"), START, end) == (end - 30 * DAY, end)
    assert span(Settings(period="all"), START, end) == (START, end)
    custom = Settings(period="custom", first="2024-01-11", last="2024-01-12")
    assert span(custom, START, end) == (START + 10 * DAY, START + 12 * DAY)


def test_a_study_has_the_costs_and_limits_of_the_form() -> None:
    made = Settings(
        exchange="kraken", symbols=("BTC/USD",), slippage=4, spread=6, delay=2, limits=True, losses=0, stop=0.03
    )
    setup = study_of(made, 0, 1, {}).setup
    assert (setup.account.slippage_bps, setup.account.delay_ms) == (7.0, 2 * HOUR)
    assert [one.name for one in setup.breakers] == [
        "daily_loss_pause",
        "daily_loss_halt",
        "drawdown_reduce",
        "drawdown_halt",
    ]
    assert (setup.slots[0].protection.stop, setup.slots[0].protection.target) == (0.03, None)
    assert study_of(replace(made, limits=False), 0, 1, {}).setup.breakers == ()
    with pytest.raises(ValueError, match="one quote currency"):
        study_of(replace(made, symbols=("BTC/USD", "ETH/EUR")), 0, 1, {})


# ---- what is drawn -------------------------------------------------------------------------------------------------------
def test_a_market_is_thinned_without_losing_a_price() -> None:
    whole = hours()
    shown = research.market(whole, START, START + DAYS * DAY, cells=100)
    assert len(shown["ts"]) <= 101
    assert shown["open"][0] == whole.open[0]
    assert shown["close"][-1] == whole.close[-1]
    assert (shown["high"].max(), shown["low"].min()) == (whole.high.max(), whole.low.min())
    assert research.market(whole, START + DAY, START + 2 * DAY)["step"] == HOUR


def test_trades_are_those_of_the_ledger(store: Store, data_folder: Path) -> None:
    made = Settings(exchange="kraken", symbols=("BTC/USD", "ETH/USD"), stop=0.02)
    done = lab.run_study(study_of(made, 0, 0, {}), store)
    unsorted = research.trades(done.played, done.setup.instruments, done.setup.slots)
    order = np.argsort(unsorted["seq"])
    got = {name: values[order] for name, values in unsorted.items()}
    engine = open_engine(f"sqlite:///{data_folder / 'x.db'}")
    migrate(engine)
    number, _ = lab.save_study(engine, done)
    rows = columns(engine, "SELECT * FROM trade WHERE run_id = :run ORDER BY seq", {"run": number})
    engine.dispose()
    assert rows["seq"].size > 20
    for name in ("seq", "entry_ts", "exit_ts", "qty", "entry_price", "exit_price", "fees", "pnl", "pnl_pct", "mae", "mfe",
                 "bars_held", "stop_initial"):  # fmt: skip
        np.testing.assert_array_equal(got[name], rows[name], err_msg=name)
    assert list(got["exit_reason"]) == list(rows["exit_reason"])


# ---- the page ------------------------------------------------------------------------------------------------------------
def test_without_candles_the_way_to_them_is_a_button(open_page: Open, data_folder: Path) -> None:
    test = open_page("backtest")
    assert "No candles of BTC/USD are stored" in said(test)
    test.button(key="lab_fetch").click().run()
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    (job,) = jobs.jobs_of(engine)
    engine.dispose()
    assert (job.kind, job.args["exchange"], job.args["timeframe"]) == ("fetch", "coinbase", "1m")
    assert "waiting for the worker" in said(test)


def test_a_result_has_a_verdict_charts_numbers_and_trades(open_page: Open, store: Store, data_folder: Path) -> None:
    test = open_page("backtest")
    words = said(test)
    assert "1 variant tried" in words
    assert "data grade A" in words
    assert "2,160 candles of 1h" in words
    done = lab.run_study(_study(store), store)
    numbers = {m.label: m.value for m in test.metric}
    assert numbers["Trades"] == str(done.figures["trades"].value)
    frame = tables(test)[0]
    assert len(frame) == min(done.figures["trades"].value, 100)
    market = json.loads(test.get("plotly_chart")[0].proto.spec)
    kinds = [trace["type"] for trace in market["data"]]
    assert kinds[0] == "candlestick"
    assert {"fast mean", "slow mean"} <= {trace.get("name") for trace in market["data"]}
    assert test.query_params["exchange"] == "kraken"


def _study(store: Store) -> Study:
    found = store.find("kraken", "BTC/USD", "1h")
    assert found is not None
    first, last = span(Settings(), int(found.quality.start or 0), int(found.quality.end or 0) + HOUR)
    params = {"sma_cross": {"fast": 10, "slow": 50}}
    return study_of(Settings(exchange="kraken", symbols=("BTC/USD",), params=params), first, last, {})


def test_each_variant_looked_at_is_counted_once(open_page: Open, store: Store, data_folder: Path) -> None:
    test = open_page("backtest")
    for fast in (11, 12, 11):
        test.slider(key="lab_sma_cross_fast").set_value(fast).run()
    assert "3 variants tried" in said(test)
    study = _study(store)
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    assert trials_of(engine, "sma_cross", data_set_of(study.setup, study.from_ts, study.to_ts))[0] == 3
    engine.dispose()


def test_a_constraint_is_said_beside_the_field_and_nothing_is_run(open_page: Open, store: Store) -> None:
    test = open_page("backtest")
    test.slider(key="lab_sma_cross_fast").set_value(80).run()
    assert "must be below slow" in said(test)
    assert "Nothing to show yet" in said(test)
    assert not test.get("plotly_chart")
    assert [error.value for error in test.exception] == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"symbols": "BTC/USD,ETH/EUR"}, "No candles of ETH/EUR are stored"),
        ({"timeframe": "1m"}, "No candles of BTC/USD are stored"),
        ({"period": "custom", "first": "2030-01-01", "last": "2030-02-01"}, "choose another period"),
        ({"period": "custom", "first": "2024-03-01", "last": "2024-02-01"}, "The period is empty"),
        ({"sizing": "risk", "size": "0.01"}, "refused: "),
        ({"sma_cross.fast": "199", "sma_cross.slow": "400", "period": "custom", "first": "2024-01-01", "last": "2024-01-05"},
         "There are 120 bars"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_a_sentence(
    open_page: Open, store: Store, query: dict[str, str], words: str
) -> None:
    test = open_page("backtest", exchange="kraken", **{"symbols": "BTC/USD", **query})
    assert words in said(test)


def test_views_of_statistics_and_evidence(open_page: Open, store: Store) -> None:
    test = open_page("backtest")
    for view, column in (("statistics", "convention"), ("others", "why"), ("checks", "found")):
        _view(test, view)
        assert column in tables(test)[0].columns
    assert "random-entry runs" in " ".join(tables(test)[0]["found"])
    words = said(test)
    assert "of 1,000 random-entry runs" in words, "the sentence above the panel weighs them too"
    assert "Risk of ruin (half the account lost)" in words
    assert "The last fifth of the data is sealed" in words
    numbers = {m.label: m.value for m in test.metric}
    for label in (
        "Probabilistic Sharpe",
        "Deflated Sharpe",
        "Track record",
        "t of the trades",
        "p of the trades",
        "Overfitting",
    ):
        assert label in numbers
    assert len(tables(test)[1]) == 6, "intervals"
    test.session_state["doubt_method"] = "worse fills"
    assert "Risk of ruin" in said(test.run())


def _view(test: AppTest, view: str) -> None:
    test.session_state["lab_view"] = view
    test.run()
    assert [error.value for error in test.exception] == []


def test_what_a_sweep_knows_about_overfitting_stands_in_the_evidence(
    open_page: Open, store: Store, data_folder: Path
) -> None:
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    migrate(engine)
    jobs.ask(engine, "sweep", {"study": _study(store).to_json(), "axes": ["fast=5:15:2", "slow=30,40,50"], "draws": 0})
    assert work(engine, once=True) == 1
    engine.dispose()
    test = open_page("backtest")
    _view(test, "checks")
    assert {m.label: m.value for m in test.metric}["Overfitting"].endswith("%")
    words = said(test)
    assert "19 variants tried" in words
    assert "probability of overfitting" in words
    assert "The sealed part was opened once" in words, "a backtest into days that a search was kept from"


def test_a_strategy_that_looks_ahead_is_told_off_first(
    open_page: Open, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my" / "strategies"
    folder.mkdir(parents=True)
    (folder / "seer.py").write_text(
        "import numpy as np\nfrom engine.strategies.base import Signals, Strategy\n\nclass Seer(Strategy):\n"
        "    def signals(self, bars):\n        return Signals.long_while(np.roll(bars.close, -1) > np.asarray(bars.close))\n"
    )
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "my"))
    words = said(open_page("backtest", strategies="seer"))
    assert "this result is worth nothing" in words
    assert "looks ahead: bar" in words


def test_saving_stores_a_run_that_opens_everywhere(open_page: Open, store: Store, data_folder: Path) -> None:
    test = open_page("backtest")
    test.button(key="lab_save").click().run()
    assert "waiting for the worker" in said(test)
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    assert work(engine, once=True) == 1
    job = jobs.jobs_of(engine)[0]
    engine.dispose()
    assert (job.state, job.error) == ("done", None)
    assert "Stored as" in said(test.run())
    name = str(job.result["run"])
    assert {m.label: m.value for m in open_page("trades", run=name).metric}["Trades"] == str(job.result["trades"])


def test_much_is_a_job(open_page: Open, store: Store, monkeypatch: pytest.MonkeyPatch, data_folder: Path) -> None:
    """The page is run from its file, so the bound cannot be patched: enough strategies and bars are asked for."""
    many = 620_000
    ts = START + 60_000 * np.arange(many, dtype=np.int64)
    flat = np.full(many, 100.0)
    store.write("kraken", "SOL/USD", "1m", Candles(ts, flat, flat, flat, flat, flat, 60_000))
    test = open_page("backtest", exchange="kraken", symbols="SOL/USD", period="all", strategies=",".join(available()))
    assert "that is a job" in said(test)
    test.button(key="lab_run").click().run()
    assert "waiting for the worker" in said(test)


def test_a_broken_strategy_of_the_persons_own(
    open_page: Open, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my" / "strategies"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text("import nothing_like_this\n")
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "my"))
    words: Any = said(open_page("backtest", strategies="mine"))
    assert "nothing_like_this" in words


def test_what_a_run_met_becomes_the_costs(open_page: Open, store: Store, data_folder: Path) -> None:
    """The newest comparison of a run is offered; one click fills slippage, spread and the fees that were paid."""
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    migrate(engine)
    for number, bps in enumerate((9.0, 3.25, None)):
        met = {"slippage_bps": bps, "taker": 0.006, "maker": None, "fills": 12}
        run_id = 1 if number < 2 else 2
        result = {"candles": {"run": f"paper-{run_id}", "run_id": run_id, "costs_met": met}}
        row = {
            "uuid": f"u{number}",
            "kind": "versus",
            "args": {"run_id": run_id},
            "source": "cli",
            "created_ts": number,
        }
        with write_session(engine) as session:
            session.execute(insert(Job).values(**row, state="done", done_ts=number, result=result))
    engine.dispose()
    test = open_page("backtest", spread="2", taker="0.001", maker="0.004")
    offered = [button for button in test.button if button.label.startswith("As ")]
    assert [button.label for button in offered] == ["As paper-1 met: 3.25 bp"]
    offered[0].click().run()
    assert [error.value for error in test.exception] == []
    fields = {name: test.number_input(key=f"lab_{name}").value for name in ("slippage", "spread", "taker", "maker")}
    assert fields == {"slippage": 3.25, "spread": 0.0, "taker": 0.6, "maker": 0.4}
    assert (test.query_params["slippage"], test.query_params["taker"]) == ("3.25", "0.006")


# ---- a change that a review led to -----------------------------------------------------------------------------------------
def test_a_change_is_laid_beside_what_runs_over_both_times(open_page: Open, database: Any, store: Store) -> None:
    """The run's own settings, this time and all candles; then one thing is changed, and both are played anew."""
    params = {"sma_cross": {"fast": 12, "slow": 40}}
    base = Settings(exchange="kraken", symbols=("BTC/USD",), timeframe="1h", taker=0.001, params=params)
    study = study_of(base, START, START + DAYS * DAY, {})
    with write_session(database) as session:
        session.execute(
            text("UPDATE run SET params = :it WHERE id = 2"), {"it": json.dumps({"study": study.to_json()})}
        )
    page: Any = SimpleNamespace(run={"name": "test-backtest"})
    since = START + 60 * DAY
    link = review_try.address(page, review_try.settings_of(study), since, since + 7 * DAY)
    assert (link["try"], link["days"], link["period"]) == ("sma_cross:BTC/USD", "2024-03-01..2024-03-07", "all")
    test = open_page("backtest", **link)
    assert "Nothing is changed yet" in said(test)
    (plain,) = [frame for frame in tables(test) if "This time, as it runs" in frame]
    assert list(plain) == ["statistic", "This time, as it runs", "All candles, as it runs"]
    whole = lab.run_study(study, store).account
    shown = dict(zip(plain["statistic"], plain["All candles, as it runs"], strict=True))
    assert shown["Trades"] == str(len(whole.trades))
    inside = (whole.trades.exit_ts >= since) & (whole.trades.exit_ts < since + 7 * DAY)
    week = dict(zip(plain["statistic"], plain["This time, as it runs"], strict=True))
    assert week["Trades"] == str(int(inside.sum())), "a week begun warmed up trades as the whole does"
    changed = open_page("backtest", **{**link, "sma_cross.fast": "20"})
    assert "Changed: fast 12 to 20." in said(changed)
    (both,) = [frame for frame in tables(changed) if "This time, as it runs" in frame]
    assert both["All candles, as it runs"].tolist() == plain["All candles, as it runs"].tolist()
    assert both["All candles, changed"].tolist() != plain["All candles, as it runs"].tolist()
    assert "This time: too few trades to say." in said(changed)
    assert "All candles: " in said(changed)
    changed.button(key="tried_leave").click().run()
    assert not [frame for frame in tables(changed) if "This time, as it runs" in frame]
