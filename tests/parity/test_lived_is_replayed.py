"""Whatever a run has lived through, its tape replayed gives the same ledger to the last bit, and the books add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.core.types import TF_BAR
from engine.strategies import catalog
from tests.parity.living import LOOSE, Life

Begin = Callable[..., Life]

THREE = '["BTC/USD", "ETH/USD", "SOL/USD"]'
TIGHTER: dict[str, dict[str, Any]] = {"bollinger_reversion": {"length": 8, "width": 1.3}}
"""Where halving its whole-number parameters does not make a strategy trade within a morning."""


def tightened(name: str) -> dict[str, Any]:
    """Parameters with which a strategy trades often: whole numbers halved as far as their bounds allow."""
    halved: dict[str, Any] = {}
    for key, field in catalog.load(name).Params.model_fields.items():
        if type(field.default) is int:
            least = max((bound.ge for bound in field.metadata if hasattr(bound, "ge")), default=1)
            halved[key] = max(field.default // 2, least)
    return {**halved, **TIGHTER.get(name, {})}


def slot(strategy: str, symbols: str = '["BTC/USD"]', **words: Any) -> str:
    """A [[slots]] table."""
    lines = [f'strategy = "{strategy}"', f"symbols = {symbols}"]
    for key, value in words.items():
        if isinstance(value, dict):
            value = "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
            lines.append(f"{key} = {value}")
        else:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join(["", "[[slots]]", *lines, ""])


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def test_every_strategy_on_several_symbols(begin: Begin) -> None:
    """All files of the strategies' folder at once, so that they share the cash and the limits."""
    names = [name for name, path in catalog.available().items() if path.parent == catalog._HERE]
    slots = [slot(name, THREE, params=tightened(name), stop=0.004, target=0.004, time_stop=9) for name in names]
    life = begin("".join(slots))
    life.live(80)
    counts = life.proven()
    traded = dict(life.rows("SELECT strategy, count(*) FROM trade JOIN slot ON slot.id = slot_id GROUP BY strategy"))
    assert set(traded) == set(names), f"no trade of {set(names) - set(traded)}: add it to TIGHTER"
    assert len(life.rows("SELECT DISTINCT symbol FROM trade")) == 3
    assert counts["equity"] > 75


def test_all_sizings_long_and_short(begin: Begin) -> None:
    sizings = {"share": 0.1, "fixed": 500.0, "risk": 0.002, "volatility": 0.05}
    slots = [
        slot("both_ways", '["BTC/USD", "SOL/USD"]', label=kind, sizing={"kind": kind, "value": value})
        for kind, value in sizings.items()
    ]
    life = begin("".join(slots), short=True)
    life.live(45)
    life.proven()
    traded = life.rows("SELECT DISTINCT label, direction FROM trade JOIN slot ON slot.id = slot_id ORDER BY 1, 2")
    assert traded == [(kind, way) for kind in sorted(sizings) for way in (-1, 1)]


def test_breakers_trip_and_are_released(begin: Begin) -> None:
    """A loss of a hair trips each of them; a person releases the one that only a person may."""
    limits = LOOSE.replace("consecutive_losses = 0", "consecutive_losses = 2\nconsecutive_losses_minutes = 5")
    limits = limits.replace("daily_loss_halt = 0", "daily_loss_halt = 0.002").replace(
        "drawdown_reduce = 0", "drawdown_reduce = 0.0015"
    )
    life = begin(slot("both_ways", THREE, sizing={"kind": "share", "value": 0.5}), limits=limits, short=True)
    tripped = "breaker_event WHERE action = 'trip'"

    def until_halted(pump: Any) -> Any:
        assert life.count(f"{tripped} AND breaker = 'daily_loss_halt'"), "it should have tripped by now"
        yield from life.ask("release", breaker="daily_loss_halt")(pump)
        yield from life.ask("release", breaker="drawdown_reduce")(pump)

    life.live(60, (40, until_halted))
    assert life.proven()["breaker events"] >= 5
    assert {name for (name,) in life.rows(f"SELECT DISTINCT breaker FROM {tripped}")} >= {
        "daily_loss_halt",
        "drawdown_reduce",
    }
    assert life.count("breaker_event WHERE scope = 'slot' AND action = 'trip'")
    assert life.count("breaker_event WHERE scope = 'slot' AND action = 'end'")
    assert life.count("breaker_event WHERE action = 'release'") == 2


def test_commands_between_the_bars(begin: Begin) -> None:
    """Everything a person can ask for, taken while positions are open; what cannot be done is refused and replayed as such."""
    life = begin(slot("by_the_clock", '["BTC/USD", "ETH/USD"]', stop=0.05) + slot("sma_cross", '["SOL/USD"]'))
    stop = {}

    def tighten(pump: Any) -> Any:
        (entry, mark) = life.rows("SELECT entry_price, mark FROM position WHERE symbol = 'BTC/USD'")[0]
        stop["price"] = round(min(entry, mark) * 0.99, 2)
        yield from life.ask("tighten_stop", slot="BTC/USD", price=stop["price"])(pump)

    life.live(
        60,
        (4.8, tighten),
        (5.3, life.ask("close", slot="ETH/USD")),
        (5.4, life.ask("close", slot="SOL/USD")),
        (10.5, life.ask("pause")),
        (20.5, life.ask("resume")),
        (24.2, life.ask("slot_off", slot="by_the_clock:ETH/USD")),
        (25.1, life.ask("cash", amount="-1234.56")),
        (36.1, life.ask("cash", amount="500")),
        (36.3, life.ask("cash", amount="-1000000")),
        (38.2, life.ask("slot_on", slot="by_the_clock:ETH/USD")),
        (45.3, life.ask("kill", flatten=True)),
        (50.2, life.ask("release", breaker="kill")),
    )
    life.proven()
    states = [answer.split(":")[:2] for answer in life.answers]
    wanted = [
        "tighten_stop",
        "close",
        "close",
        "pause",
        "resume",
        "slot_off",
        "cash",
        "cash",
        "cash",
        "slot_on",
        "kill",
    ]
    refused = {2, 8}
    assert states == [[kind, " refused" if i in refused else " done"] for i, kind in enumerate([*wanted, "release"])]
    assert life.count("stop_move WHERE reason = 'manual' AND stop = ?", stop["price"]) == 1
    assert life.rows("SELECT symbol FROM trade WHERE exit_reason = 'manual'") == [("ETH/USD",)]
    assert life.count("trade WHERE exit_reason = 'flatten'") == 2
    entries = [ts // 60_000 % 60 for (ts,) in life.rows("SELECT entry_ts FROM trade WHERE symbol = 'ETH/USD'")]
    assert entries == [3, 23, 43, 53][: len(entries)]
    assert len(entries) >= 3, "paused at 13, switched off at 33, and back at 43"


def test_another_configuration_at_a_restart(begin: Begin) -> None:
    """A slot that is gone from it manages what it holds and enters no more; symbols change their places."""
    life = begin(
        slot("by_the_clock", THREE, stop=0.05) + slot("sma_cross", '["ETH/USD"]', params={"fast": 2, "slow": 4})
    )
    life.live(25)
    assert life.count("position WHERE symbol = 'BTC/USD'") == 1
    life.slots = slot("sma_cross", '["SOL/USD"]', params={"fast": 2, "slow": 5})
    life.slots += slot("by_the_clock", '["SOL/USD", "ETH/USD"]', params={"leave": 9}, target=0.1)
    life.live(20)
    life.live(20)
    life.proven()
    assert dict(life.rows("SELECT symbol, state FROM slot WHERE strategy = 'by_the_clock'")) == {
        "BTC/USD": "exit_only",
        "ETH/USD": "enabled",
        "SOL/USD": "enabled",
    }
    last = dict(life.rows("SELECT symbol, max(entry_ts) / 60000 % 60 FROM trade GROUP BY symbol"))
    assert last["BTC/USD"] == 23, "the orphan entered again"
    assert last["ETH/USD"] > 40
    assert life.count("position WHERE symbol = 'BTC/USD'") == 0, "the orphan never left"


def test_a_symbol_that_leaves_and_comes_back(begin: Begin) -> None:
    """Its bars go on behind those it had; a slot of another timeframe sees what it has seen in life, from its start on."""
    fast = {"fast": 2, "slow": 4}
    both = slot("sma_cross", '["BTC/USD", "ETH/USD"]', params=fast)
    life = begin(both)
    life.live(12, (11.5, life.ask("close", slot="all")))
    life.slots = slot("sma_cross", '["ETH/USD"]', params=fast) + slot("both_ways", '["SOL/USD"]', timeframe="2m")
    life.live(8)
    life.slots = both + slot("both_ways", '["ETH/USD", "SOL/USD"]', timeframe="2m")
    life.live(5, (4.9, life.die))
    life.live(14)
    life.proven()
    bars = life.folder / "runs" / "1" / "bars" / "BTC-USD-60s.bars"
    ts = np.fromfile(bars, TF_BAR)["ts"]
    assert np.flatnonzero(np.diff(ts) > 60_000).size == 1, "history, a hole of eight minutes, and what came after it"
    assert life.count("signal JOIN slot ON slot.id = slot_id WHERE timeframe_ms = 120000")


def test_deaths_absences_and_broken_connections(begin: Begin) -> None:
    """Killed with a minute not yet written, away for five minutes, and twice without a connection."""
    life = begin(slot("by_the_clock", THREE, stop=0.01) + slot("sma_cross", THREE, params={"fast": 2, "slow": 4}))
    life.live(14.6, (14.5, life.die))
    life.live(8.4, (8.3, life.die))
    life.away(5)
    life.live(12, (3.2, lambda pump: pump.lose(20)), (6.1, lambda pump: pump.lose(140)))
    life.live(0.5, (0.4, life.die))
    life.live(8)
    counts = life.proven()
    assert counts["trades"] >= 6
    assert life.count("run_marker WHERE kind = 'recovery'") == 4
    causes = [cause for (cause,) in life.rows("SELECT cause FROM outage ORDER BY seq")]
    assert causes.count("reset by the test") == 2
    assert causes.count("restart") == 4
    assert life.count("signal WHERE status = 'missed'"), "nothing was decided while it was away"
