"""What both clouds share: the command line, running or only showing a command, packing a release, the typed word.

Standard library only, Python 3.11: it runs on the machine of who deploys. What a cloud's own words are is aws.py's and gcp.py's.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CLOUD_INIT = HERE / "cloud-init.yaml"
RELEASE = ("Home.py", "app", "config.example.toml", "db", "deploy", "docs", "engine", "pages", "requirements.txt",
           "run_engine.py", "tools", ".streamlit", "README.md", "LICENSE")  # fmt: skip
NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")


class Failed(Exception):
    """A step could not be done; the words say which, and what the cloud's own tool said."""


@dataclass
class Shell:
    """Runs commands, or with `dry` prints those that would change something. Questions are asked in both cases."""

    dry: bool = False

    def ask(self, *words: str) -> str:
        """What a command that only reads prints. Failed where it ends with an error."""
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{shlex.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def ask_json(self, *words: str) -> Any:
        """The same as JSON; None where nothing was printed."""
        text = self.ask(*words)
        return json.loads(text) if text else None

    def do(self, *words: str) -> str:
        """What a command that changes something prints; "" with `dry`, where it is only shown."""
        if self.dry:
            print(f"would run: {shlex.join(words)}")
            return ""
        say(shlex.join(words[:6]) + (" ..." if len(words) > 6 else ""))
        return self.ask(*words)


class Cloud(Protocol):
    """One machine of one name, with what belongs to it."""

    def create(self) -> None: ...
    def send(self, tarball: Path) -> None: ...
    def remote(self, *words: str) -> None: ...
    def status(self) -> None: ...
    def destroy(self) -> None: ...


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def pack(target: Path) -> Path:
    """The release as a tarball: the files that git knows of what the server needs, as they are committed."""
    subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar.gz", "-o", str(target), "HEAD", *RELEASE], check=True
    )
    return target


def arguments(description: str, argv: list[str] | None, extra: Any) -> argparse.Namespace:
    """The command line: an action, a name, and what the cloud adds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("action", choices=("create", "deploy", "upgrade", "rollback", "status", "destroy"))
    parser.add_argument("--name", default="evenkeel", help="of the machine and of all that belongs to it")
    parser.add_argument("--dry-run", action="store_true", help="show what would be changed, change nothing")
    parser.add_argument("--yes", action="store_true", help="destroy: do not ask for the typed name")
    parser.add_argument("--no-snapshot", action="store_true", help="destroy: keep no snapshot of the disk")
    extra(parser)
    options = parser.parse_args(argv)
    if not NAME.fullmatch(options.name):
        parser.error("--name: small letters, digits and hyphens, beginning with a letter")
    return options


def act(cloud: Cloud, options: argparse.Namespace) -> int:
    """Do what was asked; the exit code."""
    try:
        if options.action in ("deploy", "upgrade"):
            _release(cloud, options.dry_run)
        elif options.action == "rollback":
            cloud.remote("sudo", "sh", "/opt/evenkeel/deploy/cloud/release.sh", "rollback")
        elif options.action == "destroy":
            _destroy(cloud, options)
        else:
            getattr(cloud, options.action)()
    except (Failed, subprocess.CalledProcessError) as error:
        say(f"error: {error}")
        return 1
    return 0


def _release(cloud: Cloud, dry: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tarball = Path(folder) / "evenkeel-release.tar.gz"
        if dry:
            print(f"would pack {', '.join(RELEASE)} of HEAD")
        else:
            pack(tarball)
        cloud.send(tarball)
    # What is sent carries its own script: an old one on the machine does not decide how a new release comes in.
    steps = (
        "mkdir -p /tmp/evenkeel-in && tar -xzf /tmp/evenkeel-release.tar.gz -C /tmp/evenkeel-in deploy/cloud/release.sh"
    )
    cloud.remote(
        "sudo",
        "sh",
        "-c",
        f"{steps} && sh /tmp/evenkeel-in/deploy/cloud/release.sh install /tmp/evenkeel-release.tar.gz",
    )


def _destroy(cloud: Cloud, options: argparse.Namespace) -> None:
    if not options.yes and not options.dry_run:
        say(f"This ends the machine {options.name}. Move or back up what it holds first.")
        if input(f"Type {options.name} to go on: ").strip() != options.name:
            raise Failed("nothing was done")
    cloud.destroy()
