"""The trades page: filters in the address, totals that add up, pages, a chosen trade."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine, text

from app.read.trades import Filter, everything, running, totals
from tests.app.conftest import Open, said, tables


def test_totals_are_the_sums_of_the_rows(database: Engine) -> None:
    for chosen in (Filter(), Filter(symbol="ETH/USD"), Filter(side="short", result="won"), Filter(reason="stop")):
        every = everything(database, 1, chosen)
        sums = totals(database, 1, chosen)
        assert sums["trades"] == len(every["pnl"]) > 0
        assert sums["pnl"] == pytest.approx(every["pnl"].sum(), rel=1e-12)
        assert sums["wins"] == (every["pnl"] > 0).sum()
        assert running(database, 1, chosen)["total"][-1] == pytest.approx(every["pnl"].sum(), rel=1e-12)


def test_no_loss_has_no_profit_factor(database: Engine) -> None:
    assert totals(database, 1, Filter(result="won"))["profit_factor"] is None


def test_filters_come_from_the_address(open_page: Open, database: Engine) -> None:
    test = open_page("trades", symbol="ETH/USD", side="long", result="won")
    frame = tables(test)[0]
    assert set(frame["symbol"]) == {"ETH/USD"}
    assert (frame["pnl"] > 0).all()
    assert (frame["direction"] > 0).all()
    assert test.query_params["symbol"] == "ETH/USD"


def test_filters_go_into_the_address(open_page: Open, database: Engine) -> None:
    test = open_page("trades")
    test.selectbox(key="pick_exit").select("stop").run()
    assert test.query_params["exit"] == "stop"
    assert set(tables(test)[0]["exit_reason"]) == {"stop"}
    test.selectbox(key="pick_exit").select("").run()
    assert "exit" not in test.query_params


def test_an_address_with_nonsense_shows_everything(open_page: Open, database: Engine) -> None:
    test = open_page("trades", symbol="'; DROP TABLE trade; --", page="-3", order="?", period="x")
    assert test.metric[0].value == "150"


def test_pages_and_order(open_page: Open, database: Engine) -> None:
    first = tables(open_page("trades", order="worst"))[0]
    second = tables(open_page("trades", order="worst", page="2"))[0]
    assert (len(first), len(second)) == (100, 50)
    both = np.concatenate([first["pnl"], second["pnl"]])
    assert (np.diff(both) >= 0).all()


def test_a_trade_in_the_address_is_shown_whole(open_page: Open, database: Engine) -> None:
    test = open_page("trades", trade="7")
    words = said(test)
    assert "Trade 7:" in words
    fills = tables(test)[-1]
    assert fills["purpose"].iloc[0] == "entry"
    assert len(fills) == 2


def test_a_trade_that_is_not_there_is_said(open_page: Open, database: Engine) -> None:
    assert "no trade 99999" in said(open_page("trades", trade="99999"))


def test_a_filter_without_trades_says_so(open_page: Open, database: Engine) -> None:
    assert "No trade fits these filters" in said(open_page("trades", symbol="DOGE/USD"))


def test_a_run_without_trades_says_so(open_page: Open, database: Engine) -> None:
    assert "This backtest closed no trade" in said(open_page("trades", run="test-backtest"))
    with database.begin() as connection:
        connection.execute(text("DELETE FROM trade"))
    assert "No trade has been closed yet" in said(open_page("trades"))
