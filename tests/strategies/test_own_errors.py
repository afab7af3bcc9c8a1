"""What is wrong in a person's own strategy is said with its file and line, and with what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.check import check_slot
from engine.config.sections import SlotSection
from engine.research.play import signals_of
from engine.strategies import catalog
from engine.strategies.base import StrategyError
from tests.strategies.market import bars

HEAD = """\
import numpy as np
from engine.strategies.base import Signals, Strategy


class Mine(Strategy):
    def signals(self, bars):
        n = len(bars)
"""
NOT_LOADED = {
    "Signals.long_while(": (
        HEAD + "        return Signals.long_while(bars.close > \n",
        ["broken.py, line 8", "never closed"],
    ),
    "import numpyy": ("import numpyy\n" + HEAD, ["broken.py line 1", "No module named 'numpyy'"]),
    "no class": ("x = 1\n", ["broken.py", "exactly one class derived from Strategy"]),
    "two classes": (HEAD + HEAD.replace("Mine", "Other"), ["exactly one class", "Mine, Other"]),
}
NOT_USED = {
    "return [1, 2]": ["must return Signals, got list", "line 6"],
    "return Signals.long_while(bars.close - bars.open)": ["bool array", "as in fast > slow", "line 8"],
    "return Signals.long_while((bars.close > bars.open)[1:])": ["999", "1000", "line 6"],
    "return Signals.long_while(np.arange(n) % 9 > 4, stop=np.full(n, np.nan))": ["stop at the entry of bar", "line 6"],
    "return Signals.long_while(bars.frame()['closee'] > 1)": ["KeyError: 'closee'", "line 8", "bars.frame()['closee']"],
    "return Signals.long_while(bars.close > self.params.length)": ["has no attribute 'length'", "line 8"],
    "return np.linalg.inv(np.zeros((2, 3)))": ["LinAlgError", "line 8", "np.linalg.inv"],
    "raise ValueError('my own words')": ["ValueError: my own words", "line 8"],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    (tmp_path / "strategies").mkdir()
    return tmp_path / "strategies" / "broken.py"


@pytest.mark.parametrize(("text", "words"), NOT_LOADED.values(), ids=NOT_LOADED.keys())
def test_a_file_that_does_not_load(file: Path, text: str, words: list[str]) -> None:
    file.write_text(text)
    with pytest.raises(StrategyError) as told:
        catalog.load("broken")
    assert [word for word in words if word not in str(told.value)] == [], str(told.value)


@pytest.mark.parametrize(("line", "words"), NOT_USED.items(), ids=NOT_USED.keys())
def test_signals_that_cannot_be_used(file: Path, line: str, words: list[str]) -> None:
    file.write_text(f"{HEAD}        {line}\n")
    with pytest.raises(StrategyError) as told:
        signals_of(catalog.make("broken"), bars(1_000, sparse=False))
    assert [word for word in ("broken", "broken.py", *words) if word not in str(told.value)] == [], str(told.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [("return 1 // 0", ["ZeroDivisionError", "line 7"]), ("return None", ["must return a number of bars, got None"])],
)
def test_a_warm_up_that_fails_fails_with_the_signals(file: Path, line: str, words: list[str]) -> None:
    """Before, its slot took one bar for enough and traded on."""
    always = HEAD.replace("    def signals", f"    def warmup(self):\n        {line}\n\n    def signals").replace(
        "n = len(bars)", "return Signals(np.ones(len(bars), np.int8), np.zeros(len(bars), bool))"
    )
    file.write_text(always)
    with pytest.raises(StrategyError) as told:
        signals_of(catalog.make("broken"), bars(100))
    assert [word for word in ("broken.py", *words) if word not in str(told.value)] == [], str(told.value)


def test_parameters_whose_own_check_fails(file: Path) -> None:
    """pydantic lets pass what is no ValueError; it is the person's file all the same."""
    head = "    class Params(StrategyParams):\n        n: int = 0\n"
    check = f"{head}        def model_post_init(self, _):\n            1 // self.n\n"
    text = HEAD.replace("Signals, Strategy", "Signals, Strategy, StrategyParams")
    file.write_text(text.replace("    def signals", f"{check}    def signals"))
    with pytest.raises(StrategyError, match=r"broken: its parameters failed in broken\.py line 9: ZeroDivisionError"):
        catalog.make("broken")
    with pytest.raises(StrategyError, match=r"line 9: ZeroDivisionError"):
        check_slot(SlotSection(strategy="broken", symbols=["BTC/USD"], timeframe="1m"), "slot 1")


def test_a_file_put_right_is_read_again(file: Path) -> None:
    file.write_text(f"{HEAD}        return None\n")
    with pytest.raises(StrategyError):
        signals_of(catalog.make("broken"), bars(1_000))
    file.write_text(f"{HEAD}        return Signals.long_while(bars.close > bars.open)\n")
    assert signals_of(catalog.make("broken"), bars(1_000)).entry.any()
