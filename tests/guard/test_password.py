"""The password: argon2id, never weak, never readable by others; and the app does not start where the door would stand open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from app.guard.start import refusal
from engine.access import password
from engine.access.addresses import is_loopback
from tests.guard.conftest import WORD


@pytest.mark.parametrize(
    "weak",
    ["", "short", "password1234", "evenkeelevenkeel", "bitcoin12345", "aaaaaaaaaaaaaaaa", "qwertyuiop12", "x" * 2000],
)
def test_a_weak_password_is_refused_with_its_reason(tmp_path: Path, weak: str) -> None:
    with pytest.raises(password.PasswordError, match="not set: "):
        password.set_password(tmp_path, weak)
    assert not (tmp_path / password.FILE).exists()


def test_what_is_kept_is_argon2id_and_ours_alone(tmp_path: Path) -> None:
    path = password.set_password(tmp_path, WORD)
    assert path.read_text().startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert WORD not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [password.FILE]
    assert password.matches(tmp_path, WORD)
    assert not password.matches(tmp_path, WORD + " ")
    assert not password.matches(tmp_path, "")


def test_an_old_hash_is_renewed_at_the_next_login(tmp_path: Path) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(WORD)
    path = password.set_password(tmp_path, WORD)
    path.write_text(old)
    assert not password.matches(tmp_path, "wrong")
    assert path.read_text() == old
    assert password.matches(tmp_path, WORD)
    assert path.read_text().startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "hunter2", "$2b$12$abc", "\x00"])
def test_a_file_that_holds_no_hash_says_so(tmp_path: Path, text: str) -> None:
    path = password.set_password(tmp_path, WORD)
    path.write_text(text)
    with pytest.raises(password.PasswordError, match=r"run_engine\.py password"):
        password.stored(tmp_path)


ADDRESSES = {
    "127.0.0.1": True, "localhost": True, "::1": True, "[::1]": True, "127.1.2.3": True,
    "0.0.0.0": False, "": False, "::": False, "192.168.1.5": False, "evenkeel.example": False, "127.0.0.1.nip.io": False,
}  # fmt: skip


@pytest.mark.parametrize(("address", "ours"), ADDRESSES.items())
def test_only_this_machine_is_let_in_without_a_password(tmp_path: Path, address: str, ours: bool) -> None:
    assert is_loopback(address) is ours
    words = refusal(address, ["localhost", "trade.example"], tmp_path)
    assert (words is None) is ours
    if not ours:
        assert "run_engine.py password" in str(words)
        password.set_password(tmp_path, WORD)
        assert refusal(address, ["localhost", "trade.example"], tmp_path) is None
        assert "allowedHosts" in str(refusal(address, ["localhost", "127.0.0.1"], tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_readable_password_keeps_the_app_from_starting(tmp_path: Path) -> None:
    password.set_password(tmp_path, WORD).chmod(0o640)
    assert "chmod 600" in str(refusal("127.0.0.1", [], tmp_path))
