"""A backtest from the command line and from code: its figures are its trades, it repeats, and what it saves audits."""

from __future__ import annotations

import csv as csv_file
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, text

from db.session import migrate, open_engine
from engine.core.types import Instrument, Sizing, SlotSpec
from engine.ledger.audit import audit
from engine.research.backtest import BacktestError, bars_of, run_backtest, save_backtest
from engine.research.play import longer, play, ticks_of
from engine.research.save import save_played
from engine.strategies import catalog
from engine.strategies.base import StrategyError
from tests.research.conftest import MINUTE, START, account, csv, spec, walk

ROOT = Path(__file__).resolve().parents[2]
KEYS = (
    "run_id strategy params symbol timeframe bars start end data_hash trades win_rate profit_factor expectancy "
    "total_return cagr sharpe sortino calmar max_drawdown volatility exposure final_equity fees avg_hold_seconds "
    "ambiguous_trades elapsed_seconds"
).split()
TRADE_COLUMNS = "entry_ts,exit_ts,side,qty,entry_price,exit_price,fees,pnl,pnl_pct,exit_reason,mae,mfe,bars_held"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(opened)
    yield opened
    opened.dispose()


def test_the_command_prints_every_figure_and_saves_a_run_that_audits(tmp_path: Path) -> None:
    data = csv(tmp_path / "BTCUSD_20240101.csv", walk())
    environment = {**os.environ, "EVENKEEL_DATA": str(tmp_path / "data"), "EVENKEEL_HOME": str(tmp_path / "my")}
    for name in ("DATABASE_URL", "EVENKEEL_CONFIG"):
        environment.pop(name, None)
    words = ["backtest", "sma_cross", "--data", str(data), "--fee", "0.001", "--stop", "0.004", "--param", "fast=8"]
    words += ["--save", "--trades-out", str(tmp_path / "trades.csv"), "--equity-out", str(tmp_path / "e.csv"), "--json"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_engine.py"), *words],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert set(KEYS) <= printed.keys()
    assert (printed["symbol"], printed["timeframe"], printed["bars"]) == ("BTC/USD", "1m", 4000)
    assert (printed["start"], printed["end"]) == (START, START + 4000 * MINUTE)
    assert printed["params"] == {"fast": 8, "slow": 50}
    with (tmp_path / "trades.csv").open() as file:
        assert file.readline().strip() == TRADE_COLUMNS
        rows = list(csv_file.DictReader(file, TRADE_COLUMNS.split(",")))
    closed = [row for row in rows if row["exit_reason"] != "open"]
    assert len(closed) == printed["trades"] > 20
    assert sum(Decimal(row["pnl"]) for row in closed) / len(closed) == pytest.approx(Decimal(printed["expectancy"]))
    assert all(float(row["mae"]) >= 0 <= float(row["mfe"]) for row in rows)
    stored = open_engine(f"sqlite:///{tmp_path / 'data' / 'evenkeel.db'}", read_only=True)
    report = audit(stored, printed["run_id"])
    assert report.problems == []
    assert report.trades == printed["trades"]
    stored.dispose()


def test_figures_are_what_the_trades_and_the_curve_say() -> None:
    result = run_backtest(spec(walk()))
    told, trades, curve = result.as_dict(), result.trade_columns(), result.equity_columns()
    pnl = np.array([value for value in trades["pnl"] if value is not None])
    assert told["trades"] == pnl.size
    assert told["win_rate"] == (pnl > 0).mean()
    assert told["profit_factor"] == pytest.approx(pnl[pnl > 0].sum() / -pnl[pnl < 0].sum(), rel=1e-12)
    assert told["total_return"] == pytest.approx(told["final_equity"] / 1000 - 1, abs=1e-12)
    assert curve["equity"][-1] == told["final_equity"]
    assert curve["ts"][-1] == told["end"]
    levels = np.concatenate([[1000.0], curve["equity"]])
    assert told["max_drawdown"] == (levels / np.maximum.accumulate(levels) - 1).min()
    ends = [1000.0, *(curve["equity"][curve["ts"] == START + day * 86_400_000][0] for day in (1, 2)), levels[-1]]
    daily = np.diff(ends) / ends[:-1]
    assert told["sharpe"] == pytest.approx(daily.mean() / daily.std(ddof=1) * 365**0.5, rel=1e-12)
    assert told["volatility"] == pytest.approx(daily.std(ddof=1) * 365**0.5, rel=1e-12)
    downside = np.sqrt((np.minimum(daily, 0) ** 2).mean())
    assert told["sortino"] == pytest.approx(daily.mean() / downside * 365**0.5, rel=1e-12)
    assert told["cagr"] == pytest.approx((told["final_equity"] / 1000) ** (365 * 1440 / 4000) - 1, rel=1e-9)
    assert told["calmar"] == told["cagr"] / -told["max_drawdown"]


def test_the_same_again_is_the_same() -> None:
    first, again = run_backtest(spec(walk())), run_backtest(spec(walk()))
    told, same = first.as_dict(), again.as_dict()
    for values in (told, same):
        values.pop("elapsed_seconds")
    assert told == same
    assert first.trades == again.trades
    assert first.equity_columns()["equity"].tobytes() == again.equity_columns()["equity"].tobytes()


def test_what_is_open_at_the_end_is_listed_as_open(mine: Callable[[str, str], None]) -> None:
    mine("hold", "return Signals.long_while(np.arange(n) >= 10)")
    result = run_backtest(replace_protection(spec(walk(200), "hold")))
    told, trades = result.as_dict(), result.trade_columns()
    assert (told["trades"], told["open_trades"]) == (0, 1)
    assert (trades["exit_reason"], trades["side"]) == (["open"], ["long"])
    assert trades["exit_ts"] == trades["exit_price"] == trades["pnl"] == trades["pnl_pct"] == [None]
    assert trades["fees"][0] == told["fees"] > 0
    assert told["win_rate"] is None
    assert told["undefined"]["win_rate"] == "no trade was closed"
    assert told["final_equity"] != 1000


def replace_protection(made):  # type: ignore[no-untyped-def]
    """The same without stop and target."""
    return replace(made, slot=SlotSpec("", made.slot.strategy, made.slot.symbol, made.slot.timeframe_ms))


def test_a_market_that_does_not_move_has_no_ratio(mine: Callable[[str, str], None]) -> None:
    mine("idle", "return Signals(np.zeros(n, np.int8), np.zeros(n, bool))")
    told = run_backtest(spec(walk(4000), "idle")).as_dict()
    assert (told["total_return"], told["max_drawdown"], told["exposure"]) == (0.0, 0.0, 0.0)
    for name in ("sharpe", "sortino", "calmar", "profit_factor", "expectancy", "avg_hold_seconds"):
        assert told[name] is None
        assert told["undefined"][name]


def test_a_saved_run_is_whole_and_audits(engine: Engine) -> None:
    made = spec(walk())
    result = save_backtest(engine, made, run_backtest(made))
    again = save_backtest(engine, made, run_backtest(made))
    assert (result.name, again.name) == ("sma_cross BTC/USD #1", "sma_cross BTC/USD #2")
    assert result.run_id is not None
    report = audit(engine, result.run_id)
    assert report.problems == []
    with engine.connect() as connection:
        run = connection.execute(text("SELECT * FROM run WHERE id = :id"), {"id": result.run_id}).mappings().one()
        slot = connection.execute(text("SELECT * FROM slot WHERE run_id = :id"), {"id": result.run_id}).mappings().one()
        counts = {
            table: connection.execute(
                text(f"SELECT count(*) FROM {table} WHERE run_id = :id"), {"id": result.run_id}
            ).scalar()
            for table in ("signal", "orders", "fill", "trade", "equity")
        }
    reports = result.played.reports
    assert (run["status"], run["kind"], run["exchange"], run["data_grade"]) == ("complete", "backtest", "file", "A")
    assert json.loads(run["stats"])["trades"] == reports.trades.size
    assert run["data_hash"] == result.quality.content_hash
    assert slot["source_text"] == catalog.source("sma_cross")[0]
    assert counts["equity"] == reports.equity.size == 4000
    assert counts["signal"] == reports.signals.size == sum(part.decisions.size for part in result.played.slots)
    assert (counts["fill"], counts["trade"]) == (reports.fills.size, reports.trades.size)


def test_a_run_that_cannot_be_written_is_marked_failed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    made = spec(walk(500))
    result = run_backtest(made)
    with engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER full BEFORE INSERT ON fill BEGIN SELECT RAISE(FAIL, 'disk full'); END"))
    with pytest.raises(Exception, match="disk full"):
        save_backtest(engine, made, result)
    with engine.connect() as connection:
        status, error = connection.execute(text("SELECT status, error FROM run")).one()
    assert status == "failed"
    assert "disk full" in error


def test_two_slots_on_two_symbols_share_one_account(engine: Engine) -> None:
    candles = {"BTC/USD": walk(3000, 1), "ETH/USD": walk(2500, 2, "ETH/USD", 2000.0)}
    rate = Decimal("0.001")
    coins = [Instrument.unspecified(symbol, maker=rate, taker=rate) for symbol in candles]
    slots = [
        SlotSpec("a", "sma_cross", "BTC/USD", MINUTE, Sizing("share", 0.5)),
        SlotSpec("b", "sma_cross", "ETH/USD", 5 * MINUTE, Sizing("share", 0.5)),
    ]
    made = [(slot, catalog.make(slot.strategy)) for slot in slots]
    played = play(account(), coins, made, candles)
    ids = np.concatenate([part.decisions["signal_id"] for part in played.slots])
    assert sorted(ids.tolist()) == list(range(1, ids.size + 1)) == played.reports.signals["signal"].tolist()
    assert set(played.reports.trades["slot"].tolist()) == {0, 1}
    run_id, name = save_played(
        engine, played, account=account(), instruments=coins, slots=slots, params=[{}, {}], exchange="file",
        stats={}, data_hash="", data_grade="A",
    )  # fmt: skip
    assert name == "2 slots BTC/USD #1"
    assert audit(engine, run_id).problems == []


def test_one_slot_is_the_same_on_the_short_way_and_in_frames() -> None:
    """A second symbol that nobody trades turns candles into merged frames; the first one's trades stay."""
    made = spec(walk(3000))
    alone = run_backtest(made).played.reports
    other = Instrument.unspecified("ETH/USD", maker=Decimal("0.001"), taker=Decimal("0.001"))
    both = {"BTC/USD": made.candles, "ETH/USD": walk(3000, 9, "ETH/USD", 2000.0)}
    merged = play(made.account, [made.instrument, other], [(made.slot, made.strategy)], both).reports
    for name in ("orders", "fills", "trades", "signals", "equity"):
        assert getattr(alone, name).tobytes() == getattr(merged, name).tobytes()


def test_longer_bars_are_whole() -> None:
    candles = walk(62).take(slice(2, 62))
    coin = Instrument.unspecified("BTC/USD")
    rows = longer(ticks_of(candles, coin), MINUTE, 5 * MINUTE)
    assert rows["ts"].tolist() == [START + k * 5 * MINUTE for k in range(12)]
    assert rows["open"][1] == coin.ticks(float(candles.open[3]))
    assert rows["high"][1] == coin.ticks(float(candles.high[3:8].max()))
    assert rows["close"][1] == coin.ticks(float(candles.close[7]))
    assert rows["volume"][1] == pytest.approx(candles.volume[3:8].sum())


def test_bars_are_the_candles_on_the_grid() -> None:
    candles = walk(50)
    bars = bars_of(candles, Instrument.unspecified("BTC/USD"))
    assert np.array_equal(np.asarray(bars.close), candles.close)
    assert np.array_equal(bars.ts, candles.ts)


def test_what_does_not_fit_is_said(mine: Callable[[str, str], None]) -> None:
    good = spec(walk(100))
    with pytest.raises(BacktestError, match="fewer than two candles"):
        run_backtest(replace(good, candles=good.candles.take(slice(0, 1))))
    with pytest.raises(BacktestError, match="cash must be"):
        run_backtest(replace(good, account=replace(good.account, cash=Decimal("1e15"))))
    with pytest.raises(BacktestError, match="quoted in USD"):
        run_backtest(replace(good, account=replace(good.account, quote="EUR")))
    mine("broken", "return [1, 2][n]")
    with pytest.raises(StrategyError, match=r"broken: signals\(bars\) failed in broken.py, line 7: IndexError"):
        run_backtest(spec(walk(100), "broken"))
    mine("nan", "return Signals(np.full(n, np.nan), np.zeros(n, bool))")
    with pytest.raises(StrategyError, match="nan"):
        run_backtest(spec(walk(100), "nan"))
