"""Outcomes of signals: what the kernel makes of a signal alone is what it made of it in the run; filling is done once."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from db.queries import columns, scalar
from db.session import migrate, open_engine, write_session
from engine.cli.app import app
from engine.core.setup import Setup
from engine.core.types import AccountSpec, BreakerSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.candles import Candles
from engine.market.store import Store
from engine.research import lab, outcomes, outcomes_due
from engine.research.outcomes_market import NoSuchRun
from engine.research.study import Source, Study
from tests.research.conftest import MINUTE, START, walk

FEE = Decimal("0.0005")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def engine(home: Path) -> Engine:
    made = open_engine(f"sqlite:///{home / 'evenkeel.db'}")
    migrate(made)
    return made


def study(
    home: Path, n: int = 3_000, breakers: tuple[BreakerSpec, ...] = (), symbols: tuple[str, ...] = ("BTC/USD",)
) -> Study:
    """An SMA cross on minutes with a stop and a target, its candles in the store."""
    store = Store(home / "candles")
    for number, symbol in enumerate(symbols):
        store.write("coinbase", symbol, "1m", walk(n, seed=7 + number, symbol=symbol))
    grid = tuple(
        Instrument(symbol, symbol[:3], "USD", Decimal("0.01"), Decimal("1e-8"), Decimal("1e-8"), maker=FEE, taker=FEE)
        for symbol in symbols
    )
    account = AccountSpec(Decimal(100_000), "USD", Decimal("1e-8"), max_positions=1, symbol_cap=0.0, slippage_bps=3.0)
    guard = Protection(stop=0.004, target=0.006)
    slots = tuple(SlotSpec("", "sma_cross", symbol, MINUTE, Sizing("share", 0.5), guard) for symbol in symbols)
    params = tuple({"fast": 5, "slow": 20} for _ in symbols)
    setup = Setup(account, grid, slots, params, breakers, 0, 0)
    return Study(setup, tuple(Source(symbol, "coinbase", "1m") for symbol in symbols), 0, 0, "outcomes")


def stored(engine: Engine, home: Path, wanted: Study) -> int:
    return lab.save_study(engine, lab.run_study(wanted, Store(home / "candles")))[0]


BOTH = """SELECT o.*, g.status, g.reason, g.decided_ts, g.direction, t.pnl_pct, t.exit_ts AS left_ts, t.exit_reason AS left_by,
    t.entry_price FROM signal_outcome o JOIN signal g ON g.run_id = o.run_id AND g.seq = o.signal_seq
    LEFT JOIN trade t ON t.run_id = g.run_id AND t.signal_seq = g.seq WHERE o.run_id = :run ORDER BY o.signal_seq"""


def test_a_taken_signal_followed_up_alone_made_what_its_trade_made(engine: Engine, home: Path) -> None:
    run = stored(engine, home, study(home))
    outcomes.fill(engine, run, folder=home)
    rows = columns(engine, BOTH, {"run": run})
    closed = np.isfinite(rows["pnl_pct"])
    assert closed.sum() > 40
    np.testing.assert_allclose(rows["result"][closed], rows["pnl_pct"][closed], atol=2e-7)
    assert (rows["exit_ts"][closed] == rows["left_ts"][closed]).all()
    assert (rows["exit_reason"][closed] == rows["left_by"][closed]).all()


def test_what_a_breaker_blocked_made_what_it_made_in_the_run_without_it(engine: Engine, home: Path) -> None:
    free = columns(engine, BOTH, {"run": _filled(engine, home, study(home))})
    stop = BreakerSpec("losses", "consecutive_losses", "account", 2, "paused", end="cooldown", minutes=240)
    held = columns(engine, BOTH, {"run": _filled(engine, home, study(home, breakers=(stop,)))})
    blocked = held["status"] == "refused"
    assert blocked.sum() > 10
    assert set(held["reason"][blocked]) <= {"breaker", "level"}
    assert (held["decided_ts"] == free["decided_ts"]).all()
    known = blocked & np.isfinite(free["pnl_pct"])
    assert known.sum() > 10
    np.testing.assert_allclose(held["result"][known], free["pnl_pct"][known], atol=2e-7)


def test_a_signal_without_room_is_followed_up_too(engine: Engine, home: Path) -> None:
    rows = columns(engine, BOTH, {"run": _filled(engine, home, study(home, symbols=("BTC/USD", "ETH/USD")))})
    crowded = rows["reason"] == "max_positions"
    assert crowded.sum() > 10
    assert np.isfinite(rows["result"][crowded]).mean() > 0.9


def _filled(engine: Engine, home: Path, wanted: Study) -> int:
    run = stored(engine, home, wanted)
    outcomes.fill(engine, run, folder=home)
    return run


def test_filling_again_changes_nothing(engine: Engine, home: Path) -> None:
    run = _filled(engine, home, study(home, 1_200))
    before = columns(engine, "SELECT * FROM signal_outcome WHERE run_id = :run ORDER BY signal_seq", {"run": run})
    again = outcomes.fill(engine, run, folder=home)
    after = columns(engine, "SELECT * FROM signal_outcome WHERE run_id = :run ORDER BY signal_seq", {"run": run})
    assert (again.written, again.entries) == (0, len(before["signal_seq"]))
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


class Broken(Exception):
    """Somebody pulled the plug."""


def test_what_was_broken_off_goes_on(engine: Engine, home: Path) -> None:
    run = stored(engine, home, study(home, 1_200, symbols=("BTC/USD", "ETH/USD")))
    _forget(engine)
    told = 0

    def progress(share: float, words: str) -> None:
        nonlocal told
        told += 1
        if told == 3:
            raise Broken

    with pytest.raises(Broken):
        outcomes.fill(engine, run, folder=home, progress=progress)
    some = scalar(engine, "SELECT count(*) FROM signal_outcome")
    done = outcomes.fill(engine, run, folder=home)
    assert 0 < some < done.entries == scalar(engine, "SELECT count(*) FROM signal_outcome")
    assert done.written == done.entries - some


def _forget(engine: Engine) -> None:
    with write_session(engine) as session:
        session.execute(text("DELETE FROM signal_outcome"))


def test_a_paper_run_is_filled_as_time_passes(engine: Engine, home: Path) -> None:
    """Bars come in three goes: what is settled stays, what waits is settled later, and the end is that of one go."""
    candles = walk(1_500)
    run = _as_paper(engine, home, study(home, 1_500))
    for count in (400, 900, 1_500):
        _own_store(home, candles, count)
        done = outcomes.fill(engine, run, folder=home)
    in_parts = columns(engine, BOTH, {"run": run})
    _forget(engine)
    outcomes.fill(engine, run, folder=home)
    at_once = columns(engine, BOTH, {"run": run})
    assert done.waiting > 0
    assert in_parts["resolved"].sum() > 30
    for name in ("r1", "r72", "mae", "mfe", "result", "exit_ts", "exit_reason", "resolved", "base_price"):
        np.testing.assert_array_equal(in_parts[name], at_once[name], err_msg=name)
    waits = in_parts["resolved"] == 0
    assert (in_parts["decided_ts"][~waits] + 72 * MINUTE <= START + 1_500 * MINUTE).all()


def _as_paper(engine: Engine, home: Path, wanted: Study) -> int:
    """A stored backtest made to look like a paper run: its signals, and its setup in a snapshot."""
    run = stored(engine, home, wanted)
    _forget(engine)
    extra = json.dumps({"setup": wanted.setup.to_json()})
    with write_session(engine) as session:
        session.execute(
            text("UPDATE run SET kind = 'paper', status = 'running', params = '{}' WHERE id = :run"), {"run": run}
        )
        session.execute(
            text(
                "INSERT INTO snapshot (run_id, created_ts, exchange_ts, tape_day, tape_offset, tape_seq, layout, kernel_hash, "
                "state, extra) VALUES (:run, 1, 1, '2024-01-01', 0, 0, '{}', 'k', X'00', :extra)"
            ),
            {"run": run, "extra": extra},
        )
    return run


def _own_store(home: Path, candles: Candles, count: int) -> None:
    Store(home / "candles").write("coinbase", "BTC/USD", "1m", candles.take(slice(0, count)))


def test_without_candles_it_says_what_to_fetch(engine: Engine, home: Path) -> None:
    run = _as_paper(engine, home, study(home, 600))
    Store(home / "candles").delete("coinbase", "BTC/USD", "1m")
    done = outcomes.fill(engine, run, folder=home)
    assert done.without == done.entries > 0 == done.written
    assert any("run_engine.py fetch" in note for note in done.notes)


def test_a_run_that_is_not_there_is_said(engine: Engine) -> None:
    with pytest.raises(NoSuchRun, match="run 77 is not in this database"):
        outcomes.fill(engine, 77)


def test_forward_returns_are_those_of_the_candles(engine: Engine, home: Path) -> None:
    """Reckoned one by one from the candles, not by the code that is tested."""
    run, candles = _filled(engine, home, study(home, 1_000)), walk(1_000)
    rows = columns(engine, BOTH, {"run": run})
    at = {int(ts): k for k, ts in enumerate(candles.ts)}
    cost = 2 * (0.0005 + 0.0003)
    for k, decided in enumerate(rows["decided_ts"].tolist()):
        first = at.get(decided)
        if first is None:
            assert np.isnan(rows["r1"][k])
            continue
        for bars in (1, 4, 12, 24, 72):
            made = rows[f"r{bars}"][k]
            if first + bars > 1_000:
                assert np.isnan(made)
            else:
                side = rows["direction"][k]
                assert made == pytest.approx(
                    side * (candles.close[first + bars - 1] / candles.open[first] - 1) - cost, abs=1e-12
                )


def test_other_costs_are_charged(engine: Engine, home: Path) -> None:
    plain = study(home, 800)
    dear = replace(plain, setup=replace(plain.setup, account=replace(plain.setup.account, slippage_bps=50.0)))
    cheap = columns(engine, BOTH, {"run": _filled(engine, home, plain)})
    costly = columns(engine, BOTH, {"run": _filled(engine, home, dear)})
    np.testing.assert_allclose(cheap["r4"] - costly["r4"], 2 * 0.0047, atol=1e-12)
    assert np.nanmean(costly["result"]) < np.nanmean(cheap["result"]) - 0.008


def test_the_command_says_what_the_book_says(engine: Engine, home: Path) -> None:
    run = stored(engine, home, study(home, 1_500))
    told = CliRunner().invoke(app, ["signals", "--run", str(run), "--json", "--measure", "r12", "--by", "symbol"])
    assert told.exit_code == 0, told.output
    made = json.loads(told.stdout)
    rows = columns(engine, BOTH, {"run": run})
    assert made["entries"] == len(rows["signal_seq"])
    assert made["hit_rate"]["value"] == pytest.approx((rows["r12"][np.isfinite(rows["r12"])] > 0).mean(), abs=1e-12)
    assert [row["symbol"] for row in made["groups"]] == ["BTC/USD"]
    assert made["funnel"][2]["signals"] == int(np.isfinite(rows["pnl_pct"]).sum())
    assert "below 100 calibration" in made["calibration"]["reason"]
    words = CliRunner().invoke(app, ["signals", "--run", str(run)])
    assert words.exit_code == 0
    assert "past every gate" in words.stdout
    odd = CliRunner().invoke(app, ["signals", "--run", str(run), "--measure", "r5"])
    assert "there is no r5: choose of own, r1" in str(odd.exception)


def test_a_worker_follows_up(engine: Engine, home: Path) -> None:
    from engine.research import jobs
    from engine.research.worker import work

    run = stored(engine, home, study(home, 800))
    _forget(engine)
    uuid = jobs.ask(engine, "outcomes", {"run_id": run}, "signals")
    work(engine, once=True)
    done = jobs.job_of(engine, uuid)
    assert done is not None
    assert (done.state, done.result["written"]) == ("done", scalar(engine, "SELECT count(*) FROM signal_outcome"))


def test_a_running_run_that_is_behind_is_asked_about_once_an_hour(engine: Engine, home: Path) -> None:
    run, hour = _as_paper(engine, home, study(home, 800)), outcomes_due.HOUR_MS
    assert len(outcomes_due.ask_due(engine, START)) == 1
    assert outcomes_due.ask_due(engine, START + hour - 1) == []
    assert len(outcomes_due.ask_due(engine, START + hour)) == 1
    with write_session(engine) as session:
        session.execute(text("UPDATE run SET status = 'stopped' WHERE id = :run"), {"run": run})
    assert outcomes_due.ask_due(engine, START + 2 * hour) == []
