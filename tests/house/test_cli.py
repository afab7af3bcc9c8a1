"""The door: help is quick, every command explains itself, exit codes and sentences are what scripts rely on."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import ccxt
import pytest
import requests
import sqlalchemy.exc
from typer.main import get_command

from engine.cli.app import app
from engine.cli.failures import Fail, describe
from engine.cli.output import plain, show, when
from engine.config.edit import with_setting
from engine.config.reading import parse
from engine.market.candles import DataError
from tests.house.conftest import Cli

ROOT = Path(__file__).resolve().parents[2]
GOOD = '[run]\nname = "one"   # mine\n[[slots]]\nstrategy = "sma_cross"\n'


def commands() -> dict[str, object]:
    return dict(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_door_from_outside() -> None:
    """One real process for each way out; the rest is tested inside this one."""
    done = subprocess.run([sys.executable, "run_engine.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in ("run ", "status", "kill", "doctor"))
    wrong = subprocess.run([sys.executable, "run_engine.py", "runn"], cwd=ROOT, capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    bad = subprocess.run(
        [sys.executable, "run_engine.py", "run", "--config", "nowhere.toml"], cwd=ROOT, capture_output=True, text=True
    )
    assert (bad.returncode, bad.stdout) == (78, "")
    assert "nowhere.toml does not exist" in bad.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from engine.cli.app import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'numba', 'pandas', 'pyarrow', 'ccxt', 'sqlalchemy', 'pydantic', 'streamlit'} & set(sys.modules)\n"
        "sys.stderr.write(repr(sorted(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == "[]"


@pytest.mark.parametrize("name", [name for name in commands() if name != "config"])
def test_every_command_has_help_with_an_example(cli: Cli, name: str) -> None:
    outcome = cli(name, "--help")
    assert outcome.code == 0
    assert f"Example: run_engine.py {name}" in " ".join(outcome.out.split())


def test_the_documented_commands_are_there() -> None:
    wanted = (
        "run demo fetch data status pause resume kill release close stop slot cash audit config init doctor "
        "new-strategy strategies"
    )
    assert set(wanted.split()) <= set(commands())


def test_without_a_command_the_engine_would_run(cli: Cli, folder: Path) -> None:
    outcome = cli()
    assert outcome.code == 78
    assert "init" in outcome.err
    assert not (folder / "data").exists()


def test_a_wrong_configuration_is_told_and_nothing_is_touched(cli: Cli, folder: Path) -> None:
    (folder / "my").mkdir()
    (folder / "my" / "config.toml").write_text("[limits]\nmax_position = 3\n[[slots]]\n")
    for argv in ([], ["run"], ["config", "check"]):
        outcome = cli(*argv)
        assert (outcome.code, outcome.out) == (78, "")
        assert "did you mean max_positions?" in outcome.err
    assert cli("config", "check", "--json").json["ok"] is False
    assert not (folder / "data").exists()


def test_the_sentence_and_the_code_of_what_can_go_wrong() -> None:
    cases: list[tuple[BaseException, int, str]] = [
        (Fail("not so", 2), 2, "not so"),
        (DataError("f.csv is refused"), 1, "f.csv is refused"),
        (ccxt.BadSymbol("coinbase XYZ"), 2, "does not know this symbol"),
        (ccxt.RequestTimeout("coinbase GET"), 69, "out of reach"),
        (ccxt.AuthenticationError("coinbase key"), 69, "refused"),
        (requests.ConnectionError("no route"), 69, "no route"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), 69, "Check the address"),
        (sqlite3.DatabaseError("file is not a database"), 74, "doctor"),
        (sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("disk I/O error")), 74, "doctor"),
        (PermissionError(errno.EACCES, "Permission denied", "data"), 74, "data: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), 74, "free space"),
    ]
    for error, code, words in cases:
        found = describe(error)
        assert found is not None
        assert (found[0], words in found[1]) == (code, True), found
        assert "\n" not in found[1]
    assert describe(ZeroDivisionError("x")) is None


def test_a_defect_of_the_program_shows_where(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("engine.runtime.doctor.examine", broken)
    outcome = cli("doctor")
    assert (outcome.code, outcome.out) == (1, "")
    assert "Traceback" in outcome.err
    assert "defect of Evenkeel" in outcome.err


def test_a_new_run_keeps_the_files_comments() -> None:
    text = with_setting(GOOD, "run", "name", "two")
    assert parse(text).run.name == "two"
    assert "# mine" in text
    assert tomllib.loads(with_setting("[[slots]]\n", "run", "name", "x"))["run"] == {"name": "x"}


def test_values_for_scripts_and_for_eyes() -> None:
    import numpy as np

    assert plain({"a": float("nan"), "b": np.int64(3), "c": (np.float64(0.5), None), "d": Path("x")}) == {
        "a": None, "b": 3, "c": [0.5, None], "d": "x",
    }  # fmt: skip
    assert (show(None), show(float("inf")), show(0.1 + 0.2), show(12345.678)) == ("-", "-", "0.3", "12,345.68")
    assert when(0) == "-"
    assert when(1_700_000_000_000) == "2023-11-14 22:13:20Z"


def test_version(cli: Cli) -> None:
    from engine import __version__

    assert cli("--version").out == f"evenkeel {__version__}\n"
