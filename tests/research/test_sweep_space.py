"""What may be varied, which points there are, and what is refused in words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.research.grid import Axis, Grid, Listed, axis, checked, declared, drawn
from engine.research.space import Excluded, Space, SpaceError
from tests.research.test_sweep import slot, study


@pytest.fixture
def space() -> Space:
    return Space(study(slot()))


def test_dimensions_are_what_the_strategy_declares_and_the_settings(space: Space) -> None:
    fast = space.find("fast")
    assert (fast.kind, fast.low, fast.high, fast.default) == ("int", 2, 200, 10)
    assert "bars in the fast mean" in fast.words
    assert space.find("stop").kind == "float"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fast=5:9:2", [5, 7, 9]),
        ("fast=5:8:2", [5, 7]),
        ("fast=5:7", [5, 6, 7]),
        ("fast=7,5,7", [7, 5]),
        ("stop=0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("fast=9:5:1", []),
    ],
)
def test_axes(space: Space, text: str, values: list[float]) -> None:
    one = axis(space, text)
    assert [one.value(i) for i in range(one.count)] == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fats=1,2", "did you mean fast"),
        ("fast=1:300:1", "from 2 up to 200"),
        ("fast=5:9:0.5", "a whole number"),
        ("fast=5:9:0", "a step above 0"),
        ("fast=5:9:x", "no range"),
        ("fast=nan", "allowed: a whole number"),
        ("fast", "no axis"),
        ("stop=1.5", "below 1"),
    ],
)
def test_what_is_refused_says_what_is_allowed(space: Space, text: str, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        axis(space, text)


def test_points_are_counted_before_anything_is_run(space: Space) -> None:
    with pytest.raises(SpaceError, match="no parameter sets"):
        checked(Grid.of(space, ["fast=9:5:1"]))
    huge = Grid.of(space, ["fast=2:200:1", "slow=3:400:1", "stop=0.0001:0.5:0.0001"])
    with pytest.raises(SpaceError, match="396,010,000"):
        checked(huge)
    assert checked(huge, force=True) == 396_010_000
    assert huge[396_009_999] == {"fast": 200, "slow": 400, "stop": 0.5}


def test_a_grid_is_in_order_and_names_itself(space: Space) -> None:
    grid = Grid.of(space, ["fast=5,6", "slow=20,30"])
    assert [(grid[i]["fast"], grid[i]["slow"]) for i in range(4)] == [(5, 20), (5, 30), (6, 20), (6, 30)]
    assert grid.key() == Grid.over(space, {"fast": [5, 6], "slow": [20, 30]}).key()
    assert grid.key() != Grid.of(space, ["fast=5,6", "slow=20,31"]).key()
    with pytest.raises(SpaceError, match="twice"):
        Grid.of(space, ["fast=5", "fast=6"])


def test_constraints_exclude(space: Space) -> None:
    with pytest.raises(Excluded, match="must be below slow"):
        space.at({"fast": 50, "slow": 20})


def test_drawn_points_differ_keep_constraints_and_repeat(space: Space) -> None:
    axes = [axis(space, "fast=2:60:1"), axis(space, "slow=3:60:1")]
    points = drawn(space, axes, 200, seed=4)
    pairs = [(point["fast"], point["slow"]) for point in points]
    assert len(set(pairs)) == 200
    assert all(fast < slow for fast, slow in pairs)
    assert points.key() == drawn(space, axes, 200, seed=4).key()
    assert points.key() != drawn(space, axes, 200, seed=5).key()
    few = drawn(space, [axis(space, "fast=2,3"), axis(space, "slow=3,4")], 50)
    assert sorted(tuple(point.values()) for point in few) == [(2, 3), (2, 4), (3, 4)]


def test_random_alone_draws_from_what_is_declared() -> None:
    space = Space(study(slot("bollinger_reversion")))
    by_name = {one.name: one for one in declared(space)}
    assert set(by_name) == {"length", "width", "stop_width"}
    assert by_name["width"].value(0) > 0  # above zero is declared
    assert len(drawn(space, list(by_name.values()), 30, seed=1)) == 30


def test_settings_reach_the_study() -> None:
    space = Space(study(slot(), slot("rsi_reversion", label="b")))
    found = space.at(
        {"1.fast": 7, "length": 9, "stop": 0.01, "fee": 0.002, "delay": 2, "size": 0.3, "cooldown": 5}
    ).setup
    assert found.params[0]["fast"] == 7
    assert found.params[1]["length"] == 9
    assert {one.protection.stop for one in found.slots} == {0.01}
    assert found.instruments[0].taker == Decimal("0.002")
    assert found.account.delay_ms == 120_000
    assert (found.slots[0].sizing.value, found.slots[1].cooldown_ms) == (0.3, 300_000)
    assert space.at({"stop": 0}).setup.slots[0].protection.stop is None


def test_points_given_one_by_one() -> None:
    points = Listed([{"fast": 5}, {"fast": 6, "slow": 30}])
    assert (len(points), points.names, points[1]) == (2, ("fast", "slow"), {"fast": 6, "slow": 30})
    assert isinstance(Axis.of(Space(study(slot())).find("fast"), [5]), Axis)
