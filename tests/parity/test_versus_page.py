"""The page Backtest vs paper on a run that was lived: asked for, worked off by the worker, shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from db.session import open_engine
from engine.market.history import fetch
from engine.market.store import Store
from engine.research import worker_start
from engine.research.worker import work
from tests.app.conftest import said
from tests.parity.living import Life
from tests.parity.test_lived_is_replayed import slot

DOOR = Path(__file__).resolve().parents[2] / "app" / "script.py"


def opened() -> AppTest:
    test = AppTest.from_file(str(DOOR), default_timeout=60)
    test.switch_page("../pages/versus.py")
    test.run()
    assert [error.value for error in test.exception] == []
    return test


def test_a_run_is_compared_on_request(begin: Callable[..., Life], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_start, "ensure", lambda: False)
    life = begin(slot("by_the_clock", '["BTC/USD"]'))
    life.live(46)
    monkeypatch.setenv("EVENKEEL_DATA", str(life.folder))
    st.cache_data.clear()
    st.cache_resource.clear()
    engine = open_engine(f"sqlite:///{life.database}")

    test = opened()
    assert "This run was not compared yet" in said(test)
    test.button(key="versus_ask").click().run()
    assert "waiting for the worker" in said(test)
    assert work(engine, once=True) == 1
    words = said(opened())
    assert "Equal to the last bit" in words
    assert "It could not be made" in words
    assert "fetch" in words, "what is missing, and how to get it"

    begun = life.sandbox.exchange.clock.start
    store = Store(life.folder / "candles")
    fetch("coinbase", "BTC/USD", "1m", begun - 10_800_000, life.now, store, base_url=life.sandbox.rest_url)
    opened().button(key="versus_ask").click().run()
    assert work(engine, once=True) == 1
    test = opened()
    words = said(test)
    assert "Candles reproduce" in words
    shown = {one.label: one.value for one in test.metric}
    assert shown["Explained"] == "100 %"
    assert shown["Slippage met"].endswith("bp")
    assert test.button(key="versus_preset").label == "Backtest with the slippage met"
    engine.dispose()
    st.cache_resource.clear()
