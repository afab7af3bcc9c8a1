#!/usr/bin/env python3
"""Stands in for `gcloud compute`: keeps machines and firewall rules in a file, writes down every call, answers in Google's form.

It is no Google: it shows that the script asks before it acts, acts once, and cleans up. FAKE_GCLOUD names its folder.
"""

import json
import os
import sys
from pathlib import Path

FOLDER = Path(os.environ["FAKE_GCLOUD"])
STATE = FOLDER / "state.json"
KINDS = {"instances": "instances", "firewall-rules": "rules"}


def main(words: list[str]) -> int:
    with (FOLDER / "calls").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    state = json.loads(STATE.read_text()) if STATE.exists() else {"instances": {}, "rules": {}, "snapshots": []}
    assert words[0] == "compute", words
    what, plain = words[1], [word for word in words[1:] if not word.startswith("--")]
    options = dict(word.lstrip("-").partition("=")[::2] for word in words if word.startswith("--"))
    if what in ("ssh", "scp"):
        return 0
    if what == "disks":
        state["snapshots"].append(plain[2])
    elif plain[1] == "list":
        name = options["filter"].partition("=")[2]
        print(json.dumps([one for one in state[KINDS[what]].values() if one["name"] == name]))
        return 0
    elif plain[1] == "create":
        if plain[2] in state[KINDS[what]]:
            print(f"ERROR: The resource {plain[2]} already exists", file=sys.stderr)
            return 1
        zone = f"https://example/zones/{options.get('zone') or 'europe-west3-a'}"
        made = {"name": plain[2], "status": "RUNNING", "zone": zone, "options": options}
        state[KINDS[what]][plain[2]] = {**made, "machineType": f"https://example/{options.get('machine-type', '')}"}
    elif plain[1] == "delete":
        if state[KINDS[what]].pop(plain[2], None) is None:
            print(f"ERROR: {plain[2]} was not found", file=sys.stderr)
            return 1
    else:
        print(f"ERROR: the stand-in knows no {' '.join(plain)}", file=sys.stderr)
        return 2
    STATE.write_text(json.dumps(state))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
