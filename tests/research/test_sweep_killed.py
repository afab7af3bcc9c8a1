"""A search in a real worker process that is killed half way: seen, taken up again, ended as if nothing had happened."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from db.session import migrate, open_engine
from engine.market.store import Store
from engine.research import jobs, work_sweep, worker_start
from engine.research.grid import Grid
from engine.research.lineage import data_set_of, trials_of
from engine.research.seal import unsealed_all
from engine.research.space import Space
from engine.research.study import Study
from engine.research.sweep import sweep
from engine.research.sweep_table import partial
from engine.research.sweep_work import Task
from engine.research.worker import work
from tests.research.conftest import walk
from tests.research.test_sweep import slot, study

ROOT = Path(__file__).resolve().parents[2]
AXES = ["length=2:60:1", "oversold=10:40:1", "stop_atr=0:1:1"]


def test_a_killed_worker_costs_a_sweep_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    engine = open_engine()
    migrate(engine)
    candles = walk(6_000)
    Store(tmp_path / "candles").write("coinbase", "BTC/USD", "1m", candles)
    one: Study = study(slot("rsi_reversion"))
    uuid = jobs.ask(engine, "sweep", {"study": one.to_json(), "axes": AXES, "draws": 0})
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "run_engine.py"), "work"], cwd=ROOT, env={**os.environ},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        look, until = threading.Event(), time.monotonic() + 60
        while not _begun(tmp_path / "sweeps") and time.monotonic() < until:
            look.wait(0.005)
    finally:
        child.kill()
        child.wait()
    job = jobs.job_of(engine, uuid)
    assert job is not None
    assert job.state == "running"
    assert not worker_start.alive()
    (part,) = (tmp_path / "sweeps").glob("*.part")
    left = partial(part.with_suffix(""))
    assert left is not None
    assert 0 < len(left) < left.total
    ran: list[int] = []
    run: Any = Task.run
    monkeypatch.setattr(
        Task, "run", lambda self, piece, *rest: ran.append(len(piece.points)) or run(self, piece, *rest)
    )
    assert work(engine, once=True) == 1
    after = jobs.job_of(engine, uuid)
    assert after is not None
    assert (after.state, after.attempts) == ("done", 2)
    table = work_sweep.table_of(after.result, tmp_path / "sweeps")
    assert sum(ran) == table.total - len(left)
    seen = unsealed_all({"BTC/USD": candles})
    assert table.data.equals(sweep(one, Grid.of(Space(one), AXES), seen).data)
    data = data_set_of(one.setup, int(after.result["from_ts"]), int(after.result["to_ts"]))
    assert trials_of(engine, "rsi_reversion", data)[0] == table.total
    engine.dispose()


def _begun(folder: Path) -> bool:
    """Whether some pieces of the sweep are on the disk."""
    return any(part.stat().st_size > 60_000 for part in folder.glob("*.part"))
