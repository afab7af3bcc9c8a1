"""What has to be known and ready before the market comes in: how fast its time runs, the compiled kernel."""

from __future__ import annotations

import requests

from engine.core.machine import Machine


def compile_kernel(machine: Machine) -> None:
    """Have the kernel compiled (or read from its cache)."""
    machine.clock(0)
    machine.command("pause", 0)


def pace_of(base_url: str) -> float:
    """How fast the exchange's time runs: a sandbox says so itself, a real exchange runs as life does."""
    if not base_url:
        return 1.0
    try:
        answer = requests.get(base_url.rstrip("/") + "/sandbox/status", timeout=5)
        return float(answer.json()["speed"]) if answer.ok else 1.0
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return 1.0
