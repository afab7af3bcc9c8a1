"""Past bars are asked about once, within the budget, and what was answered is replayed in a backtest at no cost."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from db.models import Slot
from engine.ai import backfill
from engine.ai.client import Client
from engine.config.ai import AiSection
from engine.core.setup import Advice
from engine.core.types import AccountSpec, SlotSpec
from engine.market.candles import Candles
from engine.research.backtest import BacktestSpec, run_backtest
from engine.research.recorded import recorded
from engine.sandbox.server import Sandbox
from engine.strategies import catalog
from tests.ai.conftest import MODEL, NOW, ask, calls

START = 1_767_312_000_000
HOUR = 3_600_000


def candles(n: int = 900) -> Candles:
    dice = np.random.default_rng(4)
    close = np.round(50_000 * np.exp(np.cumsum(dice.normal(0, 0.006, n))), 2)
    opened = np.concatenate(([50_000.0], close[:-1]))
    ts = START + HOUR * np.arange(n)
    high, low = np.maximum(opened, close) + 20, np.minimum(opened, close) - 20
    return Candles(ts, opened, high, low, close, np.ones(n), symbol="BTC/USD", timeframe_ms=HOUR)


def settings(served: Sandbox, **other: Any) -> AiSection:
    return AiSection(**{"base_url": f"{served.rest_url}/api/v1", "model": MODEL, "timeout_s": 5.0, **other})


def plan(database: Engine, ai: AiSection, **other: Any) -> backfill.Plan:
    from engine.cli.candles import plain_instrument

    data = candles()
    prices = Client(ai.base_url, 5.0).prices()
    span = (START, START + 2_000 * HOUR)
    strategy = catalog.make("ai_trend", {"fast": 5, "slow": 15})
    return backfill.plan(database, ai, strategy, data, span, prices, 1000, plain_instrument(data, None, None), **other)


def spec(given: Any) -> BacktestSpec:
    from engine.cli.candles import plain_instrument
    from engine.core.types import Protection, Sizing

    data = candles()
    instrument = plain_instrument(data, None, None)
    account = AccountSpec(cash=Decimal(1000), quote="USD", quantum=instrument.quantum, max_positions=1, symbol_cap=0.0)
    slot = SlotSpec("", "ai_trend", "BTC/USD", HOUR, Sizing("share", 0.2), Protection())
    strategy = catalog.make("ai_trend", {"fast": 5, "slow": 15})
    return BacktestSpec(strategy, data, instrument, account, slot, recorded=given)


def test_asked_once_and_replayed(database: Engine, stand_in: Sandbox) -> None:
    ai = settings(stand_in)
    first = plan(database, ai)
    assert 10 < len(first.questions) < 60
    assert f"{len(first.questions)} questions to {MODEL}" in first.words()
    done = backfill.ask_all(database, ai, first, lambda n, total: None)
    assert done["asked"] == len(first.questions)
    assert 0 < done["cost"] <= first.most
    again = plan(database, ai)
    assert (len(again.questions), again.known) == (0, len(first.questions))
    rule = run_backtest(spec(None))
    results = {}
    for mode in ("shadow", "veto", "scale", "trade"):
        found = recorded(database, "ai_trend", "BTC/USD", HOUR, Advice(mode, 0.5), cutoff="2024-10-01")
        before = len(calls(database))
        results[mode] = run_backtest(spec(found))
        assert len(calls(database)) == before
        told = results[mode].as_dict()["ai"]
        assert (told["answers"], told["model"], told["warning"]) == (len(first.questions), MODEL, "")
    trades = {mode: result.played.reports.trades for mode, result in results.items()}
    assert trades["shadow"]["pnl"].tolist() == rule.played.reports.trades["pnl"].tolist()
    assert 0 < trades["veto"].size < trades["shadow"].size
    assert set(trades["veto"]["entry_ts"]) <= set(trades["shadow"]["entry_ts"])
    small = dict(zip(trades["scale"]["entry_ts"].tolist(), trades["scale"]["qty"].tolist(), strict=True))
    whole = dict(zip(trades["veto"]["entry_ts"].tolist(), trades["veto"]["qty"].tolist(), strict=True))
    assert small.keys() == whole.keys()
    assert any(small[ts] < whole[ts] * 0.9 for ts in small)
    sources = {fact.source for fact in results["shadow"].played.facts.values()}
    assert sources == {"rule", "ai"}


def test_a_window_before_the_cutoff_is_flagged_and_not_asked_about(database: Engine, stand_in: Sandbox) -> None:
    late = settings(stand_in, cutoff="2026-01-20")
    some = plan(database, late)
    everything = plan(database, settings(stand_in))
    assert 0 < len(some.questions) < len(everything.questions)
    assert some.remembered == len(everything.questions) - len(some.questions)
    assert len(plan(database, late, before_cutoff=True).questions) == len(everything.questions)
    backfill.ask_all(database, settings(stand_in), everything, lambda n, total: None)
    flagged = recorded(database, "ai_trend", "BTC/USD", HOUR, Advice("shadow"), cutoff="2026-01-20")
    unknown = recorded(database, "ai_trend", "BTC/USD", HOUR, Advice("shadow"))
    assert "knows the world up to 2026-01-20" in flagged.warning(START)
    assert "nobody has said" in unknown.warning(START)


def test_it_ends_where_the_budget_does(database: Engine, stand_in: Sandbox) -> None:
    free = plan(database, settings(stand_in))
    tight = settings(stand_in, budget_day=free.questions[0].most * 1.5)
    done = backfill.ask_all(database, tight, plan(database, tight), lambda n, total: None)
    assert 1 <= done["asked"] < len(free.questions)
    assert "today's budget" in done["ended_early"]
    assert sum(row.cost for row in calls(database)) <= tight.budget_day


@pytest.mark.parametrize("text", ["{{symbl}}", "{{ bars | upper }}", "{{}}"])
def test_a_prompt_with_an_unknown_field_is_refused_in_a_sentence(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.ai import prompts

    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "mine.md").write_text(f"Look at {text}")
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    with pytest.raises(prompts.PromptError, match=r"the prompt mine\.md asks for the field"):
        prompts.load("mine")
    (folder / "mine.md").write_text("Look at {{symbol}}")
    version = prompts.load("mine").version
    (folder / "mine.md").write_text("Look at {{symbol}}!")
    assert prompts.load("mine").version != version


def test_each_slot_has_its_own_answers(database: Engine) -> None:
    """Two slots of one strategy on one symbol were asked apart; a third, which never was, takes what there is."""
    with database.execution_options(write=True).begin() as put:
        put.execute(
            insert(Slot).values(
                id=2,
                run_id=1,
                key="slot-2",
                strategy="ai_trend",
                symbol="BTC/USD",
                timeframe_ms=60_000,
                state="enabled",
            )
        )
    for slot, number, side in ((1, 0, 1), (2, 0, -1), (1, 1, 1), (None, 2, 0)):
        words = {"state": "done", "outcome": "answered", "direction": side, "confidence": 0.9, "model": MODEL}
        ask(database, number, slot_id=slot, run_id=slot and 1, purpose="live" if slot else "backfill", **words)
    found = {
        key: [
            (one.about - NOW) // 60_000 * 10 + one.direction
            for one in recorded(database, "ai_trend", "BTC/USD", 60_000, Advice("veto"), key=key).answers
        ]
        for key in ("slot-1", "slot-2", "slot-3")
    }
    assert found == {"slot-1": [1, 11, 20], "slot-2": [-1, 20], "slot-3": [-1, 11, 20]}
