"""Chart, overview and positions of an account that lives: what is drawn is what was stored, what is said is so."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import Engine, event, insert, text

from app import slot_data
from app.read import since, slot_chart, trouble
from app.read.runs import Health
from app.read.since import Mark
from app.read.trouble import ALIVE, GONE
from db.models import Snapshot
from db.queries import columns
from db.session import open_engine, write_session
from engine.core.setup import Setup
from engine.core.types import TF_BAR, AccountSpec
from engine.core.types import Instrument as Grid
from engine.market.barbook import BarBook
from tests.app.conftest import Open, said, tables
from tests.app.seed import DAY, HOUR, MIN, NOW

KEY = f"{0:012x}"  # SMA cross on BTC/USD, long in the seed
FEW = 300


@pytest.fixture
def bars(data_folder: Path, database: Engine) -> np.ndarray[Any, Any]:
    """300 closed bars of the seed's first slot and the one that is open, as an engine leaves them; in ticks of a cent."""
    dice = np.random.default_rng(3)
    rows = np.zeros(FEW, TF_BAR)
    rows["ts"] = NOW // MIN * MIN - np.arange(FEW, 0, -1) * MIN
    rows["close"] = 6_100_000 + np.cumsum(dice.integers(-900, 901, FEW))
    rows["open"] = np.roll(rows["close"], 1)
    rows["open"][0] = rows["close"][0]
    rows["high"], rows["low"] = (
        np.maximum(rows["open"], rows["close"]) + 50,
        np.minimum(rows["open"], rows["close"]) - 50,
    )
    rows["volume"] = 1.0
    name = BarBook.name_of("BTC/USD", MIN)
    folder = data_folder / "runs" / "1" / "bars"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(rows.tobytes())
    _snapshot(database, {name: FEW}, {})
    return rows


def _snapshot(engine: Engine, counts: dict[str, int], more: dict[str, Any]) -> None:
    opened = [NOW // MIN * MIN, 6_111_100, 6_122_200, 6_100_000, 6_115_500, 1.0, 0]
    grid = Grid("BTC/USD", "BTC", "USD", Decimal("0.01"), Decimal("1e-8"), Decimal("1e-6"))
    account = AccountSpec(Decimal(10_000), "USD", Decimal("1e-6"))
    extra = {
        "now": NOW + 5_000, "bars": counts, "first_bars": {}, "setup": Setup(account, (grid,), (), (), (), 0, 0).to_json(),
        "resamplers": {str(MIN): {"start": opened[0], "open": [[0, opened]]}}, **more,
    }  # fmt: skip
    row = {"run_id": 1, "created_ts": NOW, "exchange_ts": NOW, "tape_day": "2026-01-05", "tape_offset": 0, "tape_seq": 0,
           "layout": {}, "kernel_hash": "x", "state": b"", "extra": extra}  # fmt: skip
    with write_session(engine) as session:
        session.execute(insert(Snapshot), row)


def drawn(test: Any) -> dict[str, Any]:
    """The figure on the page, by trace name ("" the candles), and its layout under `layout`."""
    (element,) = test.get("bidi_component")
    figure = json.loads(json.loads(element.proto.json)["figure"])
    return {**{trace.get("name", "lines"): trace for trace in figure["data"]}, "layout": figure["layout"]}


def values(told: Any) -> list[float]:
    """A column of a figure, as Plotly for Python packs it."""
    if isinstance(told, dict):
        import base64

        return [float(value) for value in np.frombuffer(base64.b64decode(told["bdata"]), told["dtype"])]
    return [float("nan") if value is None else float(value) for value in told]


# ---- chart -----------------------------------------------------------------------------------------------------------------
def test_the_chart_draws_the_runs_bars_the_open_one_and_what_the_strategy_draws(
    open_page: Open, database: Engine, bars: Any
) -> None:
    test = open_page("chart", slot=KEY, window="3 h")
    figure = drawn(test)
    shown = 180
    assert values(figure[""]["close"])[-3:] == [*(bars["close"][-2:] / 100), 61_155.0]
    assert values(figure[""]["high"])[-1] == 61_222.0
    assert len(values(figure[""]["close"])) == shown
    fast = np.convolve(bars["close"] / 100, np.ones(10) / 10, "valid")
    assert np.allclose(values(figure["fast mean"]["y"])[-100:], fast[-100:], rtol=1e-12)
    assert figure["stop"]["line"]["shape"] == "hv"
    path = [y for y in values(figure["stop"]["y"]) if y == y]
    stops = columns(database, "SELECT stop FROM stop_move WHERE slot_id = 1 AND trade_seq = 9000000 ORDER BY ts")[
        "stop"
    ]
    assert path[-len(stops) - 1 :] == [*stops, stops[-1]], "the held position's stop, move by move, to the right edge"
    names = {one["text"] for one in figure["layout"]["annotations"]}
    assert {"entry", "stop", "61,155.50"[:9]} & names >= {"entry", "stop"}
    assert test.query_params["slot"] in (KEY, [KEY])


def test_the_chart_marks_what_was_taken_and_what_was_blocked_apart(open_page: Open, database: Engine) -> None:
    eth = f"{1:012x}"
    with write_session(database) as session:
        session.execute(text("UPDATE signal SET slot_id = 1 WHERE status = 'refused'"))
    test = open_page("chart", slot=KEY, window="all")
    assert "No candles of BTC/USD are kept" in said(test)
    signals = tables(test)[0]
    blocked = signals[signals["status"] == "refused"]
    assert list(blocked["why"]) == ["cap per symbol"]
    assert "Flat" in said(open_page("chart", slot=eth))


def test_the_sentence_is_the_engines_own_word_and_its_ends(open_page: Open, database: Engine, bars: Any) -> None:
    name = BarBook.name_of("BTC/USD", MIN)
    told = {"end": NOW // MIN * MIN, "bars": FEW, "warmup": 50, "checks": {"fast mean above slow mean": True}}
    _snapshot(database, {name: FEW}, {"said": {KEY: told}})
    words = said(open_page("chart", slot=KEY))
    assert "Long since 06:25: “fast mean above slow mean” is true, the stop at" in words
    assert "next decision 08:01." in words
    with write_session(database) as session:
        session.execute(text("DELETE FROM position"))
    _snapshot(database, {name: FEW}, {"said": {KEY: {**told, "bars": 37}}})
    assert "Warming up 37 of 50 bars, ready about 08:13" in said(open_page("chart", slot=KEY))
    _snapshot(database, {name: FEW}, {"said": {KEY: told}, "blocked_until": {KEY: NOW + 2 * HOUR}})
    assert "Blocked by cool-down until 10:00" in said(open_page("chart", slot=KEY))


def test_a_breaker_holds_its_own_slot_its_symbol_or_all(database: Engine) -> None:
    made = [("losses", 1, "paused", NOW + HOUR), ("losses", 2, "paused", None), ("stale_data:BTC/USD", 0, "paused", NOW),
            ("stale_data:ETH/USD", 0, "paused", NOW), ("drawdown_halt", 0, "halted", None)]  # fmt: skip
    names = "run_id, name, slot_id, state, level, count, until_ts"
    sql = f"INSERT OR REPLACE INTO breaker ({names}) VALUES (1, :n, :s, 'tripped', :l, 0, :u)"
    with write_session(database) as session:
        for name, slot, level, until in made:
            session.execute(text(sql), {"n": name, "s": slot, "l": level, "u": until})
    found = slot_data._tripped(slot_chart.holding(database, 1, 1), "BTC/USD")
    assert {(one.name, one.account, one.until) for one in found} == {
        ("losses", False, NOW + HOUR), ("stale_data:BTC/USD", False, NOW), ("drawdown_halt", True, None),
    }  # fmt: skip


BAD = """'A strategy that fails.'
from engine.strategies.base import Strategy


class Mine(Strategy):
    'Fails.'

    def signals(self, bars):
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("        return bars.nothing\n", "AttributeError"),
        ("        raise KeyboardInterrupt2\n", "KeyboardInterrupt2"),
        (None, "no strategy 'mine'"),
    ],
)
def test_a_strategy_that_fails_takes_only_its_own_lines_off_the_chart(
    open_page: Open, database: Engine, bars: Any, tmp_path: Path, monkeypatch: Any, body: str | None, words: str
) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "my"))
    (tmp_path / "my" / "strategies").mkdir(parents=True)
    if body is not None:
        (tmp_path / "my" / "strategies" / "mine.py").write_text(BAD + body)
    with write_session(database) as session:
        session.execute(text("UPDATE slot SET strategy = 'mine' WHERE id = 1"))
    test = open_page("chart", slot=KEY)
    assert words in said(test)
    assert "cannot be evaluated here" in said(test)
    assert len(values(drawn(test)[""]["close"])) == 180


def test_an_edited_strategy_is_told(open_page: Open, database: Engine, bars: Any) -> None:
    with write_session(database) as session:
        session.execute(text("UPDATE slot SET source_hash = 'older' WHERE id = 1"))
    assert "is not the code that this run was made with" in said(open_page("chart", slot=KEY))


def test_a_nonsense_address_shows_the_usual_chart(open_page: Open, database: Engine, bars: Any) -> None:
    test = open_page("chart", slot="nobody", window="7 weeks", end="yesterday")
    assert "Candles of 1m, the run's own bars" in said(test)
    earlier = open_page("chart", slot=KEY, window="1 h", end=str(NOW - 2 * HOUR))
    assert max(values(drawn(earlier)[""]["close"])) <= 61_500
    assert "Newest" in [button.label for button in earlier.button]
    far = open_page("chart", slot=KEY, window="1 h", end=str(NOW - 90 * DAY))
    assert "No candles in this stretch" in said(far)


# ---- since one last looked -------------------------------------------------------------------------------------------------
def test_nothing_is_lost_by_looking_and_seen_counts_from_there(open_page: Open, database: Engine) -> None:
    first = open_page()
    assert "Nothing marked as seen yet: the last 24 hours" in said(first)
    expected = columns(database, f"SELECT pnl FROM trade WHERE run_id = 1 AND exit_ts > {NOW - 700 - DAY}")["pnl"]
    line = f"{len(expected)} trades closed ({int((expected > 0).sum())} won"
    assert line in said(first)
    assert line in said(open_page()), "looking alone marks nothing"
    first.button("since_seen").click().run()
    assert "Nothing has happened since." in said(first)
    assert "Nothing has happened since." in said(open_page()), "another browser knows it too"
    with write_session(database) as session:
        copied = "INSERT INTO trade SELECT * FROM (SELECT * FROM trade WHERE seq = 1)"
        names = [row[1] for row in session.execute(text("PRAGMA table_info(trade)"))]
        changed = {"id": "NULL", "seq": "99999", "exit_ts": str(NOW + MIN), "pnl": "12.5"}
        picked = ", ".join(changed.get(name, name) for name in names)
        session.execute(
            text(
                copied.replace(
                    "SELECT * FROM (SELECT * FROM trade WHERE seq = 1)", f"SELECT {picked} FROM trade WHERE seq = 1"
                )
            )
        )
    again = first.run()
    assert "1 trade closed (1 won, +12.50 USD)" in said(again)
    again.button("since_seen").click().run()
    again.button("since_back").click().run()
    assert "1 trade closed" in said(again), "undone"


@given(
    some.integers(0, 2**62), some.integers(0, 2**62), some.none() | some.floats(allow_nan=False, allow_infinity=False)
)
def test_a_mark_is_read_as_it_was_written(wall: int, market: int, equity: float | None) -> None:
    mark = Mark(wall, market, equity)
    assert Mark.read(mark.text()) == mark


@given(some.text(max_size=20))
def test_any_other_words_are_no_mark_and_no_error(words: str) -> None:
    assert Mark.read(words) is None or Mark.read(words) == Mark.read(Mark.read(words).text())  # type: ignore[union-attr]


def test_what_did_not_happen_is_not_listed() -> None:
    nothing = dict.fromkeys(
        ("trades", "won", "opened", "refused", "missed", "trips", "outages", "configs", "starts", "alerts"), 0
    )
    assert since.sentence({**nothing, "pnl": 0.0}, 0.0, "USD") == ""
    some_of = {**nothing, "pnl": -3.0, "trades": 2, "trips": 1, "refused": 2, "missed": 1}
    assert since.sentence(some_of, -3.004, "USD") == (
        "equity −3.00 USD; 2 trades closed (0 won, −3.00 USD); 1 breaker trip; 2 refused entries; 1 missed entry"
    )


# ---- trouble ---------------------------------------------------------------------------------------------------------------
WELL = Health("running", "running", True, False, 700.0, 1_200.0, False)
DOWN = replace(WELL, word="down", alive=False, down=True, heartbeat_age=600_000.0, stale=True)
STOPPED = Health("stopped", "stopped", False, False, 600_000.0, 0.0, True)
FEED = {"feed": "live"}

CASES: list[tuple[Health, dict[str, Any] | None, dict[str, Any], str, str]] = [
    (WELL, FEED, {"held": 3}, "", ""),
    (replace(WELL, state="paused"), FEED, {"held": 3}, "", ""),
    (DOWN, FEED, {"held": 2, "process": GONE}, "The engine is down", "10 min. Its process is gone. 2 open positions"),
    (DOWN, FEED, {"held": 1}, "The engine is down", "1 open position is unattended: stops and targets do not act."),
    (DOWN, FEED, {"held": 0, "process": ALIVE}, "The engine does not answer", "its process is there"),
    (DOWN, FEED, {"held": 1, "process": ALIVE, "locked": True}, "The database is locked", "keeps all on its tape"),
    (STOPPED, FEED, {"held": 0}, "The engine is stopped", "Stopped 10 min ago. No position is open."),
    (WELL, {"feed": "disconnected: reset"}, {"held": 1}, "No connection to the exchange", "reset. No prices come in"),
    (replace(WELL, stale=True, data_age=240_000.0), FEED, {"held": 0}, "No fresh prices", "4 min old: no position"),
    (replace(WELL, stale=True, data_age=None), FEED, {"held": 0}, "No prices yet", "waits for the first bar"),
    (replace(DOWN, heartbeat_age=None), None, {"held": 0}, "No engine has run yet", "run_engine.py run"),
]  # fmt: skip


@pytest.mark.parametrize(("health", "status", "more", "title", "words"), CASES)
def test_the_gravest_trouble_is_told(
    health: Health, status: dict[str, Any] | None, more: dict[str, Any], title: str, words: str
) -> None:
    found = trouble.told(health, status, **more)
    assert (found.title if found else "") == title
    assert words in (found.words if found else "")


def test_a_lock_is_seen_and_given_back(data_folder: Path, database: Engine) -> None:
    file = data_folder / "evenkeel.db"
    assert not trouble.is_locked(file)
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert trouble.is_locked(file)
        other.execute("ROLLBACK")
    assert not trouble.is_locked(file)
    with write_session(database) as session:
        session.execute(text("UPDATE run SET quote = 'USD'"))
    assert not trouble.is_locked(data_folder / "none.db")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (f"heartbeat_ts = {NOW - 600_000}", "The engine is down.</b> Not heard for 10 min. 3 open positions are unattended"),
        ("feed = 'disconnected: <script>1</script>'", "No connection to the exchange.</b> &lt;script&gt;1"),
    ],
)  # fmt: skip
def test_every_page_wears_the_alarm(open_page: Open, database: Engine, change: str, words: str) -> None:
    with write_session(database) as session:
        session.execute(text(f"UPDATE engine_status SET {change}"))
    test = open_page("positions")
    assert words in said(test)
    assert "<script>1" not in said(test)
    assert 'role="alert"' not in said(open_page("positions", run="test-backtest"))


def test_positions_say_why_they_are_still_open(open_page: Open, database: Engine) -> None:
    words = said(open_page("positions"))
    assert "Long since 06:25: the stop at" in words
    assert "no stop protects it" in words
    assert "At risk, USD:" in words
    assert " R)" in words


@pytest.mark.parametrize("page", ["overview", "chart", "positions"])
def test_a_hundred_thousand_trades_open_too(open_page: Open, big_file: Path, monkeypatch: Any, page: str) -> None:
    """Read-only, as the file is everybody's: no write is asked of it by looking."""
    monkeypatch.setenv("EVENKEEL_DATA", str(big_file.parent))
    words = said(open_page(page))
    assert {"overview": "trades closed (", "chart": "Flat: ", "positions": "Flat: nothing is held"}[page] in words


def test_no_query_of_a_chart_or_of_what_happened_scans_a_big_table(big_file: Path) -> None:
    engine = open_engine(f"sqlite:///{big_file}", read_only=True)
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda c, u, sql, params, *_: asked.append((sql, params)))
    first, last = NOW - 400 * DAY, NOW - 399 * DAY
    for read in (slot_chart.signals, slot_chart.fills, slot_chart.trades):
        read(engine, 1, 2, first, last)
    slot_chart.resting(engine, 1, 2)
    slot_chart.spoken(engine, 1, 2, first)
    slot_chart.left(engine, 1, 2)
    since.counts(engine, 1, Mark(NOW - DAY, NOW - DAY))
    with sqlite3.connect(f"file:{big_file}?mode=ro", uri=True) as raw:
        plans = [row[3] for sql, params in list(asked) for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
    engine.dispose()
    assert len(asked) >= 8
    big = ("trade", "signal", "orders", "o", "fill", "f", "stop_move", "equity")
    assert [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] in big] == []
