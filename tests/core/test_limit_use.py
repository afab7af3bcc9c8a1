"""How much of each limit is in use, against what the kernel itself does at it."""

from dataclasses import replace

import pytest

from engine.core.limit_use import LimitUse, limit_use
from engine.core.machine import Machine
from engine.core.types import BreakerSpec
from tests.core.picture import SLOT, check

FALL = BreakerSpec("fall", "drawdown", "account", 0.10, "reduce_only")
LOSSES = BreakerSpec("losses", "consecutive_losses", "slot", 4, "paused", end="cooldown", minutes=60)


def by_name(machine: Machine) -> dict[str, LimitUse]:
    return {use.name: use for use in limit_use(machine)}


def test_positions_exposure_and_what_one_symbol_holds() -> None:
    """500 of 1,000 is held on one symbol that may have 625."""
    out = check(
        """
        0:00  X 1000 1000 1000 1000 | A: buy |
        0:01  X 1000 1000 1000 1000 |        | buy 1000
        """,
        slots=[SLOT, replace(SLOT, label="b")],
        account={"symbol_cap": 0.625},
    )
    uses = by_name(out.machine)
    assert (uses["max_positions"].used, uses["max_positions"].limit) == (1.0, 4.0)
    assert uses["max_gross"].fraction == pytest.approx(0.5)
    assert uses["per_symbol"].scope == "X/USD"
    assert uses["per_symbol"].fraction == pytest.approx(0.8)
    assert uses["per_symbol"].marked
    assert not uses["max_positions"].marked


def test_a_breaker_on_its_way_and_one_that_tripped() -> None:
    picture = """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000 1000 1000 |     | buy 1000
        0:02   {0}  {0}  {0}  {0} |     |
        """
    near = by_name(check(picture.format(820), breakers=[FALL, LOSSES]).machine)
    assert near["fall"].used == pytest.approx(0.09)
    assert (near["fall"].state, near["fall"].marked) == ("armed", True)
    assert (near["losses"].used, near["losses"].scope) == (0.0, SLOT.key)
    over = by_name(check(picture.format(780), breakers=[FALL, LOSSES]).machine)
    assert over["fall"].state == "tripped"
    assert over["fall"].fraction == pytest.approx(1.1)
