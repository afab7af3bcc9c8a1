"""A file that one process holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.access.held import Taken, hold, is_held


def test_one_holds_it_and_says_who(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.lock"
    assert not is_held(path)
    with hold(path):
        assert is_held(path)
        with pytest.raises(Taken) as found:
            hold(path, tries=2)
        assert found.value.owner == str(os.getpid())
    assert not is_held(path)
    hold(path).close()
    assert path.read_text() == str(os.getpid())
