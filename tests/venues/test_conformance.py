"""Every adapter passes the conformance pack on the exchange that the sandbox plays for it, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.venues import adapters
from engine.venues.port import Refused, Unknown

from .benches import SPECS, Bench
from .conformance import PACK, REMEMBERS, log_on_clock_and_rights


@pytest.mark.parametrize("venue", sorted(SPECS))
@pytest.mark.parametrize("piece", PACK, ids=lambda piece: piece.__name__)
def test_conforms(venue: str, piece: Callable[[Bench], None]) -> None:
    piece(Bench(venue))


@pytest.mark.parametrize("venue", sorted(SPECS))
@pytest.mark.parametrize("piece", [p for p in PACK if p not in REMEMBERS], ids=lambda piece: piece.__name__)
def test_conforms_with_a_restart_between_each_two_steps(venue: str, piece: Callable[[Bench], None]) -> None:
    piece(Bench(venue, restarts=True))


def test_binance_counts_weight_and_its_words_for_too_much_are_a_refusal() -> None:
    bench = Bench("binance")
    bench.opened.door.tongue.weight = 0  # type: ignore[union-attr]
    told = bench.port.place(bench.order())
    assert isinstance(told, Refused)
    assert (told.code, told.reason) == ("-1003", "rate")
    assert bench.truth() == []
    quiet = bench.port.balances()
    assert isinstance(quiet, Unknown)
    assert quiet.wait_ms > 0
    assert len(bench.asked) == 1


def test_every_kind_of_key_opens() -> None:
    """Coinbase's keys are of two kinds, ECDSA and Ed25519."""
    for venue in sorted(SPECS):
        for which in range(len(Bench(venue).opened.keys)):
            log_on_clock_and_rights(Bench(venue, key=which))


def test_every_adapter_is_tried() -> None:
    assert sorted(SPECS) == adapters.available()
