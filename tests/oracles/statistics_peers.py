"""Asks quantstats, empyrical-reloaded, scipy, freqtrade, vectorbt and backtesting.py for the statistics of every case.

`python -m tests.oracles record` writes their answers, with versions, to tests/oracles/expected/; `live` asks them again and
compares. The ordinary suite (test_statistics.py) compares with what was written.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.oracles import statistics_cases as cases
from tests.oracles.statistics_cases import Case

HERE = Path(__file__).resolve().parent
EXPECTED = HERE / "expected"
SCRIPTS = {
    "statistics": "statistics_daily.py",
    "vectorbt": "statistics_vectorbt.py",
    "backtesting": "statistics_backtesting.py",
}


def path_of(name: str) -> Path:
    return EXPECTED / f"statistics-{name}.json"


def ask(python_of: Callable[[str], Path]) -> dict[str, dict[str, Any]]:
    """By case: every library's numbers, their versions, and a digest of what they were given. One process a library."""
    wanted = [case for case in cases.CASES if case.available]
    answers = {case.name: {"input": cases.digest(cases.columns_of(case)), "versions": {}} for case in wanted}
    with tempfile.TemporaryDirectory() as folder:
        paths = [_write(case, Path(folder)) for case in wanted]
        for library, script in SCRIPTS.items():
            command = [str(python_of(library)), "-W", "ignore", str(HERE / script), *paths]
            said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for case, one in zip(wanted, said, strict=True):
                answers[case.name]["versions"] |= one.pop("versions")
                answers[case.name] |= one
    for case in wanted:
        if case.source:
            answers[case.name].pop("portfolio")  # its curve would carry real prices
    return answers


def _write(case: Case, folder: Path) -> str:
    columns = cases.columns_of(case)
    account = cases.account_of(case, columns)
    path = folder / f"{case.name}.npz"
    np.savez(
        path,
        **columns,
        returns=account.returns,
        exit_ts=account.trades.exit_ts,
        begun=np.array(account.curve.begun),
        step=np.array(case.hours * cases.HOUR),
        cash=np.array(cases.CASH),
    )
    return str(path)


def record(python_of: Callable[[str], Path]) -> None:
    for case in cases.CASES:
        if not case.available:
            print(f"statistics of {case.name}: left as they are, there is no {case.source}")
    for name, answer in ask(python_of).items():
        path_of(name).write_text(json.dumps(answer, indent=0) + "\n")


def live(python_of: Callable[[str], Path]) -> int:
    """The number of differences, each printed."""
    from tests.oracles.statistics_compare import differences

    answers, worst = ask(python_of), 0
    for case in cases.CASES:
        if case.name not in answers:
            print(f"statistics of {case.name}: skipped, there is no {case.source}")
            continue
        answer = answers[case.name]
        found = differences(case, answer)
        worst += len(found)
        said = ", ".join(f"{name} {number}" for name, number in answer["versions"].items())
        print(f"statistics of {case.name}: {len(found)} differences from {said}")
        for line in found:
            print("   ", line)
    return worst
