"""Our trades against vectorbt's and backtesting.py's, one by one, on synthetic and real candles.

The other libraries' answers were recorded with their versions by `python -m tests.oracles record`; `make oracles`
asks them again, live and on more bars.
"""

import json
from pathlib import Path

import pytest

from tests.oracles import cases
from tests.oracles.cases import Case
from tests.oracles.compare import differences, run_ours

EXPECTED = Path(__file__).resolve().parent / "expected"


def _case(name: str) -> Case:
    case = next(case for case in cases.CASES if case.name == name)
    if not case.available:
        pytest.skip(f"no real candles at ../shared/data/ohlcv/{case.source}")
    return case


@pytest.mark.parametrize("name", [case.name for case in cases.CASES])
def test_every_trade_equals_backtesting_py(name: str) -> None:
    case = _case(name)
    answer = json.loads((EXPECTED / f"{name}.backtesting.json").read_text())
    ours, bars = run_ours(case)
    found = differences("backtesting", case, bars, ours, answer["trades"])
    assert not found.explained
    assert not found.unexplained
    assert found.equal == len(ours) > 50


@pytest.mark.parametrize("name", [case.name for case in cases.CASES])
def test_every_trade_equals_vectorbt_but_for_its_one_order_a_bar(name: str) -> None:
    case = _case(name)
    answer = json.loads((EXPECTED / f"{name}.vectorbt.json").read_text())
    ours, bars = run_ours(case)
    found = differences("vectorbt", case, bars, ours, answer["trades"])
    assert not found.unexplained
    assert found.equal > 0.9 * len(ours)


def test_a_wrong_price_is_a_difference() -> None:
    """The comparison itself must be able to fail."""
    case = _case("synthetic")
    ours, bars = run_ours(case)
    theirs = [[*row[:5]] for row in ours]
    assert differences("vectorbt", case, bars, ours, theirs).equal == len(ours)
    theirs[3][3] *= 1.0001
    theirs.pop(7)
    assert len(differences("vectorbt", case, bars, ours, theirs).unexplained) == 2
