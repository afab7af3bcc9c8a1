"""A prompt that asks for it is told how its strategy's own signals did, as of the bar it is about; what was told is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from db.models import Signal, SignalOutcome
from engine.ai import backfill
from engine.ai.prompts import sent_text
from engine.ai.record import record_words
from engine.ai.service import AiService
from engine.analytics.learning import weigh
from engine.analytics.signals_score import hit_rate
from engine.cli.candles import plain_instrument
from engine.research.learning import outcomes_of
from engine.sandbox.server import Sandbox
from engine.strategies import catalog
from tests.ai.conftest import NOW, DirectDoors, ask, calls
from tests.ai.test_past_bars import HOUR, START, candles, plan, settings
from tests.ai.test_service import settle

WINDOW = 24 * 60_000


@pytest.fixture(autouse=True)
def _template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my" / "prompts").mkdir(parents=True)
    (tmp_path / "my" / "prompts" / "trend.md").write_text("{{symbol}}\n{{record}}\n")
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "my"))


def resolved(database: Engine, count: int, won: int, regime: str, before: int = NOW) -> None:
    """`count` signals in as many windows, `won` of them; the last one's bar is over at `before`."""
    with database.execution_options(write=True).begin() as put:
        first = len(put.execute(Signal.__table__.select()).all())  # type: ignore[attr-defined]
        for k in range(count):
            seq, ts = first + k + 1, before - 60_000 - (count - 1 - k) * WINDOW
            words = {"known_ts": ts, "kind": "entry", "direction": 1, "status": "taken"}
            put.execute(insert(Signal).values(run_id=1, seq=seq, slot_id=1, decided_ts=ts - 60_000, **words))
            result = 0.01 if k < won else -0.02
            put.execute(
                insert(SignalOutcome).values(
                    run_id=1, signal_seq=seq, result=result, exit_ts=ts, regime=regime, resolved=True, updated_ts=ts
                )
            )


def test_the_question_holds_the_record_by_regime(database: Engine, stand_in: Sandbox) -> None:
    """The share, its interval and the mean; below the bar that it is too few; and the row keeps what was sent."""
    resolved(database, 40, 24, "above low")
    resolved(database, 5, 5, "below high", NOW - 41 * WINDOW)
    service = AiService(settings(stand_in), database, 1, DirectDoors(database), lambda: NOW, 1.0)
    ask(database)
    settle(service)
    sent = sent_text(calls(database)[0].prompt_text)
    rate = hit_rate(24, 40, 40)
    assert f"BTC above low volatility: 60% of 40 signals made money net of costs (90 % interval {rate.low:.0%}" in sent
    assert f"to {rate.high:.0%}), mean -0.20%" in sent
    assert "BTC below high volatility: too few to say (5 windows that do not overlap, of 30 needed)" in sent
    assert "all regimes: 64% of 45 signals" in sent
    assert calls(database)[0].state == "done"


def test_only_what_was_over_by_the_bar_counts(database: Engine) -> None:
    """Law: for every moment the words are those of a database that holds nothing later."""
    resolved(database, 34, 20, "")
    for k in (0, 1, 5, 33, 34):
        moment = NOW - (34 - k) * WINDOW if k < 34 else NOW
        told = weigh(outcomes_of(database, 1, moment, "ai_trend"), moment)
        count = sum(NOW - (33 - n) * WINDOW <= moment for n in range(34))
        assert (told[0]["signals"] if told else 0) == count
    early = weigh(outcomes_of(database, 1, NOW - 1, "ai_trend"), NOW - 1)
    assert early[0]["signals"] == 33  # the bar of the last one is not over
    assert outcomes_of(database, 1, NOW, "another").result.size == 0


def test_words() -> None:
    row: dict[str, Any] = {"source": "a", "regime": "", "signals": 30, "resolved": 30, "won": 0.5, "mean": 0.001}
    assert record_words([row], "b", "") == "no signal of this strategy has come to an end yet"
    assert record_words([row], "a", "above low").startswith("all regimes: 50% of 30 signals")
    here = {**row, "regime": "above low"}
    assert (
        record_words([row, here], "a", "above low").splitlines()[1].startswith("BTC above low volatility (today): 50%")
    )
    assert "too few to say" in record_words([{**row, "resolved": 29}], "a", "")


def test_past_bars_are_told_what_was_known_then(database: Engine, stand_in: Sandbox) -> None:
    """Law: with fewer candles the questions that are left say the same, and the record grows."""
    whole = plan(database, settings(stand_in))
    data = candles()
    half = data.between(None, START + 600 * HOUR)
    cut = backfill.Past(catalog.make("ai_trend", {"fast": 5, "slow": 15}), half, plain_instrument(half, None, None))
    texts = {one.about: one.messages[1]["content"] for one in whole.questions}
    early = [end for end in texts if end <= START + 600 * HOUR]
    assert len(early) > 10
    assert all(cut.record(end) in texts[end] for end in early)
    counts = [int(words) for text in texts.values() for words in _windows(text)]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > 10
    assert np.unique(counts).size > 10


def _windows(text: str) -> list[str]:
    line = next((one for one in text.splitlines() if one.startswith("all regimes")), "")
    if not line:
        return ["0"]
    return [line.partition("(")[2].partition(" ")[0] if "too few" in line else line.split(" of ")[1].split()[0]]
