"""How much: the four sizings, caps, buying power, reservations, minimums, several slots on one account."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.core.types import Sizing, SlotSpec
from tests.core.picture import SLOT, check, protected

A = SLOT
B = replace(SLOT, label="b")
ON_Y = replace(SLOT, label="y", symbol="Y/USD")

ONE_TRADE = """
    0:00  100 100 100 100 | {decision} |
    0:01  100 100 100 100 |            | buy 100 x{lots}
"""
REFUSED = """
    0:00  100 100 100 100 | {decision} | refused {reason}
    0:01  100 100 100 100 |            |
"""


@pytest.mark.parametrize(
    ("sizing", "decision", "lots"),
    [
        (Sizing("share", 0.2), "buy", 2_000),  # 200 of 1,000
        (Sizing("share", 0.123456789), "buy", 1_234),  # floored to the lot
        (Sizing("fixed", 150.0), "buy", 1_500),
        (Sizing("risk", 0.01), "buy stop=4", 2_500),  # 10 lost at 4 a coin
        (Sizing("volatility", 0.3), "buy vol=0.6", 5_000),
        (Sizing("volatility", 0.3), "buy vol=0.1", 9_950),  # three times equity, cut to what it can pay with the buffer
    ],
)
def test_sizings(sizing: Sizing, decision: str, lots: int) -> None:
    check(ONE_TRADE.format(decision=decision, lots=lots), slot={"sizing": sizing})


def test_risk_takes_the_slots_stop_where_the_signal_has_none() -> None:
    check(ONE_TRADE.format(decision="buy", lots=5_000), slot={"sizing": Sizing("risk", 0.01), **protected(stop=0.02)})


@pytest.mark.parametrize(
    ("sizing", "decision", "reason"),
    [
        (Sizing("risk", 0.01), "buy", "no_stop"),
        (Sizing("volatility", 0.3), "buy", "no_volatility"),
        (Sizing("volatility", 0.3), "buy vol=0", "no_volatility"),
        (Sizing("fixed", 0.05), "buy", "min_notional"),  # less than a lot
    ],
)
def test_what_cannot_be_sized_is_refused(sizing: Sizing, decision: str, reason: str) -> None:
    check(REFUSED.format(decision=decision, reason=reason), slot={"sizing": sizing})


def test_minimums() -> None:
    small = {"sizing": Sizing("fixed", 9.0)}
    check(REFUSED.format(decision="buy", reason="min_notional"), slot=small, instrument={"min_notional": Decimal(10)})
    check(REFUSED.format(decision="buy", reason="min_notional"), slot=small, instrument={"min_qty": Decimal("0.1")})
    check(ONE_TRADE.format(decision="buy", lots=90), slot=small, instrument={"min_notional": Decimal(9)})


def test_buying_power_keeps_a_buffer_and_the_fee() -> None:
    """1000 / 1.005 / 1.01 = 985.1 buys 9.851 at 100."""
    everything = {"sizing": Sizing("share", 1.0)}
    check(ONE_TRADE.format(decision="buy", lots=9_851), slot=everything, instrument={"taker": Decimal("0.01")})


def test_research_keeps_the_fee_alone() -> None:
    check(
        ONE_TRADE.format(decision="buy", lots=9_900),
        slot={"sizing": Sizing("share", 1.0)},
        instrument={"taker": Decimal("0.01")},
        account={"research": True},
    )


def test_the_symbol_cap_counts_all_slots_and_what_waits() -> None:
    """30 % of 1,000 for the symbol: the first slot's wish of 200 (201 reserved), then 99 for the second, none for
    more.
    """
    slots = [replace(A, sizing=Sizing("share", 0.2)), replace(B, sizing=Sizing("share", 0.2))]
    check(
        """
        0:00  100 100 100 100 | A: buy, B: buy  |
        0:01  100 100 100 100 |                 | buy 100 x2000, buy 100 x990
        """,
        slots=slots,
        account={"symbol_cap": 0.3},
    )


def test_amounts_of_money_bind_as_shares_do() -> None:
    """An order of at most 300, a symbol of at most 400 (300 held, a hundred left), all of it at most 650: 250 x 1/1.005."""
    slots = [replace(A, sizing=Sizing("share", 0.5)), replace(B, sizing=Sizing("share", 0.5))]
    check(
        """
        0:00  100 100 100 100 | A: buy  |
        0:01  100 100 100 100 | B: buy  | buy 100 x3000
        0:02  100 100 100 100 |         | buy 100 x1000
        """,
        slots=slots,
        account={"order_most": 300.0, "symbol_most": 400.0},
    )
    check(
        """
        0:00  X 100 100 100 100 | A: buy  |
        0:00  Y 100 100 100 100 |         |
        0:01  X 100 100 100 100 |         | buy 100 x4000
        0:01  Y 100 100 100 100 | B: buy  |
        0:02  Y 100 100 100 100 |         | buy 100 x2487
        """,
        slots=[replace(A, sizing=Sizing("share", 0.4)), ON_Y],
        account={"gross_most": 650.0},
    )


@pytest.mark.parametrize(
    ("smallest", "lots"), [({"min_notional": Decimal(10)}, 121), ({"min_qty": Decimal("0.3")}, 300), ({}, 1)]
)
def test_the_first_trades_have_the_exchanges_smallest_size(smallest: dict[str, Decimal], lots: int) -> None:
    """12 of quote currency where 10 is the least (121 lots of 0.1, rounded up), so that it can still be sold after a fall."""
    check(
        f"""
        0:00  100 100 100 100 | buy  |
        0:01  100 100 100 100 | exit | buy 100 x{lots}
        0:02  100 100 100 100 | buy  | sell 100
        0:03  100 100 100 100 | exit | buy 100 x{lots}
        0:04  100 100 100 100 | buy  | sell 100
        0:05  100 100 100 100 |      | buy 100 x5000
        """,
        account={"first_trades": 2},
        instrument=smallest,
    )


def test_a_reservation_counts_against_the_next_slot() -> None:
    """Half of 1,000 reserves 502.5; the rest, 497.5, less the buffer is 495.02."""
    check(
        """
        0:00  X 100 100 100 100 | A: buy |
        0:00  Y 100 100 100 100 | B: buy |
        0:01  X 100 100 100 100 |        | buy 100 x5000
        0:01  Y 100 100 100 100 |        | buy 100 x4950
        """,
        slots=[A, ON_Y],
    )


def test_a_cancelled_entry_gives_its_reservation_back() -> None:
    check(
        """
        0:00  X 100 100 100 100 | A: buy |
        0:01  Y 100 100 100 100 |        |
        0:02  Y 100 100 100 100 | B: buy | cancel expired
        0:03  Y 100 100 100 100 |        | buy 100 x5000
        """,
        slots=[A, ON_Y],
    )


def test_max_positions_counts_open_and_queued() -> None:
    check(
        """
        0:00  X 100 100 100 100 | A: buy  |
        0:00  Y 100 100 100 100 | B: buy  | refused max_positions
        0:01  X 100 100 100 100 |         | buy 100
        0:02  Y 100 100 100 100 | B: buy  | refused max_positions
        0:03  Y 100 100 100 100 |         |
        """,
        slots=[A, ON_Y],
        account={"max_positions": 1},
    )


def test_a_flip_is_not_in_its_own_way() -> None:
    """All of the account long turns into all of it short, with one position allowed."""
    slots = [replace(A, sizing=Sizing("share", 1.0))]
    check(
        """
        0:00  100 100 100 100 | buy       |
        0:01  100 100 100 100 | flip+sell | buy 100 x9950
        0:02  100 100 100 100 |           | sell 100 x9950, sell 100 x9950
        """,
        slots=slots,
        account={"max_positions": 1},
    )


def test_slots_are_served_in_configuration_order() -> None:
    """Both want everything; the first gets it."""
    slots = [replace(A, sizing=Sizing("share", 1.0)), replace(B, sizing=Sizing("share", 1.0))]
    check(
        """
        0:00  100 100 100 100 | A: buy, B: sell | refused buying_power
        0:01  100 100 100 100 |                 | buy 100 x9950
        """,
        slots=slots,
    )


def test_gross_allows_leverage_where_it_is_given() -> None:
    check(
        ONE_TRADE.format(decision="buy", lots=19_900),
        slot={"sizing": Sizing("share", 3.0)},
        account={"max_gross": 2.0},
    )


def test_shorts_use_their_full_notional() -> None:
    short: SlotSpec = replace(A, sizing=Sizing("share", 0.6))
    check(
        """
        0:00  X 100 100 100 100 | A: sell |
        0:01  X 100 100 100 100 |         | sell 100 x6000
        0:01  Y 100 100 100 100 | B: buy  |
        0:02  Y 100 100 100 100 |         | buy 100 x3980
        """,
        slots=[short, replace(ON_Y, sizing=Sizing("share", 0.6))],
    )
