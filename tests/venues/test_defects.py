"""A defect where a live account must go on: unknown to the lane, told to the person, once and without the exception's words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engine.venues import defects
from engine.venues.adapters._ccxt import told
from engine.venues.live.weigh import Weighed
from engine.venues.port import Unknown

SIGNED = "signature=abc"


@told
def ask(_: object) -> Any:
    raise RuntimeError(SIGNED)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects, "_told", set())


def test_an_adapter_s_defect_is_told_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert ask(None) == Unknown("RuntimeError while reading an answer")
    assert caplog.text.count("RuntimeError") == 2, "the sentence and the line that raised"
    assert "test_defects.py" in caplog.text
    assert SIGNED not in caplog.text


def test_an_answer_that_breaks_the_scales_is_told(caplog: pytest.LogCaptureFixture) -> None:
    port: Any = SimpleNamespace(balances=lambda: [].pop())
    assert Weighed(port).balances() == Unknown("IndexError where an answer was expected")
    assert "the exchange's adapter failed with IndexError" in caplog.text
    assert caplog.records[0].levelname == "ERROR"
