"""The whole engine under a virtual clock: seeds decide everything; what is violated names the one command that repeats it."""

from __future__ import annotations

import pytest

from tests.simulation import bugs
from tests.simulation.hunt import MOST, hunt, rotation
from tests.simulation.many import live_all
from tests.simulation.plan import is_live

LIVE, PAPER = 24, 36
SEEDS = [seed for seed in range(1, PAPER + 1) if seed <= LIVE or not is_live(seed)]
"""Every third has real orders; those cost several times as much and are fewer here."""


@pytest.mark.timeout(900)
def test_seeds() -> None:
    """Over the processors there are; `make long` runs thousands."""
    outcomes = live_all(SEEDS)
    assert sum(outcome.counts["fills"] for outcome in outcomes) > len(SEEDS) / 4, "runs without fills prove nothing"
    assert sum(outcome.counts["recovered"] for outcome in outcomes) > len(SEEDS) / 4, (
        "runs without a recovery prove nothing"
    )
    assert sum(outcome.struck.total() for outcome in outcomes) > 10 * len(SEEDS), "runs without faults prove nothing"
    live = [outcome.counts for outcome in outcomes if "live" in outcome.counts]
    assert len(live) == LIVE // 3
    assert sum(counts["venue trades"] for counts in live) > LIVE // 3, "accounts without real orders prove nothing"


@pytest.mark.timeout(900)
def test_a_seed_is_the_same_when_it_is_run_again() -> None:
    """To the last byte of the tape and the last digit of the ledger."""
    seeds = [8, 18]
    first, again = live_all(seeds, workers=1), live_all(seeds, workers=1)
    assert [one.trace for one in first] == [one.trace for one in again]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", rotation(5))
def test_a_seeded_bug_is_caught(bug: str) -> None:
    """Five of them, others with every version of the code; `python -m tests.simulation --bugs` hunts all."""
    assert hunt(bug) is not None, f"{MOST} seeds lived with it: {bugs.says(bug)}"
