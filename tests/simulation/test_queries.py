"""Whatever the engine asks of its ledger while it lives goes down an index: a spy listens to whole lives, deaths and restarts
included, so that a commit costs the same behind a million fills as behind ten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.listening import ALL, Asked, heard, scans
from tests.simulation.many import template
from tests.simulation.plan import is_live, plan_of
from tests.simulation.run import Simulation

WRITTEN = ("fill", "orders", "trade", "signal", "equity", "snapshot")
LIVES = 30
"""So many seeds are lived at most until every one of these tables has been written."""


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.long)], ids=["paper", "live"])
def test_no_statement_of_the_engine_walks_over_a_big_table(tmp_path: Path, real: bool) -> None:
    asked: Asked = {}
    for seed in [seed for seed in range(1, 3 * LIVES) if is_live(seed) == real][:LIVES]:
        folder = tmp_path / str(seed)
        folder.mkdir()
        shutil.copy(template(), folder / "evenkeel.db")
        with heard(ALL) as heard_now:
            Simulation(plan_of(seed), folder).live()
        asked |= heard_now
        if all(any(one.startswith(f"INSERT INTO {table} ") for one in asked) for table in WRITTEN):
            break
    else:
        raise AssertionError(f"{LIVES} lives wrote less than {WRITTEN}")
    assert scans(folder / "evenkeel.db", asked) == []
