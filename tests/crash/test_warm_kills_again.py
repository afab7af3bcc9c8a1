"""The other half of the kills in warmed children, on a market of another seed: a file for a second worker."""

from __future__ import annotations

import pytest

from tests.crash.test_warm_kills import killed


@pytest.mark.timeout(900)
def test_kills_in_warmed_children_of_another_market() -> None:
    killed(95, 8)
