"""Names that somebody typed stay in their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.access.paths import Outside, inside, plain
from engine.market.store import Store
from engine.research.report_plans import folder_of

OUT = (
    "../x", "a/../../x", "/etc", "//host/share", "\\\\host\\share", "C:\\x", "C:x", "~root", "a\x00b", "a\nb", "..", "a/..",
    "x|y",
)  # fmt: skip


@pytest.mark.parametrize("name", OUT)
def test_what_leads_out_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    with pytest.raises(Outside):
        inside(tmp_path, name)
    with pytest.raises(Outside):
        plain(name, "an exchange")
    with pytest.raises(ValueError, match="leads out"):
        folder_of({"folder": name})
    for exchange, symbol in ((name, "BTC/USD"), ("coinbase", f"{name}/USD")):
        with pytest.raises(ValueError, match=r"."):
            Store(tmp_path).path(exchange, symbol, "1m")
    with pytest.raises(ValueError, match="timeframe"):
        Store(tmp_path).path("coinbase", "BTC/USD", name)


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_whatever_is_typed_it_stays_below(name: str) -> None:
    base = Path("/data/here")
    try:
        found = inside(base, name)
    except Outside:
        return
    assert os.path.commonpath([base, os.path.normpath(found)]) == str(base)


def test_what_is_meant_well_is_taken(tmp_path: Path) -> None:
    assert inside(tmp_path, "reports/monthly") == tmp_path / "reports" / "monthly"
    assert plain("coinbase", "an exchange") == "coinbase"
    assert Store(tmp_path).path("Binance", "BTC-USD", "1h") == tmp_path / "binance" / "1h" / "BTC-USD.arrow"
