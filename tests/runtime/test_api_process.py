"""A real engine on a sandbox: ready while the market moves, not ready within two bars of a feed that falls silent, commanded."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from engine.runtime.api.tokens import create
from tests.crash.session import _until, free_port, market
from tests.runtime.processes import living, stopped

pytestmark = pytest.mark.long


def test_it_is_ready_until_the_feed_falls_silent_and_takes_commands(tmp_path: Path) -> None:
    with market(36_000, hold=True, speed=60) as place:
        engine = living(tmp_path / "engine", place)
        port, text = free_port(), engine.config.read_text()
        engine.config.write_text(text.replace("[api]\nenabled = false", f"[api]\nport = {port}"))
        token = create(engine.folder / "my" / "tokens.json", "command", "test", 1)
        url, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}

        def ready() -> bool:
            try:
                return requests.get(f"{url}/readyz", timeout=5).status_code == 200
            except requests.ConnectionError:
                return False

        with engine.running() as process:
            _until(ready, 90, f"never ready: {engine.last_words()}")
            asked = requests.post(
                f"{url}/api/commands", json={"kind": "pause", "wait": 20}, headers=headers, timeout=30
            )
            assert (asked.status_code, asked.json()["state"]) == (200, "done")
            _until(
                lambda: "evenkeel_commit_seconds_count" in requests.get(f"{url}/metrics", timeout=5).text,
                10,
                "no commit",
            )
            place.fault(kind="gone", seconds=100_000)
            _until(lambda: not ready(), 10, "a silent feed was never told")
            failing = {
                one["name"] for one in requests.get(f"{url}/readyz", timeout=5).json()["checks"] if not one["ok"]
            }
            assert "data" in failing
            requests.delete(f"{place.rest}/sandbox/faults", timeout=5)
            killed = requests.post(
                f"{url}/api/commands", json={"kind": "kill", "wait": 20}, headers=headers, timeout=30
            )
            assert killed.json()["state"] == "done"
            _until(
                lambda: requests.get(f"{url}/api/status", headers=headers, timeout=5).json()["state"] == "killed",
                10,
                "not killed",
            )
            assert stopped(process) == 0
