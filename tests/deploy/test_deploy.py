"""What a server is set up with: each file is what its own checker takes it for, and says what the others say."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from engine.config.api import ApiSection
from engine.config.model import Config
from engine.config.sections import SlotSection
from engine.runtime.systemd import Systemd

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SCRIPTS = [
    path
    for path in [ROOT / ".ci" / "run", *ROOT.glob("tools/*.sh"), *DEPLOY.rglob("*.sh")]
    if path.read_text().startswith("#!/bin/sh")
]
BIN = Path(sys.executable).parent


def _unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """A unit's keys by section; systemd allows a key several times."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = {}
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[section].setdefault(key, []).append(value)
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_the_unit(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60
    )
    words = [line for line in done.stderr.splitlines() if unit.name in line and "is not executable" not in line]
    assert words == []
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)], capture_output=True, timeout=60
    )
    assert rated.returncode == 0, "systemd rates its exposure above 2.0"


def test_all_units_are_fenced_in_alike_and_only_the_engine_is_given_keys() -> None:
    assert [unit.stem for unit in UNITS] == ["evenkeel-app", "evenkeel-engine", "evenkeel-work"]
    services = {unit.stem: _unit(unit)["Service"] for unit in UNITS}
    fences = {
        name: {
            key: value for key, value in service.items() if key.startswith(("Protect", "Private", "Restrict", "System"))
        }
        for name, service in services.items()
    }
    fences = {name: {k: v for k, v in one.items() if k != "RestartPreventExitStatus"} for name, one in fences.items()}
    assert fences["evenkeel-app"] == fences["evenkeel-engine"] == fences["evenkeel-work"]
    keyed = [
        name for name, service in services.items() if any("engine.env" in file for file in service["EnvironmentFile"])
    ]
    assert keyed == ["evenkeel-engine"]
    assert services["evenkeel-engine"]["User"] != services["evenkeel-app"]["User"]
    assert all(service["RestartPreventExitStatus"] == ["2 78"] for service in services.values())


def test_the_engine_tells_systemd_how_it_is(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        where = tmp_path / "notify"
        listening.bind(str(where))
        listening.settimeout(5)
        told = Systemd({"NOTIFY_SOCKET": str(where)})
        told.start()
        assert told.vitals() == {}
        told.reconfigured(Config(slots=(SlotSection(),)))
        told.stop(1)
        heard = [listening.recv(200).decode() for _ in range(4)]
    assert heard[0] == "READY=1\nSTATUS=trading"
    assert heard[1] == "WATCHDOG=1"
    assert heard[2] == "STATUS=trading; another configuration of main is in force"
    assert heard[3] == "STOPPING=1"
    silent = Systemd({})
    silent.start()
    silent.stop(1)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run([BIN / "shellcheck", str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("schema", "file"),
    [("vendor.compose-spec", "deploy/docker/compose.yaml"), ("vendor.github-workflows", ".github/workflows/ci.yml")],
)
def test_the_schema_takes_the_file(schema: str, file: str) -> None:
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", schema, file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def test_the_containers_are_what_the_image_can_do() -> None:
    compose = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
    services = {name: compose["services"][name] for name in ("engine", "app", "worker")}
    entry = (DEPLOY / "docker" / "entry.sh").read_text()
    for service in services.values():
        assert f"  {service['command'][0]})" in entry
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    keyed = [name for name, one in services.items() if any(file["path"] == "engine.env" for file in one["env_file"])]
    assert keyed == ["engine"]
    assert services["engine"].get("user") is None  # the image's own
    assert services["app"]["user"] == services["worker"]["user"] == "evenkeel-app"
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports == ["127.0.0.1:8501:8501"]
    copied = re.findall(r"^COPY (?!--from)(\S+)", (DEPLOY / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in copied)
    sent = (ROOT / ".dockerignore").read_text().split()
    assert all(f"!{name.split('/')[0]}" in " ".join(sent) for name in copied)


def test_a_container_asks_the_engine_where_it_answers() -> None:
    ready = (DEPLOY / "docker" / "ready.py").read_text()
    assert f"http://127.0.0.1:{ApiSection().port}/readyz" in ready


def test_the_entry_point_does_what_it_is_told(tmp_path: Path) -> None:
    """What it would run, and as what; that this runs is tests/deploy/test_container.py's."""
    (tmp_path / "python").write_text('#!/bin/sh\necho "$(umask) $*"\n')
    (tmp_path / "python").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "EVENKEEL_APP_HOSTS": "a.example b.example"}

    def told(*words: str) -> str:
        command = ["sh", str(DEPLOY / "docker" / "entry.sh"), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout

    assert told() == told("engine") == "0007 run_engine.py run\n"
    assert told("engine", "--new", "x") == "0007 run_engine.py run --new x\n"
    assert told("worker") == "0007 run_engine.py work\n"
    assert told("status", "--json") == "0007 run_engine.py status --json\n"
    app = told("app").split()
    assert app[1:7] == ["-m", "streamlit", "run", "Home.py", "--server.address", "0.0.0.0"]
    hosts = [word for name, word in pairwise(app) if name == "--server.allowedHosts"]
    assert hosts == ["localhost", "127.0.0.1", "a.example", "b.example"]


def test_files_are_kept_from_other_users(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from engine.access.files import keep_from_others\n"
        "from db.session import migrate, open_engine, write_session\n"
        "for mask, name, mode in ((0o022, 'a', 0), (0o002, 'b', 0), (0o027, 'c', 0), (0o007, 'd', 0), (0o077, 'e', 0),\n"
        "                         (0o022, 'f', 0o770), (0o022, 'g', 0o775), (0o022, 'h', 0o777), (0o022, 'i', 0o750)):\n"
        "    if mode: os.mkdir(name); os.chmod(name, mode)\n"
        "    os.environ['EVENKEEL_DATA'] = name\n"
        "    os.umask(mask); keep_from_others()\n"
        "    engine = open_engine(); migrate(engine)\n"
        "    with write_session(engine): pass\n"
        "    print(f'{os.stat(name).st_mode & 0o777:o}', *sorted({f'{p.stat().st_mode & 0o777:o}' for p in os.scandir(name)}))\n"
        "    engine.dispose()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    own, group = "700 600", "770 660"
    expected = [own, own, own, group, own, group, "775 660", "777 600", "750 600"]
    assert done.stdout.splitlines() == expected, done.stdout + done.stderr
