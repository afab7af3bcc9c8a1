"""Everything that watches asks for figures that the engine really serves; and the cloud's first start is what it may be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from db.models import metadata
from db.session import open_engine, write_session
from engine.runtime.metrics import RINGS, Tally, exposition
from tests.app.seed import seed
from tests.db.samples import ROWS
from tests.runtime.api_server import Held, reached, well

ROOT = Path(__file__).resolve().parents[2]
DOCKER, CLOUD = ROOT / "deploy" / "docker", ROOT / "deploy" / "cloud"
DASHBOARD = DOCKER / "grafana" / "dashboards" / "evenkeel.json"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Name -> labels of every figure of an engine that has lived through everything once."""
    database = open_engine(f"sqlite:///{tmp_path_factory.mktemp('figures') / 'evenkeel.db'}")
    run = seed(database, trades=12, days=2)
    with write_session(database) as session:
        for table, own in (("alert", {"id": 900}), ("alert_delivery", {"alert_id": 900}), ("ai_call", {})):
            session.execute(metadata.tables[table].insert(), {**ROWS[table], **own})
    pulse = replace(well(), timings={name: well().timings["commit"] for name in RINGS})
    page = exposition(Held(pulse, reached()), database, run, Tally(run)).decode()
    database.dispose()
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(evenkeel_\w+)(?:\{(.*)\})? ", page, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    return found


def test_every_query_of_the_dashboard_has_its_figure(served: dict[str, set[str]]) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len(panels) > 12
    for panel in panels:
        for target in panel["targets"]:
            names = re.findall(r"evenkeel_\w+", target["expr"])
            assert names, panel["title"]
            for name in names:
                assert name in served, f"{panel['title']}: nothing serves {name}"
                assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= served[name], panel["title"]
    boxes = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]
    assert len(set(boxes)) == len(boxes)


def test_every_rule_and_selector_has_its_figure(served: dict[str, set[str]]) -> None:
    rules = (DOCKER / "rules.yaml").read_text()
    agent = (CLOUD / "monitoring" / "cloudwatch-agent.json").read_text()
    names = {*re.findall(r"evenkeel_\w+", rules), *re.findall(r"\^(evenkeel_\w+)\$", agent)}
    assert len(names) > 8
    assert names <= set(served)


def test_whoever_watches_asks_where_the_engine_answers() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    assert compose["prometheus"]["network_mode"] == "service:engine"
    ops = yaml.safe_load((CLOUD / "monitoring" / "ops-agent.yaml").read_text())
    for scraped in (
        yaml.safe_load((DOCKER / "prometheus.yaml").read_text()),
        yaml.safe_load((CLOUD / "monitoring" / "prometheus.yaml").read_text()),
        ops["metrics"]["receivers"]["evenkeel"]["config"],
    ):
        assert scraped["scrape_configs"][0]["static_configs"][0]["targets"] == ["127.0.0.1:8600"]
    source = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    assert {panel["datasource"]["uid"] for panel in json.loads(DASHBOARD.read_text())["panels"]} == {source["uid"]}
    for service in ("prometheus", "grafana"):
        mounted = [volume.split(":")[0] for volume in compose[service]["volumes"] if volume.startswith("./")]
        assert all((DOCKER / name).exists() for name in mounted)
        assert all(port.startswith("127.0.0.1:") for port in compose[service].get("ports", []))


def test_the_first_start_of_a_cloud_machine() -> None:
    """Checked as YAML: cloud-init's own schema check below runs where cloud-init is installed."""
    text = (CLOUD / "cloud-init.yaml").read_text()
    assert text.startswith("#cloud-config\n")
    told = yaml.safe_load(text)
    assert set(told) == {
        "package_update",
        "package_upgrade",
        "packages",
        "groups",
        "users",
        "write_files",
        "runcmd",
        "final_message",
    }
    users = {user["name"]: user for user in told["users"] if isinstance(user, dict)}
    assert set(users) == {"evenkeel", "evenkeel-app"}
    assert all(user["primary_group"] == "evenkeel" and user["shell"] == "/usr/sbin/nologin" for user in users.values())
    assert all(isinstance(word, str) for command in told["runcmd"] for word in command)
    units = (ROOT / "deploy/systemd/evenkeel-engine.service").read_text()
    assert re.search(r"^EnvironmentFile=/etc/evenkeel/common.env$", units, re.MULTILINE)
    assert "/etc/evenkeel/common.env" in [file["path"] for file in told["write_files"]]
    assert "engine.env" not in str(told["write_files"]), "keys are brought by hand"


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not on this machine")
def test_cloud_inits_own_schema_takes_it() -> None:
    done = subprocess.run(
        ["cloud-init", "schema", "-c", str(CLOUD / "cloud-init.yaml")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
