"""The short way of a sweep and the kernel agree: every trade's integers, cash, deepest fall, every day's level, to the bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.setup import Setup
from engine.core.types import AccountSpec, Instrument, Protection, Sizing, SlotSpec
from engine.market.candles import Candles
from engine.research.study import Source, Study
from engine.research.sweep_ground import Ground
from engine.research.sweep_sets import Sets, Tallies, fits
from engine.strategies.base import Bars, Signals, Strategy

START = 1_700_000_000_000 // 86_400_000 * 86_400_000


@dataclass
class Scene:
    setup: Setup
    candles: Candles
    signals: Signals

    def run(self, short: bool) -> Tallies:
        said = self.signals

        class Said(Strategy):
            def signals(self, bars: Bars) -> Signals:
                return replace(said, after_warmup=False)

        study = Study(self.setup, (Source("X/USD"),))
        with Ground(study, {"X/USD": self.candles}) as ground:
            assert fits(self.setup, ground)
            account = self.setup.account
            into = Tallies(1, ground.days, account.cash_quanta * float(account.quantum))
            try:
                Sets(ground, short=short, hashed=True).run(self.setup, [Said()], into, 0)
            except OverflowError:  # a position too large for its grid: then for both
                into.again(0)
                into.tallies[0]["hash"], into.days[:] = -1, 0.0
            return into


def candles(rng: np.random.Generator, n: int, tick: Decimal, minutes: int, wild: float) -> Candles:
    """A walk with jumps, opens off the last close, holes in time, and at times a price of a few ticks."""
    step = float(tick)
    price = step * float(rng.choice([30.0, 5_000.0, 4_000_000.0]))
    jumps = (rng.random(n) < 0.03) * rng.normal(0, 10 * wild, n)
    close = price * np.exp(np.clip(np.cumsum(rng.normal(0, wild, n) + jumps), -3, 3))
    opened = np.concatenate([[price], close[:-1]]) * np.exp((rng.random(n) < 0.3) * rng.normal(0, 2 * wild, n))
    reach = np.abs(rng.normal(0, wild, (2, n)))
    close, opened = (np.maximum(np.rint(x / step), 1) for x in (close, opened))
    high = np.rint(np.maximum(opened, close) * (1 + reach[0]))
    low = np.maximum(np.rint(np.minimum(opened, close) * (1 - reach[1])), 1)
    at = np.cumsum(1 + (rng.random(n) < 0.05) * rng.integers(1, 40, n)) + int(rng.integers(0, 30))
    ts = (START + at * minutes * 60_000).astype(np.int64)
    return Candles(ts, opened * step, high * step, low * step, close * step, np.ones(n), minutes * 60_000, "X/USD")


def signals(rng: np.random.Generator, n: int, busy: float, short: bool, distances: float) -> Signals:
    entry = np.where(rng.random(n) < busy, rng.choice([1, 1, -1] if short else [1], n), 0).astype(np.int8)
    leave = rng.random(n) < busy
    own: dict[str, Any] = {}
    for name in ("stop", "target"):
        if rng.random() < 0.4:
            own[name] = np.where(rng.random(n) < 0.5, np.abs(rng.normal(0, distances, n)), 0.0)
    return Signals(entry, leave, strategy="said", **own)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tick, lot, quantum = draw(
        st.sampled_from(
            [("0.01", "0.00001", "1e-6"), ("1e-8", "1e-8", "1e-8"), ("0.5", "0.001", "0.01"), ("1e-4", "1", "1e-6")]
        )
    )
    fee = draw(st.sampled_from(["0", "0.001", "0.006", "0.000333"]))
    taker = draw(st.sampled_from(["0", "0.001", "0.012", "0.000777"]))
    research, minutes = draw(st.booleans()), draw(st.sampled_from([1, 60, 240, 1440]))
    least = Decimal(draw(st.sampled_from(["0", "0", "5", "25"])))
    instrument = Instrument(
        "X/USD", "X", "USD", Decimal(tick), Decimal(lot), Decimal(quantum), min_notional=least, maker=Decimal(fee),
        taker=Decimal(taker), kind=draw(st.sampled_from(["spot", "perp"])),
    )  # fmt: skip
    account = AccountSpec(
        Decimal(draw(st.sampled_from([100, 1000, 1_000_000]))), "USD", Decimal(quantum),
        max_gross=draw(st.sampled_from([0.5, 1.0, 1.0, 3.0])), symbol_cap=draw(st.sampled_from([0.0, 0.0, 0.2])),
        slippage_bps=draw(st.sampled_from([0.0, 5.0, 33.3])), research=research,
    )  # fmt: skip
    kinds = [("share", 0.2), ("share", 1.0), ("share", 2.5), ("fixed", 150.0), ("risk", 0.01), ("volatility", 0.4)]
    sizing = Sizing(*draw(st.sampled_from(kinds)))  # type: ignore[arg-type]
    level = st.sampled_from([None, 0.001, 0.01, 0.05, 0.4])
    slot = SlotSpec(
        "", "said", "X/USD", minutes * 60_000, sizing, Protection(stop=draw(level), target=draw(level)),
        allow_short=draw(st.booleans()), cooldown_ms=draw(st.sampled_from([0, 0, 3])) * minutes * 60_000,
    )  # fmt: skip
    n = draw(st.integers(1, 400))
    own = candles(rng, n, Decimal(tick), minutes, draw(st.sampled_from([0.0005, 0.004, 0.03])))
    busy = draw(st.sampled_from([0.01, 0.1, 0.6]))
    said = signals(rng, n, busy, draw(st.booleans()), float(own.close.mean()) * 0.02)
    return Scene(Setup(account, (instrument,), (slot,), ({},), (), 0, 0), own, said)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes())
def test_short_and_kernel_agree(scene: Scene) -> None:
    whole, short = scene.run(short=False), scene.run(short=True)
    for name in whole.tallies.dtype.names or ():
        assert short.tallies[name].tobytes() == whole.tallies[name].tobytes(), name
    assert short.days.tobytes() == whole.days.tobytes()


def test_the_scenes_hold_what_they_are_for() -> None:
    """Trades, stops in doubtful bars, short positions and refusals must be among what is compared."""
    seen = {"trades": 0, "ambiguous": 0, "shorts": 0, "open": 0, "many": 0, "overflows": 0}

    @settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(scenes())
    def look(scene: Scene) -> None:
        row = scene.run(short=True).tallies[0]
        seen["overflows"] += row["hash"] == -1
        seen["trades"] += row["trades"] > 0
        seen["ambiguous"] += row["ambiguous"] > 0
        seen["shorts"] += row["trades"] > row["longs"]
        seen["open"] += row["open"]
        seen["many"] += row["trades"] > 20

    look()
    rare = seen.pop("overflows")
    assert min(seen.values()) >= 10, seen
    assert rare >= 1
