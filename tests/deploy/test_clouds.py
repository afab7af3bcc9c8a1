"""The cloud scripts against stand-ins: every step done, done again without effect, shown without being done, and undone.

AWS's own command line talks to moto's server, which answers like AWS (`make clouds`; the long test). `gcloud` is
tests/deploy/fake_gcloud.py, which only writes down and remembers. ssh and scp are written down. No cloud was ever asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.session import free_port
from tests.deploy import clouds

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "deploy" / "cloud"


@dataclass
class Hand:
    """Runs a cloud's script with the stand-ins on its path."""

    script: str
    folder: Path
    env: dict[str, str]
    more: tuple[str, ...] = ()

    def __call__(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPTS / self.script), *words, *self.more], input=given, capture_output=True, text=True,
            env={**os.environ, **self.env}, timeout=180,
        )  # fmt: skip

    def noted(self) -> list[str]:
        """ssh and scp, as they were called."""
        path = self.folder / "noted"
        return path.read_text().splitlines() if path.exists() else []


def shims(folder: Path) -> Path:
    place = folder / "shims"
    place.mkdir()
    for name in ("ssh", "scp"):
        (place / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/noted"\n')
        (place / name).chmod(0o755)
    (place / "gcloud").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/deploy/fake_gcloud.py" "$@"\n')
    (place / "gcloud").chmod(0o755)
    return place


@pytest.fixture
def gcp(tmp_path: Path) -> Hand:
    env = {"PATH": f"{shims(tmp_path)}:{os.environ['PATH']}", "FAKE_GCLOUD": str(tmp_path)}
    return Hand("gcp.py", tmp_path, env)


def state(hand: Hand) -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]] = json.loads((hand.folder / "state.json").read_text())
    return found


def test_a_machine_on_google(gcp: Hand) -> None:
    shown = gcp("create", "--dry-run")
    assert shown.stdout.count("would run: gcloud compute") == 2
    assert not (gcp.folder / "state.json").exists()
    assert gcp("deploy").returncode == 1, "there is nothing to deploy to"
    assert gcp("create").returncode == 0
    made = state(gcp)
    options = made["instances"]["evenkeel"]["options"]
    assert isinstance(options, dict)
    assert options["metadata-from-file"] == f"user-data={SCRIPTS / 'cloud-init.yaml'}"
    assert options["image-family"] == "ubuntu-2404-lts-amd64"
    rule = made["rules"]["evenkeel-ssh"]["options"]
    assert isinstance(rule, dict)
    assert (rule["source-ranges"], rule["allow"]) == ("35.235.240.0/20", "tcp:22")
    again = gcp("create")
    assert (again.returncode, state(gcp)) == (0, made)
    assert "8501:localhost:8501" in gcp("status").stdout
    assert gcp("deploy").returncode == gcp("upgrade").returncode == gcp("rollback").returncode == 0
    calls = [json.loads(line) for line in (gcp.folder / "calls").read_text().splitlines()]
    sent = [" ".join(words[1:3]) for words in calls if words[1] in ("ssh", "scp")]
    assert [words.split()[0] for words in sent] == ["scp", "ssh", "scp", "ssh", "ssh"]
    assert "release.sh rollback" in str(calls[-1])


def test_destroying_it_wants_its_name_and_leaves_a_snapshot(gcp: Hand) -> None:
    gcp("create")
    refused = gcp("destroy", given="no\n")
    assert (refused.returncode, len(state(gcp)["instances"])) == (1, 1)
    assert "would run: gcloud compute instances delete" in gcp("destroy", "--dry-run").stdout
    assert len(state(gcp)["instances"]) == 1
    assert gcp("destroy", given="evenkeel\n").returncode == 0
    assert state(gcp) == {"instances": {}, "rules": {}, "snapshots": ["evenkeel"]}
    assert gcp("destroy", "--yes").returncode == 0


def test_a_release_holds_what_the_server_needs(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import common, pathlib; common.pack(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "r.tar.gz")], check=True)
    with tarfile.open(tmp_path / "r.tar.gz") as tar:
        names = set(tar.getnames())
    assert {
        "run_engine.py",
        "requirements.txt",
        "tools/install.py",
        "deploy/cloud/release.sh",
        "engine/__init__.py",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "my/", "data/"))]


# ---- AWS, long ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Hand]:
    if not clouds.made():
        pytest.skip("needs the environment of `make clouds`: AWS's command line and moto")
    port = free_port()
    binaries = clouds.PLACE / "bin"
    url = f"http://127.0.0.1:{port}"
    log = (tmp_path / "moto.log").open("w")
    server = subprocess.Popen([binaries / "moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    env = {
        "PATH": f"{shims(tmp_path)}:{binaries}:{os.environ['PATH']}", "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "stand-in",
        "AWS_SECRET_ACCESS_KEY": "stand-in", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    try:
        _answers(url, server)
        yield Hand("aws.py", tmp_path, env)
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _answers(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "moto's server ended"
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("moto's server does not answer")


def _aws(hand: Hand, *words: str) -> dict[str, list[dict[str, object]]]:
    done = subprocess.run(
        ["aws", *words, "--output", "json"], env={**os.environ, **hand.env}, capture_output=True, text=True, check=True
    )
    found: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return found


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_machine_on_aws(aws: Hand) -> None:
    image = str(_aws(aws, "ec2", "describe-images")["Images"][0]["ImageId"])
    asked = ("--image", image, "--ssh-key", str(aws.folder / "key.pub"), "--ssh-from", "203.0.113.7/32", "--cloudwatch")
    shown = aws("create", "--dry-run", *asked)
    assert shown.returncode == 0, shown.stderr
    assert "would run: aws ec2 run-instances" in shown.stdout
    assert _aws(aws, "ec2", "describe-instances")["Reservations"] == []
    assert "say who may come in" in aws("create", *asked[:4]).stderr
    made = aws("create", *asked)
    assert made.returncode == 0, made.stderr
    (group,) = _aws(aws, "ec2", "describe-instances")["Reservations"]
    machine = group["Instances"][0]  # type: ignore[index]
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    again = aws("create", *asked)
    assert "is there already" in again.stderr
    assert len(_aws(aws, "ec2", "describe-instances")["Reservations"]) == 1
    mine = [
        one
        for one in _aws(aws, "ec2", "describe-security-groups")["SecurityGroups"]
        if one["GroupName"] == "evenkeel-evenkeel"
    ]
    (rule,) = mine[0]["IpPermissions"]  # type: ignore[misc]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"][0]["CidrIp"]) == (22, 22, "203.0.113.7/32")
    assert aws("deploy").returncode == aws("rollback").returncode == 0
    assert [line.split()[0] for line in aws.noted()] == ["scp", "ssh", "ssh"]
    assert aws("destroy", given="no\n").returncode == 1
    gone = aws("destroy", given="evenkeel\n")
    assert gone.returncode == 0, gone.stderr
    states = [one["Instances"][0]["State"]["Name"] for one in _aws(aws, "ec2", "describe-instances")["Reservations"]]  # type: ignore[index]
    assert set(states) <= {"terminated"}
    assert not [
        one
        for one in _aws(aws, "ec2", "describe-security-groups")["SecurityGroups"]
        if "evenkeel" in str(one["GroupName"])
    ]
    assert _aws(aws, "ec2", "describe-key-pairs")["KeyPairs"] == _aws(aws, "iam", "list-roles")["Roles"] == []
    kept = [one["Description"] for one in _aws(aws, "ec2", "describe-snapshots", "--owner-ids", "self")["Snapshots"]]
    assert "evenkeel before it was destroyed" in kept
    assert aws("destroy", "--yes").returncode == 0
