"""Stops, targets, trailing, break-even, time stops: what a bar does to an open position."""

from decimal import Decimal

from tests.core.picture import MINUTE, check, protected


def test_a_stop_acts_at_a_touch_and_a_target_only_a_tick_beyond() -> None:
    check("""
        0:00  100 100 100 100 | buy stop=5 target=10 |
        0:01  100 110 100 108 |                      | buy 100
        0:02  108 110  96 100 |                      |
        0:03  100 100  95  97 |                      | sell 95 stop
    """)
    check("""
        0:00  100 100 100 100 | buy stop=5 target=10 |
        0:01  100 110 100 108 |                      | buy 100
        0:02  108 111 100 100 |                      | sell 110 target
    """)


def test_shorts_are_the_mirror() -> None:
    check("""
        0:00  100 100 100 100 | sell stop=5 target=10 |
        0:01  100 100  90  92 |                       | sell 100
        0:02   92 104  90 100 |                       |
        0:03  100 105 100 103 |                       | buy 105 stop
    """)
    check("""
        0:00  100 100 100 100 | sell stop=5 target=10 |
        0:01  100 100  90  92 |                       | sell 100
        0:02   92  95  89 100 |                       | buy 90 target
    """)


def test_a_position_can_be_stopped_in_the_bar_it_was_opened_in() -> None:
    check("""
        0:00  100 100 100 100 | buy stop=5 |
        0:01  100 102  94 101 |            | buy 100, sell 95 stop
    """)


def test_a_gap_beyond_the_stop_fills_at_the_open() -> None:
    check("""
        0:00  100 100 100 100 | buy stop=5 |
        0:01  100 100 100 100 |            | buy 100
        0:02   80  99  70  90 |            | sell 80 stop
    """)


def test_an_open_on_the_stop_is_a_gap_too() -> None:
    check("""
        0:00  100 100 100 100 | buy stop=5 target=1 |
        0:01  100 100 100 100 |                     | buy 100
        0:02   95 120  95  99 |                     | sell 95 stop
    """)


def test_a_gap_beyond_the_target_fills_at_the_better_open() -> None:
    check(
        """
        0:00  100 100 100 100 | buy stop=5 target=10 |
        0:01  100 100 100 100 |                      | buy 100
        0:02  118 120  90 100 |                      | sell 118 target
        """,
        account={"slippage_bps": 0.0},
    )


def test_a_gapped_stop_meets_the_quote_if_that_is_worse() -> None:
    check("""
        0:00  1000 1000 1000 1000             | buy stop=50 |
        0:01  1000 1000 1000 1000             |             | buy 1000
        0:02   900  900  890  900 q=880/905   |             | sell 880 stop
    """)


def test_slippage_works_on_stops_and_not_on_targets() -> None:
    check(
        """
        0:00  10000 10000 10000 10000 | buy stop=500 |
        0:01  10000 10000 10000 10000 |              | buy 10010
        0:02  10000 10000  9000  9000 |              | sell 9500 stop
        """,
        account={"slippage_bps": 10.0},
    )
    check(
        """
        0:00  10000 10000 10000 10000 | buy target=500 |
        0:01  10000 10000 10000 10000 |                | buy 10010
        0:02  10000 10600 10000 10000 |                | sell 10510 target
        """,
        account={"slippage_bps": 10.0},
    )


def test_both_inside_a_bar_the_stop_first_and_the_band_told() -> None:
    out = check(
        """
        0:00  100 100 100 100 | buy stop=5 target=10 |
        0:01  100 100 100 100 |                      | buy 100 x5000
        0:02  100 120  90 100 |                      | sell 95 stop
        """,
        instrument={"maker": Decimal("0.001")},
    )
    trade = out.trades[0]
    assert trade["ambiguous"] == 1
    assert trade["pnl"] == -25_000_000
    assert trade["kind_pnl"] == 50_000_000 - 550_000  # had the target come first, at the maker's rate


def test_fractions_are_of_the_fill_to_the_nearest_tick() -> None:
    check(
        """
        0:00  1003 1003 1003 1003 | buy |
        0:01  1003 1003  983  983 |     | buy 1003, sell 983 stop
        """,
        slot=protected(stop=0.02),  # 982.94
    )
    check(
        """
        0:00  1003 1003 1003 1003 | buy |
        0:01  1003 1043 1003 1003 |     | buy 1003
        0:02  1003 1044 1003 1003 |     | sell 1043 target
        """,
        slot=protected(target=0.04),  # 1043.12
    )


def test_a_signals_own_distance_goes_before_the_slots() -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy stop=5 |
        0:01  1000 1000  994 1000 |            | buy 1000, sell 995 stop
        """,
        slot=protected(stop=0.02),
    )


def test_trailing_moves_on_bars_before_this_one() -> None:
    """The entry's bar reaches 108; only the next bar is guarded at 103."""
    check("""
        0:00  100 100 100 100 | buy trail=5 |
        0:01  100 108 100 101 |             | buy 100
        0:02  104 120 104 119 |             |
        0:03  119 119 115 118 |             | sell 115 trail
    """)
    check("""
        0:00  100 100 100 100 | buy trail=5 |
        0:01  100 100  95 101 |             | buy 100, sell 95 trail
    """)


def test_trailing_never_loosens() -> None:
    check("""
        0:00  100 100 100 100 | sell trail=5 |
        0:01  100 101  90  95 |              | sell 100
        0:02   94  94  93  94 |              |
        0:03   94  95  94  95 |              | buy 95 trail
    """)


def test_a_stop_tighter_than_the_trail_stays_until_the_trail_passes_it() -> None:
    check("""
        0:00  100 100 100 100 | buy stop=2 trail=5 |
        0:01  100 102  99 101 |                    | buy 100
        0:02  101 101  98 101 |                    | sell 98 stop
    """)
    check("""
        0:00  100 100 100 100 | buy stop=2 trail=5 |
        0:01  100 104  99 104 |                    | buy 100
        0:02  104 104  99 101 |                    | sell 99 trail
    """)


def test_break_even_arms_on_a_past_bars_extreme() -> None:
    check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1020  996 1004 |     | buy 1000
        0:02  1004 1004  999 1004 |     | sell 1000 breakeven
        """,
        slot=protected(stop=0.05, breakeven=0.02),
    )
    check(
        """
        0:00  1000 1000 1000 1000 | buy |
        0:01  1000 1019  996 1004 |     | buy 1000
        0:02  1004 1004  951 1004 |     |
        0:03  1004 1004  950 1004 |     | sell 950 stop
        """,
        slot=protected(stop=0.05, breakeven=0.02),
    )


def test_a_time_stop_counts_strategy_bars_from_the_entrys_own() -> None:
    out = check(
        """
        0:03:20  100 100 100 100 | buy |
        0:05:40  100 100 100 100 |     | buy 100
        0:09:50  101 101 101 101 |     |
        0:14:59  101 101 101 101 |     |
        0:15:00  102 102 102 102 |     | sell 102 time
        """,
        slot={**protected(time_stop=2), "timeframe_ms": 5 * MINUTE},
    )
    assert out.trades["bars_held"].tolist() == [2]


def test_a_time_stop_is_delayed_like_any_order() -> None:
    check(
        """
        0:00     100 100 100 100 | buy known=2 |
        0:01:02  100 100 100 100 |             | buy 100
        0:02:01  101 101 101 101 |             |
        0:02:02  102 102 102 102 |             | sell 102 time
        """,
        slot=protected(time_stop=1),
        account={"delay_ms": 2_000},
    )


def test_a_stop_goes_before_an_exit_that_still_waits() -> None:
    check("""
        0:00     100 100 100 100 | buy stop=5    |
        0:01     100 100 100 100 | exit known=30 | buy 100
        0:02     100 100  90  90 |               | sell 95 stop, cancel superseded
        0:02:30   90  90  90  90 |               |
    """)


def test_an_exit_at_the_open_goes_before_a_stop_inside_the_bar() -> None:
    check("""
        0:00  100 100 100 100 | buy stop=5 |
        0:01  100 100 100 100 | exit       | buy 100
        0:02   99 100  90  90 |            | sell 99
    """)


def test_mae_and_mfe_see_bars_held_to_their_close_and_the_two_fills() -> None:
    """The bar of the exit counts by its fill alone: its low of 80 came after 93 was had, or might have."""
    out = check("""
        0:00  100 100 100 100 | buy stop=7 |
        0:01  100 109  98 101 |            | buy 100
        0:02  101 130  80  90 |            | sell 93 stop
    """)
    trade = out.trades[0]
    assert (trade["high"], trade["low"]) == (109, 93)


def test_a_cool_down_after_a_stop() -> None:
    check(
        """
        0:00  100 100 100 100 | buy stop=5 |
        0:01  100 100  90  90 |            | buy 100, sell 95 stop
        0:02   90  90  90  90 | buy        | refused cooldown
        0:03   90  90  90  90 | buy        |
        0:04   90  90  90  90 |            | buy 90
        """,
        slot={"cooldown_ms": 3 * MINUTE},
    )


def test_no_cool_down_after_a_target() -> None:
    check(
        """
        0:00  100 100 100 100 | buy target=5 |
        0:01  100 100 100 100 |              | buy 100
        0:02  100 110 100 100 | buy          | sell 105 target
        0:03  100 100 100 100 |              | buy 100
        """,
        slot={"cooldown_ms": 3 * MINUTE},
    )
