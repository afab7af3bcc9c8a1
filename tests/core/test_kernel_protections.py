"""The rules around orders and data, as pictures: rates, collar, sectors, cool-downs, stale data, failures, and how trips end."""

from dataclasses import replace

import pytest

from engine.core import codes
from engine.core.machine import Machine
from engine.core.types import BreakerSpec, Sizing
from tests.core.picture import ACCOUNT, DAY0, MINUTE, SLOT, Outcome, X, check, protected

LOSS = BreakerSpec("loss", "consecutive_losses", "slot", 1, "paused", end="cooldown", minutes=1)
B = replace(SLOT, label="b", sizing=Sizing("share", 0.1))
Y = replace(SLOT, label="y", symbol="Y/USD", sizing=Sizing("share", 0.3))


def told(out: Outcome, kind: str) -> list[tuple[int, str, float]]:
    """(minute, breaker, value) of each event of a kind."""
    return [
        ((int(e["ts"]) - DAY0) // MINUTE, out.machine.breaker_names[e["breaker"]], float(e["value"]) / 1e9)
        for e in out.reports.events
        if codes.EVENTS[e["kind"]] == kind
    ]


def test_no_more_entries_in_a_minute_than_allowed() -> None:
    check(
        """
        0:00  X 1000 1000 1000 1000 | A: buy, B: buy | refused order_rate
        0:01  X 1000 1000 1000 1000 | B: buy         | buy 1000
        0:02  X 1000 1000 1000 1000 |                | buy 1000
        """,
        slots=[SLOT, B],
        account={"orders_minute": 1},
    )


def test_no_more_entries_in_a_day_than_allowed() -> None:
    check(
        """
        23:57  1000 1000 1000 1000 | buy  |
        23:58  1000 1000 1000 1000 | exit | buy 1000
        23:59  1000 1000 1000 1000 |      | sell 1000
        24:00  1000 1000 1000 1000 | buy  |
        24:01  1000 1000 1000 1000 | exit | buy 1000
        24:02  1000 1000 1000 1000 | buy  | sell 1000, refused order_rate
        """,
        account={"orders_day": 1},
        until="24:03",
    )


def test_an_entry_far_from_the_mark_is_cancelled_and_an_exit_never_is() -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy  |
        0:01   970  970  970 1000 | buy  | cancel collar
        0:02   985  985  985 1000 | exit | buy 985
        0:03   700  700  700  700 |      | sell 700
        """,
        account={"collar": 0.02},
    )


def test_a_sector_holds_no_more_than_its_share() -> None:
    """X has half of equity, the sector 60 %: a tenth is left for Y, which asked for three."""
    check(
        """
        0:00  X 1000 1000 1000 1000 |        |
        0:00  Y 1000 1000 1000 1000 | A: buy |
        0:01  X 1000 1000 1000 1000 | B: buy | buy 1000
        0:02  Y 1000 1000 1000 1000 |        | buy 1000 x100
        """,
        slots=[SLOT, Y],
        account={"sector_cap": 0.6, "sectors": (("X/USD", "layer 1"), ("Y/USD", "layer 1"))},
    )


def test_after_a_stop_a_slot_cools_down() -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000  900 1000 | buy | buy 1000, sell 990 stop, refused cooldown
        0:02  1000 1000 1000 1000 | buy | refused cooldown
        0:03  1000 1000 1000 1000 | buy |
        0:04  1000 1000 1000 1000 |     | buy 1000
        """,
        slot={**protected(stop=0.01), "cooldown_ms": 3 * MINUTE},
    )


def test_a_symbol_without_bars_is_stale_until_one_comes() -> None:
    out = check(
        """
        0:00  X 1000 1000 1000 1000 |        |
        0:00  Y 1000 1000 1000 1000 |        |
        0:01  X 1000 1000 1000 1000 |        |
        0:02  X 1000 1000 1000 1000 |        |
        0:03  X 1000 1000 1000 1000 | B: buy | refused breaker
        0:04  X 1000 1000 1000 1000 |        |
        0:04  Y 1000 1000 1000 1000 | B: buy |
        0:05  Y 1000 1000 1000 1000 |        | buy 1000
        """,
        slots=[SLOT, Y],
        breakers=[BreakerSpec("stale", "stale_data", "symbol", 120, "paused", end="regained")],
    )
    assert told(out, "trip") == [(2, "stale:Y/USD", 120.0)]
    assert told(out, "end") == [(4, "stale:Y/USD", 120.0)]


def test_what_one_symbol_loses_in_a_day_bars_that_symbol() -> None:
    """X falls by 10 % on half of equity: 5 % of the account, while Y goes on."""
    out = check(
        """
        0:00  X 1000 1000 1000 1000 | A: buy  |
        0:00  Y 1000 1000 1000 1000 |         |
        0:01  X 1000 1000 1000 1000 |         | buy 1000
        0:02  X  900  900  900  900 | A: exit |
        0:03  X  900  900  900  900 | A: buy  | sell 900, refused breaker
        0:03  Y 1000 1000 1000 1000 | B: buy  |
        0:04  Y 1000 1000 1000 1000 |         | buy 1000
        """,
        slots=[SLOT, Y],
        breakers=[BreakerSpec("part", "daily_loss", "symbol", 0.05, "paused", end="next_day")],
    )
    assert told(out, "trip") == [(2, "part:X/USD", pytest.approx(0.05))]
    assert out.machine.level == "running"


def test_a_fall_half_regained_ends_by_itself_and_keeps_the_peak() -> None:
    out = check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000 1000 1000 |     | buy 1000
        0:02   780  780  780  780 |     |
        0:03   899  899  899  899 |     |
        0:04   900  900  900  900 |     |
        """,
        breakers=[BreakerSpec("fall", "drawdown", "account", 0.10, "reduce_only", end="regained")],
    )
    assert told(out, "trip") == [(2, "fall", pytest.approx(0.11))]
    assert told(out, "end") == [(4, "fall", pytest.approx(0.11))]
    assert float(out.machine.account["peak"][0]) == 1000.0


def test_on_probation_entries_are_smaller_until_enough_trades_have_closed() -> None:
    """A loss pauses for four minutes (four bars at least), then two trades at half of 50 %, then whole sizes again."""
    out = check(
        """
        0:00  1000 1000 1000 1000 | buy  |
        0:01  1000 1000  990 1000 |      | buy 1000, sell 990 stop
        0:04  1000 1000 1000 1000 | buy  |
        0:05  1000 1000 1000 1000 | exit | buy 1000 x248
        0:06  1000 1000 1000 1000 | buy  | sell 1000
        0:07  1000 1000 1000 1000 | exit | buy 1000 x248
        0:08  1000 1000 1000 1000 | buy  | sell 1000
        0:09  1000 1000 1000 1000 |      | buy 1000 x497
        """,
        slot=protected(stop=0.01),
        breakers=[replace(LOSS, probation=0.5, probation_trades=2)],
    )
    assert [minute for minute, _, _ in told(out, "probation")] == [5]
    assert [minute for minute, _, _ in told(out, "full_size")] == [8]


def test_the_third_trip_of_a_day_waits_for_a_person() -> None:
    out = check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1000  990 1000 |     | buy 1000, sell 990 stop
        0:05  1000 1000 1000 1000 | buy |
        0:06  1000 1000  990 1000 |     | buy 1000, sell 990 stop
        0:30  1000 1000 1000 1000 | buy | refused breaker
        """,
        slot=protected(stop=0.01),
        breakers=[replace(LOSS, trips_a_day=2)],
        until="0:31",
    )
    assert [minute for minute, _, _ in told(out, "trip")] == [1, 6]
    assert [minute for minute, _, _ in told(out, "end")] == [5]


def test_recorded_failures_trip_and_end() -> None:
    machine = Machine(
        ACCOUNT,
        [X],
        [SLOT],
        [
            BreakerSpec("feed", "feed_errors", "account", 3, "paused", end="regained"),
            BreakerSpec("venue", "venue_errors", "account", 2, "reduce_only", end="cooldown", minutes=5),
            BreakerSpec("ai", "ai_budget", "account", 1.0, "running", end="next_day"),
            BreakerSpec("storage", "storage", "account", 1, "reduce_only", end="regained"),
        ],
    )
    machine.clock(DAY0 + MINUTE)
    machine.command("fault", DAY0 + MINUTE, source="feed", count=2)
    assert machine.level == "running"
    machine.command("fault", DAY0 + MINUTE, source="feed", count=3)
    assert machine.level == "paused"
    machine.command("fault", DAY0 + 2 * MINUTE, source="feed", count=0)
    assert machine.level == "running"
    machine.command("fault", DAY0 + 3 * MINUTE, source="venue", count=2)
    assert machine.level == "reduce_only"
    machine.clock(DAY0 + 8 * MINUTE)
    assert machine.level == "running"
    machine.command("fault", DAY0 + 9 * MINUTE, source="ai", used=1.02)
    assert machine.level == "running"  # only told: the AI's own side falls back to its rules
    assert machine.breakers["tripped"].tolist() == [0, 0, 1, 0]
    levels = []
    for count in (1, 0, 1):
        machine.command("fault", DAY0 + 10 * MINUTE, source="storage", count=count)
        levels.append(machine.level)
    assert levels == ["reduce_only", "running", "reduce_only"]
    machine.command("release", DAY0 + 11 * MINUTE, breaker="storage")  # forgotten, until it is told again
    assert (machine.level, machine.watched().tolist()[3]) == ("running", 0.0)
    for wrong in ({"source": "weather", "count": 1}, {"source": "feed"}, {"source": "ai", "used": float("nan")}):
        with pytest.raises(ValueError):
            machine.command("fault", DAY0, **wrong)
