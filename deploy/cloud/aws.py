"""A machine on AWS EC2: python deploy/cloud/aws.py create|deploy|upgrade|rollback|status|destroy [--name N] [--dry-run].

Uses the `aws` command line with the credentials and region that it is set up with. Every step asks first and does only what is
missing, so that any of them may be given again. Everything that is made carries the tag `evenkeel` = the name.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from common import CLOUD_INIT, Failed, Shell, act, arguments, say

UBUNTU = "099720109477"
IMAGE = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
WRITES = ("cloudwatch:PutMetricData", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
          "logs:PutRetentionPolicy", "logs:DescribeLogStreams", "ec2:DescribeTags")  # fmt: skip
MAY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(WRITES), "Resource": "*"}]}
POLICY = "write-figures-and-logs"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Aws:
    """The machine of one name. Failed with the tool's own words where a step cannot be done."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.name, self.shell = options, options.name, Shell(options.dry_run)

    # ---- asked -----------------------------------------------------------------------------------------------------------
    def _ask(self, service: str, action: str, *words: str) -> Any:
        return self.shell.ask_json("aws", service, action, *words, "--output", "json")

    def _do(self, service: str, action: str, *words: str) -> Any:
        text = self.shell.do("aws", service, action, *words, "--output", "json")
        return json.loads(text) if text else None

    @property
    def _mine(self) -> str:
        return f"Name=tag:evenkeel,Values={self.name}"

    def machine(self) -> dict[str, Any] | None:
        """The instance that is not ended; None without one."""
        states = "Name=instance-state-name,Values=pending,running,stopping,stopped"
        found = self._ask("ec2", "describe-instances", "--filters", self._mine, states)
        machines = [one for group in found["Reservations"] for one in group["Instances"]]
        return machines[0] if machines else None

    def _group(self) -> str | None:
        found = self._ask("ec2", "describe-security-groups", "--filters", self._mine)["SecurityGroups"]
        return str(found[0]["GroupId"]) if found else None

    def _has(self, service: str, action: str, missing: str, *words: str) -> bool:
        try:
            self._ask(service, action, *words)
        except Failed as error:
            if missing in str(error):
                return False
            raise
        return True

    # ---- create ----------------------------------------------------------------------------------------------------------
    def create(self) -> None:
        """Key, security group, role and machine; what is there stays as it is."""
        if (there := self.machine()) is not None:
            say(f"{there['InstanceId']} is there already ({there['State']['Name']})")
            return self.status()
        key, group = self._key(), self._own_group()
        profile = self._role() if self.options.cloudwatch else []
        image = self.options.image or self._newest_image()
        disk = {"VolumeSize": self.options.disk_gb, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
        made = self._do(
            "ec2", "run-instances", "--image-id", image, "--instance-type", self.options.type, "--key-name", key,
            "--security-group-ids", group, "--user-data", CLOUD_INIT.as_uri(), *profile,
            "--metadata-options", "HttpTokens=required,HttpEndpoint=enabled,HttpPutResponseHopLimit=1",
            "--block-device-mappings", json.dumps([{"DeviceName": "/dev/sda1", "Ebs": disk}]),
            "--tag-specifications", self._tags("instance"), self._tags("volume"), "--count", "1",
        )  # fmt: skip
        if made:
            number = made["Instances"][0]["InstanceId"]
            self.shell.do("aws", "ec2", "wait", "instance-running", "--instance-ids", number)
        self.status()

    def _tags(self, kind: str) -> str:
        tags = [{"Key": "evenkeel", "Value": self.name}, {"Key": "Name", "Value": self.name}]
        return json.dumps({"ResourceType": kind, "Tags": tags})

    def _key(self) -> str:
        key = f"evenkeel-{self.name}"
        if not self._has("ec2", "describe-key-pairs", "InvalidKeyPair.NotFound", "--key-names", key):
            if not self.options.ssh_key:
                raise Failed("give your public key: --ssh-key ~/.ssh/id_ed25519.pub")
            public = Path(self.options.ssh_key).expanduser().resolve().as_uri().replace("file:", "fileb:")
            words = ("--key-name", key, "--public-key-material", public, "--tag-specifications", self._tags("key-pair"))
            self._do("ec2", "import-key-pair", *words)
        return key

    def _own_group(self) -> str:
        group = self._group()
        if group is None:
            words = ("--group-name", f"evenkeel-{self.name}", "--description", "Evenkeel: ssh alone")
            made = self._do(
                "ec2", "create-security-group", *words, "--tag-specifications", self._tags("security-group")
            )
            group = made["GroupId"] if made else "sg-new"
        self._open_ssh(group)
        return group

    def _open_ssh(self, group: str) -> None:
        """Port 22 for the address given, and nothing else."""
        source = self.options.ssh_from
        if not source:
            raise Failed("say who may come in by ssh: --ssh-from 203.0.113.7/32 (your address)")
        known = (
            []
            if group == "sg-new"
            else self._ask("ec2", "describe-security-groups", "--group-ids", group)["SecurityGroups"]
        )
        ranges = [one["CidrIp"] for sg in known for rule in sg["IpPermissions"] for one in rule.get("IpRanges", ())]
        if source not in ranges:
            words = ("--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", source)
            self._do("ec2", "authorize-security-group-ingress", *words)

    def _role(self) -> list[str]:
        """A role with which the machine may write to CloudWatch, and nothing else."""
        role = f"evenkeel-{self.name}"
        if not self._has("iam", "get-role", "NoSuchEntity", "--role-name", role):
            self._do("iam", "create-role", "--role-name", role, "--assume-role-policy-document", json.dumps(TRUST))
        words = ("--role-name", role, "--policy-name", POLICY, "--policy-document", json.dumps(MAY))
        self._do("iam", "put-role-policy", *words)
        if not self._has("iam", "get-instance-profile", "NoSuchEntity", "--instance-profile-name", role):
            self._do("iam", "create-instance-profile", "--instance-profile-name", role)
            self._do("iam", "add-role-to-instance-profile", "--instance-profile-name", role, "--role-name", role)
            self.shell.do("aws", "iam", "wait", "instance-profile-exists", "--instance-profile-name", role)
        return ["--iam-instance-profile", f"Name={role}"]

    def _newest_image(self) -> str:
        words = ("--owners", UBUNTU, "--filters", f"Name=name,Values={IMAGE}", "Name=state,Values=available")
        found = self._ask("ec2", "describe-images", *words)["Images"]
        if not found:
            raise Failed("no Ubuntu 24.04 image was found in this region: give one with --image")
        return str(max(found, key=lambda one: one["CreationDate"])["ImageId"])

    # ---- the machine -----------------------------------------------------------------------------------------------------
    def _address(self) -> str:
        there = self.machine()
        if there is None:
            if self.shell.dry:
                return "the-machine"
            raise Failed(f"there is no machine {self.name}: create makes it")
        if there["State"]["Name"] != "running":
            raise Failed(f"{there['InstanceId']} is {there['State']['Name']}, not running")
        return str(there.get("PublicIpAddress") or there.get("PublicDnsName") or there["PrivateIpAddress"])

    def send(self, tarball: Path) -> None:
        """The release to the machine, under a fixed name."""
        self.shell.do("scp", *_SSH, str(tarball), f"ubuntu@{self._address()}:/tmp/evenkeel-release.tar.gz")

    def remote(self, *words: str) -> None:
        """A command on the machine."""
        self.shell.do("ssh", *_SSH, f"ubuntu@{self._address()}", shlex.join(words))

    def status(self) -> None:
        """What there is, and how to reach it."""
        there = self.machine()
        if there is None:
            print(f"there is no machine {self.name}")
            return
        address = there.get("PublicIpAddress") or "-"
        print(f"{there['InstanceId']}  {there['State']['Name']}  {there['InstanceType']}  {address}")
        print(f"the app: ssh -L 8501:localhost:8501 ubuntu@{address}, then http://localhost:8501")

    # ---- destroy ---------------------------------------------------------------------------------------------------------
    def destroy(self) -> None:
        """A snapshot of the disk, then everything of this name ends; what is gone already is passed over."""
        if (there := self.machine()) is not None:
            if not self.options.no_snapshot:
                self._snapshot(there)
            number = there["InstanceId"]
            self._do("ec2", "terminate-instances", "--instance-ids", number)
            self.shell.do("aws", "ec2", "wait", "instance-terminated", "--instance-ids", number)
        if (group := self._group()) is not None:
            self._do("ec2", "delete-security-group", "--group-id", group)
        key = f"evenkeel-{self.name}"
        if self._has("ec2", "describe-key-pairs", "InvalidKeyPair.NotFound", "--key-names", key):
            self._do("ec2", "delete-key-pair", "--key-name", key)
        self._drop_role(f"evenkeel-{self.name}")
        say(f"nothing of {self.name} is left but snapshots" if not self.shell.dry else "nothing was changed")

    def _snapshot(self, there: dict[str, Any]) -> None:
        for disk in there.get("BlockDeviceMappings", ()):
            words = ("--volume-id", disk["Ebs"]["VolumeId"], "--tag-specifications", self._tags("snapshot"))
            made = self._do("ec2", "create-snapshot", *words, "--description", f"{self.name} before it was destroyed")
            if made:
                self.shell.do("aws", "ec2", "wait", "snapshot-completed", "--snapshot-ids", made["SnapshotId"])

    def _drop_role(self, role: str) -> None:
        if self._has("iam", "get-instance-profile", "NoSuchEntity", "--instance-profile-name", role):
            self._do("iam", "remove-role-from-instance-profile", "--instance-profile-name", role, "--role-name", role)
            self._do("iam", "delete-instance-profile", "--instance-profile-name", role)
        if self._has("iam", "get-role", "NoSuchEntity", "--role-name", role):
            policy = ("--role-name", role, "--policy-name", POLICY)
            if self._has("iam", "get-role-policy", "NoSuchEntity", *policy):
                self._do("iam", "delete-role-policy", *policy)
            self._do("iam", "delete-role", "--role-name", role)


_SSH = ("-o", "StrictHostKeyChecking=accept-new", "-o", "ConnectTimeout=20")


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", default="t3.small", help="the machine's size: 2 GB of memory at least")
    parser.add_argument("--disk-gb", type=int, default=30)
    parser.add_argument("--image", default="", help="an Ubuntu 24.04 image [default: the newest of Canonical's]")
    parser.add_argument("--ssh-key", default="", help="your public key's file")
    parser.add_argument("--ssh-from", default="", help="who may come in by ssh, as 203.0.113.7/32")
    parser.add_argument("--cloudwatch", action="store_true", help="let the machine write to CloudWatch")


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments((__doc__ or "").splitlines()[0], list(argv) if argv is not None else None, _more)
    return act(Aws(options), options)


if __name__ == "__main__":
    sys.exit(main())
