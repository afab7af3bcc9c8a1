"""Every adapter passes the conformance pack on the exchange that the sandbox plays for it, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.venues import adapters

from .benches import SPECS, Bench
from .conformance import PACK


@pytest.mark.parametrize("venue", sorted(SPECS))
@pytest.mark.parametrize("piece", PACK, ids=lambda piece: piece.__name__)
def test_conforms(venue: str, piece: Callable[[Bench], None]) -> None:
    piece(Bench(venue))


def test_every_adapter_is_tried() -> None:
    assert sorted(SPECS) == adapters.available()
