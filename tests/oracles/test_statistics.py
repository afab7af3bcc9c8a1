"""Our statistics against quantstats, empyrical-reloaded, vectorbt, backtesting.py, freqtrade and scipy, to 1e-12.

Their answers were recorded with their versions by `python -m tests.oracles record`; `make oracles` asks them again.
"""

import copy
import json

import pytest

from tests.oracles import statistics_cases as cases
from tests.oracles.statistics_compare import differences
from tests.oracles.statistics_peers import path_of


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_every_statistic_equals_the_other_libraries(case: cases.Case) -> None:
    if not case.available:
        pytest.skip(f"no real candles at ../shared/data/ohlcv/{case.source}")
    answer = json.loads(path_of(case.name).read_text())
    assert sum(len(answer[name]) for name in ("quantstats", "empyrical", "vectorbt", "scipy", "backtesting.py")) > 80
    assert differences(case, answer) == []


def test_a_wrong_digit_is_a_difference() -> None:
    """The comparison itself must be able to fail."""
    case = cases.CASES[0]
    answer = json.loads(path_of(case.name).read_text())
    wrong = copy.deepcopy(answer)
    wrong["empyrical"]["sharpe"] *= 1 + 1e-11
    wrong["backtesting.py"]["SQN"] += 1e-10
    wrong["portfolio"]["stats"]["Profit Factor"] *= 1.001
    assert len(differences(case, wrong)) == 3
    assert differences(case, {**answer, "input": "other"}) == [
        "the input is not the one that was recorded: run `python -m tests.oracles record`"
    ]
