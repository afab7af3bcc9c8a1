"""What every strategy that is found must keep: it looks at the past alone, decides live as in a batch, and says what it does."""

from __future__ import annotations

import numpy as np
import pytest

from engine.research.lookahead import check
from engine.strategies import catalog
from engine.strategies.decisions import check_signals, decisions_of, last_decision
from tests.strategies.market import BTC, bars, packed

NAMES = list(catalog.available())


def test_the_shipped_ones_are_found() -> None:
    shipped = {"bollinger_reversion", "donchian_breakout", "macd_trend", "rsi_reversion", "sma_cross"}
    assert shipped <= set(NAMES)
    assert {"base", "decisions", "catalog"} & set(NAMES) == set()


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_look_ahead(name: str) -> None:
    assert check(catalog.make(name), bars(), BTC, most_decisions=40, others=20) == []


@pytest.mark.parametrize("name", NAMES)
def test_live_decides_as_the_batch_does(name: str) -> None:
    strategy, whole = catalog.make(name), bars(seed=2)
    signals = strategy.signals(whole)
    check_signals(whole, signals)
    batch = decisions_of(3, whole, signals, BTC, delay_ms=1250)
    assert batch.size > 20
    assert (batch["entry"] != 0).sum() > 5
    ends = np.searchsorted(whole.end, batch["decided_at"]) + 1
    for n in [*ends[:: max(ends.size // 20, 1)], int(ends[-1]) - 1, 1, 61, len(whole)]:
        early = whole.head(int(n))
        said = strategy.signals(early)
        row = last_decision(3, early, said, BTC, delay_ms=1250)
        assert packed(row) == packed(batch[batch["decided_at"] == early.end[-1]])
        so_far = batch[batch["decided_at"] <= early.end[-1]]
        assert packed(decisions_of(3, early, said, BTC, delay_ms=1250)) == packed(so_far)


@pytest.mark.parametrize("name", NAMES)
def test_its_parameters_survive_json(name: str) -> None:
    params = catalog.make(name).params
    assert type(params).model_validate_json(params.model_dump_json()) == params
    described = type(params).model_json_schema()["properties"].values()
    assert all(field.get("description") and "default" in field for field in described)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does(name: str) -> None:
    cls = catalog.load(name)
    assert cls.name == name
    assert len((cls.__doc__ or "").strip()) > 20
    signals = catalog.make(name).signals(bars())
    assert signals.plot
    assert signals.checks


@pytest.mark.parametrize("name", NAMES)
def test_it_takes_any_number_of_bars(name: str) -> None:
    strategy = catalog.make(name)
    for n in (0, 1, 2):
        few = bars(600).head(n)
        signals = strategy.signals(few)
        check_signals(few, signals)
        assert not signals.entry.any()
