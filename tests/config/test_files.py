"""Whose file a configuration may be, and how large: what cannot be relied on is refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.access import files as access
from engine.config.door import ABSENT, opened, write
from engine.config.errors import ConfigError
from engine.config.files import MOST_BYTES, content
from engine.config.reading import parse
from engine.config.text import example

posix = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


def owned(uid: int, gid: int, mode: int = 0o640) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


@posix
@pytest.mark.parametrize(
    ("me", "groups", "found", "words"),
    [
        (1000, [1000], owned(1000, 1000), ""),
        (1000, [1000], owned(0, 0, 0o644), ""),
        (1000, [1000, 50], owned(1001, 50, 0o660), ""),
        (1000, [1000], owned(1001, 1001, 0o644), "another user"),
        (1000, [1000], owned(1000, 1000, 0o666), "every user"),
        (1000, [1000], owned(0, 0, 0o602), "every user"),
        (0, [0], owned(1001, 1001, 0o644), ""),
        (0, [0], owned(1001, 1001, 0o646), "every user"),
    ],
)
def test_whose_it_may_be(
    monkeypatch: pytest.MonkeyPatch, me: int, groups: list[int], found: os.stat_result, words: str
) -> None:
    monkeypatch.setattr(access.os, "geteuid", lambda: me)
    monkeypatch.setattr(access.os, "getegid", lambda: groups[0])
    monkeypatch.setattr(access.os, "getgroups", lambda: groups)
    said = access.misplaced(found)
    assert words in said
    assert bool(said) == bool(words)


@posix
def test_one_that_every_user_may_write_is_neither_read_nor_written_over(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write(path, "x = 1\n", ABSENT, "test")
    digest = opened(path).digest
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="chmod o-w"):
        content(path)
    with pytest.raises(ConfigError, match="chmod o-w"):
        write(path, "x = 2\n", digest, "test")
    path.chmod(0o600)
    assert content(path) == b"x = 1\n"


def test_how_large_it_may_be(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"#" * MOST_BYTES)
    assert len(content(path)) == MOST_BYTES == 262_144
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(ConfigError, match="at most 256"):
        content(path)


def test_a_thousand_slots_fit() -> None:
    slots = "".join(
        f'\n[[slots]]\nstrategy = "sma_cross"\nsymbols = ["COIN{n:04d}/USD"]\ntimeframe = "15m"\nlabel = "number {n}"\n'
        "params = {fast = 10, slow = 50}\n"
        for n in range(1000)
    )
    text = f"{example()}{slots}"
    assert len(text.encode()) < MOST_BYTES
    assert len(parse(text).slots) >= 1000
