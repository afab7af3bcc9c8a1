"""Orders lived from the decision to the last fill, each through one trouble."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.venues.live.exchange import MemoryPort
from tests.venues.live.life import LiveLife


@pytest.fixture
def life(tmp_path: Path) -> LiveLife:
    made = LiveLife(tmp_path / "data", MemoryPort(seed=1))
    made.pump(12, 100)
    assert made.lane.started
    return made


def test_an_entry_is_committed_sent_filled_and_protected(life: LiveLife) -> None:
    life.enter()
    life.pump(10, 200)
    entry, stop = life.intents()
    assert (entry.role, entry.state, entry.filled) == ("entry", "filled", entry.qty)
    assert (stop.role, stop.state, stop.kind) == ("stop", "acked", "stop")
    assert life.held() == Decimal(entry.qty) == life.port.base
    assert Decimal(stop.stop_price) == Decimal(int(life.slot["stop"])) / 100
    assert [request.client_id for _, request in life.port.came] == [entry.client_order_id, stop.client_order_id]
    fills = life.rows("SELECT * FROM fill")
    assert [(one.venue_trade_id, one.client_order_id) for one in fills] == [("t1", entry.client_order_id)]
    protection = life.rows("SELECT * FROM protection")[0]
    assert (protection.state, protection.stop, protection.bare_ts) == ("live", float(stop.stop_price), None)
    life.audited()
