"""What a step says to a person: a run lived on a random walk, its ledger's rows, the same however often it is lived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from db.models import BreakerEvent, Fill, Trade
from engine.config.alerts import AlertsSection
from engine.core.limit_use import LimitUse
from engine.core.types import BreakerSpec
from engine.ledger.names import Context
from engine.ledger.rows import rows_of
from engine.runtime import alert_rows
from engine.runtime.alert_rows import alerts_of, limit_alerts
from tests.runtime.desk_session import Life, frames, setup_of, slot


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    params = ({"fast": 3, "slow": 8}, {"fast": 4, "slow": 9})
    setup = setup_of(slot("sma_cross"), slot("sma_cross", "ETH/USD"), params=params)
    breakers = (
        BreakerSpec("consecutive_losses", "consecutive_losses", "slot", 2, "paused", end="cooldown", minutes=5),
    )
    made = Life.begin(tmp_path_factory.mktemp("life"), replace(setup, breakers=breakers))
    made.go(frames(3, 900, 2))
    return made


def context(life: Life) -> Context:
    trader = life.desk.trader
    return Context(
        1, trader.setup.instruments, trader.setup.slots, tuple(range(11, 11 + len(trader.setup.slots))),
        tuple(trader.machine.breaker_names), None, tuple("x" for _ in trader.setup.slots),
    )  # fmt: skip


def test_every_fill_trade_and_trip_is_said_once(life: Life) -> None:
    from engine.core.machine import Reports

    reports, facts = Reports.concatenate(life.lived), life.desk.step.facts
    tables = rows_of(context(life), reports, facts)
    said = alerts_of(context(life), tables, reports)
    assert said == alerts_of(context(life), tables, reports)
    kinds = {kind: [row for row in said if row["kind"] == kind] for kind in ("fill", "trade", "breaker")}
    assert len(kinds["fill"]) == len(tables[Fill]) > 10
    assert len(kinds["trade"]) == len(tables[Trade]) > 5
    assert len(kinds["breaker"]) == len(tables[BreakerEvent]) > 0
    keys = [row["dedupe_key"] for row in said]
    assert len(set(keys)) == len(keys)
    assert [row["ts"] for row in said] == sorted(row["ts"] for row in said)
    trade, row = kinds["trade"][0], tables[Trade][0]
    assert trade["title"].startswith(f"{row['symbol']} {'long' if row['direction'] > 0 else 'short'} closed: ")
    assert f"{abs(row['pnl']):,.2f} USD" in trade["title"]
    assert kinds["breaker"][0]["title"] == "breaker consecutive losses tripped"
    assert kinds["breaker"][0]["severity"] == "warning"


def test_a_kill_and_its_release_are_said(tmp_path: Path) -> None:
    from engine.core.machine import Reports

    life = Life.begin(tmp_path, setup_of(slot("sma_cross"), params=({"fast": 3, "slow": 8},)))
    life.go(frames(3, 30, 1))
    life.lived.clear()
    for kind, words in (("pause", {}), ("resume", {}), ("kill", {}), ("release", {"breaker": "kill"})):
        life.command(kind, **words)
    reports = Reports.concatenate(life.desk.step.reports)
    said = [row for row in alerts_of(context(life), {}, reports) if row["kind"] == "kill"]
    assert [(row["severity"], row["title"]) for row in said] == [
        ("critical", "the account was killed"), ("warning", "the kill was released"),
    ]  # fmt: skip


def use(name: str, fraction: float, scope: str = "account", state: str = "armed") -> LimitUse:
    return LimitUse(name, scope, fraction * 0.2, 0.2, fraction, "fraction", state, "halted")


def test_limits_are_said_from_their_share_on_once_a_day(life: Life) -> None:
    uses = [
        use("drawdown_halt", 0.8), use("daily_loss_halt", 0.79), use("per_symbol", 1.0, "BTC/USD"),
        use("drawdown_reduce", 1.2, state="tripped"),
        use("consecutive_losses", 0.9, life.desk.trader.setup.slots[0].key),
    ]  # fmt: skip
    at = 1_767_312_000_000
    said = list(limit_alerts(context(life), uses, AlertsSection(), at))
    assert [row["title"] for row in said] == [
        "limit drawdown halt is used to 80 %", "limit per symbol of BTC/USD is used to 100 %",
        "limit consecutive losses of sma_cross on BTC/USD is used to 90 %",
    ]  # fmt: skip
    assert said[0]["body"] == "16.0 % of 20.0 %; at the limit the account is halted"
    later = list(limit_alerts(context(life), uses, AlertsSection(), at + 80_000_000))
    assert [row["dedupe_key"] for row in later] == [row["dedupe_key"] for row in said]
    tomorrow = list(limit_alerts(context(life), uses, AlertsSection(limit_skip=("per_symbol",)), at + 90_000_000))
    assert len(tomorrow) == 2
    assert not {row["dedupe_key"] for row in tomorrow} & {row["dedupe_key"] for row in said}


@pytest.mark.parametrize(
    ("was", "severity", "words"),
    [
        ("", "info", "the engine started"),
        ("stopped", "info", "the engine started"),
        ("running", "warning", "ended without a stop"),
    ],
)
def test_a_start_says_how_the_last_life_ended(was: str, severity: str, words: str) -> None:
    row = alert_rows.started(1, 5, 60_000, was, 30_000, "paper")
    assert row["severity"] == severity
    assert words in row["title"]
    if was == "running":
        assert "last heard 30 s ago" in row["title"]
