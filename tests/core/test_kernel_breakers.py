"""Levels and breakers: what trips, what that stops, and how it ends."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from engine.core import codes
from engine.core.machine import Machine
from engine.core.types import EXEC_BAR, BreakerSpec, Sizing
from tests.core.picture import ACCOUNT, DAY0, MINUTE, SLOT, Outcome, X, check, protected

LOSSES = BreakerSpec("losses", "consecutive_losses", "account", 2, "paused", end="cooldown", minutes=3)
DAILY = BreakerSpec("day", "daily_loss", "account", 0.05, "paused", end="next_day")
HALT = BreakerSpec("halt", "drawdown", "account", 0.01, "halted")
DRAWDOWN = BreakerSpec("fall", "drawdown", "account", 0.10, "reduce_only")


def events(out: Outcome, kind: str) -> list[tuple[int, float]]:
    """(minute, value) of each event of a kind."""
    return [
        ((int(row["ts"]) - DAY0) // MINUTE, float(row["value"]) / 1e9)
        for row in out.reports.events
        if codes.EVENTS[row["kind"]] == kind
    ]


def test_two_losses_in_a_row_pause_and_the_cool_down_ends_it() -> None:
    out = check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000  900 1000 | buy | buy 1000, sell 990 stop
        0:02  1000 1000  900 1000 | buy | buy 1000, sell 990 stop, refused level
        0:03  1000 1000 1000 1000 | buy | refused level
        0:04  1000 1000 1000 1000 | buy |
        0:05  1000 1000 1000 1000 |     | buy 1000
        """,
        slot=protected(stop=0.01),
        breakers=[LOSSES],
    )
    assert events(out, "trip") == [(2, 2.0)]
    assert events(out, "end") == [(5, 2.0)]


def test_a_gain_starts_the_count_anew_and_a_draw_leaves_it() -> None:
    out = check(
        """
        0:00  1000 1000 1000 1000 | buy  |
        0:01  1000 1000 1000 1000 | exit | buy 1000
        0:02   999  999  999  999 | buy  | sell 999
        0:03   999  999  999  999 | exit | buy 999
        0:04   999  999  999  999 | buy  | sell 999
        0:05   999  999  999  999 | exit | buy 999
        0:06  1001 1001 1001 1001 | buy  | sell 1001
        0:07  1001 1001 1001 1001 | exit | buy 1001
        0:08  1000 1000 1000 1000 |      | sell 1000
        0:09  1000 1000 1000 1000 |      |
        """,
        breakers=[LOSSES],
    )
    assert out.trades["pnl"].tolist() == [-500_000, 0, 1_000_000, -499_000]
    assert events(out, "trip") == []


def test_a_slots_own_count_bars_that_slot_alone() -> None:
    check(
        """
        0:00  X 1000 1000 1000 1000 | A: buy         |
        0:01  X 1000 1000  900 1000 | A: buy, B: buy | buy 1000, sell 990 stop, refused breaker
        0:02  X 1000 1000 1000 1000 |                | buy 1000
        """,
        slots=[replace(SLOT, **protected(stop=0.01)), replace(SLOT, label="b")],
        breakers=[replace(LOSSES, scope="slot", threshold=1)],
    )


def test_a_daily_loss_pauses_until_midnight() -> None:
    """Half of 1,000 is held; a fall of 10 % costs 5 % of the day's start, unrealised."""
    check(
        """
        23:50  1000 1000 1000 1000 | buy  |
        23:51  1000 1000 1000 1000 |      | buy 1000
        23:52   900  900  900  900 | exit |
        23:53   900  900  900  900 | buy  | sell 900, refused level
        23:59   900  900  900  900 | buy  |
        24:00   900  900  900  900 |      | buy 900
        """,
        breakers=[DAILY],
    )


def test_the_day_starts_at_the_last_mark_before_midnight() -> None:
    """Down 4 % before midnight and 4 % after: no day lost five."""
    out = check(
        """
        23:57  1000 1000 1000 1000 | buy |
        23:58  1000 1000 1000 1000 |     | buy 1000
        23:59   920  920  920  920 |     |
        24:01   845  845  845  845 |     |
        24:02   820  820  820  820 |     |
        """,
        breakers=[DAILY],
    )
    assert events(out, "trip") == [(24 * 60 + 2, pytest.approx(0.05208, abs=1e-5))]


def test_a_drawdown_is_from_the_peak_and_needs_a_person() -> None:
    out = check(
        """
        0:00  1000 1000 1000 1000 | buy  |
        0:01  1000 1000 1000 1000 |      | buy 1000 x500
        0:02  1200 1200 1200 1200 |      |
        0:03   980  980  980  980 | exit |
        0:04   980  980  980  980 | buy  | sell 980, refused level
        0:05   980  980  980  980 |      |
        """,
        breakers=[DRAWDOWN],
    )
    assert events(out, "trip") == [(3, 0.1)]  # 1,100 to 990
    assert out.machine.level == "reduce_only"


def test_a_person_in_a_backtest_is_an_interval() -> None:
    out = check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000 1000 1000 |     | buy 1000
        0:02   800  800  800  800 |     |
        0:06   800  800  800  800 |     |
        0:07   800  800  800  800 |     |
        """,
        breakers=[DRAWDOWN],
        account={"auto_ack_ms": 5 * MINUTE},
    )
    assert events(out, "end") == [(7, pytest.approx(0.1))]
    assert out.machine.level == "running"  # the peak is equity now


def test_a_pause_cancels_entries_that_wait() -> None:
    check(
        """
        0:00  X 1000 1000 1000 1000 | A: buy             |
        0:01  X 1000 1000 1000 1000 | B: buy limit=250x9 | buy 1000
        0:02  X  992  992  800  800 |                    | cancel level
        0:03  X  700  700  700  700 |                    |
        """,
        slots=[SLOT, replace(SLOT, label="b", sizing=Sizing("share", 0.1))],
        breakers=[DAILY],
    )


@pytest.mark.parametrize("action", ["paused", "reduce_only", "halted"])
def test_stops_act_below_killed(action: str) -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000 1000 1000 |     | buy 1000
        0:02   850  850  850  850 |     |
        0:03   850  850  790  800 |     | sell 800 stop
        """,
        slot=protected(stop=0.2),
        breakers=[replace(DAILY, action=action)],
    )


def test_halted_leaves_strategy_exits_alone_too() -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy  |
        0:01  1000 1000 1000 1000 |      | buy 1000
        0:02   850  850  850  850 | exit | refused level
        0:03   850  850  850  850 |      |
        """,
        breakers=[replace(DAILY, action="halted")],
    )


def test_killed_does_nothing_by_itself() -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000 1000 1000 |     | buy 1000
        0:02   850  850  850  850 |     |
        0:03   850  850  100  100 |     |
        """,
        slot=protected(stop=0.2),
        breakers=[replace(DAILY, action="killed")],
    )


def test_flatten_leaves_at_the_next_open() -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000 1000 1000 |     | buy 1000
        0:02   850  850  850  850 |     |
        0:03   840  850  840  850 |     | sell 840 flatten
        """,
        breakers=[replace(DAILY, action="killed", flatten=True)],
    )


def test_a_trip_in_the_very_first_frame_ends_with_its_day() -> None:
    out = check(
        """
        23:58  X 1000 1000 1000 1000 | buy |
        23:59  X 1000 1000  800  800 |     | buy 1000
        24:00  X  800  800  800  800 |     |
        """,
        breakers=[DAILY],
    )
    assert events(out, "end") == [(24 * 60, pytest.approx(0.1))]


def test_a_wiped_out_account_is_flattened_and_killed() -> None:
    out = check(
        """
        0:00  100 100 100 100 | sell |
        0:01  100 100 100 100 |      | sell 100 x9950
        0:02  100 250 100 250 | buy  | refused level
        0:03  240 240 240 240 | buy  | buy 240 wiped_out, refused level
        0:04  240 240 240 240 |      |
        """,
        slot={"sizing": Sizing("share", 1.0)},
    )
    assert out.machine.level == "killed"
    assert len(events(out, "wiped_out")) == 1


def test_halted_the_strategys_exit_waits_but_the_time_stop_does_not() -> None:
    """Halted while the order to leave is on its way: it waits; three bars after the entry the time stop takes its place."""
    check(
        """
        0:00  1000 1000 1000 1000 | buy           |
        0:01  1000 1000 1000 1000 | exit known=60 | buy 1000
        0:02   850  850  850  850 |               |
        0:03   850  850  850  850 |               |
        0:04   840  840  840  840 |               | sell 840 time, cancel superseded
        0:05   840  840  840  840 | buy           | refused level
        0:06   840  840  840  840 |               |
        """,
        slot=protected(time_stop=3),
        breakers=[HALT],
    )


def test_a_breaker_on_a_slots_peak_is_refused() -> None:
    with pytest.raises(ValueError, match="drawdown is watched for account, not for slot"):
        Machine(ACCOUNT, [X], [SLOT], [replace(DRAWDOWN, scope="slot")])


def bar(price: int) -> np.ndarray:  # type: ignore[type-arg]
    row = np.zeros(1, EXEC_BAR)
    for name in ("open", "high", "low", "close"):
        row[name] = price
    return row


def test_commands_pause_close_tighten_and_release() -> None:
    """A person's commands between frames: each acts at the next frame, and is refused with a reason where it
    cannot.
    """
    from tests.core.picture import _decision

    machine = Machine(ACCOUNT, [X], [replace(SLOT, **protected(stop=0.5))], [])
    machine.frame(DAY0, bar(1000))
    decision = np.array([_decision(["buy"], 0, DAY0 + MINUTE)], _decision(["buy"], 0, 0).dtype)
    machine.decide(decision)
    assert machine.frame(DAY0 + MINUTE, bar(1000)).fills.size == 1
    machine.command("pause", DAY0 + MINUTE + 1)
    decision["decided_at"] = decision["known_at"] = DAY0 + 2 * MINUTE
    assert machine.level == "paused"
    machine.command("tighten_stop", DAY0 + MINUTE + 2, slot="all", price=990)
    with pytest.raises(ValueError, match="tighten"):
        machine.command("tighten_stop", DAY0 + MINUTE + 3, slot="all", price=980)
    with pytest.raises(ValueError, match="beyond the market"):
        machine.command("tighten_stop", DAY0 + MINUTE + 3, slot="all", price=1001)
    with pytest.raises(ValueError, match="unknown command"):
        machine.command("dance", DAY0 + MINUTE + 3)
    machine.command("kill", DAY0 + MINUTE + 4)
    assert machine.frame(DAY0 + 2 * MINUTE, bar(980)).fills.size == 0  # killed: not even the stop
    with pytest.raises(ValueError, match="release"):
        machine.command("resume", DAY0 + 2 * MINUTE + 1)
    machine.command("close", DAY0 + 2 * MINUTE + 2, slot="all")
    fill = machine.frame(DAY0 + 3 * MINUTE, bar(970)).fills
    assert codes.PURPOSES[fill["purpose"][0]] == "manual"
    assert fill["price"].tolist() == [970]
    machine.command("release", DAY0 + 3 * MINUTE + 1, breaker="kill")
    assert machine.level == "running"


def test_cash_flows_are_no_returns() -> None:
    machine = Machine(ACCOUNT, [X], [SLOT], [DRAWDOWN])
    machine.frame(DAY0, bar(1000))
    machine.command("cash", DAY0 + 1, quanta=-500_000_000)
    assert machine.frame(DAY0 + MINUTE, bar(1000)).events.size == 0
    assert machine.level == "running"
    assert machine.account["cash"][0] == 500_000_000
    with pytest.raises(ValueError, match="withdrawal"):
        machine.command("cash", DAY0 + MINUTE + 1, quanta=-int(Decimal(501) / Decimal("1e-6")))
