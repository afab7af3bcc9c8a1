"""Every page: empty, seeded, stale, down, foreign; and any run on any page."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from db.session import migrate, open_engine, write_session
from tests.app.conftest import Open, said, tables
from tests.app.seed import NOW

PAGES = ("overview", "chart", "positions", "trades", "system")


def _sql(engine: Engine, statement: str) -> None:
    with write_session(engine) as session:
        session.execute(text(statement))


@pytest.mark.parametrize("page", PAGES)
def test_without_a_database_there_are_three_doors(open_page: Open, data_folder: Path, page: str) -> None:
    words = said(open_page(page))
    assert "Nothing has run here yet" in words
    for command in ("make demo", "run_engine.py fetch", "run_engine.py backtest", "run_engine.py init"):
        assert command in words
    assert list(data_folder.iterdir()) == []


def test_an_empty_database_has_the_doors_too(open_page: Open, data_folder: Path) -> None:
    migrate(open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}"))
    assert "make demo" in said(open_page())


@pytest.mark.parametrize("page", PAGES)
def test_another_programs_database_is_explained(open_page: Open, data_folder: Path, page: str) -> None:
    with sqlite3.connect(data_folder / "evenkeel.db") as raw:
        raw.execute("CREATE TABLE notes (text TEXT)")
    words = said(open_page(page))
    assert "belongs to another program (it holds notes)" in words
    assert "run_engine.py doctor" in words


def test_the_frame_says_what_kind_of_run_it_is(open_page: Open, database: Engine) -> None:
    words = said(open_page())
    assert ">PAPER<" in words
    assert ">DEMO<" in words
    assert "Engine running" in words
    assert "0.7 s ago" in words
    test = open_page(run="test-backtest")
    assert ">BACKTEST<" in said(test)
    assert ">DEMO<" not in said(test)
    assert [b.label for b in test.button if b.key in ("pause", "kill")] == []


def test_a_live_run_is_badged_live(open_page: Open, database: Engine) -> None:
    _sql(database, "UPDATE run SET kind = 'live', demo = FALSE WHERE id = 1")
    assert ">LIVE<" in said(open_page())


@pytest.mark.parametrize("page", PAGES)
def test_an_engine_not_heard_is_down_and_its_data_stale(open_page: Open, database: Engine, page: str) -> None:
    _sql(database, f"UPDATE engine_status SET heartbeat_ts = {NOW - 600_000}")
    words = said(open_page(page))
    assert "Engine down" in words
    assert "10 min" in words
    assert "stale data" in words
    assert "Engine running" not in words


def test_silence_of_the_exchange_is_stale_though_the_engine_lives(open_page: Open, database: Engine) -> None:
    _sql(database, f"UPDATE engine_status SET last_bar_ts = exchange_ts - {4 * 60_000}")
    words = said(open_page())
    assert "Engine running" in words
    assert "stale data" in words


def test_data_of_an_accelerated_run_ages_at_its_speed(open_page: Open, database: Engine) -> None:
    _sql(database, f"UPDATE engine_status SET speed = 600, heartbeat_ts = {NOW - 3_000}, exchange_ts = last_bar_ts")
    assert "30 min" in said(open_page())


def test_a_stopped_engine_is_stopped_not_down(open_page: Open, database: Engine) -> None:
    _sql(database, f"UPDATE engine_status SET state = 'stopped', heartbeat_ts = {NOW - 600_000}")
    words = said(open_page())
    assert "Engine stopped" in words
    assert "Engine down" not in words


def test_overview_tells_the_account(open_page: Open, database: Engine) -> None:
    test = open_page()
    with database.connect() as connection:
        equity = connection.execute(
            text("SELECT equity FROM equity WHERE run_id = 1 ORDER BY ts DESC LIMIT 1")
        ).scalar_one()
    metrics = {m.label: m for m in test.metric}
    assert metrics["Equity, USD"].value == f"{equity:,.2f}"
    assert metrics["Positions"].value == "3 of 6"
    assert metrics["At risk, USD"].delta == "1 without a stop"
    assert metrics["Drawdown"].delta == "acts at −10 %"
    words = said(test)
    assert "signals() returned 499 values for 500 bars" in words
    open_table, slots, events, changes = tables(test)[-4:]
    assert list(open_table["slot"]) == [
        "SMA cross on BTC/USD",
        "RSI reversion on SOL/USD",
        "Donchian breakout on ETH/USD",
    ]
    assert list(slots["state"]) == ["enabled"] * 4 + ["failed"]
    assert events["ts"].is_monotonic_decreasing
    assert list(changes["detail"]) == ["allow_short = true"]


def test_today_starts_at_the_last_mark_before_midnight(open_page: Open, database: Engine) -> None:
    day = NOW // 86_400_000 * 86_400_000
    _sql(database, f"DELETE FROM equity WHERE run_id = 1 AND ts > {day - 60_000} AND ts < {NOW - 1_500}")
    _sql(database, f"INSERT INTO equity VALUES (1, 0, {day - 1_000}, 9000, 9000, 0)")
    with database.connect() as connection:
        last = connection.execute(
            text("SELECT equity FROM equity WHERE run_id = 1 ORDER BY ts DESC LIMIT 1")
        ).scalar_one()
    assert {m.label: m.value for m in open_page().metric}["Today, USD"] == f"+{last - 9000:,.2f}"


def test_positions_are_told_whole(open_page: Open, database: Engine) -> None:
    words = said(open_page("positions"))
    for part in (
        "SMA cross on BTC/USD",
        "To stop: 1.05 %",
        "R: +0.66",
        "No stop protects this position",
        "strength",
        "✓ fast mean",
    ):
        assert part in words


def test_flat_is_said(open_page: Open, database: Engine) -> None:
    _sql(database, "DELETE FROM position")
    assert "Flat: nothing is held" in said(open_page("positions"))
    assert "Flat: nothing is held" in said(open_page())


@pytest.mark.parametrize("page", PAGES)
def test_any_page_works_for_a_backtest(open_page: Open, database: Engine, page: str) -> None:
    assert ">BACKTEST<" in said(open_page(page, run="test-backtest"))


def test_system_shows_what_the_engine_survived(open_page: Open, database: Engine) -> None:
    found = tables(open_page("system"))
    errors, outages, commands = [frame for frame in found if {"count", "last_ts"}.isdisjoint(frame)]
    assert list(errors["slot"]) == ["MACD trend on DOGE/USD"]
    assert list(outages["lasted"]) == ["4 min", "9 h"]
    assert list(commands["state"]) == ["done", "done"]


def test_what_a_database_says_is_never_html(open_page: Open, database: Engine) -> None:
    _sql(database, "UPDATE run SET name = '<img src=x>' WHERE id = 1")
    _sql(database, "UPDATE slot SET error = '<script>1</script>', label = '<b>bold</b>' WHERE id = 1")
    _sql(database, "UPDATE engine_status SET message = '<i>x</i>'")
    for page in PAGES:
        test = open_page(page)
        html = "".join(str(element.proto.body) for element in test.get("html"))
        assert not any(part in html for part in ("<img", "<script", "<b>bold", "<i>x"))
