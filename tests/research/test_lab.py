"""Studies through the lab: one slot is the plain backtest, several share one account, and what is missing is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from db.session import migrate, open_engine
from engine.core.setup import Setup
from engine.core.types import AccountSpec, BreakerSpec, Instrument, Protection, Sizing, SlotSpec
from engine.ledger.audit import audit
from engine.market.candles import Candles, DataError
from engine.market.store import Store
from engine.research.backtest import BacktestSpec, run_backtest
from engine.research.lab import StudyResult, load, run_study, save_study
from engine.research.loading import last_days
from engine.research.study import Source, Study
from engine.strategies import catalog
from tests.research.conftest import MINUTE, START, csv, walk

DAY = 86_400_000
Mine = Callable[[str, str], None]


def instrument(symbol: str = "BTC/USD", **words: Any) -> Instrument:
    return Instrument.unspecified(symbol, maker=Decimal("0.0005"), taker=Decimal("0.001"), **words)


def slot(strategy: str = "sma_cross", symbol: str = "BTC/USD", timeframe: int = MINUTE, **words: Any) -> SlotSpec:
    return SlotSpec(words.pop("label", ""), strategy, symbol, timeframe, **words)


def study(*slots: SlotSpec, title: str = "", params: tuple[dict[str, Any], ...] = (), breakers: tuple[BreakerSpec, ...] = (),
          sources: tuple[Source, ...] | None = None, **account: Any) -> Study:  # fmt: skip
    symbols = tuple(dict.fromkeys(one.symbol for one in slots))
    words = {"cash": Decimal(1000), "quote": "USD", "quantum": Decimal("1e-8"), "symbol_cap": 0.0, **account}
    setup = Setup(
        AccountSpec(**words), tuple(instrument(s) for s in symbols), slots, params or ({},) * len(slots), breakers, 0, 0
    )
    return Study(setup, sources or tuple(Source(symbol) for symbol in symbols), title=title)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "candles")
    made.write("coinbase", "BTC/USD", "1m", walk())
    made.write("coinbase", "ETH/USD", "1m", walk(seed=9, symbol="ETH/USD", price=2_000.0))
    return made


def trades_of(result: StudyResult, at: int) -> list[tuple[Any, ...]]:
    rows = result.played.reports.trades
    names = "direction qty entry_ts exit_ts entry_price exit_price fees pnl reason".split()
    return [tuple(int(row[name]) for name in names) for row in rows[rows["slot"] == at]]


# Laws


def test_a_study_of_one_slot_is_the_plain_backtest(store: Store) -> None:
    one = slot(protection=Protection(stop=0.004, target=0.006))
    asked = study(one)
    result = run_study(asked, store)
    plain = run_backtest(BacktestSpec(
        catalog.make("sma_cross"), walk(), asked.setup.instruments[0], asked.setup.account, one, "coinbase"
    ))  # fmt: skip
    assert result.played.reports.trades.tobytes() == plain.played.reports.trades.tobytes()
    assert result.played.reports.equity.tobytes() == plain.played.reports.equity.tobytes()
    assert result.played.reports.trades.size > 20
    assert result.data_hash == plain.quality.content_hash
    figures = plain.as_dict()
    for name in ("total_return", "sharpe", "max_drawdown", "win_rate", "final_equity"):
        assert result.figures[name].value == figures[name]


def test_slots_on_separate_symbols_with_ample_cash_are_separate_runs(store: Store) -> None:
    fixed = {"sizing": Sizing("fixed", 500.0), "protection": Protection(stop=0.01)}
    first, second = slot(**fixed), slot("donchian_breakout", "ETH/USD", 5 * MINUTE, **fixed)
    rich = {"cash": Decimal(1_000_000)}
    both = run_study(study(first, second, **rich), store)
    for at, alone in enumerate((first, second)):
        expected = trades_of(run_study(study(alone, **rich), store), 0)
        assert trades_of(both, at) == expected
        assert len(expected) > 5


def test_slots_share_one_account(store: Store) -> None:
    """What the first slot holds is not there for the second: it enters with the rest, and not at all beyond the limit."""
    greedy = {"sizing": Sizing("share", 0.9)}
    alone = trades_of(run_study(study(slot("sma_cross", "ETH/USD", **greedy)), store), 0)
    slots = slot(**greedy), slot("sma_cross", "ETH/USD", **greedy)
    both = run_study(study(*slots), store)
    assert min(row[1] for row in trades_of(both, 1)) < min(row[1] for row in alone) / 5
    curve = both.played.reports.equity
    assert (curve["exposure"] <= curve["equity"] * 1.01).all()
    limited = run_study(study(*slots, max_positions=1), store)
    assert 0 < len(trades_of(limited, 1)) < len(alone)


def test_an_hour_strategy_has_its_stop_met_on_minutes(tmp_path: Path, mine: Mine) -> None:
    """A picture: bars of 3 minutes; the strategy enters on the first one's close, and its stop lies 1 % below the fill.

    minute   0    1    2  |  3        4        5
    open    100  100  100 | 100      100       97
    low     100  100  100 | 100       98       97     stop 99: met in minute 4, at 99, not at the bar's end
    close   100  100  100 | 100       97       97
    """
    mine("once", "return Signals((np.arange(n) == 0).astype(np.int8), np.zeros(n, bool))")
    opened = np.array([100.0, 100, 100, 100, 100, 97, 97, 97, 97])
    low = np.array([100.0, 100, 100, 100, 97, 97, 97, 97, 97])
    close = np.array([100.0, 100, 100, 100, 97, 97, 97, 97, 97])
    ts = START + np.arange(9) * MINUTE
    made = Store(tmp_path / "candles")
    made.write("coinbase", "BTC/USD", "1m", Candles(ts, opened, opened, low, close, np.ones(9), MINUTE))
    one = slot("once", timeframe=3 * MINUTE, protection=Protection(stop=0.01))
    fine = run_study(study(one, slippage_bps=0.0), made).played.reports.trades
    assert [(row["entry_ts"] - START, row["exit_ts"] - START) for row in fine] == [(3 * MINUTE, 4 * MINUTE)]
    tick = 10**8
    assert (fine["entry_price"][0], fine["exit_price"][0]) == (100 * tick, 99 * tick)
    assert fine["low"][0] == 99 * tick, "what came after the stop is not the trade's"


def test_the_finest_that_divides_is_chosen_and_another_can_be_asked_for(store: Store) -> None:
    minutes = walk()
    hours = Candles(*(column[::60] for column in (minutes.ts, *minutes.ohlcv)), 60 * MINUTE)
    store.write("coinbase", "BTC/USD", "1h", hours)
    hourly = study(slot(timeframe=60 * MINUTE))
    assert load(hourly, store)["BTC/USD"].timeframe_ms == MINUTE
    coarse = replace(hourly, sources=(Source("BTC/USD", timeframe="1h"),))
    assert load(coarse, store)["BTC/USD"].timeframe_ms == 60 * MINUTE
    with pytest.raises(DataError, match="candles do not make"):
        load(study(slot(), sources=(Source("BTC/USD", timeframe="1h"),)), store)


def test_the_same_again_is_the_same_and_progress_ends_at_one(store: Store) -> None:
    said: list[tuple[float, str]] = []
    first = run_study(study(slot()), store, lambda share, words: said.append((share, words)))
    again = run_study(study(slot()), store, strategies=[catalog.make("sma_cross")])
    assert first.played.reports.equity.tobytes() == again.played.reports.equity.tobytes()
    assert [share for share, _ in said] == sorted(share for share, _ in said)
    assert said[-1][0] == 1.0
    with pytest.raises(ValueError, match="1 slots and 0 strategies"):
        run_study(study(slot()), store, strategies=[])


# Benchmarks


def test_benchmarks_are_each_symbol_held_their_mean_and_cash(store: Store) -> None:
    result = run_study(study(slot(), slot(symbol="ETH/USD")), store)
    curves = result.benchmarks
    assert list(curves) == ["hold BTC/USD", "hold ETH/USD", "equal weight", "cash"]
    for symbol in ("BTC/USD", "ETH/USD"):
        candles = result.candles[symbol]
        expected = 1000 / (candles.open[0] * 1.001) * candles.close[-1]
        assert curves[f"hold {symbol}"].equity[-1] == pytest.approx(expected, rel=1e-12)
    ends = [curves[f"hold {symbol}"].equity[-1] for symbol in ("BTC/USD", "ETH/USD")]
    assert curves["equal weight"].equity[-1] == pytest.approx(np.mean(ends), rel=1e-12)
    assert set(curves["cash"].equity) == {1000.0}
    assert list(run_study(study(slot()), store).benchmarks) == ["hold BTC/USD", "cash"]


# Periods, files, what is missing


def test_periods_end_with_the_newest_candle(store: Store) -> None:
    asked = last_days(study(slot()), store, 1)
    candles = load(asked, store)["BTC/USD"]
    assert (candles.ts[0], candles.ts[-1]) == (START + 2560 * MINUTE, START + 3999 * MINUTE)
    assert len(load(last_days(asked, store, 0), store)["BTC/USD"]) == 4000
    with pytest.raises(ValueError, match="30, 60 or 90"):
        last_days(asked, store, -1)


def test_a_period_longer_than_what_is_stored_is_said(store: Store) -> None:
    result = run_study(last_days(study(slot()), store, 30), store)
    assert len(result.notes) == 1
    assert result.notes[0].startswith("BTC/USD begins only on 2024-01-01T00:00Z, 27.2 days into the period")


def test_a_period_without_data_names_what_there_is_and_the_remedy(store: Store) -> None:
    with pytest.raises(DataError) as told:
        run_study(replace(study(slot()), from_ts=START + 30 * DAY, to_ts=START + 60 * DAY), store)
    words = str(told.value)
    assert "no 1m candle from 2024-01-31T00:00Z to 2024-03-01T00:00Z" in words
    assert "from 2024-01-01T00:00Z to 2024-01-03T18:40Z" in words
    assert "fetch --exchange coinbase --symbol BTC/USD --timeframe 1m --days 30" in words
    with pytest.raises(DataError, match="fetch"):
        run_study(study(slot(symbol="SOL/USD")), store)


def test_a_symbol_that_leaves_is_told_and_what_it_holds_keeps_its_last_price(store: Store, mine: Mine) -> None:
    mine("hold", "return Signals.long_while(np.arange(n) >= 10)")
    gone = walk(2_000, seed=3, symbol="LUNA/USD", price=80.0)
    store.write("coinbase", "LUNA/USD", "1m", gone)
    result = run_study(study(slot(), slot("hold", "LUNA/USD")), store)
    assert result.notes[0].startswith("LUNA/USD ends on 2024-01-02T09:20Z, 1.4 days before the period does")
    assert "still holds LUNA/USD after its last candle" in result.notes[1]
    assert result.played.end == START + 4000 * MINUTE
    assert trades_of(result, 0)
    last = result.played.reports.equity[-1]
    assert last["exposure"] >= 0.15 * 1000
    assert result.silent == {"hold on LUNA/USD, 1m": "One entry was made and is open to the end: nothing was closed."}


def test_files_and_stored_candles_make_one_study(store: Store, tmp_path: Path) -> None:
    path = csv(tmp_path / "eth.csv", walk(seed=9, symbol="ETH/USD", price=2_000.0))
    slots = (slot(), slot(symbol="ETH/USD"))
    mixed = study(*slots, sources=(Source("BTC/USD"), Source("ETH/USD", file=str(path))))
    stored = run_study(study(*slots), store)
    assert run_study(mixed, store).played.reports.trades.tobytes() == stored.played.reports.trades.tobytes()
    short = replace(mixed, sources=(mixed.sources[0], replace(mixed.sources[1], rows=300)))
    assert len(load(short, store)["ETH/USD"]) == 300
    with pytest.raises(DataError, match="different timeframes"):
        load(replace(mixed, sources=(Source("BTC/USD", timeframe="5m"), mixed.sources[1])), store)
    with pytest.raises(DataError, match="choose another period"):
        load(replace(mixed, from_ts=START + 90 * DAY), store)
    with pytest.raises(DataError, match="drop takes defects out"):
        load(replace(mixed, sources=(mixed.sources[0], replace(mixed.sources[1], repair="mend"))), store)


# Silence


def _silent(store: Store, *slots: SlotSpec, **words: Any) -> str:
    result = run_study(study(*slots, **words), store)
    assert not result.played.reports.trades.size
    return result.why_no_trades


def test_why_nothing_was_traded(store: Store, mine: Mine) -> None:
    mine("never", "return Signals.long_while(np.zeros(n, bool))")
    mine("leaves", "return Signals(np.zeros(n, np.int8), np.arange(n) % 7 == 3)")
    mine("shorts", "return Signals.short_while(np.arange(n) % 40 > 20)")
    mine("often", "return Signals.long_while(np.arange(n) % 40 > 20)")
    mine("late", "return Signals.long_while(np.arange(n) == n - 1)")
    assert "No signal in 4,000 bars" in _silent(store, slot("never"))
    assert "only 571 exits" in _silent(store, slot("leaves"))
    told = _silent(store, slot("shorts"))
    assert told.startswith("All 100 entries were refused: 100 by shorts not being allowed")
    assert "Allow shorts" in told
    assert "sizing by risk without a stop" in _silent(store, slot("often", sizing=Sizing("risk", 0.01)))
    assert "One entry came too late" in _silent(store, slot("late"))
    poor = study(slot("often", sizing=Sizing("fixed", 5.0)))
    venue = replace(instrument(), min_notional=Decimal(10))
    refused = run_study(replace(poor, setup=replace(poor.setup, instruments=(venue,))), store).why_no_trades
    assert refused.endswith("100 by the exchange's least order. Give more cash or a larger size.")
    assert run_study(study(slot("often")), store).why_no_trades == ""


def test_too_few_bars_are_said(store: Store) -> None:
    told = _silent(store, slot("sma_cross", timeframe=240 * MINUTE))
    assert told.startswith("There are 16 bars, and sma_cross needs 50 before its first signal")


def test_a_breaker_that_blocks_is_named(store: Store, mine: Mine) -> None:
    """The first slot's held loss trips the account's drawdown breaker; the second enters only after that."""
    falls = walk()
    down = np.linspace(100.0, 60.0, 4000)
    ohlc = (down, down + 0.01, down - 0.02, down - 0.01)
    store.write("coinbase", "ETH/USD", "1m", Candles(falls.ts, *ohlc, falls.volume, MINUTE))
    mine("hold", "return Signals.long_while(np.arange(n) >= 10)")
    mine("evening", "return Signals.long_while((np.arange(n) > 3000) & (np.arange(n) % 40 > 20))")
    halt = BreakerSpec("drawdown_halt", "drawdown", "account", 0.05, "halted")
    result = run_study(
        study(slot("hold", "ETH/USD", sizing=Sizing("share", 0.8)), slot("evening"), breakers=(halt,), max_positions=2),
        store,
    )
    assert result.why_no_trades.startswith("One entry was made and is open")
    told = result.silent["evening on BTC/USD, 1m"]
    assert told.startswith(
        "All 25 entries were refused: 25 by the account's level (drawdown halt tripped on 2024-01-01T"
    )
    assert "auto-ack" in told


def test_auto_ack_lets_a_latch_go(store: Store) -> None:
    halt = BreakerSpec("drawdown_halt", "drawdown", "account", 0.002, "halted")
    counts = [
        run_study(study(slot(), breakers=(halt,), auto_ack_ms=wait), store).played.reports.trades.size
        for wait in (0, 6 * 3_600_000)
    ]
    assert 0 < counts[0] < counts[1]


# Storing


def test_a_stored_study_opens_audits_and_knows_its_data(store: Store, tmp_path: Path) -> None:
    asked = study(slot(), slot("donchian_breakout", "ETH/USD", 5 * MINUTE), title="two")
    result = run_study(asked, store)
    engine = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(engine)
    number, name = save_study(engine, result)
    assert name == "2 slots BTC/USD #1"
    assert audit(engine, number).problems == []
    with engine.connect() as connection:
        (row,) = connection.execute(text("SELECT status, params, stats, data_hash FROM run")).mappings()
        counts = {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()
            for table in ("slot", "trade", "equity")
        }
    engine.dispose()
    stats, params = json.loads(row["stats"]), json.loads(row["params"])
    assert row["status"] == "complete"
    assert Study.from_json(params["study"]) == asked
    assert {symbol: one["content_hash"] for symbol, one in stats["series"].items()} == {
        symbol: one.content_hash for symbol, one in result.quality.items()
    }
    assert (stats["lookahead"], stats["why_no_trades"], stats["execution_ms"]) == ("ok", "", MINUTE)
    assert row["data_hash"] == result.data_hash
    assert counts["slot"] == 2
    assert counts["trade"] == result.played.reports.trades.size
    assert counts["equity"] == 4000


def test_a_strategy_that_peeks_is_stored_as_such(store: Store, mine: Mine) -> None:
    mine("peeks", "return Signals.long_while(np.append(bars.close[1:], 0.0) > np.asarray(bars.close))")
    result = run_study(study(slot("peeks")), store)
    assert result.facts["lookahead"] == "violations"
    assert result.facts["look_ahead"][0].startswith("peeks on BTC/USD, 1m looks ahead: bar")
