"""What lies between the protocol and the world: bans that outlive a process, clocks nobody has told yet, positions without a
stop, and a person's word from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from engine.cli import control
from engine.cli.app import app
from engine.core import codes
from engine.runtime import kill
from engine.venues import adapters
from engine.venues.live import watching
from engine.venues.opening import silent_ms
from engine.venues.port import Clock, Placed, Request, Unknown
from tests.venues.benches import Bench
from tests.venues.live import invariants
from tests.venues.live.exchange import MemoryPort
from tests.venues.live.life import LiveLife

HOUR = 3_600_000


@dataclass
class Troubled(MemoryPort):
    """`ban_ms`: it asks for so much silence; `deaf`: kinds of orders it never answers; `timed`: whether it tells its time."""

    ban_ms: int = 0
    deaf: set[str] = field(default_factory=set)
    timed: bool = True
    ahead: int = 0

    def place(self, request: Request) -> Placed:
        if self.ban_ms:
            return Unknown("HTTP 418", self.ban_ms)
        if request.kind in self.deaf:
            self.came.append((self.now_ms, request))
            return Unknown("no answer")
        return super().place(request)

    def sync(self) -> Clock | Unknown:
        if not self.timed:
            return Unknown("no answer")
        self.ahead = 0
        return super().sync()

    def now(self) -> int:
        return self.now_ms + self.ahead


def begun(folder: Path, **words: Any) -> tuple[LiveLife, Troubled]:
    port = Troubled(seed=1, **words)
    life = LiveLife(folder / "data", port)
    life.pump(12, 100)
    return life, port


def test_a_ban_outlives_the_process(tmp_path: Path) -> None:
    life, port = begun(tmp_path)
    port.ban_ms = 2 * HOUR
    life.enter()
    life.pump(4, 250)
    url = f"sqlite:///{life.folder / 'evenkeel.db'}"
    left = silent_ms(url, "coinbase", life.now)
    assert 2 * HOUR - 60_000 < left <= 2 * HOUR
    assert silent_ms(url, "binance", life.now) == 0
    assert silent_ms(url, "coinbase", life.now + 3 * HOUR) == 0
    assert silent_ms("sqlite:////nowhere/none.db", "coinbase", life.now) == 0
    assert any("wants no requests" in one.title for one in life.rows("SELECT title FROM alert"))
    b = Bench("coinbase")
    made = adapters.make(
        "coinbase", b.key.name, b.key.secret, transport=b.transport, clock=lambda: b.now, steady=lambda: b.now,
        silent_ms=left,
    )  # fmt: skip
    told = made.sync()
    assert isinstance(told, Unknown)
    assert told.wait_ms == left
    assert b.asked == [], "nothing leaves before the ban is over"
    b.now += left
    assert isinstance(made.sync(), Clock)


@pytest.mark.parametrize("ahead", [HOUR, 6_000, -6_000])
def test_nothing_decided_before_the_exchange_told_its_time_is_sent(tmp_path: Path, ahead: int) -> None:
    life, port = begun(tmp_path, timed=False, ahead=ahead)
    life.enter(pumps=2)
    port.timed = True
    life.pump(40, 250)
    assert port.came == []
    (entry,) = life.intents("entry")
    assert entry.state == "canceled"
    assert entry.reason.startswith("late")
    assert life.trader.machine.account["reserved"][0] == 0
    life.enter()
    life.pump(10, 250)
    assert life.held() > 0, "the next one goes"
    life.audited()


def tighten(life: LiveLife, by: int) -> None:
    """A person's: the stop `by` below the price."""
    words = {"slot": "all", "price": float(life.price - by)}
    life.desk.event(life.trader.now, ["command", life.trader.now, "tighten_stop", words, 0])
    life.commit()


def ends(life: LiveLife) -> bool:
    """Whether the engine may end within a second."""
    return any(life.doors.may_end() or life.pump(1, 50) for _ in range(20))


def test_an_end_waits_until_the_stop_that_is_being_moved_stands_again(tmp_path: Path) -> None:
    life, _ = begun(tmp_path)
    life.enter()
    life.pump(20, 500)
    tighten(life, 200)
    steps = 0
    while "canceling" not in life.states("stop"):
        life.pump(1, 500)
        steps += 1
        assert steps < 40, "the stop is not moved"
    assert not life.doors.may_end(), "the position would stand there without a stop"
    assert ends(life)
    assert life.states("stop") == ["canceled", "acked"]
    tighten(life, 150)
    life.pump(30, 500)
    assert ends(life)
    assert life.states("stop") == ["canceled", "acked"], "nothing is begun any more"
    assert "about to end" in life.lane.egress.against("entry", "signal")
    assert life.lane.egress.against("exit", "stop") == ""


def test_an_end_does_not_wait_for_a_stop_after_a_kill(tmp_path: Path) -> None:
    life, _ = begun(tmp_path)
    life.enter(pumps=3)
    assert not life.doors.may_end(), "bought, and no stop stands yet"
    life.killed = True
    assert ends(life)


def test_what_an_entry_buys_after_a_kill_that_closes_is_closed(tmp_path: Path) -> None:
    life, port = begun(tmp_path)
    switch, session = kill.KillSwitch(life.folder), cast(Any, SimpleNamespace(recorder=life.recorder))
    life.enter(pumps=0)
    while not port.came:
        life.pump(1, 50)
    assert life.held() == 0, "it is out, and nobody knows of its fill yet"
    switch.press("http", flatten=True)
    life.killed = True
    kill.obey(switch, session, life.desk)
    assert life.trader.machine.level == "killed"
    seen = Decimal(0)
    for _ in range(60):
        life.pump(1, 250)
        seen = max(seen, life.held())
        kill.obey(switch, session, life.desk)
        life.turn()
    assert seen > 0, "the exchange told of the fill after the kill"
    assert life.held() == 0
    assert [one.purpose for one in life.intents("exit")] == ["flatten"]
    life.audited()


def test_a_kill_through_the_ledger_keeps_its_word_over_a_restart(tmp_path: Path) -> None:
    life, port = begun(tmp_path)
    session = cast(Any, SimpleNamespace(recorder=life.recorder))
    switch = kill.KillSwitch(life.folder)
    life.enter(pumps=0)
    while not port.came:
        life.pump(1, 50)
    life.desk.event(life.trader.now, ["command", life.trader.now, "kill", {"flatten": True}, 0])
    kill.taken(switch, life.desk, True)
    life.killed = True
    life.commit()
    life.die()
    life.begin()
    again = kill.KillSwitch(life.folder)
    again.look()
    assert again.flattens, "the file says that positions are to be closed"
    session.recorder = life.recorder
    for _ in range(160):
        kill.obey(again, session, life.desk)
        life.pump(1, 250)
    assert [one.state for one in life.intents("entry")] == ["filled"], "told of by the next life"
    assert life.held() == 0
    life.audited()


def test_a_position_whose_stop_never_comes_leaves_at_market(tmp_path: Path) -> None:
    life, port = begun(tmp_path)
    port.deaf = {"stop"}
    life.enter()
    for _ in range(30):
        life.second(life.price)
        life.pump(6, 400)
    assert life.held() == 0
    (gone,) = life.intents("exit")
    assert (gone.purpose, gone.state, gone.limit_price) == ("stop", "filled", None)
    assert gone.created_ts - life.intents("entry")[0].created_ts > 30_000
    titles = [one.title for one in life.rows("SELECT title FROM alert")]
    assert any("is without its stop" in title for title in titles)
    assert any("leaving, the stop is not there" in title for title in titles)
    assert life.slot["state"] != codes.SLOT_ENABLED, "no entry until a person has looked"
    life.settle(1)
    invariants.always(life)
    life.audited()


def test_a_stop_that_is_found_later_was_there_and_nothing_leaves(tmp_path: Path) -> None:
    life, port = begun(tmp_path)
    port.script = ["ok", "answer"]  # the stop's answer is lost
    life.enter()
    for _ in range(20):
        life.second(life.price)
        life.pump(6, 400)
    (row,) = life.rows("SELECT * FROM protection")
    assert (row.state, row.bare_ts) == ("live", None)
    assert row.stop == pytest.approx(float(life.intents("stop")[0].stop_price))
    assert life.held() > 0
    invariants.converged(life)


def test_a_jump_of_the_clock_is_no_time_without_a_stop(tmp_path: Path) -> None:
    life, port = begun(tmp_path)
    port.deaf = {"stop"}
    life.enter()
    life.pump(4, 250)
    life.now += HOUR
    life.second(life.price)
    life.pump(6, 250)
    assert life.states("exit") == []
    (spent, *_), *_ = life.lane.watch.bare_for.values()
    assert spent <= 2 * watching.MOST_STEP_MS


# ---- settle, from the command line ---------------------------------------------------------------------------------------
@pytest.fixture
def unsure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LiveLife, str]]:
    """A live run with an order nobody can tell about; while the command waits for its answer, the engine has its turns."""
    life = LiveLife(tmp_path / "data", MemoryPort(expiry_ms=0))
    life.pump(12)
    life.port.script = ["lost"]
    life.enter()
    life.pump(2)
    turns = SimpleNamespace(monotonic=lambda: life.now / 1000, sleep=lambda seconds: life.pump(1, int(seconds * 1000)))
    monkeypatch.setattr(control, "time", turns)
    monkeypatch.setenv("EVENKEEL_DATA", str(life.folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield life, life.intents("entry")[0].client_order_id
    life.die()


def said(*words: str, given: str = "") -> tuple[int, str]:
    told = CliRunner().invoke(app, ["live", "settle", *words], input=given)
    return told.exit_code, f"{told.output}{told.exception or ''}"


def test_settling_is_asked_for_typed_and_answered(unsure: tuple[LiveLife, str]) -> None:
    life, order = unsure
    code, words = said(order, given="yes\n")
    assert code != 0
    assert "LIVE live" in words
    assert "nothing was done" in words
    assert life.rows("SELECT * FROM command") == []
    code, words = said(order, "--reason", "looked at the list", given="never placed\n")
    assert code == 0, words
    assert "taken as never placed" in words
    (intent,) = life.intents("entry")
    assert intent.state == "not_placed"
    assert "looked at the list" in intent.reason
    life.audited()


@pytest.mark.parametrize("order", ["0" * 32, "", "../../etc", "x' OR 1=1 --", "é" * 5_000])
def test_wrong_words_settle_nothing(unsure: tuple[LiveLife, str], order: str) -> None:
    life, _ = unsure
    code, words = said("--yes", "--json", "--", order)
    assert code == 1
    told = json.loads(words[words.index("{") : words.rindex("}") + 1])
    assert (told["state"], "nothing to settle" in told["result"]) == ("refused", True)
    assert life.states("entry") == ["unknown"]


def test_nobody_is_believed_while_the_exchange_is_silent_or_another_run_is_meant(unsure: tuple[LiveLife, str]) -> None:
    life, order = unsure
    life.port.down = True
    code, words = said(order, "--yes")
    assert code == 1
    assert "does not answer" in words
    assert said(order, "--yes", "--run", "other")[0] != 0
    assert said("--yes")[0] == 2
    assert life.states("entry") == ["unknown"]
