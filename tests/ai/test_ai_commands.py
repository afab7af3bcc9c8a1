"""The commands as a person types them, against a provider over real HTTP and a data folder that has no database yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.ai.client import KEY
from engine.cli.app import app
from engine.market.store import Store
from engine.sandbox.server import Sandbox
from tests.ai.conftest import MODEL
from tests.ai.test_past_bars import candles

SERIES = ("ai_trend", "--symbol", "BTC/USD", "--timeframe", "1h")
SLOT = '[[slots]]\nstrategy = "ai_trend"\nsymbols = ["BTC/USD"]\ntimeframe = "1h"\n'


@pytest.fixture
def config(stand_in: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with one slot that asks, and stored candles; nothing else."""
    monkeypatch.setenv("EVENKEEL_DATA", str(tmp_path))
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    Store(tmp_path / "candles").write("coinbase", "BTC/USD", "1h", candles())
    path = tmp_path / "config.toml"
    network = '[network]\nallow_hosts = ["127.0.0.1"]\n'
    path.write_text(f'{network}[ai]\nbase_url = "{stand_in.rest_url}/api/v1"\nmodel = "{MODEL}"\n\n{SLOT}')
    return path


def typed(*words: str, code: int = 0, answer: str | None = None) -> Any:
    told = CliRunner().invoke(app, list(words), input=answer)
    assert told.exit_code == code, told.output
    return json.loads(told.stdout) if "--json" in words else told


def past(config: Path, *more: str, **other: Any) -> Any:
    days = ("--from", "2026-01-01", "--to", "2026-03-01", "--config", str(config))
    return typed("ai", "backfill", *SERIES, *days, *more, **other)


def refused(*words: str) -> str:
    told = CliRunner().invoke(app, list(words))
    assert told.exit_code
    return str(told.exception)


def test_from_the_estimate_to_a_replayed_backtest(config: Path) -> None:
    (slot,) = typed("ai", "estimate", "--config", str(config), "--json")["slots"]
    assert (slot["slot"], slot["mode"], slot["model"]) == ("ai_trend on BTC/USD at 1h", "shadow", MODEL)
    assert slot["cost_day"] == pytest.approx(slot["calls_day"] * slot["cost_call"], rel=0.01)
    assert "no model has answered for ai_trend on BTC/USD" in refused("backtest", *SERIES, "--ai", "veto")
    assert "nothing was asked" in past(config, answer="n\n").output
    done = past(config, "--yes", "--json")
    assert done["asked"] == done["answered"] + done["abstained"] > 5
    assert past(config, "--yes", "--json")["asked"] == 0
    listed = typed("ai", "calls", "--past", "--last", "1000", "--json")["calls"]
    assert len(listed) == done["asked"]
    assert sum(call["cost"] for call in listed) == pytest.approx(done["cost"], abs=1e-7)
    shown = typed("ai", "show", str(listed[0]["id"])).stdout
    assert "Market: BTC/USD, bars of 1h" in shown
    assert "cost source     usage\n  tokens prompt" in shown
    rule = typed("backtest", *SERIES, "--json")
    asked = {
        mode: typed("backtest", *SERIES, "--ai", mode, "--ai-model", MODEL, "--ai-cutoff", "2025-10-01", "--json")
        for mode in ("shadow", "veto", "trade")
    }
    assert {one["ai"]["answers"] for one in asked.values()} == {done["asked"]}
    assert {one["ai"]["warning"] for one in asked.values()} == {""}
    assert asked["shadow"]["final_equity"] == rule["final_equity"]
    assert asked["veto"]["trades"] < rule["trades"]
    assert "remember" in typed("backtest", *SERIES, "--ai", "veto", "--json")["ai"]["warning"]
    assert len(typed("ai", "calls", "--past", "--json")["calls"]) == min(20, done["asked"])
    one, other = "ai_trend:BTC/USD:1h", "sma_cross:BTC/USD:1h"
    alone = typed("backtest", "--slot", one, "--ai", "veto", "--json")
    assert alone["final_equity"] == asked["veto"]["final_equity"]
    both = typed("backtest", "--slot", one, "--slot", other, "--ai", "veto", "--json")
    assert {slot: told["answers"] for slot, told in both["ai"].items()} == {"ai_trend on BTC/USD, 1h": done["asked"]}
    assert both["trades_by_slot"]["ai_trend on BTC/USD, 1h"] == asked["veto"]["trades"]
    configured = typed("backtest", "--config", str(config), "--ai", "shadow", "--json")
    assert configured["ai"]["ai_trend on BTC/USD, 1h"]["mode"] == "shadow"


def test_what_cannot_be_done_is_said(config: Path, stand_in: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.fault("http", path="chat", status=402)
    ended = past(config, "--yes", "--json")
    assert (ended["asked"], ended["no_credit"], ended["cost"]) == (1, 1, 0.0)
    assert "the provider failed" in ended["ended_early"]
    assert "no engine has run here yet" in refused("ai", "calls")
    assert "not both" in refused("ai", "calls", "--past", "--run", "main")
    assert "there is no call number 99" in refused("ai", "show", "99")
    assert "other/model has not answered" in refused("backtest", *SERIES, "--ai", "veto", "--ai-model", "other/model")
    assert "is no mode" in refused("backtest", *SERIES, "--ai", "off")
    assert "asks no model" in refused("backtest", "sma_cross", *SERIES[1:], "--ai", "veto")
    monkeypatch.delenv(KEY, raising=False)
    text = config.read_text()
    config.write_text(text.replace(MODEL, "evenkeel/standin"))
    assert "did you mean evenkeel/stand-in" in refused("ai", "estimate", "--config", str(config))
    config.write_text(text.replace(stand_in.rest_url, "http://127.0.0.1:9"))
    assert "set price_prompt and price_answer" in refused("ai", "estimate", "--config", str(config))
