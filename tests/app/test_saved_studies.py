"""A stored backtest of several slots opens in every results page, as any other run does."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.queries import columns
from db.session import migrate, open_engine
from engine.market.store import Store
from engine.research.lab import run_study, save_study
from engine.research.study import Study
from tests.app.conftest import Open, said
from tests.app.test_now_pages import drawn, values
from tests.research.conftest import MINUTE, walk
from tests.research.test_lab import slot, study

SLOTS = slot(), slot("donchian_breakout", "ETH/USD", 5 * MINUTE)


@pytest.fixture
def saved(data_folder: Path) -> tuple[Study, int, str]:
    """(what was asked, trades closed, the run's name), the candles in the store."""
    store = Store(data_folder / "candles")
    store.write("coinbase", "BTC/USD", "1m", walk())
    store.write("coinbase", "ETH/USD", "1m", walk(seed=9, symbol="ETH/USD", price=2_000.0))
    asked = study(*SLOTS, title="two")
    result = run_study(asked, store)
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}")
    migrate(engine)
    _, name = save_study(engine, result)
    engine.dispose()
    return asked, result.played.reports.trades.size, name


@pytest.mark.parametrize("page", ["overview", "chart", "positions", "trades", "runs"])
def test_it_opens(open_page: Open, saved: tuple[Study, int, str], page: str) -> None:
    _, _, name = saved
    app = open_page(page, run=name)
    assert not app.exception, [one.message for one in app.exception]
    words = said(app)
    assert ">BACKTEST<" in words or page == "runs"
    assert "Traceback" not in words


def test_all_its_trades_are_listed(open_page: Open, saved: tuple[Study, int, str]) -> None:
    _, trades, name = saved
    words = said(open_page("trades", run=name))
    assert f"{trades:,}" in words
    assert trades > 20


def test_its_chart_is_whole_and_tells_how_it_ended(
    open_page: Open, saved: tuple[Study, int, str], data_folder: Path
) -> None:
    """All fills of a slot are on its chart, over the candles that it was played on; nothing comes next."""
    test = open_page("chart", run=saved[2])
    words = said(test)
    assert "At its end" in words
    assert "next decision" not in words
    assert "no new entry was signalled" in words or "since" in words or "is false" in words
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}", read_only=True)
    fills = columns(engine, "SELECT price FROM fill WHERE slot_id = 1 ORDER BY ts DESC, seq DESC LIMIT 400")["price"]
    engine.dispose()
    figure = drawn(test)
    shown = values(figure["bought"]["y"]) + values(figure["sold"]["y"])
    assert sorted(shown) == sorted(fills.tolist())
    assert len(shown) > 20
    assert min(values(figure[""]["low"])) == walk().low.min()


def test_it_can_be_asked_what_if(saved: tuple[Study, int, str], data_folder: Path) -> None:
    from app.read.research_runs import study_of
    from app.whatif_view import _asked
    from engine.research.whatif import Changes

    asked, trades, _ = saved
    engine = open_engine(f"sqlite:///{data_folder / 'evenkeel.db'}", read_only=True)
    found = study_of(engine, 1)
    engine.dispose()
    assert found == asked
    assert _asked(found, Changes()).played.reports.trades.size == trades
