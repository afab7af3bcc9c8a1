"""A machine on Google Compute Engine: python deploy/cloud/gcp.py create|deploy|upgrade|rollback|status|destroy [--dry-run].

Uses `gcloud` with the project and zone that it is set up with, or --project and --zone. No port is open to the world: ssh comes
through Google's Identity-Aware Proxy. Every step asks first and does only what is missing, so that any may be given again.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import CLOUD_INIT, Failed, Shell, act, arguments, say

PROXY = "35.235.240.0/20"
"""Where the Identity-Aware Proxy's connections come from."""
SCOPES = "logging-write,monitoring-write"


class Gcp:
    """The machine of one name. Failed with the tool's own words where a step cannot be done."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.name, self.shell = options, options.name, Shell(options.dry_run)
        self.where = [f"--zone={options.zone}"] if options.zone else []
        self.project = [f"--project={options.project}"] if options.project else []
        self.rule = f"{self.name}-ssh"

    def _gcloud(self, *words: str, zone: bool = True) -> list[str]:
        return ["gcloud", "compute", *words, *(self.where if zone else ()), *self.project]

    def machine(self) -> dict[str, Any] | None:
        """The instance; None without one."""
        words = self._gcloud("instances", "list", f"--filter=name={self.name}", "--format=json", zone=False)
        found = self.shell.ask_json(*words)
        return dict(found[0]) if found else None

    def create(self) -> None:
        """Firewall rule and machine; what is there stays as it is."""
        listed = self._gcloud("firewall-rules", "list", f"--filter=name={self.rule}", "--format=json", zone=False)
        if not self.shell.ask_json(*listed):
            self.shell.do(*self._gcloud(
                "firewall-rules", "create", self.rule, "--direction=INGRESS", "--allow=tcp:22", f"--source-ranges={PROXY}",
                f"--target-tags={self.name}", "--quiet", zone=False,
            ))  # fmt: skip
        if (there := self.machine()) is not None:
            say(f"{self.name} is there already ({there['status']})")
            return self.status()
        self.shell.do(*self._gcloud(
            "instances", "create", self.name, f"--machine-type={self.options.type}", f"--tags={self.name}",
            "--image-family=ubuntu-2404-lts-amd64", "--image-project=ubuntu-os-cloud",
            f"--boot-disk-size={self.options.disk_gb}GB", "--boot-disk-type=pd-balanced", "--shielded-secure-boot",
            f"--metadata-from-file=user-data={CLOUD_INIT}", "--metadata=enable-oslogin=TRUE", f"--scopes={SCOPES}",
            f"--labels=evenkeel={self.name}", "--quiet",
        ))  # fmt: skip
        return self.status()

    def send(self, tarball: Path) -> None:
        """The release to the machine, under a fixed name."""
        self._there()
        target = f"{self.name}:/tmp/evenkeel-release.tar.gz"
        self.shell.do(*self._gcloud("scp", str(tarball), target, "--tunnel-through-iap", "--quiet"))

    def remote(self, *words: str) -> None:
        """A command on the machine."""
        self._there()
        self.shell.do(
            *self._gcloud("ssh", self.name, "--tunnel-through-iap", "--quiet", f"--command={shlex.join(words)}")
        )

    def _there(self) -> None:
        there = self.machine()
        if there is None and not self.shell.dry:
            raise Failed(f"there is no machine {self.name}: create makes it")
        if there is not None and there["status"] != "RUNNING":
            raise Failed(f"{self.name} is {there['status']}, not running")

    def status(self) -> None:
        """What there is, and how to reach it."""
        there = self.machine()
        if there is None:
            print(f"there is no machine {self.name}")
            return
        print(f"{self.name}  {there['status']}  {there['machineType'].rsplit('/', 1)[-1]}")
        tunnel = shlex.join(self._gcloud("ssh", self.name, "--tunnel-through-iap"))
        print(f"the app: {tunnel} -- -L 8501:localhost:8501, then http://localhost:8501")

    def destroy(self) -> None:
        """A snapshot of the disk, then everything of this name ends; what is gone already is passed over."""
        if (there := self.machine()) is not None:
            zone = [f"--zone={there['zone'].rsplit('/', 1)[-1]}"] if not self.where else []
            if not self.options.no_snapshot:
                self.shell.do(*self._gcloud("disks", "snapshot", self.name, "--quiet", *zone))
            self.shell.do(*self._gcloud("instances", "delete", self.name, "--quiet", *zone))
        listed = self._gcloud("firewall-rules", "list", f"--filter=name={self.rule}", "--format=json", zone=False)
        if self.shell.ask_json(*listed):
            self.shell.do(*self._gcloud("firewall-rules", "delete", self.rule, "--quiet", zone=False))
        say(f"nothing of {self.name} is left but snapshots" if not self.shell.dry else "nothing was changed")


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", default="e2-small", help="the machine's size: 2 GB of memory at least")
    parser.add_argument("--disk-gb", type=int, default=30)
    parser.add_argument("--zone", default="", help="[default: gcloud's own]")
    parser.add_argument("--project", default="", help="[default: gcloud's own]")


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments((__doc__ or "").splitlines()[0], list(argv) if argv is not None else None, _more)
    return act(Gcp(options), options)


if __name__ == "__main__":
    sys.exit(main())
