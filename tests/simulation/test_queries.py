"""Whatever the engine asks of its ledger while it lives goes down an index: a spy listens to whole lives, deaths and restarts
included, so that a commit costs the same behind a million fills as behind ten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.listening import ALL, heard, scans
from tests.simulation.many import template
from tests.simulation.plan import is_live, plan_of
from tests.simulation.run import Simulation

PAPER, LIVE = 4, 6
WRITTEN = ("fill", "orders", "trade", "signal", "equity", "snapshot")


@pytest.mark.parametrize("seed", [PAPER, pytest.param(LIVE, marks=pytest.mark.long)])
def test_no_statement_of_the_engine_walks_over_a_big_table(tmp_path: Path, seed: int) -> None:
    assert is_live(seed) == (seed == LIVE)
    shutil.copy(template(), tmp_path / "evenkeel.db")
    with heard(ALL) as asked:
        outcome = Simulation(plan_of(seed), tmp_path).live()
    assert outcome.counts["lives"] > 1
    assert all(any(one.startswith(f"INSERT INTO {table} ") for one in asked) for table in WRITTEN)
    assert scans(tmp_path / "evenkeel.db", asked) == []
