"""`make install` does nothing when nothing changed, and says why when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import install

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been run."""
    made: list[str] = []

    def make(folder: Path) -> None:
        made.append("venv")
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        (folder / "bin" / "python").write_text("")

    monkeypatch.setattr(install, "_make_venv", make)
    monkeypatch.setattr(install, "_install", lambda folder, lock: made.append(lock.name))
    return made


def test_the_second_time_nothing_is_done(calls: list[str], tmp_path: Path) -> None:
    venv = tmp_path / "v"
    assert install.main(["user", "--venv", str(venv)]) == 0
    before = sorted((path, path.stat().st_mtime_ns) for path in venv.rglob("*"))
    assert install.main(["user", "--venv", str(venv)]) == 0
    assert calls == ["venv", "requirements.txt"]
    assert sorted((path, path.stat().st_mtime_ns) for path in venv.rglob("*")) == before


def test_the_developers_packages_contain_the_users(calls: list[str], tmp_path: Path) -> None:
    for kind in ("dev", "user", "dev"):
        assert install.main([kind, "--venv", str(tmp_path / "v")]) == 0
    assert calls == ["venv", "requirements-dev.txt"]


def test_another_lock_installs_again(calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install.main(["user", "--venv", str(tmp_path / "v")])
    changed = tmp_path / "requirements.txt"
    changed.write_text("another==1\n")
    monkeypatch.setitem(install.LOCKS, "user", changed)
    install.main(["user", "--venv", str(tmp_path / "v")])
    assert calls.count("requirements.txt") == 2


def test_a_failed_install_leaves_no_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(folder: Path, lock: Path) -> None:
        raise subprocess.CalledProcessError(1, ["uv", "pip", "install"])

    monkeypatch.setattr(install, "_make_venv", lambda folder: folder.mkdir())
    monkeypatch.setattr(install, "_install", broken)
    assert install.main(["user", "--venv", str(tmp_path / "v")]) == 1
    assert list((tmp_path / "v").iterdir()) == []
    assert "ended with 1" in capsys.readouterr().err


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if line[:1].isalnum():
            package, _, version = line.partition("==")
            found.setdefault(package, set()).add(version.split()[0])
    return found


def test_the_locks_agree_and_every_package_has_a_hash() -> None:
    user, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert {name: dev.get(name) for name in user} == user
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "index-url" not in text
        assert "://" not in text
        assert all("--hash=sha256:" in block for block in text.split("\n\n") if "==" in block)
        starts = [line for line in text.splitlines() if line[:1].isalnum()]
        assert all(line.endswith("\\") for line in starts)


def test_the_locks_hold_what_the_inputs_name() -> None:
    for source, lock in (("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt")):
        for line in (ROOT / source).read_text().splitlines():
            if "==" in line and not line.startswith("#"):
                name, _, version = line.partition("==")
                assert pins(lock)[name.partition("[")[0]] == {version}


def make(*words: str) -> str:
    """What make says when a person calls it, also where make called this suite and left its own variables behind."""
    plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=True).stdout


def test_the_makefile_knows_no_gnu_only_tricks_and_lists_its_targets() -> None:
    text = (ROOT / "Makefile").read_text()
    assert not [word for word in ("$(file ", ".ONESHELL", "&:", "sed -i", "readlink -f", "nproc") if word in text]
    shown = make("help")
    for target in (
        "install",
        "demo",
        "test",
        "check",
        "bench",
        "oracles",
        "crash",
        "shots",
        "app",
        "engine",
        "tmux",
        "help",
    ):
        assert f"make {target}" in shown


def test_make_prefers_a_supported_python() -> None:
    shown = make("-n", "install")
    python = shown.split()[0]
    version = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True
    ).stdout
    assert (3, 11) <= tuple(map(int, version.split())) <= (3, 13), sys.version


@pytest.mark.parametrize("bounds", [((3, 0), (3, 9)), ((4, 0), (4, 1))])
def test_a_python_that_nothing_is_locked_for_is_named(
    calls: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    bounds: tuple[tuple[int, int], ...],
) -> None:
    monkeypatch.setattr(install, "OLDEST", bounds[0])
    monkeypatch.setattr(install, "NEWEST", bounds[1])
    assert install.main(["user"]) == 1
    assert f"this is {sys.version.split()[0]}" in capsys.readouterr().err
    assert calls == []
