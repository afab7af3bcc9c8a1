"""`backtest` beyond one strategy on one file: a whole configuration over stored candles, delays, spreads, look-ahead."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from engine.cli.failures import Fail
from engine.cli.portfolio import duration_ms
from engine.market.candles import Candles
from engine.market.store import Store
from tests.house.conftest import Cli

BEGUN = 1_767_225_600_000  # 2026-01-01 00:00 UTC
MINUTES = 6 * 1440

CONFIG = """
[run]
name = "many"

[account]
cash = 10000

[limits]
max_positions = {positions}
per_symbol = 1.0
drawdown_reduce = 0
drawdown_halt = {halt}
daily_loss_pause = 0
daily_loss_halt = 0

[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD", "ETH/USD"]
timeframe = "15m"
params = {{ fast = 3, slow = 8 }}

[[slots]]
strategy = "donchian_breakout"
symbols = ["BTC/USD"]
timeframe = "1h"
params = {{ entry = 10, exit = 5, atr_length = 5 }}
"""

PEEKS = '''
"""Knows the next close."""
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class Peeks(Strategy):
    """Long where the next close is above this one."""

    class Params(StrategyParams):
        """None."""

    def signals(self, bars: Bars) -> Signals:
        close = np.asarray(bars.close)
        return Signals.long_while(np.concatenate((close[1:], close[-1:])) > close)
'''


def walk(seed: int, price: float) -> Candles:
    dice = np.random.default_rng(seed)
    close = np.round(price * np.exp(np.cumsum(dice.normal(0, 0.0008, MINUTES))), 2)
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) + 0.01, np.minimum(opened, close) - 0.01
    ts = BEGUN + np.arange(MINUTES) * 60_000
    return Candles(ts, opened, high, low, close, dice.gamma(2.0, 1.0, MINUTES), 60_000)


@pytest.fixture
def stored(folder: Path) -> Path:
    """Six days of minutes of two symbols in the store."""
    store = Store(folder / "data" / "candles")
    store.write("coinbase", "BTC/USD", "1m", walk(1, 50_000.0))
    store.write("coinbase", "ETH/USD", "1m", walk(2, 3_000.0))
    return folder


def config(folder: Path, *, positions: int = 4, halt: float = 0.5) -> str:
    path = folder / "many.toml"
    path.write_text(CONFIG.format(positions=positions, halt=halt))
    return str(path)


def test_a_configuration_is_one_account(cli: Cli, stored: Path) -> None:
    outcome = cli("backtest", "--config", config(stored), "--json", "--save", "--trades-out", str(stored / "t.csv"))
    assert outcome.code == 0, outcome.err
    told = outcome.json
    assert told["slots"] == ["sma_cross on BTC/USD", "sma_cross on ETH/USD", "donchian_breakout on BTC/USD"]
    rows = list(csv.DictReader((stored / "t.csv").open()))
    closed = [row for row in rows if row["exit_reason"] != "open"]
    assert told["trades"] == len(closed) > 20
    assert {row["strategy"] for row in rows} == {"sma_cross", "donchian_breakout"}
    assert told["final_equity"] == pytest.approx(10_000 + sum(float(row["pnl"]) for row in closed), rel=0.01), (
        "within what is still open"
    )
    assert cli("audit", "--run", str(told["run_id"])).code == 0


def test_limits_bind_as_they_do_alive(cli: Cli, stored: Path) -> None:
    """One position at a time is fewer trades; a latch ends entries, until --auto-ack lets them go on."""
    many = cli("backtest", "--config", config(stored), "--json").json
    one = cli("backtest", "--config", config(stored, positions=1), "--json").json
    assert one["trades"] < many["trades"]
    latched = cli("backtest", "--config", config(stored, halt=0.005), "--json").json
    released = cli("backtest", "--config", config(stored, halt=0.005), "--auto-ack", "6h", "--json").json
    assert latched["trades"] < released["trades"] <= many["trades"]


def test_a_span_and_the_candles_to_fill_on_are_chosen(cli: Cli, stored: Path) -> None:
    told = cli("backtest", "--config", config(stored), "--from", "2026-01-02", "--to", "2026-01-04", "--json").json
    assert (told["start"], told["end"]) == (BEGUN + 86_400_000, BEGUN + 3 * 86_400_000)
    coarse = cli("backtest", "--config", config(stored), "--execution", "15m", "--json")
    assert coarse.code != 0
    assert "fetch" in coarse.err


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["sma_cross", "--config", "x.toml"], "leave the strategy"),
        (["--json"], "name a strategy"),
        (["--config", "none.toml"], "none.toml"),
    ],
)
def test_what_cannot_be_meant_is_said(cli: Cli, argv: list[str], word: str) -> None:
    outcome = cli("backtest", *argv)
    assert outcome.code in (2, 78)
    assert word in outcome.err


def test_durations() -> None:
    assert [duration_ms(text, "--x") for text in ("90m", "24h", "7d")] == [5_400_000, 86_400_000, 604_800_000]
    with pytest.raises(Fail, match="24h"):
        duration_ms("a day", "--auto-ack")


def test_waiting_and_a_spread_cost(cli: Cli, stored: Path) -> None:
    base = ("backtest", "sma_cross", "--symbol", "BTC/USD", "--timeframe", "1m", "--fee", "0.0001", "--json")
    plain = cli(*base).json
    wide = cli(*base, "--spread-bps", "20").json
    late = cli(*base, "--delay-bars", "3", "--trades-out", str(stored / "late.csv")).json
    assert plain["trades"] == wide["trades"]
    assert wide["final_equity"] < plain["final_equity"]
    assert late["final_equity"] != plain["final_equity"]
    first = next(csv.DictReader((stored / "late.csv").open()))
    assert int(first["entry_ts"]) % 60_000 == 0
    assert plain["look_ahead"] == []


def test_a_strategy_that_peeks_is_told_with_its_result(cli: Cli, stored: Path) -> None:
    (stored / "my" / "strategies").mkdir(parents=True)
    (stored / "my" / "strategies" / "peeks.py").write_text(PEEKS)
    outcome = cli("backtest", "peeks", "--symbol", "BTC/USD", "--timeframe", "1m", "--fee", "0.0001")
    assert outcome.code == 0
    assert "looks ahead" in outcome.err


def test_slots_as_typed_share_one_account(cli: Cli, stored: Path) -> None:
    """Two strategies, two symbols, one curve; each with its own timeframe and parameters, filled on minutes."""
    outcome = cli(
        "backtest", "--slot", "sma_cross:BTC/USD:15m:fast=3,slow=8", "--slot", "donchian_breakout:eth-usd:1h:entry=10,exit=5",
        "--sizing", "fixed:300", "--fee", "0.0005", "--stop", "0.01", "--json", "--save", "--trades-out", str(stored / "t.csv"),
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    told = outcome.json
    assert told["slots"] == ["sma_cross on BTC/USD", "donchian_breakout on ETH/USD"]
    assert sum(told["trades_by_slot"].values()) == told["trades"] > 10
    assert (told["execution_ms"], told["lookahead"], told["why_no_trades"]) == (60_000, "ok", "")
    assert list(told["benchmarks"]) == ["hold BTC/USD", "hold ETH/USD", "equal weight", "cash"]
    assert {symbol: len(one["content_hash"]) for symbol, one in told["series"].items()} == {
        "BTC/USD": 64,
        "ETH/USD": 64,
    }
    assert cli("audit", "--run", str(told["run_id"])).code == 0
    rows = list(csv.DictReader((stored / "t.csv").open()))
    assert {(row["strategy"], row["symbol"]) for row in rows} == {
        ("sma_cross", "BTC/USD"), ("donchian_breakout", "ETH/USD"),
    }  # fmt: skip
    assert any(int(row["exit_ts"]) % 900_000 for row in rows if row["exit_reason"] == "stop"), (
        "stops are met on minutes"
    )


def test_one_slot_is_the_plain_backtest(cli: Cli, stored: Path) -> None:
    costs = ("--fee", "0.0005", "--stop", "0.01", "--target", "0.02", "--json")
    plain = cli("backtest", "sma_cross", "--symbol", "BTC/USD", "--timeframe", "1m", "--param", "fast=5", *costs).json
    typed = cli("backtest", "--slot", "sma_cross:BTC/USD:1m:fast=5", *costs).json
    asked = cli("backtest", "sma_cross", "--symbol", "BTC/USD", "--timeframe", "1m", "--param", "fast=5", "--execution", "1m",
                *costs).json  # fmt: skip
    for name in plain.keys() - {"elapsed_seconds", "undefined"}:
        assert typed[name] == plain[name], name
        assert asked[name] == plain[name], name


def test_one_strategy_on_finer_candles(cli: Cli, stored: Path) -> None:
    """Bars of fifteen minutes that are not stored are made of the minutes that are, and orders fill on those."""
    words = ("sma_cross", "--symbol", "BTC/USD", "--timeframe", "15m", "--fee", "0.0005", "--stop", "0.004", "--json")
    refused = cli("backtest", *words)
    assert refused.code == 1
    assert "fetch" in refused.err
    fine = cli("backtest", *words, "--execution", "1m")
    assert fine.code == 0, fine.err
    assert fine.json["timeframe"] == "15m"
    assert fine.json["trades"] > 5
    candles, path = walk(1, 50_000.0), stored / "BTCUSD_1m.csv"
    lines = zip(*(column.tolist() for column in (candles.ts, *candles.ohlcv)), strict=True)
    path.write_text("ts,open,high,low,close,volume\n" + "\n".join(",".join(map(repr, row)) for row in lines) + "\n")
    filed = cli("backtest", *words[:1], "--data", str(path), *words[3:], "--execution", "1m")
    assert filed.json["final_equity"] == fine.json["final_equity"]


def test_a_period_counts_back_from_the_newest_candle(cli: Cli, stored: Path) -> None:
    end = BEGUN + MINUTES * 60_000
    base = ("--fee", "0.0005", "--days", "2", "--json")
    plain = cli("backtest", "sma_cross", "--symbol", "BTC/USD", "--timeframe", "1m", *base).json
    typed = cli("backtest", "--slot", "sma_cross:BTC/USD:1m", *base).json
    for told in (plain, typed):
        assert (told["start"], told["end"]) == (end - 2 * 86_400_000, end)


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["sma_cross", "--slot", "sma_cross:BTC/USD:1h"], "not both"),
        (["--slot", "sma_cross"], "strategy:symbol"),
        (["--slot", "sma_cross:BTC/USD"], "no timeframe"),
        (["--slot", "sma_cross:BTC/USD:7x"], "7x"),
        (["--slot", "sma_kross:BTC/USD:1h"], "sma_cross"),
        (["--slot", "sma_cross:BTC/USD:1h:fast=99,slow=3"], "slow"),
        (["--slot", "sma_cross:B:1h"], "not a pair"),
        (["--slot", "sma_cross:BTC/USD:1h", "--auto-ack", "24h"], "without --config"),
        (["--slot", "sma_cross:BTC/USD:1h", "--sizing", "half"], "share:0.2"),
        (["--slot", "sma_cross:BTC/USD:1h", "--trail", "5"], "--trail 5"),
        (["--slot", "sma_cross:BTC/USD:1h", "--days", "3", "--from", "2026-01-01"], "not both"),
        (["--slot", "sma_cross:BTC/USD:1h", "--slot", "sma_cross:ETH/USD:1h", "--data", "x.csv"], "one symbol's"),
        (["sma_cross", "--data", "x.csv", "--fetch"], "leave --data out"),
        (["sma_cross", "--data", "x.csv", "--days", "30"], "--rows"),
        (["--slot", "sma_cross:BTC/USD:1h", "--base-url", "http://127.0.0.1:1"], "goes with --fetch"),
    ],
)
def test_slots_that_cannot_be_meant_are_said(cli: Cli, stored: Path, argv: list[str], word: str) -> None:
    outcome = cli("backtest", *argv)
    assert outcome.code == 2, outcome.err
    assert word in outcome.err
    assert "Traceback" not in outcome.err


def test_a_period_without_candles_says_what_there_is(cli: Cli, stored: Path) -> None:
    outcome = cli("backtest", "--slot", "sma_cross:BTC/USD:1h", "--from", "2027-01-01")
    assert outcome.code == 1
    assert "the store (coinbase) has it from 2026-01-01T00:00Z to 2026-01-07T00:00Z" in outcome.err
    assert "run_engine.py fetch" in outcome.err


def test_no_trades_are_explained(cli: Cli, stored: Path) -> None:
    for words in (
        ["--slot", "sma_cross:BTC/USD:4h"],
        ["sma_cross", "--symbol", "BTC/USD", "--timeframe", "4h", "--execution", "1m"],
    ):
        outcome = cli("backtest", *words)
        assert outcome.code == 0
        assert "note: There are 36 bars, and sma_cross needs 50 before its first signal" in outcome.err
    poor = cli("backtest", "sma_cross", "--symbol", "BTC/USD", "--timeframe", "1m", "--sizing", "risk:0.01")
    assert "entries were refused" in poor.err
    assert "sizing by risk without a stop" in poor.err


def test_what_is_missing_is_fetched_on_request(cli: Cli, folder: Path) -> None:
    from engine.sandbox.server import Sandbox

    with Sandbox.running(seed=3, start="2026-01-05T08:00", hold=True) as sandbox:
        span = ("--from", "2026-01-04T00:00", "--to", "2026-01-05T06:00", "--fetch", "--base-url", sandbox.rest_url)
        one = cli("backtest", "sma_cross", "--symbol", "BTC/USD", "--timeframe", "1m", *span, "--json")
        two = cli("backtest", "--slot", "sma_cross:ETH/USD:15m", *span, "--execution", "1m", "--json")
    assert one.code == 0, one.err
    assert one.json["bars"] == 1800
    assert "100%" in one.err
    assert two.code == 0, two.err
    assert (two.json["bars"], two.json["execution_ms"]) == (1800, 60_000)
