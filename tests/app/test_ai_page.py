"""The page AI cost: empty, and with calls whose words are hostile; what a model says is text and nothing else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, insert

from db.models import AiCall
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
