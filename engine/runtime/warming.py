"""What has to be ready before the market comes in: the compiled kernel."""

from __future__ import annotations

from engine.core.machine import Machine


def compile_kernel(machine: Machine) -> None:
    """Have the kernel compiled (or read from its cache)."""
    machine.clock(0)
    machine.command("pause", 0)
