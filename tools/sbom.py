"""What is installed, as a bill of materials (CycloneDX 1.5 JSON), out of the locked requirements: `make sbom`.

    python tools/sbom.py > sbom.json

Nothing is asked over the network: names, versions and hashes are the lock's own. The same lock gives the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)(?:\s*;\s*([^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def packages(text: str) -> list[dict[str, Any]]:
    """Every package of a lock: name, version, where it applies (a marker, or ""), SHA-256 of its files."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        if head := _PACKAGE.match(line):
            found.append({"name": head[1], "version": head[2], "where": (head[3] or "").strip(), "hashes": []})
        if found and not line.startswith("#"):
            found[-1]["hashes"] += _HASH.findall(line)
    return found


def bill(text: str) -> dict[str, Any]:
    """The document."""
    parts = []
    for one in packages(text):
        link = f"pkg:pypi/{one['name'].lower().replace('_', '-')}@{one['version']}"
        part = {"type": "library", "bom-ref": link, "name": one["name"], "version": one["version"], "purl": link}
        part["properties"] = [{"name": "evenkeel:sha256", "value": digest} for digest in one["hashes"]]
        if one["where"]:
            part["properties"].append({"name": "evenkeel:marker", "value": one["where"]})
        parts.append(part)
    subject = {"type": "application", "name": "evenkeel", "bom-ref": "evenkeel"}
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": subject}, "components": parts,
    }  # fmt: skip


if __name__ == "__main__":
    locked = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "requirements.txt"
    json.dump(bill(locked.read_text(encoding="utf-8")), sys.stdout, indent=1)
    sys.stdout.write("\n")
