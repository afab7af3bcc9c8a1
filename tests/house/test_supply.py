"""What is installed: locked by hash, listed, audited, from nowhere but the index."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.sbom import bill, packages

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-cluster.txt", "requirements-dev.txt")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_is_pinned_hashed_and_listed(lock: str) -> None:
    text = (ROOT / lock).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    found = packages(text)
    assert [line.split("==")[0].partition("[")[0] for line in lines] == [one["name"] for one in found]
    assert all(one["hashes"] for one in found)
    assert text.count("--hash=") == sum(len(one["hashes"]) for one in found)
    assert not re.search(r"(?m)^(-e|--(extra-)?index-url|--find-links|--trusted-host|.*@ (git|https?|file))", text)


def test_every_action_is_named_by_the_commit_it_is_at() -> None:
    used = [
        line.split("uses:")[1].strip()
        for file in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in file.read_text().splitlines()
        if "uses:" in line
    ]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", one)] == []


def test_the_bill_names_each_once_and_is_the_same_each_time() -> None:
    text = (ROOT / "requirements.txt").read_text()
    made = bill(text)
    links = [part["purl"] for part in made["components"]]
    assert len(links) == len(set(links)) == len(packages(text)) > 30
    assert made == bill(text)
    streamlit = next(part for part in made["components"] if part["name"] == "streamlit")
    assert tuple(int(n) for n in streamlit["version"].split(".")[:2]) >= (1, 61)


def test_the_audit_says_when_it_could_not_ask(tmp_path: Path) -> None:
    """Without a network it is no clean bill, and no hole."""
    tools = tmp_path / "tools"
    tools.mkdir()
    shutil.copy(ROOT / "tools" / "audit.sh", tools)
    for name in LOCKS:
        (tmp_path / name).write_text("")
    fake = tmp_path / "bin"
    fake.mkdir()
    for words, code, expected in (
        ("exit 1", 3, "nothing was checked"),
        ('case "$*" in *--version*) exit 0;; esac; echo "Connection refused"; exit 1', 3, "could not be asked"),
        ('case "$*" in *--version*) exit 0;; esac; echo "Found 1 known vulnerability in x"; exit 1', 1, "Found 1"),
        ("exit 0", 0, "no known hole in requirements.txt"),
    ):
        (fake / "uv").write_text(f"#!/bin/sh\n{words}\n")
        (fake / "uv").chmod(0o755)
        env = {"PATH": f"{fake}:/usr/bin:/bin"}
        ended = subprocess.run(["sh", str(tools / "audit.sh")], env=env, capture_output=True, text=True, timeout=30)
        assert ended.returncode == code, ended
        assert expected in ended.stdout + ended.stderr


def test_the_build_audits_and_its_rights_are_few() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "pip-audit --require-hashes" in workflow
    assert "pull_request_target" not in workflow
    assert "permissions: {contents: read}" in workflow, "the token of a build reads, and nothing more"
