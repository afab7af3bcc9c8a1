"""One sandbox for this room, its clock set back before each test; and two strategies of a person's own, made to be seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.sandbox.server import Sandbox
from tests.parity.living import Life

START = "2026-01-05T00:00:00Z"

BOTH_WAYS = '''
"""Long while the close is above the one three bars ago, short while it is below, with a stop of its own."""
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams, previous


class BothWays(Strategy):
    """Always in, on one side or the other."""

    class Params(StrategyParams):
        """None."""

    def warmup(self) -> int:
        return 4

    def signals(self, bars: Bars) -> Signals:
        close, before = np.asarray(bars.close), previous(bars.close, 3)
        return Signals.long_short_while(close > before, close < before, stop=0.003 * close)
'''

BY_THE_CLOCK = '''
"""Holds from the third to the eighth minute of every ten: a person can plan around it."""
import numpy as np
from pydantic import Field
from engine.strategies.base import Bars, Signals, Strategy, StrategyParams


class ByTheClock(Strategy):
    """In on the bar of minute `enter` of every ten minutes, out on that of minute `leave`."""

    class Params(StrategyParams):
        enter: int = Field(2, ge=0, le=9, description="minute of entry")
        leave: int = Field(7, ge=0, le=9, description="minute of exit")

    def warmup(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        minute = bars.ts // 60_000 % 10
        return Signals((minute == self.params.enter).astype(np.int8), minute == self.params.leave)
'''


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.running(seed=5, start=START, hold=True, speed=3600) as served:
        yield served


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's own folder with the two strategies, and nothing from the environment."""
    for name in ("DATABASE_URL", "EVENKEEL_DATA"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "my" / "strategies"
    folder.mkdir(parents=True)
    (folder / "both_ways.py").write_text(BOTH_WAYS)
    (folder / "by_the_clock.py").write_text(BY_THE_CLOCK)
    monkeypatch.setenv("EVENKEEL_HOME", str(folder.parent))
    return folder.parent


@pytest.fixture
def copy(lived: Path, tmp_path: Path) -> Path:
    """The data folder that the test file's `lived` made once, to be spoiled."""
    folder = tmp_path / "copy"
    shutil.copytree(lived, folder)
    return folder


@pytest.fixture
def begin(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Life]:
    """A new data folder on the room's market, at its beginning."""

    def life(slots: str, **words: Any) -> Life:
        sandbox.exchange.clock.now = sandbox.exchange.clock.start
        return Life(tmp_path / "data", sandbox, monkeypatch, slots, **words)

    return life
