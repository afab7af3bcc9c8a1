"""The whole engine under a virtual clock: seeds decide everything; what is violated names the one command that repeats it."""

from __future__ import annotations

import pytest

from tests.simulation.many import live_all


@pytest.mark.timeout(900)
def test_seeds() -> None:
    """500 of them, over the processors there are."""
    outcomes = live_all(range(1, 501))
    assert sum(outcome.counts["fills"] for outcome in outcomes) > 500, "runs without fills prove nothing"
    assert sum(outcome.counts["recovered"] for outcome in outcomes) > 200, "runs without a recovery prove nothing"


def test_a_seed_is_the_same_when_it_is_run_again() -> None:
    """To the last byte of the tape and the last digit of the ledger."""
    seeds = [3, 8, 21]
    first, again = live_all(seeds, workers=1), live_all(seeds, workers=1)
    assert [one.trace for one in first] == [one.trace for one in again]
