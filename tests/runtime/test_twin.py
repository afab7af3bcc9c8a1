"""The twin takes what the account takes: beside an account that the model fills it is the same account, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from engine.core.machine import Reports
from engine.core.setup import Setup
from engine.market.barbook import BarBook
from engine.market.tape import Tape
from engine.research.replay import replay_tape
from engine.runtime.recorder import Recorder
from engine.runtime.trader import Trader
from engine.runtime.twin import Twin, on_paper
from tests.runtime.desk_session import BEGUN, Life, frames, setup_of, slot

FAST = {"fast": 3, "slow": 8}
PAIR = setup_of(slot("sma_cross"), slot("sma_cross", "ETH/USD"), params=(FAST, FAST))


def beside(life: Life, folder: Path) -> Twin:
    """A twin of this life's account, begun with it."""
    setup = life.desk.trader.setup
    trader = Trader(on_paper(setup), BarBook(folder / "bars", tuple(one.symbol for one in setup.instruments)))
    twin = Twin(2, 1, folder, trader, cast(Recorder, None), setup)
    life.desk.challengers = [twin]
    life.desk.begin_challengers(BEGUN)
    return twin


def takes_over(life: Life, twin: Twin, setup: Setup) -> None:
    """Another setup for both, as engine.runtime.swap has it."""
    now = life.desk.trader.now
    twin.setup = setup
    life.desk.event(now, ["setup", now, setup.to_json()])
    life.desk.event(now, twin.event(["setup", now, twin.wanted(life.desk.trader).to_json()]))


def same(life: Life, twin: Twin) -> bool:
    one, other = life.desk.trader.machine, twin.trader.machine
    return bool(one.snapshot() == other.snapshot()) and life.desk.trader.signals == twin.trader.signals


ASKED: dict[str, Callable[[Life], None]] = {
    "pause": lambda life: life.command("pause"),
    "close": lambda life: life.command("close", slot="all"),
    "kill": lambda life: life.command("kill", flatten=True),
    "a slot off": lambda life: life.command("slot_off", slot="sma_cross:ETH/USD"),
    "money": lambda life: life.command("cash", amount="500"),
    "shares": lambda life: life.command("shares", version=1, author="person", shares={PAIR.slots[0].key: 0.5}, why="x"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_it_does_what_the_account_is_asked_to_do(tmp_path: Path, asked: str) -> None:
    life = Life.begin(tmp_path / "1", PAIR)
    twin = beside(life, tmp_path / "2")
    market = frames(5, 240, 2)
    life.go(next(market) for _ in range(120))
    ASKED[asked](life)
    assert [ack[1] for ack in life.desk.step.acks] == [True]
    assert [ack[0] for ack in twin.step.acks] == [0], "the account alone answers for a command"
    life.go(market)
    assert same(life, twin)
    assert sum(one.fills.size for one in life.lived) > 2


def test_an_edit_and_a_death_leave_them_the_same(tmp_path: Path) -> None:
    life = Life.begin(tmp_path / "1", PAIR)
    twin = beside(life, tmp_path / "2")
    market = frames(6, 240, 2)
    life.go(next(market) for _ in range(120))
    takes_over(life, twin, replace(PAIR, params=({"fast": 2, "slow": 5}, FAST)))
    life.go(next(market) for _ in range(120))
    life.desk.tape.sync()
    again = Twin(
        2,
        1,
        tmp_path / "3",
        Trader(on_paper(PAIR), BarBook(tmp_path / "3", ("BTC/USD", "ETH/USD"))),
        cast(Recorder, None),
        PAIR,
    )
    witness = Trader(PAIR, BarBook(tmp_path / "4", ("BTC/USD", "ETH/USD")))
    for event, _ in Tape(tmp_path / "1" / "tape").read():
        witness.take(event, life.desk.step)
        again.take(event, witness)
    assert again.trader.machine.snapshot() == twin.trader.machine.snapshot()
    assert same(life, twin)


def test_what_it_lived_is_replayed_from_the_accounts_tape(tmp_path: Path) -> None:
    life = Life.begin(tmp_path / "1", PAIR)
    twin = beside(life, tmp_path / "2")
    market = frames(7, 240, 2)
    life.go(next(market) for _ in range(120))
    life.command("close", slot="all")
    life.command("slot_off", slot="sma_cross:ETH/USD")
    life.go(market)
    life.desk.tape.sync()
    twin.trader.book.save()
    replayed = Reports.concatenate([reports for _, reports, _ in replay_tape(tmp_path / "2").parts])
    lived = Reports.concatenate(twin.step.reports)
    assert lived.fills.size > 2
    assert {name: getattr(lived, name).tolist() for name in Reports.__dataclass_fields__} == {
        name: getattr(replayed, name).tolist() for name in Reports.__dataclass_fields__
    }


def test_what_the_venue_tells_is_no_business_of_the_twins(tmp_path: Path) -> None:
    """Its own positions go on while the account waits for a venue that never answers."""
    real = replace(PAIR, account=replace(PAIR.account, fills="venue", venue_stops=True))
    life = Life.begin(tmp_path / "1", real)
    twin = beside(life, tmp_path / "2")
    alone = Life.begin(tmp_path / "3", PAIR)
    life.go(frames(5, 200, 2))
    alone.go(frames(5, 200, 2))
    assert sum(one.fills.size for one in life.lived) == 0
    assert twin.trader.machine.snapshot() == alone.desk.trader.machine.snapshot()


def test_what_the_account_lets_go_is_held_until_it_is_sold(tmp_path: Path) -> None:
    """Nothing was bought for real, the twin holds: a slot taken out of the configuration leaves the account at once."""
    real: Setup = replace(PAIR, account=replace(PAIR.account, fills="venue"))
    life = Life.begin(tmp_path / "1", real)
    twin = beside(life, tmp_path / "2")
    market = frames(5, 600, 2)
    held: Any = 0
    while not held:
        life.go([next(market)])
        held = int(twin.trader.machine.slots["qty"][1])
    takes_over(life, twin, replace(real, slots=real.slots[:1], params=real.params[:1]))
    assert len(life.desk.trader.setup.slots) == 1
    assert [one.symbol for one in twin.trader.setup.slots] == ["BTC/USD", "ETH/USD"]
    assert int(twin.trader.machine.slots["qty"][1]) == held
