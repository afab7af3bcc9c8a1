"""The real process: how it stops, what it refuses, and with which exit code and words."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.proofs import prove
from tests.crash.session import ROOT, Market, _until, free_port, market
from tests.runtime.processes import Living, living, stopped

MINUTES = 6
"""The market stands still at the seventh minute: the strategy holds something then."""
HOLDING = "SELECT count(*) FROM position"


@pytest.fixture
def place() -> Iterator[Market]:
    with market(MINUTES * 60 + 30) as served:
        yield served


@pytest.fixture
def engine(tmp_path: Path, place: Market, monkeypatch: pytest.MonkeyPatch) -> Living:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "data" / "my"))
    return living(tmp_path / "data", place)


def test_a_second_engine_is_refused_and_a_signal_stops_the_first_in_good_order(engine: Living, place: Market) -> None:
    with engine.running() as process:
        engine.until("SELECT state = 'running' FROM engine_status", process)
        refused(run(engine.folder, engine.config.read_text()), 74, f"process {process.pid}", "stop it first")
        assert process.poll() is None, "the first one must not care"
        engine.until_end(process)
        engine.until(HOLDING, process)
        code = stopped(process)
    assert code == 0, engine.last_words()
    assert "engine stopped; open: holder on BTC/USD" in engine.last_words()
    assert engine.row("SELECT status FROM run") == ("stopped",)
    assert engine.row("SELECT state FROM engine_status") == ("stopped",)
    assert engine.row("SELECT text FROM run_marker WHERE kind = 'stop'") == ("engine stopped; open: holder on BTC/USD",)
    prove(engine.folder, place.truth())


def test_a_second_signal_ends_it_at_once_and_loses_nothing(engine: Living, place: Market) -> None:
    """Its last commit is made to wait by a lock, so that there is something to interrupt."""
    with engine.running() as process:
        engine.until(HOLDING, process)
        with sqlite3.connect(engine.folder / "evenkeel.db", isolation_level=None) as held:
            held.execute("BEGIN IMMEDIATE")
            process.send_signal(signal.SIGTERM)
            _until(lambda: "stopping:" in engine.last_words(), 20, "it did not notice the signal")
            code = stopped(process)
            held.execute("ROLLBACK")
    assert code == 128 + signal.SIGTERM
    engine.finish()
    counts = prove(engine.folder, place.truth())
    assert counts["fills"] >= 1


def test_a_stop_while_the_database_is_locked_loses_nothing(engine: Living, place: Market) -> None:
    with engine.running() as process:
        engine.until(HOLDING, process)
        with sqlite3.connect(engine.folder / "evenkeel.db", isolation_level=None) as held:
            held.execute("BEGIN IMMEDIATE")
            code = stopped(process)
            held.execute("ROLLBACK")
    assert code == 0, engine.last_words()
    assert "on the tape" in engine.last_words()
    engine.finish()
    prove(engine.folder, place.truth())


def run(folder: Path, config: str, **words: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config)
    command = [sys.executable, str(ROOT / "run_engine.py"), "run", "--config", str(folder / "config.toml")]
    environment = {"EVENKEEL_DATA": str(folder), "EVENKEEL_HOME": str(folder / "my"), "PATH": "/usr/bin:/bin", **words}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """That code, one sentence with these words, and no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in last, done.stderr


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "evenkeel.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE recipes (name TEXT)")
        raw.execute("INSERT INTO recipes VALUES ('bread')")
    before = path.read_bytes()
    refused(
        run(tmp_path, '[run]\nbase_url = "http://127.0.0.1:1"\nws_url = "ws://127.0.0.1:1/"\n[[slots]]\n'),
        74,
        "evenkeel.db",
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[run\nname=", ("config.toml", "not valid TOML")),
        ('[run]\nnmae = "x"\n[[slots]]\n', ("nmae", "name")),
        ("[account]\ncash = -5\n[[slots]]\n", ("cash", "-5")),
        ('[[slots]]\nstrategy = "sma_corss"\n', ("sma_corss", "sma_cross")),
        ('[[slots]]\nstrategy = "sma_cross"\nparams = { fsat = 3 }\n', ("fsat", "fast")),
    ],
    ids=["no TOML", "unknown key", "out of range", "unknown strategy", "unknown parameter"],
)
def test_a_garbled_configuration_is_refused_before_anything_is_touched(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    refused(run(tmp_path / "data", text), 78, *words)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["config.toml"]


def test_an_exchange_out_of_reach_at_the_start(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    config = f'[run]\nbase_url = "{address}"\nws_url = "ws://127.0.0.1:1/"\n[[slots]]\n'
    refused(run(tmp_path / "data", config), 69, address, "did not answer")


def test_an_unknown_symbol(engine: Living) -> None:
    config = engine.config.read_text().replace("BTC/USD", "BTX/USD")
    refused(run(engine.folder, config), 2, "BTX/USD")
