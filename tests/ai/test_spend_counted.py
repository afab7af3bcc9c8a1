"""What /metrics says that models have cost: as if the whole table were added up, without walking over it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text, update
from sqlmodel import col

from db.models import AiCall
from engine.ai import budget
from engine.runtime import metrics
from tests.ai.conftest import NOW, ask
from tests.listening import heard, scans

ALL = "SELECT strategy, sum(cost) FROM ai_call GROUP BY strategy"


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_sum_of_all_calls_whatever_order_they_end_in(
    database: Engine, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: asked, ended in any order, looked at in between at any time."""
    monkeypatch.setattr(metrics, "LATE", seed)
    dice, tally, flying = random.Random(seed), metrics.Tally(1), list[int]()
    for step in range(60):
        what = dice.random()
        if what < 0.5 or not flying:
            flying.append(ask(database, step, strategy=dice.choice(["one", "other"])))
        elif what < 0.8:
            number = flying.pop(dice.randrange(len(flying)))
            with database.execution_options(write=True).begin() as put:
                budget.finish(put, number, {"cost": dice.randrange(1, 99) / 1e4, "outcome": "answered"}, NOW)
        else:
            with database.connect() as read:
                whole: dict[str, Any] = {str(name): cost for name, cost in read.execute(text(ALL))}
            assert tally.spent(database) == pytest.approx(whole, abs=1e-12)


def test_no_question_walks_over_the_calls(database: Engine, tmp_path: Path) -> None:
    """The plan goes down an index; and what has ended long ago is not read again."""
    row = {
        "strategy": "one", "symbol": "X/USD", "timeframe_ms": 60_000, "about_ts": NOW, "asked_ts": NOW, "created_ts": NOW,
        "state": "done", "cost": 0.25,
    }  # fmt: skip
    with database.execution_options(write=True).begin() as put:
        put.execute(insert(AiCall), [row] * (metrics.LATE + 300))
    tally = metrics.Tally(1)
    with heard() as asked:
        assert tally.spent(database) == {"one": 125.0}
    assert len(asked) == 2
    assert scans(tmp_path / "one.db", asked) == []
    with database.execution_options(write=True).begin() as put:
        put.execute(update(AiCall).where(col(AiCall.id) <= 300).values(cost=9.0))  # never done by us; it would show
    assert tally.spent(database) == {"one": 125.0}
