"""The trades page: filters in the address, totals that add up, pages, a chosen trade."""

from __future__ import annotations

import re

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


def test_facets_ranges_and_saved_filters_live_in_the_address(open_page: Open, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO saved_filter (page, name, query, created_ts) VALUES ('trades', 'a*b', 'side=short&r=-1..0', 1)"
            )
        )
    test = open_page(
        "trades", pnl="0..5", held="10..60", tag="cross", config="1", **{"from": "2026-01-02", "to": "2026-01-03"}
    )
    frame = tables(test)[0]
    assert frame["pnl"].between(0, 5).all()
    assert set(frame["exit_ts"].dt.strftime("%Y-%m-%d")) <= {"2026-01-02", "2026-01-03"}
    assert len(frame) > 0
    next(button for button in test.button if button.label == "a\\*b").click().run()
    frame = tables(test)[0]
    assert (frame["direction"] < 0).all()
    assert frame["r_multiple"].between(-1, 0).all()
    assert "pnl" not in test.query_params
    test.button(key="filters_clear").click().run()
    assert test.metric[0].value == "150"


def test_a_group_narrows_to_its_trades(open_page: Open, database: Engine) -> None:
    test = open_page("trades", by="exit")
    groups = tables(test)[0]
    assert groups["trades"].sum() == 150
    assert groups["pnl"].sum() == pytest.approx(totals(database, 1, Filter())["pnl"])


def test_what_an_import_says_is_never_markdown(open_page: Open, database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE signal SET tag = '[x](http://evil) **b**'"))
        connection.execute(text("UPDATE slot SET label = '[y](http://evil)' WHERE run_id = 1"))
    test = open_page("trades", trade="7")
    marked = [str(e.value) for kind in ("caption", "markdown", "subheader") for e in getattr(test, kind)]
    facts = " ".join(str(value) for element in test.table for value in element.value.to_numpy().ravel())
    assert "evil" in facts
    assert not any(re.search(r"(?<!\\)\]\(http|(?<!\\)\*\*b", words) for words in [*marked, facts])


def by_models(database: Engine) -> dict[int, tuple[str, str]]:
    """Every fifth trade's signal was a model's, of one of two; (model, prompt) by the trade's number."""
    said = {}
    with database.execution_options(write=True).begin() as connection:
        found = connection.execute(text("SELECT seq, signal_seq FROM trade WHERE run_id = 1 AND seq % 5 = 0")).all()
        for seq, signal in found:
            said[seq] = ("one", "a") if seq % 10 else ("two", "b")
            named = {"model": said[seq][0], "prompt": said[seq][1], "seq": signal}
            update = "UPDATE signal SET source = 'ai', model = :model, prompt = :prompt WHERE run_id = 1 AND seq = :seq"
            assert connection.execute(text(update), named).rowcount == 1
    return said


def test_whose_signal_it_was_can_be_chosen_where_there_are_several(open_page: Open, database: Engine) -> None:
    plain = {box.key for box in open_page("trades").selectbox}
    assert not plain & {"pick_source", "pick_model", "pick_prompt"}
    said = by_models(database)
    test = open_page("trades", source="ai", model="two")
    assert set(tables(test)[0]["seq"]) == {seq for seq, one in said.items() if one[0] == "two"}
    test.selectbox(key="pick_model").select("").run()
    assert set(tables(test)[0]["seq"]) == set(said)
    test.selectbox(key="pick_prompt").select("a").run()
    assert test.query_params["prompt"] == ["a"] or test.query_params["prompt"] == "a"
    assert set(tables(test)[0]["seq"]) == {seq for seq, one in said.items() if one[1] == "a"}
    assert totals(database, 1, Filter(source="rule"))["trades"] == 150 - len(said)
