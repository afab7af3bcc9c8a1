"""A word of the field stands in one place: the database, which imports nothing of ours, spells the core's as the core does."""

from __future__ import annotations

import db.base
import db.orders
import db.runs
import db.signals
from engine.config.breakers import _DECLARED, breaker, measured_in
from engine.config.sections import LimitsSection
from engine.core import codes, records
from engine.runtime.build import breakers_of


def test_the_schema_s_words_are_the_core_s() -> None:
    assert db.base.LEVELS == codes.LEVELS
    assert db.orders.ORDER_TYPES == codes.ORDER_TYPES
    assert db.orders.ORDER_STATES == codes.ORDER_STATES
    assert db.runs.SLOT_STATES == codes.SLOT_STATES
    assert db.signals.SIGNAL_STATUSES == codes.SIGNAL_STATUSES


def test_every_kind_of_breaker_is_watched_declared_and_measured() -> None:
    assert set(records._SCOPES) == set(codes.BREAKER_KINDS)
    assert {spec["kind"] for spec in _DECLARED.values()} == set(codes.BREAKER_KINDS)
    for name in _DECLARED:
        spec = breaker(name, 1.0)
        assert spec.scope in records._SCOPES[spec.kind]
        assert measured_in(f"{name}:of somebody") is not None
    assert measured_in("kill") is None
    assert {spec.name for spec in breakers_of(LimitsSection())} <= set(_DECLARED)
