"""A hundred thousand trades: pages answer from indexes, what is shown adds up, filters say the same in SQL and numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, event

from app.read import journal, trades
from app.read.journal import Subject
from app.read.trades import Filter
from db.queries import columns
from engine.ledger import export
from tests.app.conftest import tables

BIG = {"trade", "t", "u", "signal", "g", "fill", "f", "orders", "o", "equity", "e2", "stop_move"}


FILTERS = [
    Filter(),
    Filter(symbol="ETH/USD", side="short", result="lost"),
    Filter(strategy="sma_cross", reason="stop", since=1_700_000_000_000, until=1_740_000_000_000),
    Filter(tag="cross", config=2, pnl=(-5.0, 20.0), r=(None, 0.5), held=(600_000.0, None)),
    Filter(find="nothing said that"),
    Filter(tag="#mine"),
    Filter(source="ai", model="none", prompt="a"),
    Filter(source="rule"),
]


def _asked(engine: Engine) -> tuple[list[tuple[str, Any]], Any]:
    """Every statement from now on."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    return seen, note


def test_no_query_scans_a_big_table(many: Engine) -> None:
    seen, note = _asked(many)
    for chosen in FILTERS:
        trades.totals(many, 1, chosen)
        trades.running(many, 1, chosen)
        for order in trades.ORDERS:
            trades.page(many, 1, chosen, order, 1, 50)
    for by in trades.GROUPS:
        trades.groups(many, 1, Filter(symbol="SOL/USD"), by)
    trades.choices(many, 1)
    from app.read import trade_detail

    found = trade_detail.detail(many, 1, 70_000)
    assert found is not None
    trade_detail.fills_of(many, 1, {**found, "entry_order_seq": 1, "exit_order_seq": 2})
    trade_detail.stops_of(many, 1, found)
    journal.recent(many, 1)
    journal.reviewed(many, 1)
    journal.days(many, 1, 1_764_547_200_000, 1_767_225_600_000)
    journal.span(many, 1)
    journal.entry(many, Subject(1, trade_seq=5))
    journal.found(many, 1, "word", "#tag", True)
    journal.costs_of_mistakes(many, 1)
    for name in export.TABLES:
        export.table(many, name, [1], since=1_767_500_000_000)
    event.remove(many, "before_cursor_execute", note)
    assert len(seen) > 100
    scans = set()
    with many.connect() as connection:
        for statement, parameters in dict.fromkeys((s, tuple(p) if isinstance(p, list) else p) for s, p in seen):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            steps = [
                row[3] for row in plan if row[3].startswith("SCAN") and "VIRTUAL TABLE" not in row[3]
            ]  # that is FTS5
            scans |= {(step, statement[:90]) for step in steps if step.split()[1] in BIG}
    assert scans == set()


def _numpy(every: dict[str, Any], chosen: Filter) -> Any:
    """The same filter the slow way."""
    held = every["exit_ts"] - every["entry_ts"]
    keep = np.ones(len(held), bool)
    for value, column in (
        (chosen.symbol, "symbol"),
        (chosen.reason, "exit_reason"),
        (chosen.config, "config_version_id"),
        (chosen.tag, "tag"),
    ):
        keep &= (every[column] == value) if value else True
    keep &= (every["strategy"] == chosen.strategy) if chosen.strategy else True
    keep &= ((every["direction"] > 0) == (chosen.side == "long")) if chosen.side else True
    keep &= every["pnl"] < 0 if chosen.result == "lost" else True
    keep &= (every["exit_ts"] >= chosen.since) & (every["exit_ts"] < (chosen.until or 2**62))
    for values, (low, high) in ((every["pnl"], chosen.pnl), (every["r_multiple"], chosen.r), (held, chosen.held)):
        keep &= (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
    return keep


@pytest.mark.parametrize("chosen", FILTERS[:4], ids=["all", "facets", "dates", "ranges"])
def test_a_filter_is_what_it_says(many: Engine, chosen: Filter) -> None:
    sql = """SELECT t.seq, t.entry_ts, t.exit_ts, t.symbol, t.exit_reason, t.config_version_id, t.direction, t.pnl, t.r_multiple,
             s.strategy, g.tag FROM trade t JOIN slot s ON s.id = t.slot_id
             LEFT JOIN signal g ON g.run_id = t.run_id AND g.seq = t.signal_seq WHERE t.run_id = 1 AND t.seq % 19 = 0"""
    every = columns(many, sql)
    mine = every["seq"][_numpy(every, chosen)]
    got = trades.running(many, 1, chosen)["seq"]
    assert set(mine.tolist()) == set(got[got % 19 == 0].tolist())
    assert len(mine) > 20
    sums = trades.totals(many, 1, chosen)
    for by in ("exit", "month", "strategy"):
        parts = trades.groups(many, 1, chosen, by)
        assert sum(part["trades"] for part in parts) == sums["trades"] == len(got)
        assert sum(part["pnl"] for part in parts) == pytest.approx(sums["pnl"], abs=1e-6)


def test_pages_of_every_order_are_the_whole_in_order(many: Engine) -> None:
    chosen = Filter(symbol="BTC/USD", reason="stop", since=1_760_000_000_000)
    count = int(trades.totals(many, 1, chosen)["trades"])
    for order, column in (("best", "pnl"), ("worst_r", "r_multiple"), ("oldest", "exit_ts"), ("costliest", "fees")):
        parts = [trades.page(many, 1, chosen, order, n, 100) for n in range(1, count // 100 + 2)]
        values = np.concatenate([part[column] for part in parts])
        assert len({int(seq) for part in parts for seq in part["seq"]}) == count
        steps = np.diff(values)
        assert (steps <= 0).all() if order in ("best", "costliest") else (steps >= 0).all()


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("trades", {"by": "tag", "order": "worst", "page": "500", "trade": "70000"}),
        ("trades", {"symbol": "ETH/USD", "r": "..0", "from": "2025-01-01", "to": "2025-12-31"}),
        ("journal", {}),
        ("journal", {"view": "calendar", "month": "2025-03"}),
    ],
)
def test_the_pages_open(open_page: Any, many: Engine, page: str, query: dict[str, str]) -> None:
    test = open_page(page, **query)
    for name, value in query.items():
        assert test.query_params[name] in (value, [value])
    if page == "trades" and "symbol" in query:
        assert set(tables(test)[0]["symbol"]) == {"ETH/USD"}
        assert (tables(test)[0]["r_multiple"] <= 0).all()
