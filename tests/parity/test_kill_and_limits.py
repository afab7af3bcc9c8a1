"""The kill switch and the limits in a living run: they act, they outlive restarts, and a replay of the tape does the same."""

from collections.abc import Callable, Iterator
from typing import Any

from db import kill_file
from db.kill_file import KillOrder
from tests.parity.living import Life

Begin = Callable[..., Life]

CLOCK = '\n[[slots]]\nstrategy = "by_the_clock"\nsymbols = ["BTC/USD"]\nstop = 0.02\n'
BUSY = '\n[[slots]]\nstrategy = "both_ways"\nsymbols = ["BTC/USD", "ETH/USD", "SOL/USD"]\nstop = 0.002\nallow_short = true\n'
STRICT = """consecutive_losses = 1
consecutive_losses_minutes = 1
symbol_loss = 0.0015
slot_loss = 0.001
daily_loss_pause = 0.01
drawdown_reduce = 0.015
drawdown_halt = 0
daily_loss_halt = 0
stale_seconds = 60
orders_symbol_minute = 1
orders_day = 200
stop_cooldown_minutes = 2
price_collar = 0.0012
probation_trades = 1
"""


def pressed(life: Life, flatten: bool = False, by_hand: bool = False) -> Callable[[Any], Iterator[None]]:
    """The file appears, as any program makes it; the market goes on once the loop has obeyed."""

    def deed(pump: Any) -> Iterator[None]:
        if by_hand:
            (life.folder / "KILL").touch()
        else:
            kill_file.press(life.folder, KillOrder("a test", flatten, "because"))
        machine = pump.feed.assembler.emit.__self__.trader.machine
        while machine.level != "killed":
            yield

    return deed


def met(**args: Any) -> Callable[[Any], None]:
    """The runtime has met a failure and tells it as an event."""

    def deed(pump: Any) -> None:
        pump.feed.assembler.emit.__self__.doors.event("command", "fault", args, 0)

    return deed


def test_a_file_kills_and_only_a_person_ends_it(begin: Begin) -> None:
    life = begin(CLOCK)
    life.live(25, (15, pressed(life, by_hand=True)))
    assert life.rows("SELECT state FROM engine_status") == [("stopped",)]
    orders = life.count("orders")
    assert orders >= 3
    assert life.count("position") == 1  # entered at minute 13, held since: nothing leaves under a kill
    assert life.count("run_marker WHERE text LIKE 'kill (file)%'") == 1
    life.live(12)
    assert life.count("orders") == orders  # another process, the same latch
    life.live(25, (2, life.ask("release", breaker="kill", reason="looked at it")))
    assert life.answers[-1].startswith("release: done")
    assert not (life.folder / "KILL").exists()
    assert life.count("orders") > orders
    life.proven()


def test_a_kill_that_flattens_closes_everything_and_the_latch_outlives_its_file(begin: Begin) -> None:
    life = begin(CLOCK)
    life.live(20, (15, pressed(life, flatten=True)))
    assert life.count("position") == 0
    assert life.rows("SELECT exit_reason FROM trade ORDER BY seq DESC LIMIT 1") == [("flatten",)]
    (life.folder / "KILL").unlink()
    orders = life.count("orders")
    life.live(15)
    assert life.count("orders") == orders  # the snapshot holds it too
    assert (life.folder / "KILL").exists()  # and the file is there again
    life.proven()


def test_a_kill_by_the_ledger_leaves_a_file(begin: Begin) -> None:
    life = begin(CLOCK)
    life.live(17, (15, life.ask("kill", flatten=False)))
    assert life.answers == [answer for answer in life.answers if "done" in answer]
    assert (life.folder / "KILL").exists()
    assert life.rows("SELECT state FROM breaker WHERE state = 'tripped'") == []
    life.proven()


def test_every_limit_lived_is_replayed(begin: Begin) -> None:
    life = begin(BUSY, limits=STRICT, short=True)
    life.live(40, (20, met(source="feed", count=5)), (24, met(source="feed", count=0)))
    life.live(40, (1, met(source="ai", used=1.0)))
    counts = life.proven()
    assert counts["trades"] > 5
    tripped = {row[0].partition(":")[0] for row in life.rows("SELECT DISTINCT breaker FROM breaker_event")}
    assert {"consecutive_losses", "feed_errors", "ai_budget"} <= tripped
    assert life.count("run_marker WHERE text LIKE '%on probation%'") > 0
