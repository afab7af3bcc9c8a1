"""Who fills when, and at what price: market orders, slippage, fees, quotes, known_at, expiry, flips."""

from decimal import Decimal

import pytest

from tests.core.picture import check

TAKER = {"maker": Decimal("0.001"), "taker": Decimal("0.002")}


def test_a_decision_fills_at_the_next_open() -> None:
    check("""
        0:00  1000 1020  990 1010 | buy  |
        0:01  1013 1040 1010 1020 |      | buy 1013
        0:02  1050 1060 1040 1050 | exit |
        0:03  1044 1060 1030 1050 |      | sell 1044
    """)


def test_an_order_waits_until_it_is_known() -> None:
    """Known 30 s after the bar's end: the frame that opens before that is not for it."""
    check("""
        0:00     1000 1000 1000 1000 | buy known=30 |
        0:01     1001 1001 1001 1001 |              |
        0:01:29  1002 1002 1002 1002 |              |
        0:01:30  1003 1003 1003 1003 |              | buy 1003
    """)


def test_an_order_waits_for_its_own_symbol() -> None:
    check("""
        0:00    X 100 100 100 100 | buy |
        0:01    Y 500 500 500 500 |     |
        0:01:30 X  99  99  99  99 |     | buy 99
    """)


def test_an_entry_expires_one_strategy_bar_after_it_was_known() -> None:
    check("""
        0:00  X 100 100 100 100 | buy |
        0:01  Y 500 500 500 500 |     |
        0:02  X 101 101 101 101 |     | cancel expired
    """)


def test_an_exit_never_expires() -> None:
    check("""
        0:00  X 100 100 100 100 | buy  |
        0:01  X 100 100 100 100 | exit | buy 100
        0:30  Y 500 500 500 500 |      |
        0:59  X  90  90  90  90 |      | sell 90
    """)


@pytest.mark.parametrize(
    ("slippage", "buy", "sell"),
    [(0.0, 10_000, 10_000), (5.0, 10_005, 9_995), (5.1, 10_006, 9_994), (0.01, 10_001, 9_999)],
)
def test_slippage_rounds_against_the_trader(slippage: float, buy: int, sell: int) -> None:
    check(
        f"""
        0:00  10000 10000 10000 10000 | buy  |
        0:01  10000 10000 10000 10000 | exit | buy {buy}
        0:02  10000 10000 10000 10000 |      | sell {sell}
        """,
        account={"slippage_bps": slippage},
    )


def test_a_quote_is_met_on_its_side() -> None:
    check("""
        0:00  1000 1000 1000 1000               | buy  |
        0:01  1000 1000 1000 1000 q=999/1001    | exit | buy 1001
        0:02  1000 1000 1000 1000 q=998/1003    |      | sell 998
    """)


def test_a_mark_is_the_middle_of_the_closing_quote() -> None:
    out = check(
        """
        0:00  100 100 100 100            | buy  |
        0:01  100 100 100 100 Q=104/108  |      | buy 100 x5000
        0:02  100 100 100 100            |      |
        """,
        until="0:03",
    )
    assert out.equity == [(1, 1000.0), (2, 1030.0), (3, 1000.0)]


def test_the_taker_pays_the_taker_rate_and_a_target_the_makers() -> None:
    out = check(
        """
        0:00  100 100 100 100 | buy target=10 |
        0:01  100 100 100 100 |               | buy 100 x5000
        0:02  100 115 100 112 |               | sell 110 target
        """,
        instrument=TAKER,
    )
    assert out.reports.fills["fee"].tolist() == [1_000_000, 550_000]  # 500 x 0.002 and 550 x 0.001, in 1e-6
    assert out.trades["pnl"].tolist() == [50_000_000 - 1_550_000]


def test_a_flip_leaves_and_enters_at_the_same_open() -> None:
    check("""
        0:00  100 100 100 100 | buy       |
        0:01  100 100 100 100 | flip+sell | buy 100
        0:02   99  99  99  99 |           | sell 99 x5000, sell 99 x5000
        0:03   95  95  95  95 | exit      |
        0:04   90  90  90  90 |           | buy 90
    """)


def test_what_a_slot_ignores() -> None:
    check("""
        0:00  100 100 100 100 | exit     | ignored no_position
        0:01  100 100 100 100 | buy      |
        0:02  100 100 100 100 | buy      | buy 100, ignored in_position
        0:03  100 100 100 100 | sell     | ignored opposite
        0:04  100 100 100 100 | exit     |
        0:05  100 100 100 100 |          | sell 100
    """)


def test_no_pyramiding_while_an_order_waits() -> None:
    check("""
        0:00     100 100 100 100 | buy known=90 |
        0:01     100 100 100 100 | buy          | ignored pending
        0:02:30  100 100 100 100 |              | buy 100
    """)


def test_an_exit_withdraws_an_entry_that_waits() -> None:
    check("""
        0:00  100 100 100 100 | buy limit=5x9 |
        0:01  100 100 100 100 | exit          | ignored no_position
        0:02   80  80  80  80 |               | cancel superseded
    """)


def test_a_fill_above_its_reservation_is_cancelled() -> None:
    """0.5 % above the close and the fee are reserved: 100.5 fills on a price of 1000.., 1006 does not."""
    check("""
        0:00  1000 1000 1000 1000 | buy |
        0:01  1006 1006 1006 1006 |     | cancel moved
        0:02  1000 1000 1000 1000 | buy |
        0:03  1005 1005 1005 1005 |     | buy 1005
    """)


def test_a_missed_entry_is_told_and_not_made_and_a_missed_exit_acts() -> None:
    check("""
        0:00  100 100 100 100 | buy missed  | missed
        0:01  100 100 100 100 | buy         |
        0:02  100 100 100 100 | exit missed | buy 100
        0:03  101 101 101 101 |             | sell 101
    """)


def test_shorts_need_leave_or_a_perpetual() -> None:
    refused = """
        0:00  100 100 100 100 | sell | refused short_not_allowed
        0:01  100 100 100 100 |      |
    """
    taken = """
        0:00  100 100 100 100 | sell |
        0:01  100 100 100 100 |      | sell 100 x5000
    """
    check(refused, slot={"allow_short": False})
    check(taken, slot={"allow_short": False}, instrument={"kind": "perp"})
    out = check(taken)
    assert out.machine.account["cash"][0] == 1_500_000_000  # the sale's 500 are cash, the debt is a mark


def test_research_sizes_at_the_fill_and_never_expires() -> None:
    check(
        """
        0:00  X 100 100 100 100 | buy |
        0:01  Y 500 500 500 500 |     |
        0:09  X 125 125 125 125 |     | buy 125 x4000
        """,
        account={"research": True},
    )


def test_no_decision_before_the_first_price() -> None:
    check("""
        0:00  Y 500 500 500 500 | buy | refused no_price
        0:01  X 100 100 100 100 |     |
    """)
