"""Makes .venv and installs the locked packages; says what it does; does nothing when nothing changed.

    python3 tools/install.py [user|dev] [--venv FOLDER]

Runs on a bare Python, standard library only. uv does the work where it can be had (on the path, or from PyPI
into the environment itself); pip does it otherwise. The lock files carry a hash for every package, so that what is
installed is what was tested. Nothing about Evenkeel itself may be imported here.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"user": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}
UV = "uv==0.13.8"
OLDEST, NEWEST = (3, 11), (3, 13)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make .venv and install the locked packages.")
    parser.add_argument("kind", nargs="?", choices=sorted(LOCKS), default="user")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    options = parser.parse_args(argv)
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return _fail(
            f"Evenkeel needs Python 3.11, 3.12 or 3.13, this is {sys.version.split()[0]}. Install one beside it, and it is found "
            "by itself; or name it: make PYTHON=/usr/bin/python3.12 demo"
        )
    if _is_installed(options.venv, options.kind):
        return 0
    started = time.monotonic()
    try:
        _make_venv(options.venv)
        _install(options.venv, LOCKS[options.kind])
    except subprocess.CalledProcessError as error:
        return _fail(
            f"`{' '.join(map(str, error.cmd[:6]))} ...` ended with {error.returncode}; its own words are above."
        )
    except OSError as error:
        return _fail(f"{error.filename or options.venv}: {error.strerror or error}.")
    _stamp(options.venv, options.kind).write_text(_wanted(options.kind))
    _say(f"ready in {time.monotonic() - started:.0f} s")
    return 0


def _is_installed(folder: Path, kind: str) -> bool:
    """True when this lock, or the developer's lock that contains it, is what the environment was made from."""
    if not _python(folder).exists():
        return False
    kinds = {kind, "dev"}
    return any(_stamp(folder, k).exists() and _stamp(folder, k).read_text() == _wanted(k) for k in kinds)


def _wanted(kind: str) -> str:
    return hashlib.sha256(LOCKS[kind].read_bytes()).hexdigest()


def _stamp(folder: Path, kind: str) -> Path:
    return folder / f"evenkeel-{kind}.stamp"


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _make_venv(folder: Path) -> None:
    if _python(folder).exists():
        return
    _say(f"making {folder.name} with Python {sys.version.split()[0]}")
    uv = shutil.which("uv")
    if uv:
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        return
    try:
        import ensurepip  # noqa: F401
    except ModuleNotFoundError:
        _make_venv_without_ensurepip(folder)
        return
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")


def _make_venv_without_ensurepip(folder: Path) -> None:
    """Debian ships Python without ensurepip; a pip that stands outside can still fetch uv into a folder of its own."""
    tools = ROOT / ".install"
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
        raise OSError(
            0,
            "this Python can make no virtual environment: install python3-venv with your package manager, "
            "or uv from https://docs.astral.sh/uv, and run the same command again",
            sys.executable,
        )
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tools), UV)
    _run(str(tools / "bin" / "uv"), "venv", "--quiet", "--python", sys.executable, str(folder))


def _install(folder: Path, lock: Path) -> None:
    count = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
    uv = _find_uv(folder)
    if uv:
        _say(f"installing up to {count} packages from {lock.name} with uv")
        target = ["--python", str(_python(folder))]
        _run(*uv, "pip", "install", *target, "--require-hashes", "-r", str(lock))
    else:
        _say(f"installing up to {count} packages from {lock.name} with pip (about a minute)")
        _run(str(_python(folder)), "-m", "pip", "install", "--require-hashes", "-r", str(lock))


def _find_uv(folder: Path) -> list[str] | None:
    """uv on the path, in the environment, or fetched into it; None where it cannot be had."""
    for candidate in (shutil.which("uv"), ROOT / ".install" / "bin" / "uv", _python(folder).with_name("uv")):
        if candidate and Path(candidate).exists():
            return [str(candidate)]
    _say("fetching the installer uv")
    got = subprocess.run([_python(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV])
    return [str(_python(folder).with_name("uv"))] if got.returncode == 0 else None


def _run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=ROOT)


def _say(text: str) -> None:
    print(f"[install] {text}", file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    print(f"[install] {text}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
