"""Limit entries, and what back-filled bars may and may not do."""

from decimal import Decimal

from tests.core.picture import check, protected


def test_a_limit_fills_a_tick_beyond_at_its_price_and_the_makers_rate() -> None:
    out = check(
        """
        0:00  100 100 100 100 | buy limit=5x9 |
        0:01  100 101  95  97 |               |
        0:02   97  97  94  96 |               | buy 95 x5263
        """,
        instrument={"maker": Decimal("0.001")},
    )
    assert out.reports.fills["fee"].tolist() == [499_985]


def test_a_sell_limit_is_the_mirror() -> None:
    check("""
        0:00  100 100 100 100 | sell limit=5x9 |
        0:01  100 105 100 103 |                |
        0:02  103 106 103 103 |                | sell 105
    """)


def test_a_limit_fills_at_its_price_however_far_the_bar_went() -> None:
    check("""
        0:00  100 100 100 100 | buy limit=5x9 |
        0:01   90  91  80  85 |               | buy 95
    """)


def test_a_limit_lives_its_bars_and_not_longer() -> None:
    check("""
        0:00  100 100 100 100 | buy limit=5x3 |
        0:01  100 100  95 100 |               |
        0:02  100 100 100 100 |               |
        0:03  100 100  99 100 |               |
        0:04  100 100  90 100 |               | cancel expired
    """)


def test_a_limit_is_not_filled_before_it_is_known() -> None:
    check("""
        0:00     100 100 100 100 | buy limit=5x1 known=30 |
        0:01      90  90  90  90 |                        |
        0:01:30   94  94  94  94 |                        | buy 95
    """)


def test_in_the_bar_of_its_fill_the_stop_may_act_and_the_target_not() -> None:
    check("""
        0:00  100 100 100 100 | buy limit=5x9 stop=3 target=2 |
        0:01  100 100  94  99 |                               | buy 95
        0:02   99  99  96  99 |                               | sell 99 target
    """)
    check("""
        0:00  100 100 100 100 | buy limit=5x9 stop=3 target=2 |
        0:01  100 100  92  99 |                               | buy 95, sell 92 stop
    """)


def test_a_back_filled_bar_fills_nothing() -> None:
    """The entry waits through the gap and finds itself expired at the first live frame."""
    check("""
        0:00   100 100 100 100 | buy |
        0:01g  100 100 100 100 |     |
        0:02   100 100 100 100 |     | cancel expired
    """)


def test_an_exit_waits_for_a_live_bar() -> None:
    check("""
        0:00   100 100 100 100 | buy  |
        0:01   100 100 100 100 | exit | buy 100
        0:02g   90  90  90  90 |      |
        0:03    80  80  80  80 |      | sell 80
    """)


def test_a_stop_touched_in_a_gap_leaves_at_the_first_price_really_to_be_had() -> None:
    check("""
        0:00   100 100 100 100 | buy stop=5 target=9 |
        0:01   100 100 100 100 |                     | buy 100
        0:02g  100 100  94  99 |                     |
        0:03g   99 130  99 104 |                     |
        0:04   104 104 104 104 |                     | sell 104 outage
    """)


def test_a_target_passed_in_a_gap_is_not_had() -> None:
    check("""
        0:00   100 100 100 100 | buy target=9 |
        0:01   100 100 100 100 |              | buy 100
        0:02g  100 130 100 104 |              |
        0:03   104 110 104 104 |              | sell 109 target
    """)


def test_a_gap_moves_the_trail() -> None:
    check("""
        0:00   100 100 100 100 | buy trail=5 |
        0:01   100 100 100 100 |             | buy 100
        0:02g  100 120 100 119 |             |
        0:03   118 118 116 116 |             |
        0:04   116 116 115 116 |             | sell 115 trail
    """)


def test_a_gap_marks_equity() -> None:
    out = check(
        """
        0:00   100 100 100 100 | buy |
        0:01   100 100 100 100 |     | buy 100 x5000
        0:02g  100 100 100 104 |     |
        """,
        until="0:03",
    )
    assert out.equity == [(1, 1000.0), (2, 1000.0), (3, 1020.0)]


def test_an_outage_counts_as_a_stop_for_the_cool_down() -> None:
    check(
        """
        0:00   100 100 100 100 | buy |
        0:01   100 100 100 100 |     | buy 100
        0:02g  100 100  90 100 |     |
        0:03   100 100 100 100 | buy | sell 100 outage, refused cooldown
        0:04   100 100 100 100 |     |
        """,
        slot={**protected(stop=0.05), "cooldown_ms": 120_000},
    )
