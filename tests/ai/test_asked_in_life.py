"""The engine's own loop with a strategy that asks: from the bar's close to a call, an event of the tape and a signal;
and a replay of that tape gives the same ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.runtime import loop
from engine.sandbox.server import Sandbox
from tests.ai.test_answers_replayed import ASKER
from tests.parity.living import Life, Pump

AI = '\n[ai]\nmode = "{mode}"\nmodel = "evenkeel/stand-in"\nbase_url = "{rest}/api/v1"\nmin_confidence = 0.0\n{more}\n'
SLOT = '\n[[slots]]\nstrategy = "often"\nsymbols = ["BTC/USD"]\n'


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("DATABASE_URL", "EVENKEEL_DATA", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "my" / "strategies"
    folder.mkdir(parents=True)
    words = 'when="bar", every=1, life=3, indicators=("minute",)'
    (folder / "often.py").write_text(ASKER.format(name="Often", words=words, own=False))
    monkeypatch.setenv("EVENKEEL_HOME", str(folder.parent))
    monkeypatch.setattr(loop, "BEAT_S", 0.02)
    with Sandbox.running(seed=5, start="2026-01-05T00:00:00Z", hold=True, speed=60) as sandbox:

        def life(mode: str, more: str = "") -> Life:
            text = AI.format(mode=mode, rest=sandbox.rest_url, more=more) + SLOT
            return Life(tmp_path / "data", sandbox, monkeypatch, text, history=20)

        yield life


def settled(life: Life) -> Any:
    """The market waits until every question has ended."""

    def wait(_pump: Pump) -> Iterator[None]:
        while life.count("ai_call WHERE state != 'done'"):
            yield

    return wait


def test_a_bar_closes_a_model_is_asked_and_its_answer_becomes_a_signal(begin: Any) -> None:
    life = begin("shadow")
    life.live(8, *((minute + 0.1, settled(life)) for minute in range(1, 8)))
    answered = life.rows(
        "SELECT direction, confidence, about_ts, model, prompt_hash FROM ai_call WHERE outcome = 'answered'"
    )
    assert len(answered) >= 4
    views = life.rows(
        "SELECT direction, strength, status, reason, model, prompt FROM signal WHERE source = 'ai' ORDER BY seq"
    )
    spoken = [row for row in answered if row[0]]
    assert [(row[0], row[1]) for row in views] == [(row[0], row[1]) for row in spoken]
    assert {row[2:] for row in views} == {("ignored", "ai_view", "evenkeel/stand-in", answered[0][4])}
    assert life.proven()["signals"] > len(views)
    vitals = life.rows("SELECT counters FROM engine_status")[0][0]
    assert '"ai_calls"' in vitals


def test_a_model_may_not_trade_before_it_is_proven_or_accepted(begin: Any) -> None:
    life = begin("trade")
    life.live(4)
    setup = life.rows("SELECT extra FROM snapshot ORDER BY id DESC LIMIT 1")[0][0]
    assert '"mode": "shadow"' in setup or '"mode":"shadow"' in setup
    accepted = begin("trade", 'trade_unproven = "I accept an unproven model"\n')
    accepted.now = life.now
    accepted.live(6, *((minute + 0.1, settled(accepted)) for minute in range(1, 6)))
    assert accepted.count("signal WHERE source = 'ai' AND status = 'taken'") >= 1
    accepted.proven()
