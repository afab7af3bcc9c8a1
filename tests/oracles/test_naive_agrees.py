"""The compiled kernel equals the naive engine to the last digit, on made-up markets and on real candles."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings

from engine.core import codes
from engine.core.machine import Reports
from engine.core.types import (
    DECISION,
    EXEC_BAR,
    AccountSpec,
    BreakerSpec,
    Instrument,
    Protection,
    Sizing,
    SlotSpec,
)
from tests.oracles import cases
from tests.oracles.agree import Scene, assert_agree
from tests.oracles.markets import scenes

MINUTE = 60_000


def test_kernel_equals_the_naive_engine() -> None:
    """On scenes in which every rule has its say: else agreeing would mean little."""
    seen: Counter[str] = Counter()

    def agree(scene: Scene) -> None:
        reports, _ = assert_agree(scene)
        seen.update(rules_met(scene, reports))

    wanted = [f"{what} {kind}" for kind in codes.BREAKER_KINDS for what in ("trip", "end")]
    wanted += [
        "fault",
        "probation",
        "full_size",
        "breaker",
        "level",
        "order_rate",
        "collar",
        "symbol_cap",
    ]
    often = settings(max_examples=125, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    for number in range(8):  # two hundred and fifty scenes at least, and more until every rule has spoken
        seed(number)(often(given(scenes())(agree)))()
        if number and all(seen[one] for one in wanted):
            return
    raise AssertionError(f"no scene met {[one for one in wanted if not seen[one]]}: {seen}")


def rules_met(scene: Scene, reports: Reports) -> set[str]:
    """What tripped, ended and refused in this scene, in words."""
    kinds = scene.machine().breakers["kind"]
    met = {codes.REASONS[reason] for reason in (*reports.orders["reason"], *reports.signals["reason"])}
    for event in reports.events:
        of = codes.BREAKER_KINDS[int(kinds[event["breaker"]])] if event["breaker"] >= 0 else ""
        met |= {codes.EVENTS[event["kind"]], f"{codes.EVENTS[event['kind']]} {of}"}
    return met


def decisions_of(number: int, case: cases.Case, bars: dict[str, Any], flips: bool) -> list[Any]:
    entry, leave = cases.signals_of(case, bars)
    rows = []
    for t in np.flatnonzero(entry | leave):
        row = np.zeros(1, DECISION)[0]
        row["slot"], row["volatility"] = number, 0.5
        row["decided_at"] = row["known_at"] = bars["ts"][t] + MINUTE
        row["entry"] = 1 if entry[t] else -int(flips)
        row["exit"] = leave[t] or flips
        rows.append(row)
    return rows


def real_scene(rows: int) -> Scene:
    """BTC and ETH, four slots of every kind of protection and sizing, breakers on, an account's real fees."""
    btc = next(case for case in cases.CASES if case.name == "btc-crash")
    eth = replace(next(case for case in cases.CASES if case.name == "eth-short"), short=False)
    if not (btc.available and eth.available):
        pytest.skip(f"no real candles at ../shared/data/ohlcv/{btc.source}")
    fees = {"maker": Decimal("0.0004"), "taker": Decimal("0.0008"), "min_notional": Decimal(1)}
    grid = (Decimal("0.01"), Decimal("0.00001"), Decimal("1e-6"))
    kinds = [Instrument("BTC/USD", "BTC", "USD", *grid, **fees), Instrument("ETH/USD", "ETH", "USD", *grid, **fees)]
    slots = [
        SlotSpec("a", "x", "BTC/USD", MINUTE, Sizing("share", 0.3), Protection(stop=0.004, target=0.01)),
        SlotSpec("b", "x", "ETH/USD", MINUTE, Sizing("risk", 0.002), Protection(stop=0.006, trail=0.003), True),
        SlotSpec("c", "x", "ETH/USD", MINUTE, Sizing("volatility", 0.2), Protection(breakeven=0.002, time_stop=45)),
        SlotSpec("d", "x", "BTC/USD", MINUTE, Sizing("fixed", 250.0), Protection(trail=0.005), True, 20 * MINUTE),
    ]
    parts, decisions = [], []
    for number, (case, fast) in enumerate(((btc, 10), (eth, 10), (eth, 20), (btc, 7))):
        bars = cases.bars_of(case, rows)
        decisions += decisions_of(number, replace(case, fast=fast), bars, flips=number in (1, 3))
        if number < 2:
            part = np.zeros(rows, EXEC_BAR)
            part["symbol"] = number
            for name in ("open", "high", "low", "close"):
                part[name] = kinds[number].to_ticks(bars[name])
            parts.append((bars["ts"], part))
    decisions.sort(key=lambda row: (row["decided_at"], row["slot"]))
    made = np.array(decisions, DECISION)
    made["signal_id"] = np.arange(1, made.size + 1)
    ts, bars_ = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    order = np.lexsort((bars_["symbol"], ts))
    breakers = [
        BreakerSpec("row", "consecutive_losses", "slot", 4, "paused", end="cooldown", minutes=60),
        BreakerSpec("day", "daily_loss", "account", 0.02, "paused", flatten=True, end="next_day"),
        BreakerSpec("fall", "drawdown", "account", 0.05, "reduce_only"),
    ]
    account = AccountSpec(Decimal(1000), "USD", Decimal("1e-6"), symbol_cap=0.6, auto_ack_ms=6 * 60 * MINUTE)
    return Scene(account, kinds, slots, ts[order], bars_[order], made, breakers, until=int(ts.max()) + MINUTE)


def test_on_real_candles() -> None:
    reports, out = assert_agree(real_scene(3_000))
    assert len(out.trades) > 80
    assert {trade.reason for trade in out.trades} >= {"stop", "trail", "target", "exit", "time", "breakeven"}
    assert reports.events.size > 0
