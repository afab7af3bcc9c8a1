"""The page AI cost: empty, and with calls whose words are hostile; what a model says is text and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from db.models import AiCall, Signal, SignalOutcome
from engine.analytics.ai_cost import days_ahead, month_end
from tests.app.conftest import Open, said, tables
from tests.app.seed import NOW

HOSTILE = "<img src=x onerror=alert(1)> **bold** [click](javascript:alert(1))"


def test_empty_it_says_what_to_do_and_reckons(database: Engine, open_page: Open) -> None:
    page = open_page("ai")
    words = said(page)
    assert "No model has been asked" in words
    assert "the whole month" in words
    page.number_input(key="ai_calls_day").set_value(20_000.0).run()
    words = said(page)
    assert "would not be made" in words


def test_what_was_spent_and_a_question_as_it_was_sent(database: Engine, open_page: Open) -> None:
    rows: list[dict[str, Any]] = [
        {
            "run_id": 1, "strategy": "ai_trend", "symbol": "BTC/USD", "timeframe_ms": 60_000, "about_ts": NOW, "asked_ts": NOW,
            "created_ts": NOW, "day": "2026-01-02", "state": "done", "outcome": outcome, "model": "m", "cost": 0.25,
            "tokens_prompt": 900, "tokens_answer": 80, "latency_ms": 500.0, "reasons": HOSTILE, "direction": way,
            "prompt_text": '[{"role": "user", "content": "How is BTC?"}]',
        }
        for outcome, way in (("answered", 1), ("garbage", None))
    ]  # fmt: skip
    with database.execution_options(write=True).begin() as connection:
        connection.execute(insert(AiCall), rows)
    page = open_page("ai")
    assert any("How is BTC?" in str(one.value) for one in page.code)
    assert "onerror" not in said(page)
    sums = next(one for one in tables(page) if "failed" in one.columns)
    assert (int(sums["calls"][0]), int(sums["failed"][0]), float(sums["cost"][0])) == (2, 1, 0.5)


def spoken(database: Engine, moments: int) -> None:
    """A slot's rule goes long on so many bars. On the first the model answers flat, on the second it says nothing, on the rest it
    has the opposite view; 12 bars on the rule has lost 1 to 2 % and the model won that."""
    with database.execution_options(write=True).begin() as connection:
        slot, bar = connection.execute(
            text("SELECT id, timeframe_ms FROM slot WHERE run_id = 1 ORDER BY id")
        ).first() or (0, 0)
        start = NOW // bar * bar - 1000 * bar
        for at in range(moments):
            end = start + at * bar
            lost = 0.01 + 0.01 * (at % 7) / 6
            said = [("rule", "", 1, end, -lost, "taken")]
            if at > 1:
                said.append(("ai", "ai_view", -1, end + 900, lost, "ignored"))
            if at == 0:
                connection.execute(
                    insert(AiCall).values(
                        run_id=1, slot_id=slot, strategy="ai_trend", symbol="BTC/USD", timeframe_ms=bar, about_ts=end,
                        asked_ts=end, created_ts=end, state="done", outcome="answered", direction=0, model="m",
                    )
                )  # fmt: skip
            for number, (source, reason, way, ts, made, status) in enumerate(said):
                seq = 900_000 + 2 * at + number
                connection.execute(
                    insert(Signal).values(
                        run_id=1, seq=seq, slot_id=slot, decided_ts=ts, known_ts=ts, kind="entry", direction=way, status=status,
                        reason=reason, source=source,
                    )
                )  # fmt: skip
                connection.execute(insert(SignalOutcome).values(run_id=1, signal_seq=seq, r12=made, updated_ts=ts))


@pytest.mark.parametrize(
    ("moments", "words"), [(30, "cannot say: 29 pairs, 30 are needed"), (31, "the model was better")]
)
def test_model_and_rule_where_both_spoke(database: Engine, open_page: Open, moments: int, words: str) -> None:
    spoken(database, moments)
    pairs = next(one for one in tables(open_page("ai")) if "agreed" in one.columns)
    row = pairs[pairs["judged"] == "12 bars"].iloc[0]
    assert (int(row["pairs"]), int(row["agreed"]), row["words"]) == (moments - 1, 0, words)
    lost = [1 + (at % 7) / 6 for at in range(moments) if at != 1]
    assert float(row["rule"]) == pytest.approx(-sum(lost) / len(lost))
    assert float(row["model"]) == pytest.approx(sum(lost[1:]) / len(lost))


def test_the_forecast_by_day_adds_up_to_the_months_end() -> None:
    for day, share, month in ((1, 0.5, 1), (5, 0.0, 2), (28, 0.9, 2), (30, 1.0, 4)):
        ahead = days_ahead(3.0, day, share, 2026, month)
        assert 3.0 + sum(ahead) == pytest.approx(month_end(3.0, day, share, 2026, month))
    assert sum(days_ahead(0.0, 1, 0.0, 2026, 1)) == 0.0


def test_budgets_and_the_month(database: Engine, open_page: Open) -> None:
    """Over all runs and past bars: budgets are one person's. The tests' present is 5 January, 08:00 UTC."""
    config = "[ai]\nbudget_day = 0.5\nbudget_strategies = { ai_trend = 0.2 }\n"
    config += '[[slots]]\nstrategy = "ai_trend"\nsymbols = ["BTC/USD"]\ntimeframe = "1h"\n'
    row = {
        "strategy": "ai_trend", "symbol": "BTC/USD", "timeframe_ms": 60_000, "about_ts": NOW, "asked_ts": NOW, "created_ts": NOW,
        "state": "done", "outcome": "answered", "cost": 0.1, "reserved": 0.3,
    }  # fmt: skip
    others: list[dict[str, Any]] = [
        {"run_id": 1, "day": "2026-01-05", "purpose": "live"},
        {"run_id": None, "day": "2026-01-05", "purpose": "backfill", "strategy": "other"},
        {"run_id": 1, "day": "2026-01-02", "purpose": "live", "state": "reserved", "outcome": ""},
        {"run_id": 1, "day": "2025-12-31", "purpose": "live"},
    ]
    with database.execution_options(write=True).begin() as connection:
        connection.execute(text("UPDATE config_version SET text = :more"), {"more": config})
        connection.execute(insert(AiCall), [{**row, **one} for one in others])
    page = open_page("ai")
    found = {one.label: (one.value, one.delta) for one in page.metric}
    assert found["Day's budget"] == ("0.50 USD", "0.2000 used, 40.0 %")
    assert found["Month's budget"] == ("10.00 USD", "0.5000 used, 5.0 %")
    assert found["Calls a day"] == ("200", "2 made today")
    assert "0.1000 used, 50.0 %" in [delta for _, delta in found.values()]
    assert "0.5000 USD so far this month, 3.5769 USD at its end" in said(page)
