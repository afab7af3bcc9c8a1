"""A plan, the signals derived from it and the kernel say the same: over random data, windows, costs and sizes, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.costs import slipped
from engine.core.jit import entry
from engine.core.lean_money import down, nearest, reach, slipped_quick
from engine.core.money import mul_div, mul_div_floor
from engine.core.types import SlotSpec
from engine.research.study import Source, Study
from engine.research.sweep_ground import Ground
from engine.research.sweep_sets import Sets, Tallies
from engine.strategies import catalog
from engine.strategies._plan import MeanAbove
from engine.strategies.base import Bars
from tests.laws.test_lean import scenes
from tests.strategies.market import bars

windows = st.integers(1, 400)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenes(), st.lists(st.tuples(st.integers(2, 30), st.integers(3, 60)), min_size=1, max_size=6))
def test_plans_signals_and_kernel_agree(scene: object, pairs: list[tuple[int, int]]) -> None:
    setup, candles = scene.setup, scene.candles  # type: ignore[attr-defined]
    cls = catalog.load("sma_cross")
    made = [cls(cls.Params(fast=a, slow=b)) for a, b in pairs if a < b] or [cls()]
    with Ground(Study(setup, (Source("X/USD"),)), {"X/USD": candles}) as ground:
        start = setup.account.cash_quanta * float(setup.account.quantum)
        whole, together = Tallies(len(made), ground.days, start), Tallies(len(made), ground.days, start)
        one, many = Sets(ground, short=False, hashed=True), Sets(ground, hashed=True)
        try:
            for k, strategy in enumerate(made):
                one.run(setup, [strategy], whole, k)
        except OverflowError:
            return
        for k in many.run_plans([setup] * len(made), [strategy.plan() for strategy in made], together):  # type: ignore[attr-defined]
            many.run(setup, [made[k]], together, k)
    for name in whole.tallies.dtype.names or ():
        assert together.tallies[name].tobytes() == whole.tallies[name].tobytes(), name
    assert together.days.tobytes() == whole.days.tobytes()


def test_blocks_and_room_do_not_show() -> None:
    """Over many blocks, with more trades than there is room for at first."""
    from tests.research.conftest import account, walk
    from tests.research.test_sweep import study

    slot = SlotSpec("", "sma_cross", "BTC/USD", 60_000)
    one, candles = study(slot), {"BTC/USD": walk(20_000, seed=5)}
    setup = replace(one.setup, account=account(research=True))
    cls = catalog.load("sma_cross")
    made = [cls(cls.Params(fast=a, slow=b)) for a, b in ((2, 3), (2, 5), (10, 50), (20, 400))]
    with Ground(one, candles) as ground:
        whole, together = (Tallies(len(made), ground.days, 1000.0) for _ in range(2))
        for k, strategy in enumerate(made):
            Sets(ground, short=False, hashed=True).run(setup, [strategy], whole, k)
        assert Sets(ground, hashed=True).run_plans([setup] * 4, [s.plan() for s in made], together) == []  # type: ignore[attr-defined]
    assert whole.tallies["trades"].max() > 2000
    for name in whole.tallies.dtype.names or ():
        assert together.tallies[name].tobytes() == whole.tallies[name].tobytes(), name
    assert together.days.tobytes() == whole.days.tobytes()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(windows, windows, st.integers(0, 2**31), st.sampled_from([1, 10**6, 10**11]))
def test_means_are_compared_as_fractions(upper: int, lower: int, seed: int, size: int) -> None:
    n = 500
    whole = np.random.default_rng(seed).integers(1, 5, n) * size
    from engine.core.series import Prices

    made = bars(n, sparse=False)
    words = {name: getattr(made, name) for name in Bars.__dataclass_fields__}
    given_ = Bars(**{**words, "close": Prices(whole / 100.0, 100.0)})
    said = MeanAbove(upper, lower, max(upper, lower)).condition(given_)
    for i in range(n):
        known = i + 1 >= max(upper, lower)
        above = (
            known and int(whole[i + 1 - upper : i + 1].sum()) * lower > int(whole[i + 1 - lower : i + 1].sum()) * upper
        )
        assert said[i] == above


@entry
def _four(a, b, d, inverse, most, out):  # type: ignore[no-untyped-def]
    out[0] = nearest(a, b, d, inverse, most)
    out[1] = mul_div(a, b, d)
    out[2] = down(a, b, d, inverse, most)
    out[3] = mul_div_floor(a, b, d)


@entry
def _slips(base, side, slippage, out):  # type: ignore[no-untyped-def]
    out[0] = slipped_quick(base, side, slippage)
    out[1] = slipped(base, side, slippage)


whole = st.one_of(st.integers(0, 50), st.integers(0, 2**31), st.integers(0, 2**62))


@settings(max_examples=3000, deadline=None, derandomize=True)
@given(
    whole,
    whole,
    st.one_of(st.integers(1, 9), st.sampled_from([10**8, 10**9, 10**16, 2**61]), st.integers(1, 2**62 - 1)),
)
def test_quick_money_is_the_same_money(a: int, b: int, d: int) -> None:
    if a * b // d >= 2**62:
        return
    out = np.zeros(4, np.int64)
    _four(a, b, d, 1.0 / float(d), reach(float(d)), out)
    assert out[0] == out[1]
    assert out[2] == out[3] == a * b // d


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.integers(1, 2**45), st.sampled_from([1, -1]), st.integers(0, 10**8))
def test_slippage_is_the_same(base: int, side: int, slippage: int) -> None:
    out = np.zeros(2, np.int64)
    _slips(base, side, slippage, out)
    assert out[0] == out[1]


@pytest.mark.parametrize("pair", [(2, 3), (10, 50)])
def test_sma_cross_says_what_its_plan_says(pair: tuple[int, int]) -> None:
    cls = catalog.load("sma_cross")
    made, given_ = cls(cls.Params(fast=pair[0], slow=pair[1])), bars(3000)
    assert made.signals(given_).checks["fast mean above slow mean"].tobytes() == made.plan().condition(given_).tobytes()  # type: ignore[attr-defined]
