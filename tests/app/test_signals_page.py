"""The signals page: on nothing, on little, on a hundred thousand signals; what it shows is what the signals say."""

from __future__ import annotations

import time

import numpy as np
from sqlalchemy import Engine, text

from app import signals_data
from engine.research import signal_book
from tests.app.conftest import Open, said, tables

BIG = {"signal", "signal_outcome", "trade", "orders", "equity", "breaker_event"}


def test_no_database_says_what_to_do(open_page: Open) -> None:
    assert "run_engine.py" in said(open_page("signals"))


def test_a_run_without_signals_says_so(open_page: Open, database: Engine) -> None:
    assert "This backtest stored no signal" in said(open_page("signals", run="test-backtest"))
    with database.begin() as connection:
        connection.execute(text("DELETE FROM signal"))
    assert "No strategy has signalled yet" in said(open_page("signals"))


def test_little_says_that_it_is_little(open_page: Open, database: Engine) -> None:
    """The seeded run has signals and trades, and nobody has followed a signal up."""
    words = said(open_page("signals"))
    assert "entries are not followed up to the end" in words
    assert "below 100 calibration cannot be told" in words
    assert "Mean return has no value: no signal is resolved yet" in words


def test_every_signal_is_in_the_table_blocked_ones_with_their_rule(open_page: Open, database: Engine) -> None:
    every = signal_book.read(database, 1)
    blocked = tables(open_page("signals", s_fate="blocked"))[-1]
    assert len(blocked) == int(every.facets["fate"].where("blocked").sum()) == 1
    assert blocked["rule"].tolist() == ["cap per symbol"]
    assert open_page("signals").metric[0].value == f"{int(every.entry.sum()):,}"


def test_nonsense_in_the_address_shows_everything(open_page: Open, database: Engine) -> None:
    plain = said(open_page("signals"))
    odd = open_page(
        "signals", s_symbol="'; DROP TABLE signal; --", measure="?", page="-3", by="x", decay="y", days="999"
    )
    assert said(odd) == plain


def test_filters_that_match_nothing_say_so(open_page: Open, database: Engine) -> None:
    assert "No signal fits these filters" in said(
        open_page("signals", s_fate="blocked", s_symbol="BTC/USD", s_side="short")
    )


def test_a_hundred_thousand_signals(open_page: Open, many: Engine) -> None:
    """What is shown are the sums of the rows; a script run that has read them is quick."""
    test = open_page("signals", measure="r24")
    book = signal_book.read(many, 1)
    assert test.metric[0].value == "150,000"
    won = np.nanmean(book.raw["r24"] > 0)
    assert test.metric[2].value == f"{won * 100:.1f} %"
    rules = next(frame for frame in tables(test) if "verdict" in frame)
    assert rules["signals"].sum() == 50_000
    assert (np.abs(rules["net"] - (rules["saved"] - rules["missed"])) < 0.02).all()
    began = time.process_time()
    test.run()
    assert time.process_time() - began < 1.0
    assert [error.value for error in test.exception] == []
    blocked = book.meant & (book.facets["fate"].codes != 0) & np.isfinite(book.raw["r24"] * book.risk)
    made = (book.raw["r24"] * book.notional / book.risk)[blocked]
    in_r = book.ledger("r24", in_r=True)
    assert sum(one.followed for one in in_r) == blocked.sum() > 0
    assert np.isclose(sum(one.net for one in in_r), -made.sum())


def test_filters_and_order_come_from_the_address(open_page: Open, many: Engine) -> None:
    test = open_page("signals", s_symbol="ETH/USD", s_rule="cooldown", measure="r4", order="worst", by="side")
    frame = tables(test)[-1]
    assert set(frame["symbol"]) == {"ETH/USD"}
    assert set(frame["rule"]) == {"cool-down after a stop"}
    assert (np.diff(frame["r4"]) >= 0).all()
    assert test.query_params["order"] == "worst"
    assert {"▲ long", "▼ short"} == set(tables(test)[0]["name"])


def test_no_query_goes_through_a_whole_table(many: Engine) -> None:
    asked = [value for name, value in vars(signal_book).items() if name.isupper() and str(value).startswith("SELECT")]
    asked += [signals_data.NEWEST, signals_data.FILLED, signals_data.ONE]
    assert len(asked) > 10
    with many.connect() as connection:
        for sql in asked:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"), {"run": 1, "seq": 5}).all()
            steps = [str(step[-1]) for step in plan]
            assert not [step for step in steps if step.split()[:1] == ["SCAN"] and BIG & set(step.split())], (
                sql,
                steps,
            )
