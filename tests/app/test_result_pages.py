"""Performance, strategies and portfolio: empty, small, and on a hundred thousand trades; what the address says; what is asked."""

from __future__ import annotations

import ast
import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, event, text
from streamlit.testing.v1 import AppTest

from app import period, units
from app.read import market_days, portfolio, results, strategies
from db.session import migrate, open_engine
from engine.config import sectors
from engine.config.check import check_slots
from engine.config.errors import ConfigError
from engine.config.reading import parse
from engine.core.types import Instrument
from engine.research.stored import account_of_run
from engine.runtime.build import setup_of
from tests.app.conftest import Open, said, tables
from tests.app.seed import DAY, NOW

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("performance", "strategies", "portfolio")
RESULTS = ("review", "performance", "trades", "strategies", "signals", "portfolio", "journal")
MOST_POINTS = 5_000


def figures_of(test: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in test.metric}


@pytest.mark.parametrize("page", RESULTS)
def test_nothing_at_all_shows_the_doors(open_page: Open, data_folder: Path, page: str) -> None:
    migrate(open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}"))
    assert "make demo" in said(open_page(page))


@pytest.mark.parametrize(("page", "word"), [("performance", "No equity stored yet"), ("portfolio", "No equity stored yet"),
                                            ("strategies", "No trade has been closed yet")])  # fmt: skip
def test_a_run_that_has_just_begun_says_what_it_waits_for(
    open_page: Open, database: Engine, page: str, word: str
) -> None:
    with database.begin() as connection:
        for table in ("equity", "trade", "position"):
            connection.execute(text(f"DELETE FROM {table}"))
    assert word in said(open_page(page))


@pytest.mark.parametrize("page", PAGES)
def test_any_run_and_any_words_are_taken(open_page: Open, database: Engine, page: str) -> None:
    assert ">BACKTEST<" in said(open_page(page, run="test-backtest"))
    odd = {
        "from": "x",
        "to": "9" * 30,
        "range": "?",
        "window": "0",
        "unit": "?",
        "zone": "<b>",
        "by": "?",
        "show": "?|?",
        "down": "?",
    }
    assert ">PAPER<" in said(open_page(page, **odd))


def test_performance_shows_what_is_reckoned(open_page: Open, database: Engine) -> None:
    test = open_page("performance")
    found = account_of_run(database, 1)
    assert figures_of(test)["Net profit"] == f"{found.curve.final - 10_000:+,.2f}".replace("-", "\u2212")
    fell, streaks = tables(test)[:2]
    assert fell["depth"].iloc[0] == pytest.approx(found.deepest * 100, rel=1e-12)
    assert list(streaks["what"]) == ["Wins in a row", "Losses in a row"]
    assert "4 days: too few below 60" in said(test) or "5 days: too few below 60" in said(test)


def test_calendars_wait_until_there_are_days_for_them(open_page: Open, database: Engine) -> None:
    words = said(open_page("performance", **{"from": period.written(NOW - DAY // 4)}))
    assert "Calendars are drawn from 14 days on; 1 day so far." in words
    assert "A window of 30 days needs more than 30 of them; 1 day so far." in words


def test_a_time_in_the_address_is_the_whole_pages(open_page: Open, database: Engine) -> None:
    since = NOW - 2 * DAY
    test = open_page("performance", **{"from": period.written(since)})
    inside = [e for e in results_of(database)["exit_ts"] if e >= since // 60_000 * 60_000]
    assert 0 < len(inside) < 150
    words = said(test)
    assert "2026-01-03 08:00 to" in words
    assert "R" in said(open_page("performance", unit="r", range="7 d"))
    test.button(key="period_clear").click().run()
    assert "from" not in test.query_params


def results_of(database: Engine) -> dict[str, Any]:
    return results.columns(database, results.TRADES, {"run": 1, "since": 0})


def test_strategies_add_up_and_every_cost_is_shown(open_page: Open, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE fill SET base_price = price - 0.5 WHERE side = 'buy' AND seq % 2 = 0"))
    test = open_page("strategies")
    trades = results_of(database)
    frames = {tuple(frame.columns): frame for frame in tables(test)}
    costs = next(frame for names, frame in frames.items() if "slippage" in names)
    assert costs["net"].sum() == pytest.approx(trades["pnl"].sum(), abs=1e-6)
    assert costs["fees"].sum() == pytest.approx(-trades["fees"].sum(), abs=1e-6)
    assert costs["slippage"].sum() < 0
    assert costs["gross"].sum() == pytest.approx(
        costs["net"].sum() - costs[["fees", "slippage", "funding", "ai"]].sum().sum()
    )
    pivot = next(frame for names, frame in frames.items() if names[0] == "")
    assert np.nansum(pivot.iloc[:, 1:].to_numpy(float)) == pytest.approx(trades["pnl"].sum(), abs=1e-6)
    assert "no backtest of it" in said(test) or "0 trades in the backtest" in said(test)


def test_a_pivots_cell_is_an_address_of_trades(open_page: Open, database: Engine) -> None:
    from app import strategies_pivot, ui

    page: Any = type("P", (ui.Page,), {})(
        database, {"name": "x", "id": 1, "quote": "USD", "kind": "paper"}, ui.colors()
    )
    span = period.Period(NOW - DAY, NOW, False)
    address = strategies_pivot.address(page, span, {"strategy": "sma_cross", "exit": "stop", "hour": "07"})
    assert address == {"run": "x", "strategy": "sma_cross", "exit": "stop", "from": "2026-01-04", "to": "2026-01-05"}
    assert set(tables(open_page("trades", **{**address, "run": "test-data"}))[0]["exit_reason"]) <= {"stop"}


def test_live_is_laid_beside_the_newest_backtest_of_the_same_slot(database: Engine) -> None:
    found = strategies.tested(database, 1)
    assert {slot: one.name for slot, one in found.items()} == {1: "test-backtest"}
    assert strategies.results(database, [found[1]]).size == 0


def test_portfolio_tells_what_is_held(open_page: Open, database: Engine) -> None:
    test = open_page("portfolio")
    shown = figures_of(test)
    held = results.rows(database, "SELECT sum(mark * qty) AS size FROM position WHERE qty > 0", {})[0]["size"]
    equity = results.rows(database, "SELECT equity FROM equity WHERE run_id = 1 ORDER BY ts DESC LIMIT 1", {})[0][
        "equity"
    ]
    assert shown["Exposure"] == f"{held / equity * 100:.1f} %"
    assert "The page Data fetches them" in said(test)
    assert ">BACKTEST<" in said(open_page("portfolio", run="test-backtest"))


def test_a_persons_own_sectors_change_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    known, wrong = sectors.sectors()
    assert (sectors.sector_of("DOGE/USD", known), wrong) == ("Memes", "")
    assert sectors.sector_of("NEVERHEARD/USD", known) == sectors.OTHER
    assert len(known) >= 100
    (tmp_path / "sectors.toml").write_text('[sectors]\n"Dogs" = ["doge"]\n')
    assert sectors.sector_of("DOGE/USD", sectors.sectors()[0]) == "Dogs"
    (tmp_path / "sectors.toml").write_text('[sectors]\nDogs = "DOGE"\n')
    known, wrong = sectors.sectors()
    assert known["DOGE"] == "Memes"
    assert 'write "Dogs" = ["BTC", "ETH"]' in wrong


def test_the_limit_of_a_sector_and_the_page_read_one_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    (tmp_path / "sectors.toml").write_text('[sectors]\n"Dogs" = ["DOGE"]\n')
    words = '[limits]\nper_sector = 0.3\nsectors = { Mine = ["ETH"] }\n[[slots]]\nstrategy = "sma_cross"\nsymbols = ["%s"]\n'
    symbols = ("DOGE/USD", "ETH/USD", "BTC/USD", "NEVERHEARD/USD")
    config = parse(words % '", "'.join(symbols))
    limited = dict(setup_of(config, [Instrument.unspecified(symbol) for symbol in symbols]).account.sectors)
    shown, _ = sectors.sectors(config.limits.sectors)
    assert limited == {symbol: shown[symbol.partition("/")[0]] for symbol in symbols[:3]}
    assert (limited["DOGE/USD"], limited["ETH/USD"]) == ("Dogs", "Mine")
    (tmp_path / "sectors.toml").write_text("[sectors]\nDogs = 1\n")
    with pytest.raises(ConfigError, match=r"limits.per_sector: sectors.toml cannot be used.*Mend that file"):
        check_slots(config)


def test_days_of_the_account_are_those_of_all_its_points(database: Engine) -> None:
    """A seek a day finds the same returns as reading everything, deposits among them."""
    with database.begin() as connection:
        at = NOW - 30 * 3_600_000
        connection.execute(
            text(f"INSERT INTO run_marker (run_id, ts, kind, text) VALUES (1, {at}, 'command', 'cash 500')")
        )
        connection.execute(
            text(f"UPDATE equity SET equity = equity + 500 WHERE run_id = 1 AND slot_id = 0 AND ts >= {at}")
        )
    run = results.rows(database, "SELECT * FROM run WHERE id = 1", {})[0]
    made, whole = portfolio.daily_curve(database, run), account_of_run(database, 1).curve
    assert made is not None
    assert made.flow.tolist() == whole.flow.tolist()
    assert made.daily_returns == pytest.approx(whole.daily_returns, rel=1e-12, abs=1e-15)
    assert made.ts.size < 20 < whole.ts.size


def test_a_book_grows_by_what_came(database: Engine) -> None:
    book = results.Book()
    who = {"run": 1}
    newest = results.rows(database, results.LAST_POINT, who)[0]["ts"]
    first = dict(book.points.refresh(database, 1, newest))
    with database.begin() as connection:
        connection.execute(text(f"UPDATE equity SET equity = 1 WHERE run_id = 1 AND ts = {newest}"))
        connection.execute(text(f"INSERT INTO equity VALUES (1, 0, {newest + 60_000}, 2, 2, 0)"))
    again = book.points.refresh(database, 1, newest + 60_000)
    assert again["equity"][-2:].tolist() == [1.0, 2.0]
    assert again["ts"].size == first["ts"].size + 1
    assert book.points.refresh(database, 1, newest + 60_000) is again
    assert (np.diff(again["ts"]) > 0).all()


def test_a_clock_is_the_zones_and_days_stay_utc() -> None:
    berlin = units.Units("money", "Europe/Berlin")
    times = np.array([np.datetime64(t, "ms").astype(np.int64) for t in ("2026-01-05T23:30", "2026-07-05T23:30")])
    assert (berlin.local(times) - times).tolist() == [3_600_000, 7_200_000]
    assert berlin.when(float(times[0])) == "2026-01-06 00:30"
    assert units.Units().local(times).tolist() == times.tolist()


@pytest.mark.parametrize("page", RESULTS)
def test_unit_and_zone_reach_every_results_page(open_page: Open, database: Engine, page: str) -> None:
    """Every column of times stands in the chosen zone, and no page speaks of money where percent are asked for."""
    test = open_page(page, unit="percent", zone="Asia/Tokyo", view="calendar", day="2026-01-03")
    assert [one.value for one in test.selectbox if one.key == "zone_pick"] == ["Asia/Tokyo"]
    configs = [json.loads(one.proto.columns) for one in test.get("arrow_data_frame") or test.dataframe]
    times = [
        c["type_config"]
        for config in configs
        for c in config.values()
        if c.get("type_config", {}).get("type") == "datetime"
    ]
    assert all(one["timezone"] == "Asia/Tokyo" for one in times)
    assert times or page in ("strategies", "portfolio")
    if page in ("review", "performance", "trades"):
        assert [metric.value for metric in open_page(page, zone="UTC", unit="money").metric] != [
            m.value for m in test.metric
        ]


def test_sums_are_the_same_money_in_every_unit(open_page: Open, database: Engine) -> None:
    trades, start = results_of(database), 10_000.0
    costs = {
        unit: next(f for f in tables(open_page("strategies", unit=unit)) if "slippage" in f) for unit in units.UNITS
    }
    assert costs["percent"]["net"].sum() == pytest.approx(trades["pnl"].sum() / start * 100)
    assert costs["r"]["net"].sum() == pytest.approx(np.nansum(trades["r_multiple"].astype(float)))
    rows = tables(open_page("trades", unit="percent", order="worst"))[0]
    assert rows["pnl"].iloc[0] == pytest.approx(trades["pnl"].min() / start * 100)
    assert "% of starting capital" in said(open_page("trades", unit="percent"))


def test_closes_of_days_are_the_last_of_each_and_holes_are_filled_inside_alone() -> None:
    ends = DAY * 100 + np.array([3_600_000, DAY, DAY + 1, 3 * DAY])
    days, close = market_days.last_of_day(ends, np.array([1.0, 2.0, 3.0, 4.0]))
    assert (days.tolist(), close.tolist()) == ([100, 101, 102], [2.0, 3.0, 4.0])
    names, table = market_days.levels({"A/USD": (np.array([101, 103]), np.array([1.0, 2.0]))}, 100, 104)
    assert names == ["A/USD"]
    assert table[:, 0] == pytest.approx([np.nan, 1, 1, 2, np.nan], nan_ok=True)


@pytest.mark.parametrize("page", ["performance", "strategies", "portfolio", "review", "trades"])
def test_a_hundred_thousand_trades_are_drawn(open_page: Open, many: Engine, page: str) -> None:
    """Every trace has at most 5,000 points; signals and the journal are opened by tests of their own."""
    seen = [
        len(values) for chart in open_page(page).get("plotly_chart") for values in points(json.loads(chart.proto.spec))
    ]
    assert max(seen, default=0) <= MOST_POINTS
    assert len(seen) > 1


def points(spec: dict[str, Any]) -> Iterator[Any]:
    """The x of every trace, as numbers however they were written."""
    for trace in spec["data"]:
        for name in ("x", "y"):
            values = trace.get(name, [])
            yield (
                np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
                if isinstance(values, dict)
                else values
            )


def test_no_query_walks_over_a_big_table(many: Engine) -> None:
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        asked.append((statement, parameters))

    event.listen(many, "before_cursor_execute", note)
    run = results.rows(many, "SELECT * FROM run WHERE id = 1", {})[0]
    results.Book().points.refresh(many, 1, NOW)
    trades = results.Book().trades.refresh(many, 1, 100_000)
    results.Book().fills.refresh(many, 1, 1)
    results.account(many, 1, results.columns(many, results.POINTS, {"run": 1, "since": NOW - DAY}), trades)
    portfolio.daily_curve(many, run)
    portfolio.results_by_day(many, 1, NOW // DAY - 90, NOW // DAY)
    portfolio.held(many, 1, NOW - 90 * DAY)
    strategies.tested(many, 1)
    strategies.results(many, [strategies.Tested(1, 1, "", True)])
    event.remove(many, "before_cursor_execute", note)
    assert len(asked) > 12
    for statement, parameters in asked:
        with many.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        walked = [row[3] for row in plan if row[3].split()[:1] == ["SCAN"] and row[3].split()[1] in BIG]
        assert walked == [], statement


BIG = ("equity", "trade", "fill", "signal", "orders", "e", "t", "p", "f")


def test_the_results_pages_load_without_the_kernel() -> None:
    """Numba alone takes a second to import: whoever looks at results in a fresh process does not wait for it."""
    pages = [f"pages/{name}.py" for name in RESULTS]
    tops = (node for page in pages for node in ast.parse((ROOT / page).read_text()).body)
    imports = [ast.unparse(node) for node in tops if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    code = "\n".join([*imports, "import sys", "print(sorted({'numba', 'scipy'} & set(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize("page", RESULTS)
def test_a_run_that_vanished_is_said_on_every_results_page(open_page: Open, database: Engine, page: str) -> None:
    test = open_page(page, run="test-data", trade="7")
    with database.begin() as connection:
        connection.execute(text("DELETE FROM run WHERE id = 1"))
    test.run()
    assert [error.value for error in test.exception] == []
    assert "There is no run test-data any more" in said(test)
    assert ">BACKTEST<" in said(test)
