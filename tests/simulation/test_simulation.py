"""The whole engine under a virtual clock: seeds decide everything; what is violated names the one command that repeats it."""

from __future__ import annotations

import pytest

from tests.simulation import bugs
from tests.simulation.hunt import MOST, hunt, rotation
from tests.simulation.many import live_all
from tests.simulation.plan import is_live
from tests.simulation.run import Outcome
from tests.simulation.sweep import sweep

LIVE, PAPER = 21, 60
SEEDS = [seed for seed in range(1, PAPER + 1) if seed <= LIVE or not is_live(seed)]
"""Every third has real orders; those cost several times as much and are fewer here."""
AGAIN = (8, 18)
SWEPT, STRIDE = 16, 107
"""A seed, and of its storage calls every so many."""


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """In this process alone: others of the suite want the processors too, and each would import the engine anew."""
    return live_all(SEEDS, workers=1)


@pytest.mark.timeout(900)
def test_seeds(outcomes: list[Outcome]) -> None:
    """`make long` runs thousands."""
    assert sum(outcome.counts["fills"] for outcome in outcomes) > len(SEEDS) / 4, "runs without fills prove nothing"
    assert sum(outcome.counts["recovered"] for outcome in outcomes) > len(SEEDS) / 4, (
        "runs without a recovery prove nothing"
    )
    assert sum(outcome.struck.total() for outcome in outcomes) > 10 * len(SEEDS), "runs without faults prove nothing"
    live = [outcome.counts for outcome in outcomes if "live" in outcome.counts]
    assert len(live) == LIVE // 3
    assert sum(counts["venue trades"] for counts in live) > LIVE, "accounts without real orders prove nothing"


@pytest.mark.timeout(900)
def test_a_seed_is_the_same_when_it_is_run_again(outcomes: list[Outcome]) -> None:
    """To the last byte of the tape and the last digit of the ledger."""
    first = {outcome.seed: outcome.trace for outcome in outcomes}
    again = live_all(AGAIN, workers=1)
    assert [one.trace for one in again] == [first[seed] for seed in AGAIN]


@pytest.mark.timeout(900)
def test_storage_calls_fail_one_by_one() -> None:
    """Some of them here; `make long` fails every one."""
    told = list(sweep(SWEPT, STRIDE, first=5))
    failed = [f"call {number}, {kind}: {what}" for number, kind, what in told if isinstance(what, Exception)]
    assert not failed, failed
    assert len(told) >= 4
    assert all(what["storage"] + what["busy"] for _, _, what in told), "a call that was to fail did not"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", rotation(5))
def test_a_seeded_bug_is_caught(bug: str) -> None:
    """Five of them, others with every version of the code; `python -m tests.simulation --bugs` hunts all."""
    assert hunt(bug) is not None, f"{MOST} seeds lived with it: {bugs.says(bug)}"
