"""What other users of the machine learn of us: nothing by a core, by a process with keys, by an .env that is theirs, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.access.files import foreign
from engine.access.redact import is_secret
from engine.cli.setup import load_dotenv

ROOT = Path(__file__).resolve().parents[2]
LINES = {
    "OPENROUTER_API_KEY": "sk-stolen-from-a-file", "EVENKEEL_PING_URL": "https://hc-ping.com/x", "EVENKEEL_COINBASE_KEY": "k1",
    "DATABASE_URL": "postgresql://me:pw@h/db", "EVENKEEL_RUN_SPEED": "2",
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_no_core_is_written_and_nobody_looks_into_a_process_with_keys() -> None:
    script = (
        "import ctypes, resource\n"
        "from engine.access.files import keep_from_others, keep_memory\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))\n"
        "may = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "before = may(); keep_from_others(); keep_memory()\n"
        "print(before, may(), *resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["1", "0", "0", "0"], done.stderr


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in LINES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "my.env").write_text("")
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in LINES.items()))
    path.chmod(0o600)
    return path


def taken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the file has put into the environment."""
    with monkeypatch.context() as own:
        for name in LINES:
            own.setenv(name, "")
            del os.environ[name]
        load_dotenv()
        return {name for name in LINES if name in os.environ}


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_that_others_may_read_gives_no_secret_and_one_they_may_write_nothing(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert taken(monkeypatch) == set(LINES)
    env_file.chmod(0o644)
    assert taken(monkeypatch) == {name for name in LINES if not is_secret(name)} == {"EVENKEEL_RUN_SPEED"}
    assert "chmod 600" in capsys.readouterr().err
    env_file.chmod(0o622)
    assert taken(monkeypatch) == set()
    env_file.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(env_file, 12345, -1)
    else:
        monkeypatch.setattr("engine.access.files.os.geteuid", lambda: 12345)
    assert foreign(env_file)
    assert taken(monkeypatch) == set()
    assert "another user" in capsys.readouterr().err
