"""A report is one file that needs nothing else, says what the statistics say, and takes no text for markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, insert, text

from db.models import AiCall
from db.session import open_engine
from engine.research import report
from engine.research.report_data import Ask, ReportError, told
from engine.research.report_words import number, percent
from tests.app.seed import DAY, NOW, seed


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "evenkeel.db"
    engine = open_engine(f"sqlite:///{file}")
    seed(engine, trades=120, days=12)
    engine.dispose()
    return file


@pytest.fixture
def database(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    copy = tmp_path / "evenkeel.db"
    copy.write_bytes(filled.read_bytes())
    engine = open_engine(f"sqlite:///{copy}")
    yield engine
    engine.dispose()


def charts_of(page: str) -> dict[str, dict[str, object]]:
    found = re.findall(r'<script type="application/json" data-chart="(\w+)">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(body) for name, body in found}


def test_it_asks_the_network_for_nothing(database: Engine) -> None:
    page = report.make(database, Ask(1))
    own = page.replace(report.html.plotly(), "")
    assert "Content-Security-Policy" in own
    assert "default-src 'none'" in own
    assert not re.search(r'(?:src|href)="(?!data:)', own)
    assert "http" not in own.replace('http-equiv="', "")
    assert page.count(report.html.plotly()) == 1


def test_its_numbers_are_the_accounts(database: Engine) -> None:
    made = told(database, Ask(1))
    page = unescape(report.written(made))
    assert percent(made.figures["total_return"].value, sign=True) in page
    assert percent(made.figures["win_rate"].value) in page
    low, high = made.intervals["sharpe"]
    assert f"({number(low)} to {number(high)})" in page
    assert made.verdict.sentence in page
    steps = charts_of(report.written(made))["waterfall"]["data"][0]["y"]  # type: ignore[index]
    assert steps[-1] == pytest.approx(sum(steps[:-1]), abs=1e-6)
    assert steps[-1] == pytest.approx(made.account.trades.pnl.sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("ask", "which"),
    [
        (Ask(1, "sma_cross"), "strategy = 'sma_cross'"),
        (Ask(1, "", NOW - 5 * DAY, NOW - 2 * DAY), f"exit_ts BETWEEN {NOW - 5 * DAY} AND {NOW - 2 * DAY}"),
        (Ask(1, "sma_cross", NOW - 5 * DAY), f"strategy = 'sma_cross' AND exit_ts >= {NOW - 5 * DAY}"),
    ],
)
def test_a_strategy_or_a_time_alone(database: Engine, ask: Ask, which: str) -> None:
    made = told(database, ask)
    sql = f"SELECT count(*), sum(t.pnl) FROM trade t JOIN slot s ON s.id = t.slot_id WHERE t.run_id = 1 AND {which}"
    with database.connect() as connection:
        count, pnl = connection.execute(text(sql)).one()
    assert len(made.account.trades) == made.trades["seq"].size == count > 0
    assert made.account.trades.pnl.sum() == pytest.approx(pnl)
    assert made.waterfall.net == pytest.approx(pnl)
    if ask.strategy:
        assert made.account.curve.final == pytest.approx(10_000 + pnl)


def test_no_text_becomes_markup(database: Engine) -> None:
    bad = "</script><img src=x onerror=alert(1)>"
    with database.begin() as connection:
        connection.execute(text("UPDATE run SET name = :bad, exchange = :bad WHERE id = 1"), {"bad": bad})
        connection.execute(text("UPDATE slot SET strategy = :bad, symbol = :bad WHERE id = 1"), {"bad": bad})
        connection.execute(text("UPDATE trade SET symbol = :bad WHERE slot_id = 1"), {"bad": bad})
    page = report.make(database, Ask(1))
    assert "<img" not in page.replace(report.html.plotly(), "")
    assert "&lt;img src=x" in page
    assert charts_of(page)


def test_chosen_sections_stand_alone(database: Engine) -> None:
    page = report.make(database, Ask(1, sections=("months", "config")))
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Months", "What it was made of"]
    assert len(page) < 200_000  # without a chart there is no Plotly in it
    assert set(report.TITLES) == set(report.SECTIONS)


def test_many_points_and_trades_stay_readable(database: Engine) -> None:
    made = told(database, Ask(1))
    n = 30_000
    ts = np.arange(n, dtype=np.int64) * 60_000
    y = np.cumsum(np.random.default_rng(1).normal(0, 1, n))
    from engine.research.report_charts import trades

    points = trades(y, ts, "USD")["data"]
    assert sum(len(trace["x"]) for trace in points) <= 2_002
    assert max(max(trace["y"]) for trace in points if trace["y"]) == pytest.approx(y.max(), rel=1e-6)
    assert len(made.trades["seq"]) == 120


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (Ask(99), "there is no run 99"),
        (Ask(1, "nosuch"), "it has sma_cross"),
        (Ask(1, "", 10, 20), "choose another --from and --to"),
        (Ask(1, "", 20, 10), "exchange --from and --to"),
        (Ask(1, sections=("nosuch",)), "a report has figures"),
    ],
)
def test_what_cannot_be_told_is_said(database: Engine, ask: Ask, words: str) -> None:
    with pytest.raises(ReportError, match=words):
        report.make(database, ask)


def test_a_run_without_a_trade_has_a_report(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("DELETE FROM trade"))
    assert "No trade was closed in this time" in report.make(database, Ask(1))


def test_a_file_is_written_whole(database: Engine, tmp_path: Path) -> None:
    out = report.write(database, Ask(1), tmp_path / "new" / "r.html")
    assert out.read_text(encoding="utf-8").endswith("</html>")
    assert [path.name for path in out.parent.iterdir()] == ["r.html"]


def test_the_market_ends_where_its_candles_end() -> None:
    from engine.research.market_days import held

    table = np.array([[np.nan, 5.0], [10.0, 5.0], [20.0, 5.0], [20.0, np.nan]])
    curve = held(table, 100)
    assert curve is not None
    assert curve.equity.tolist() == [1.5]
    assert (curve.begun, curve.ended) == (102 * DAY, 103 * DAY)
    assert held(np.full((3, 1), np.nan), 0) is None


def test_what_asking_models_cost_is_taken_off(database: Engine) -> None:
    """Of the slots and the time of the report alone."""
    plain = told(database, Ask(1))
    assert plain.waterfall.ai == 0.0
    with database.execution_options(write=True).begin() as connection:
        slots = connection.execute(text("SELECT id, strategy FROM slot WHERE run_id = 1 ORDER BY id")).all()
        last = int(plain.account.curve.ts[-1])
        for (slot, strategy), about in ((slots[0], last), (slots[0], last + 1), (slots[-1], last)):
            connection.execute(
                insert(AiCall).values(
                    run_id=1, slot_id=slot, strategy=strategy, symbol="BTC/USD", timeframe_ms=60_000, about_ts=about,
                    asked_ts=about, created_ts=about, state="done", outcome="answered", cost=0.25,
                )
            )  # fmt: skip
    made = told(database, Ask(1))
    assert made.waterfall.ai == -0.5
    assert made.waterfall.net == pytest.approx(plain.waterfall.net - 0.5)
    assert "AI is what questions to models cost" in report.written(made)
    assert told(database, Ask(1, strategy=str(slots[0][1]))).waterfall.ai == -0.25
