"""What the image does, done without one: a release unpacked, its environment made from the lock, the entry point run as another
user than root with nothing of this checkout in sight. No container is run: the CI workflow builds the image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.session import free_port, market

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534


def open_python() -> str | None:
    """A Python of 3.11 or newer that every user of this machine may run."""
    code = "import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    for path in ("/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/python3.12", "/usr/bin/python3.13"):
        real = Path(path).resolve()
        shared = real.exists() and all(parent.stat().st_mode & 0o001 for parent in real.parents)
        if shared and subprocess.run([path, "-c", code], capture_output=True).returncode == 0:
            return path
    return None


@dataclass
class Image:
    """The folders of an image and of its volumes."""

    root: Path

    def env(self, **more: str) -> dict[str, str]:
        own = {
            "PATH": f"{self.root}/opt/.venv/bin:/usr/bin:/bin", "PYTHONUNBUFFERED": "1", "HOME": f"{self.root}/cache",
            "EVENKEEL_HOME": f"{self.root}/var/my", "EVENKEEL_DATA": f"{self.root}/var/data",
            "NUMBA_CACHE_DIR": f"{self.root}/cache",
        }  # fmt: skip
        return {**own, **more}

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["sh", "deploy/docker/entry.sh", *words], cwd=self.root / "opt", env=self.env(**more), user=NOBODY, group=NOBODY,
            extra_groups=[], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *words: str, given: str = "", **more: str) -> tuple[int, str]:
        started = self.start(*words, **more)
        output, _ = started.communicate(given, timeout=180)
        return started.returncode, output

    def ready(self, port: int) -> int:
        command = ["python", "deploy/docker/ready.py", f"http://127.0.0.1:{port}/readyz"]
        done = subprocess.run(
            command,
            cwd=self.root / "opt",
            env=self.env(),
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
        )
        return done.returncode


@pytest.fixture
def image() -> Iterator[Image]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    python = open_python()
    if python is None:
        pytest.skip("needs a Python 3.11 to 3.13 that every user may run")
    root = Path(tempfile.mkdtemp(prefix="evenkeel-image-"))
    root.chmod(0o755)
    try:
        for name in ("opt", "var/data", "var/my", "cache"):
            (root / name).mkdir(parents=True)
        pack = "import sys; sys.path.insert(0, sys.argv[1]); import common, pathlib; common.pack(pathlib.Path(sys.argv[2]))"
        subprocess.run(
            [sys.executable, "-c", pack, str(ROOT / "deploy" / "cloud"), str(root / "release.tar.gz")], check=True
        )
        with tarfile.open(root / "release.tar.gz") as tar:
            tar.extractall(root / "opt", filter="data")
        subprocess.run(
            [python, "tools/install.py", "user"], cwd=root / "opt", check=True, capture_output=True, timeout=900
        )
        for name in ("var", "var/data", "var/my", "cache"):
            os.chown(root / name, NOBODY, NOBODY)
        yield Image(root)
    finally:
        shutil.rmtree(root)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_the_entry_point_as_another_user_in_a_clean_environment(image: Image) -> None:
    code, words = image.run("--version")
    assert (code, words.startswith("evenkeel ")) == (0, True), words
    code, words = image.run("engine")
    assert (code, "config.toml does not exist" in words) == (78, True), words
    code, words = image.run("app")
    assert (code, "there is no password" in words) == (78, True), words
    code, words = image.run("init", given="coinbase\nBTC/USD\n1000\nsma_cross\n1m\n")
    assert code == 0, words
    port = free_port()
    with market(86_400, speed=60, rate=0.1) as place:
        engine = image.start(
            "engine", EVENKEEL_RUN_BASE_URL=place.rest, EVENKEEL_RUN_WS_URL=place.ws, EVENKEEL_API_PORT=str(port)
        )
        deadline = time.monotonic() + 900
        while image.ready(port) != 0 and engine.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
        well = engine.poll() is None and image.ready(port) == 0
        engine.terminate()
        output, _ = engine.communicate(timeout=60)
    assert (well, engine.returncode) == (True, 0), output[-2000:]
    assert image.ready(port) == 1
    made = [path for path in (image.root / "var").rglob("*") if path.is_file()]
    assert {path.stat().st_uid for path in made} == {NOBODY}
    assert not [path for path in made if path.stat().st_mode & 0o007], "others may read what the engine wrote"
    code, words = image.run("audit", "--run", "main")
    assert code == 0, words
