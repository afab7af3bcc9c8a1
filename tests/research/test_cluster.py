"""A sweep on a real Dask cluster: a scheduler and two workers, processes of their own on the loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import pytest

from engine.research import cluster as clusters
from engine.research.cluster import Cluster, ClusterError
from engine.research.grid import Grid
from engine.research.optimise import Search, optimise
from engine.research.space import Space
from engine.research.sweep import sweep
from tests.research.conftest import walk
from tests.research.test_sweep import slot, study

ROOT = Path(__file__).resolve().parents[2]
ONE, CANDLES = study(slot()), {"BTC/USD": walk(3_000)}
POINTS = Grid.of(Space(ONE), ["fast=2:40:1", "slow=41:200:1"])


class Local:
    """The processes of one cluster."""

    def __init__(self, folder: Path) -> None:
        self.file, self.folder = folder / "scheduler.json", folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")

    def start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(self.file), *words]
        log = (self.folder / f"{len(self.processes)}.txt").open("wb")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__DASHBOARD__LINK": ""}
        self.processes.append(subprocess.Popen(argv, cwd=self.folder, stdout=log, stderr=log, env=environment))
        return self.processes[-1]

    def worker(self) -> subprocess.Popen[bytes]:
        local = str(self.folder / f"space{len(self.processes)}")
        return self.start("dask_worker", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard",
                          "--local-directory", local)  # fmt: skip

    @property
    def address(self) -> str:
        until, look = time.monotonic() + 30, threading.Event()
        while not self.file.exists() and time.monotonic() < until:
            assert self.processes[0].poll() is None, (self.folder / "0.txt").read_text()
            look.wait(0.02)
        return str(json.loads(self.file.read_text())["address"])


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    made = Local(tmp_path_factory.mktemp("cluster"))
    made.worker()
    made.worker()
    yield made
    for process in made.processes:
        process.kill()
    for process in made.processes:
        process.wait()


class During:
    """Progress that does something once, when a share is done."""

    def __init__(self, share: float, act: Any) -> None:
        self.share, self.act, self.seen = share, act, 0

    def __call__(self, share: float, _: str) -> None:
        self.seen += 1
        if share >= self.share and self.act is not None:
            act, self.act = self.act, None
            act()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.research.sweep_work.PLANS", 64)


def test_a_worker_killed_half_way_costs_nothing(local: Local) -> None:
    kill = During(0.4, local.processes[1].kill)
    with Cluster(local.address) as runner:
        table = sweep(ONE, POINTS, CANDLES, runner=runner, progress=kill)
        search = Search("nsga2", ("total_return", "max_drawdown"), 60, 1)
        found = optimise(ONE, ["fast=2:40:1", "slow=10:200:1"], CANDLES, search, runner=runner)
    assert kill.act is None
    assert local.processes[1].wait(10) == -9
    assert kill.seen > 20
    assert table.complete
    assert table.data.equals(sweep(ONE, POINTS, CANDLES, workers=2).data)
    assert found.data.equals(optimise(ONE, ["fast=2:40:1", "slow=10:200:1"], CANDLES, search).data)


@pytest.mark.parametrize("pieces", [True, False], ids=["pieces", "candles"])
def test_what_the_cluster_loses_is_given_out_again(local: Local, pieces: bool) -> None:
    """As a machine that dies with what it had finished, or with the only copy of the candles: whoever waits for a piece hears
    that it was given up."""
    lost: list[str] = []
    with Cluster(local.address) as runner:

        def lose() -> None:
            lost.extend(str(key) for key in runner._client.futures if ("run_piece" in str(key)) == pieces)
            runner._client.cancel([distributed.Future(key, runner._client) for key in lost])

        table = sweep(ONE, POINTS, CANDLES, runner=runner, progress=During(0.4, lose))
    assert lost
    assert table.complete
    assert table.data.equals(sweep(ONE, POINTS, CANDLES, workers=2).data)


def test_a_cluster_of_other_machines_is_refused(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.KERNEL_HASH", "another")
    with Cluster(local.address) as runner, pytest.raises(ClusterError, match="another version of Evenkeel"):
        sweep(ONE, POINTS, CANDLES, runner=runner)


def test_a_cluster_that_goes_away_leaves_a_sweep_that_goes_on(local: Local, tmp_path: Path) -> None:
    """The last test of this cluster."""
    out = tmp_path / "s.arrow"
    kill = During(0.3, local.processes[0].kill)
    with Cluster(local.address) as runner, pytest.raises(ClusterError, match=r"went away.*same command goes on"):
        sweep(ONE, POINTS, CANDLES, runner=runner, out=out, progress=kill)
    assert not out.exists()
    assert out.with_name("s.arrow.part").exists()
    rest = During(2.0, None)
    again = sweep(ONE, POINTS, CANDLES, workers=2, out=out, progress=rest)
    assert again.complete
    assert 0 < rest.seen < 98 * 0.75
    assert again.data.equals(sweep(ONE, POINTS, CANDLES, workers=2).data)


def test_nothing_at_the_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECT_S", 0.5)
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp:"):
        Cluster("tcp://127.0.0.1:9")


def test_without_dask_the_command_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match="pip install -r requirements-cluster"):
        Cluster("tcp://127.0.0.1:8786")
