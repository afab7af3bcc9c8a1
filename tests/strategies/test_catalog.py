"""Strategies by name: a person's own files, and what is said of bad ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from engine.strategies import catalog
from engine.strategies.base import StrategyError

GOOD = """
from __future__ import annotations
import pandas as pd
import numpy as np
from pydantic import Field
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams

class Mine(Strategy):
    \"\"\"Long while the close stands above its mean, by pandas.\"\"\"
    class Params(StrategyParams):
        length: int = Field(20, ge=2, le=99, description="bars in the mean")
        shape: str = "plain"
    def signals(self, bars: Bars) -> Signals:
        close = bars.frame()["close"]
        return Signals.long_while((close > close.rolling(self.params.length).mean()).to_numpy())
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    folder = tmp_path / "strategies"
    folder.mkdir()
    return folder


def test_a_person_s_file_is_found_and_may_import_anything(own: Path) -> None:
    from tests.strategies.market import bars

    (own / "mine.py").write_text(GOOD)
    (own / "_helper.py").write_text("x = 1")
    assert catalog.available()["mine"] == own / "mine.py"
    assert "_helper" not in catalog.available()
    assert catalog.load("mine").name == "mine"
    assert catalog.make("mine", {"length": 30}).signals(bars(500)).entry.any()
    assert catalog.source("mine") == (GOOD, hashlib.sha256(GOOD.encode()).hexdigest())


def test_a_changed_file_is_read_anew_and_an_unchanged_one_is_not(own: Path) -> None:
    (own / "mine.py").write_text(GOOD)
    before = catalog.load("mine")
    assert catalog.load("mine") is before
    (own / "mine.py").write_text(GOOD.replace("Field(20", "Field(21"))
    assert catalog.make("mine").params.length == 21
    assert before(before.Params()).params.length == 20


def test_a_person_s_own_file_wins(own: Path) -> None:
    (own / "sma_cross.py").write_text(GOOD)
    assert catalog.available()["sma_cross"] == own / "sma_cross.py"
    assert set(catalog.make("sma_cross").params.model_dump()) == {"length", "shape"}


def test_no_folder_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "nowhere"))
    assert "sma_cross" in catalog.available()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "bad: bad.py must define exactly one class derived from Strategy, it has none"),
        (GOOD + GOOD.split("StrategyParams\n", 1)[1].replace("Mine", "Other"), r"it has 2 \(Mine, Other\)"),
        (
            "import nothing_of_the_kind",
            "bad: bad.py line 1: ModuleNotFoundError: No module named 'nothing_of_the_kind'",
        ),
        ("x = (", "bad: bad.py: SyntaxError"),
        ("\n\n1 / 0", "bad: bad.py line 3: ZeroDivisionError"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(own: Path, text: str, words: str) -> None:
    (own / "bad.py").write_text(text)
    with pytest.raises(StrategyError, match=words):
        catalog.load("bad")


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("sma_cros", {}, "no strategy 'sma_cros'.*did you mean sma_cross"),
        ("zzz", {}, "no strategy 'zzz'.*there are .*sma_cross"),
        ("sma_cross", {"fast": 1}, "sma_cross: fast = 1: input should be greater than or equal to 2"),
        ("sma_cross", {"fast": 60}, r"sma_cross: fast \(60\) must be below slow \(50\)"),
        ("sma_cross", {"fsat": 5}, "sma_cross: fsat is no parameter; did you mean fast"),
        ("sma_cross", {"colour": "red"}, "colour is no parameter; it has fast, slow"),
        ("rsi_reversion", {"oversold": float("nan")}, "oversold = nan: input should be a finite number"),
        ("rsi_reversion", {"oversold": 70}, r"oversold \(70\) must be below recovered \(60\)"),
        ("donchian_breakout", {"exit": 30}, r"exit \(30\) must not be above entry \(20\)"),
    ],
)
def test_what_is_wrong_with_a_name_or_parameter_is_said(name: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(StrategyError, match=words):
        catalog.make(name, params)
