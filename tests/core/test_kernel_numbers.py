"""Exact numbers: the multiply-divide helper against fractions, grids of instruments, and what is refused at the
door.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from engine.core import money
from engine.core.jit import entry
from engine.core.machine import Machine
from engine.core.types import EXEC_BAR, AccountSpec, Instrument
from tests.core.picture import ACCOUNT, DAY0, SLOT, X, check


@entry
def mul_div(a: int, b: int, d: int) -> int:
    """The helpers can be called from compiled code alone."""
    return money.mul_div(a, b, d)


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def plainly_compiled(a: int, b: int, d: int) -> int:
    return money.mul_div(a, b, d)


def test_a_function_compiled_numbas_own_way_can_call_helpers_too() -> None:
    assert plainly_compiled(10, 7, 3) == 23
    assert plainly_compiled(2**62, 2**40, 2**41) == 2**61
    with pytest.raises(OverflowError):
        plainly_compiled(2**62, 2**62, 3)


@entry
def mul_div_floor(a: int, b: int, d: int) -> int:
    return money.mul_div_floor(a, b, d)


@entry
def mul_div_ceil(a: int, b: int, d: int) -> int:
    return money.mul_div_ceil(a, b, d)


amounts = st.integers(0, 2**62 - 1)
divisors = st.integers(1, 2**62 - 1)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(amounts, amounts, divisors)
def test_multiply_divide_is_exact_with_a_128_bit_middle(a: int, b: int, d: int) -> None:
    exact = Fraction(a * b, d)
    if exact < 2**62:
        assert mul_div(a, b, d) == round(exact)  # Python rounds a fraction half to even
        assert mul_div(-a, b, d) == round(-exact)
        assert mul_div_floor(a, b, d) == floor(exact)
        assert mul_div_ceil(a, b, d) == ceil(exact)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_ties_go_to_the_even_neighbour(half: int, d: int) -> None:
    assert mul_div(2 * half + 1, d, 2 * d) == round(Fraction(2 * half + 1, 2))


def test_what_does_not_fit_is_an_error_and_no_number() -> None:
    with pytest.raises(OverflowError, match="out of range"):
        mul_div(2**62 - 1, 2**62 - 1, 1)


def test_a_price_is_the_decimal_correctly_rounded() -> None:
    """0.1 + 0.2 style errors: k * 1e-1 is not k / 10 for many k; a price is the latter."""
    instrument = replace(X, tick=Decimal("0.1"))
    assert all(instrument.price(k) == float(Decimal(k) * Decimal("0.1")) for k in range(1, 5_000))
    assert instrument.price(3) == 0.3
    assert replace(X, tick=Decimal("0.05")).price(7) == 0.35


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 10**12), st.sampled_from(["0.01", "0.05", "0.0001", "1e-8", "2.5", "1"]))
def test_ticks_and_prices_go_back_and_forth(ticks: int, tick: str) -> None:
    instrument = replace(X, tick=Decimal(tick))
    assert instrument.ticks(instrument.price(ticks)) == ticks
    assert instrument.prices(np.array([ticks]))[0] == instrument.price(ticks)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, -1.0, 1e300])
def test_prices_that_are_none_are_refused_at_the_door(bad: float) -> None:
    with pytest.raises(ValueError, match="X/USD"):
        X.to_ticks(np.array([100.0, bad]))


def test_cash_lies_on_the_quantum() -> None:
    assert replace(ACCOUNT, cash=Decimal("1000.000001")).cash_quanta == 1_000_000_001
    for bad in (Decimal("0.0000001"), Decimal(0), Decimal(-5), Decimal("1e15")):
        with pytest.raises(ValueError, match="cash"):
            _ = replace(ACCOUNT, cash=bad).cash_quanta


def test_one_account_one_quote_currency() -> None:
    euro = Instrument("X/EUR", "X", "EUR", Decimal(1), Decimal("0.001"), Decimal("1e-6"))
    with pytest.raises(ValueError, match=r"EUR.*USD"):
        Machine(ACCOUNT, [X, euro], [SLOT])
    with pytest.raises(ValueError, match="books in steps"):
        Machine(ACCOUNT, [replace(X, quantum=Decimal("1e-8"))], [SLOT])
    with pytest.raises(ValueError, match="Z/USD"):
        Machine(ACCOUNT, [X], [replace(SLOT, symbol="Z/USD")])


def test_a_position_too_large_for_its_grid_is_an_error() -> None:
    """Lots of 1e-8 at prices of 1e-8 ticks near the limit: the product must not wrap round."""
    fine = Instrument.unspecified("X/USD", maker=Decimal(0), taker=Decimal(0))
    account = AccountSpec(Decimal(40_000_000), "USD", Decimal("1e-8"), symbol_cap=0.0, research=True, slippage_bps=0.0)
    machine = Machine(account, [fine], [replace(SLOT)])
    rows = np.zeros(1, EXEC_BAR)
    for name in ("open", "high", "low", "close"):
        rows[name] = 9 * 10**15
    machine.frame(DAY0, rows)
    assert machine.account["cash"][0] == 40_000_000 * 10**8


def test_notional_and_fee_round_half_to_even_in_quanta() -> None:
    """A lot of 0.00001 at 0.05 is half a quantum of 1e-6: one lot is 0 or 1 by evenness, three are 2."""
    out = check(
        """
        0:00  100 100 100 100 | buy |
        0:01  100 100 100 100 |     | buy 100 x3333
        """,
        slot={"sizing": replace(SLOT.sizing, kind="fixed", value=333.3)},
        instrument={"taker": Decimal("0.000000001")},
    )
    assert out.reports.fills["fee"].tolist() == [0]  # 333,300,000 quanta at 1e-9 is a third of one
    out = check(
        """
        0:00  100 100 100 100 | buy |
        0:01  100 100 100 100 |     | buy 100 x5000
        """,
        instrument={"taker": Decimal("0.000000003")},
    )
    assert out.reports.fills["fee"].tolist() == [2]  # 500,000,000 quanta at 3e-9 is 1.5
