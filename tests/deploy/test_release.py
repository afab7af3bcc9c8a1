"""deploy/cloud/release.sh on a server of folders: installed, upgraded with a backup, back by itself, back by hand.

systemctl, runuser and curl stand in and are written down; the release's program is a script that writes down what it is asked
and makes a backup's folder. What the real program does in a backup and a restore is tested where it stands.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "cloud" / "release.sh"
SHIMS = {
    "systemctl": 'echo "systemctl $*" >> "$NOTED"',
    "runuser": 'while [ "$1" != "--" ]; do shift; done; shift; exec "$@"',
    # Ready is what the release that runs says of itself.
    "curl": 'test -e "$EVENKEEL_ROOT/opt/evenkeel/well"',
}
INSTALL = """
import pathlib
program = pathlib.Path(".venv/bin/python")
program.parent.mkdir(parents=True)
program.write_text('''#!/bin/sh
echo "$(cat version) $2 $3 $4 ${DATABASE_URL:-}" >> "$NOTED"
[ "$2" != backup ] || { [ ! -e "$NOTED.nobackup" ] && mkdir -p "$4/evenkeel-20260131-120000"; }
''')
program.chmod(0o755)
"""


@dataclass
class Server:
    """A server's root folder."""

    root: Path
    env: dict[str, str]

    def release(self, version: str, well: bool = True) -> Path:
        """A release's tarball."""
        source = self.root.parent / f"source-{version}"
        (source / "tools").mkdir(parents=True)
        (source / "deploy" / "systemd").mkdir(parents=True)
        (source / "deploy" / "systemd" / "evenkeel-engine.service").write_text(f"# {version}\n")
        (source / "tools" / "install.py").write_text(INSTALL)
        (source / "version").write_text(version)
        if well:
            (source / "well").touch()
        target = self.root.parent / f"{version}.tar.gz"
        with tarfile.open(target, "w:gz") as tar:
            tar.add(source, ".")
        return target

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **self.env}
        return subprocess.run(["sh", str(SCRIPT), *words], env=env, capture_output=True, text=True, timeout=60)

    @property
    def version(self) -> str:
        return (self.root / "opt" / "evenkeel" / "version").read_text()

    def noted(self) -> list[str]:
        """What was called since this was asked last."""
        path = Path(self.env["NOTED"])
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


@pytest.fixture
def server(tmp_path: Path) -> Server:
    (tmp_path / "shims").mkdir()
    for name, body in SHIMS.items():
        (tmp_path / "shims" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "shims" / name).chmod(0o755)
    root = tmp_path / "root"
    (root / "opt").mkdir(parents=True)
    (root / "var/lib/evenkeel/data").mkdir(parents=True)
    path = f"{tmp_path / 'shims'}:{os.environ['PATH']}"
    return Server(
        root, {"EVENKEEL_ROOT": str(root), "EVENKEEL_PATIENCE": "1", "NOTED": str(tmp_path / "noted"), "PATH": path}
    )


def configured(server: Server) -> None:
    (server.root / "var/lib/evenkeel/my").mkdir(exist_ok=True)
    (server.root / "var/lib/evenkeel/my/config.toml").touch()
    (server.root / "var/lib/evenkeel/data/evenkeel.db").touch()


def test_the_first_release_waits_for_a_configuration(server: Server) -> None:
    done = server("install", str(server.release("one")))
    assert (done.returncode, server.version) == (0, "one"), done.stderr
    assert "no configuration yet" in done.stderr
    assert (server.root / "etc/systemd/system/evenkeel-engine.service").read_text() == "# one\n"
    assert any(line.startswith("systemctl start") for line in server.noted())
    assert server("rollback").returncode == 1


def test_an_upgrade_backs_up_first_and_goes_back_by_hand(server: Server) -> None:
    server("install", str(server.release("one")))
    configured(server)
    server.noted()
    two = server.release("two")
    done = server("install", str(two))
    assert (done.returncode, server.version) == (0, "two"), done.stderr
    noted = server.noted()
    assert noted[0].startswith("systemctl stop")
    assert noted[1].startswith("one backup --to")
    assert server("install", str(two)).returncode == 0
    assert not [line for line in server.noted() if "backup" in line], "the same release again is no upgrade"
    back = server("rollback")
    assert (back.returncode, server.version) == (0, "one"), back.stderr
    assert [line.partition("/")[0] for line in server.noted() if "restore" in line] == ["one restore "]


def test_a_release_that_does_not_get_ready_is_taken_back(server: Server) -> None:
    server("install", str(server.release("one")))
    configured(server)
    done = server("install", str(server.release("two", well=False)))
    assert (done.returncode, server.version) == (1, "one")
    assert "was not ready" in done.stderr
    assert "back at" in done.stderr


def test_without_a_backup_there_is_no_upgrade(server: Server) -> None:
    server("install", str(server.release("one")))
    configured(server)
    Path(server.env["NOTED"] + ".nobackup").touch()
    done = server("install", str(server.release("two")))
    assert (done.returncode, server.version) == (1, "one")
    assert "no backup could be made" in done.stderr
    assert any(line.startswith("systemctl start") for line in server.noted())


@pytest.mark.parametrize(
    "named", ["DATABASE_URL=postgresql://me:p&ss@db/x", "DATABASE_URL='postgresql://me:p&ss@db/x'", ""]
)
def test_a_ledger_on_a_server_is_backed_up_and_put_back_too(server: Server, named: str) -> None:
    """Named to the services, or in the configuration, which the program reads by itself."""
    server("install", str(server.release("one")))
    (server.root / "etc/evenkeel").mkdir(parents=True)
    (server.root / "etc/evenkeel/common.env").write_text(f"EVENKEEL_HOME=/x\n{named}\n")
    (server.root / "var/lib/evenkeel/my").mkdir()
    configuration = "" if named else '[storage]\ndatabase_url = "postgresql+psycopg://me@db/x"\n'
    (server.root / "var/lib/evenkeel/my/config.toml").write_text(configuration)
    done = server("install", str(server.release("two")))
    assert (done.returncode, server.version) == (0, "two"), done.stderr
    assert server("rollback").returncode == 0
    asked = [line.split() for line in server.noted() if line.startswith("one ")]
    assert [words[1] for words in asked] == ["backup", "restore"]
    assert [words[-1] == "postgresql://me:p&ss@db/x" for words in asked] == [bool(named)] * 2
