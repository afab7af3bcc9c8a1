"""Searches: seeded, better than chance, resumed to the bit, honest about what they tried; the front of two objectives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.research.grid import Grid
from engine.research.optimise import Search, front, front_of, optimise, search_of
from engine.research.space import Space, SpaceError
from engine.research.sweep import sweep
from engine.research.sweep_table import Table, partial
from tests.research.conftest import walk
from tests.research.test_sweep import assert_equal_to_backtests, slot, study

ONE, CANDLES = study(slot()), {"BTC/USD": walk(3_000)}
AXES = ["fast=2:60:1", "slow=10:120:1", "stop=0,0.002,0.004"]
TPE = Search("tpe", ("total_return",), 96, 5)
NSGA = Search("nsga2", ("total_return", "max_drawdown"), 150, 5)


@pytest.mark.parametrize("search", [TPE, NSGA], ids=["tpe", "nsga2"])
def test_a_seed_gives_the_same_sets_whatever_the_threads(search: Search) -> None:
    one, two = (optimise(ONE, AXES, CANDLES, search, workers=workers) for workers in (1, 3))
    assert one.data.equals(two.data)
    assert one.complete
    assert one.total == search.trials
    assert 0 < len(one) <= search.trials - one.excluded
    assert search_of(one) == search
    points = [tuple(one.point(i).values()) for i in range(len(one))]
    assert len(set(points)) == len(points)
    assert all(fast < slow for fast, slow, _ in points)
    other = optimise(ONE, AXES, CANDLES, Search(**{**search.to_json(), "objectives": search.objectives, "seed": 6}))
    assert not other.data.equals(one.data)


def test_every_set_of_a_search_equals_its_backtest() -> None:
    search = Search("nsga2", ("sharpe", "max_drawdown"), 30, 1)
    table = optimise(ONE, ["fast=3:30:1", "slow=10:90:5", "fee=0,0.001", "trail=0,0.002"], CANDLES, search)
    assert len(table) > 10
    assert_equal_to_backtests(ONE, CANDLES, table)


def test_tpe_finds_more_than_chance() -> None:
    """Of the whole grid 96 trials reach the best hundredth; the mean of as many random ones lies at its middle."""
    whole = np.sort(sweep(ONE, Grid.of(Space(ONE), AXES), CANDLES).column("total_return"))
    found = optimise(ONE, AXES, CANDLES, TPE)
    returns = found.column("total_return")
    assert np.searchsorted(whole, returns.max()) / whole.size > 0.99
    assert np.searchsorted(whole, np.median(returns[-24:])) / whole.size > 0.75


def test_least_is_another_direction() -> None:
    least = optimise(ONE, AXES, CANDLES, Search("tpe", ("total_return:min",), 64, 5)).column("total_return")
    most = optimise(ONE, AXES, CANDLES, Search("tpe", ("total_return",), 64, 5)).column("total_return")
    assert np.median(least[-16:]) < np.median(most[-16:])


def broken_off(search: Search, out: Path, after: int) -> Table:
    seen: list[float] = []
    return optimise(
        ONE, AXES, CANDLES, search, out=out, progress=lambda share, _: seen.append(share),
        cancelled=lambda: len(seen) >= after,
    )  # fmt: skip


@pytest.mark.parametrize("search", [TPE, NSGA], ids=["tpe", "nsga2"])
def test_a_search_goes_on_where_it_was_broken_off(search: Search, tmp_path: Path) -> None:
    whole, out = optimise(ONE, AXES, CANDLES, search), tmp_path / "s.arrow"
    left = broken_off(search, out, 3)
    assert not left.complete
    assert 0 < len(left) < len(whole)
    part = out.with_name("s.arrow.part")
    kept = partial(out)
    assert kept is not None
    assert len(kept) == len(left)
    part.write_bytes(part.read_bytes()[:-300])  # as a killed process leaves it: torn
    again = optimise(ONE, AXES, CANDLES, search, out=out)
    assert again.data.equals(whole.data)
    assert again.excluded == whole.excluded
    done = optimise(ONE, AXES, CANDLES, search, out=out, progress=lambda *_: pytest.fail("it was done"))
    assert (done.total, done.excluded, len(done)) == (whole.total, whole.excluded, len(whole))


def test_what_is_left_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.research.sweep_work import Task

    out, ran = tmp_path / "s.arrow", []
    left = len(broken_off(TPE, out, 4))
    run: Callable[..., Any] = Task.run
    monkeypatch.setattr(Task, "run", lambda self, piece, *rest: ran.extend(piece.numbers) or run(self, piece, *rest))
    whole = optimise(ONE, AXES, CANDLES, TPE, out=out)
    assert len(ran) == len(whole) - left


def test_a_space_without_trades_is_searched_to_its_end() -> None:
    table = optimise(ONE, ["fast=100:199:1", "slow=300:400:1"], {"BTC/USD": walk(250)}, Search("tpe", ("sharpe",), 32))
    assert table.complete
    assert table.column("trades").max() == 0
    assert front_of(table, Search("tpe", ("sharpe",), 32)).size == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"method": "luck"}, "there are tpe, nsga2"),
        ({"objectives": ("luck",)}, "objectives are"),
        ({"objectives": ("sharpe", "sharpe:min")}, "two different ones"),
        ({"objectives": ()}, "one objective"),
        ({"method": "nsga2"}, "name both"),
        ({"trials": 10**9}, "1,000,000,000 trials"),
        ({"trials": 0}, "0 trials"),
        ({"objectives": ("sharpe:up",)}, ":min"),
    ],
)
def test_a_search_that_cannot_be_is_a_sentence(words: dict[str, Any], said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        Search(**words)


@pytest.mark.parametrize("axes", [["fast=9:5:1"], ["fast=2:5", "fast=6:9"], ["fast=nan,3"], ["nothing=1:5"]])
def test_axes_that_cannot_be_are_sentences(axes: list[str]) -> None:
    with pytest.raises(SpaceError):
        optimise(ONE, axes, CANDLES, TPE)


numbers = st.one_of(st.integers(-4, 4).map(float), st.just(float("nan")))


@given(st.lists(st.tuples(numbers, numbers), max_size=30), st.sampled_from([(1, 1), (1, -1), (-1, 1)]))
def test_the_front_is_what_nothing_beats(rows: list[tuple[float, float]], signs: tuple[int, int]) -> None:
    values = np.array(rows, np.float64).reshape(-1, 2)
    found = front(values, signs).tolist()
    wanted = values * signs

    def beaten(i: int) -> bool:
        better = (wanted >= wanted[i]).all(axis=1) & (wanted > wanted[i]).any(axis=1)
        return bool(better.any())

    known = [i for i in range(len(rows)) if np.isfinite(values[i]).all()]
    kept = {tuple(values[i]) for i in known if not beaten(i)}
    assert {tuple(values[i]) for i in found} == kept
    assert len(found) == len(kept)
    assert (np.diff(wanted[found, 0]) < 0).all()
