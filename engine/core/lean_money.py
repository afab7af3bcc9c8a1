# mypy: allow-untyped-defs, allow-incomplete-defs, no-warn-return-any
"""`money.mul_div` for amounts that are not negative and a divisor whose reciprocal is known: the same integers, sooner.

Without a division and without a branch that amounts decide. Whatever does not fit the quick way takes money's own.
"""

import numpy as np

from engine.core.jit import ONE, helper
from engine.core.lean_jit import inlined
from engine.core.money import mul_div, mul_div_ceil, mul_div_floor
from engine.core.types import RATE

_ERROR = 1.0e-15  # above the relative error of two conversions, two products and a reciprocal
_ROOM = 2.0e18
_SIGN = np.int64(63)


def reach(divisor: float) -> float:
    """The largest quotient that is quick: a guess of it is off by so little that 64 bits hold the remainder."""
    return float(min(_ROOM, max((_ROOM / divisor - 2.0) / _ERROR, 0.0)))


RATE_INVERSE, RATE_REACH = 1.0 / float(RATE), reach(float(RATE))


@inlined
def _split(a, b, d, guess):
    """Quotient and remainder from a guess, put right by one at most."""
    q = np.int64(guess)
    r = np.int64(np.uint64(a) * np.uint64(b) - np.uint64(q) * np.uint64(d))
    under = r >> _SIGN
    q += under
    r += d & under
    over = (d - 1 - r) >> _SIGN
    q -= over
    r -= d & over
    return q, r


@inlined
def nearest(a, b, d, inverse, most):
    """a * b / d, half to even; a, b >= 0. inverse = 1 / d, most = reach(d)."""
    guess = float(a) * (float(b) * inverse)
    if guess < most:
        q = np.int64(guess + 0.5)
        r = np.int64(np.uint64(a) * np.uint64(b) - np.uint64(q) * np.uint64(d))
        if abs(r) < (d + 1) >> ONE:
            return q
    return _nearest(a, b, d, guess, most)


@helper
def _nearest(a, b, d, guess, most):
    if guess < most:
        q, r = _split(a, b, d, guess)
        if 0 <= r < d:
            rest = d - r
            return q + np.int64((r > rest) | ((r == rest) & ((q & 1) == 1)))
    return mul_div(a, b, d)


@inlined
def down(a, b, d, inverse, most):
    """a * b / d, rounded down."""
    guess = float(a) * (float(b) * inverse)
    if guess < most:
        q = np.int64(guess)
        r = np.int64(np.uint64(a) * np.uint64(b) - np.uint64(q) * np.uint64(d))
        if 0 <= r < d:
            return q
    return _down(a, b, d, guess, most)


@helper
def _down(a, b, d, guess, most):
    if guess < most:
        q, r = _split(a, b, d, guess)
        if 0 <= r < d:
            return q
    return mul_div_floor(a, b, d)


@inlined
def slipped_quick(base, side, slippage):
    """`costs.slipped`."""
    if slippage == 0:
        return base
    if side > 0:
        return mul_div_ceil(base, RATE + slippage, RATE)
    return max(down(base, RATE - slippage, RATE, RATE_INVERSE, RATE_REACH), 1)


@inlined
def part_of(amount, rate):
    """amount x rate, half to even: a fee, or a level; amount >= 0."""
    return nearest(amount, rate, RATE, RATE_INVERSE, RATE_REACH)
