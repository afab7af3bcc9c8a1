"""A strategy that is wrong stops its own slot, says why, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parity.conftest import begin, home, sandbox  # noqa: F401  fixtures
from tests.parity.living import Life
from tests.parity.test_lived_is_replayed import slot

HEAD = '''
"""Made to fail."""
import numpy as np
from engine.strategies.base import Bars, Signals, Strategy


class Faulty(Strategy):
    """Fails."""

    def warmup(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        n = len(bars)
        entry, leave = (bars.ts // 60_000 % 2 == 0).astype(np.int8), bars.ts // 60_000 % 2 == 1
'''
LATE = "bars.ts[-1] % 3_600_000 >= 300_000 and bars.ts[-1] > 1_767_571_200_000"
"""True once the engine trades for some minutes: what it had to look at before the start showed nothing."""
FAULTS = {
    "raises": (f"if {LATE}: raise KeyError('gone')\n        return Signals(entry, leave)", "KeyError: 'gone'"),
    "raises_at_once": ("raise OSError('no such file')", "OSError: no such file"),
    "wrong_length": (f"return Signals(entry[1:] if {LATE} else entry, leave)", "(1445,) for 1446 bars"),
    "not_a_number": (
        f"return Signals(entry * (np.nan if {LATE} else 1.0), leave)",
        "entry",
    ),
    "bad_stop": (f"return Signals(entry, leave, stop=np.full(n, -1.0 if {LATE} else 1.0))", "stop"),
    "looks_ahead": (
        "close = np.asarray(bars.close)\n        up = np.append(close[1:] > close[:-1], False)\n"
        "        return Signals(up.astype(np.int8), ~up)",
        "looks ahead",
    ),
    "never_the_same": (
        "import itertools\n        Faulty.count = getattr(Faulty, 'count', itertools.count())\n"
        "        return Signals(np.roll(entry, next(Faulty.count)), leave)",
        "`run_engine.py check never_the_same`",
    ),
    "no_signals": ("return None", "must return Signals"),
}


@pytest.mark.usefixtures("sandbox")
def test_faulty_strategies_stop_alone(begin: Callable[..., Life], home: Path) -> None:  # noqa: F811
    for name, (body, _) in FAULTS.items():
        (home / "strategies" / f"{name}.py").write_text(HEAD + f"        {body}\n")
    sound = slot("sma_cross", '["BTC/USD", "ETH/USD"]', params={"fast": 2, "slow": 4})
    life = begin("".join(slot(name, '["SOL/USD"]') for name in FAULTS) + sound)
    life.live(20)
    states = {name: (state, error) for name, state, error in life.rows("SELECT strategy, state, error FROM slot")}
    for name, (_, words) in FAULTS.items():
        state, error = states[name]
        assert state == "failed", (name, state, error)
        assert words in error, (name, error)
    assert states["sma_cross"] == ("enabled", None)
    assert life.proven()["trades"] > 3
    traded = life.rows("SELECT strategy, max(decided_ts) FROM signal JOIN slot ON slot.id = slot_id GROUP BY strategy")
    begun = life.sandbox.exchange.clock.start
    for name, last in traded:
        assert last <= begun + 420_000 or name == "sma_cross", f"{name} decided after it had failed"
    assert {"looks_ahead", "never_the_same", "raises_at_once"}.isdisjoint(name for name, _ in traded)
    alerts = life.count("alert WHERE kind = 'strategy'")
    assert alerts == len(FAULTS)
    life.live(6)
    assert life.count("slot WHERE state = 'failed'") == len(FAULTS), "a failed slot came back by itself"
    assert life.count("alert WHERE kind = 'strategy'") == alerts
    life.proven()
