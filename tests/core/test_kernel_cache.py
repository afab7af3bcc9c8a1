"""Compiled kernels are kept in a folder named by their source's hash, whatever was imported or set before.

A kernel kept elsewhere would outlive a change of the helpers inside it, and trade by old rules.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_ASK = "import {first}, {second}, numba, os; print(numba.config.CACHE_DIR, os.environ['NUMBA_CACHE_DIR'], engine.KERNEL_HASH)"


def _asked(first: str, second: str, **environment: str) -> tuple[Path, Path, str]:
    plain = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    command = [sys.executable, "-c", _ASK.format(first=first, second=second)]
    said = subprocess.check_output(command, cwd=ROOT, env={**plain, **environment}, text=True)
    used, told, digest = said.split()
    return Path(used), Path(told), digest


@pytest.mark.parametrize(("first", "second"), [("engine", "numba"), ("numba", "engine")])
def test_the_folder_is_named_by_the_hash_whoever_is_imported_first(first: str, second: str) -> None:
    used, told, digest = _asked(first, second)
    assert used == told
    assert used.name == digest


def test_a_folder_that_a_person_chose_gets_the_hash_below_it_once(tmp_path: Path) -> None:
    used, told, digest = _asked("engine", "numba", NUMBA_CACHE_DIR=str(tmp_path))
    assert used == told == tmp_path / digest
    again, _, _ = _asked("engine", "numba", NUMBA_CACHE_DIR=str(told))
    assert again == used
