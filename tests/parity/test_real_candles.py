"""A run on prints made from real minutes: the crash of 5 August 2024, two symbols, breakers on."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.sandbox.server import Sandbox
from tests.parity.living import Life

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohlcv" / "binance_spot" / "1m"
FILES = [FOLDER / f"{name}USDT_20240726_20240825.parquet" for name in ("BTC", "ETH")]
LIMITS = """\
max_positions = 4
per_symbol = 0.6
consecutive_losses = 2
consecutive_losses_minutes = 10
daily_loss_pause = 0.01
daily_loss_halt = 0.02
"""
SLOTS = """
[[slots]]
strategy = "both_ways"
symbols = ["BTC/USDT", "ETH/USDT"]
sizing = { kind = "share", value = 0.4 }
target = 0.01

[[slots]]
strategy = "donchian_breakout"
symbols = ["ETH/USDT"]
params = { entry = 6, exit = 3, atr_length = 5 }
"""


@pytest.mark.skipif(not all(path.exists() for path in FILES), reason="the real candles are not beside the repository")
def test_the_crash_of_august_2024(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = {"replay": [str(path) for path in FILES], "start": "2024-08-05T01:00:00Z", "speed": 3600}
    with Sandbox.running(seed=1, hold=True, rate=0.5, **replayed) as sandbox:
        life = Life(tmp_path / "data", sandbox, monkeypatch, SLOTS, LIMITS, quote="USDT", short=True)
        life.live(60)
        life.live(20)
    counts = life.proven()
    assert counts["trades"] > 10
    assert life.count("breaker_event WHERE action = 'trip'")
    assert life.count("trade WHERE exit_reason = 'stop'")
