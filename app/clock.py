"""The app's one look at the clock. EVENKEEL_CLOCK_MS holds it still, for pictures and tests."""

import os
import time


def now_ms() -> int:
    """Milliseconds UTC."""
    held = os.environ.get("EVENKEEL_CLOCK_MS")
    return int(held) if held else time.time_ns() // 1_000_000
