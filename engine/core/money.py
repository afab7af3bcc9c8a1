"""Exact integer money: one multiply-divide with a 128-bit middle, in three roundings.

Everything that books cash, fees, quantities or prices goes through here. No floats, no state.
Method of the wide multiplication and division: H. S. Warren, Hacker's Delight, 2nd ed., sections 8-2 and 9-4.
"""

import numpy as np

from engine.core.jit import helper, inlined

_MASK = np.uint64(0xFFFFFFFF)
_0, _1, _2, _4, _8, _16, _32, _63, _64 = (np.uint64(n) for n in (0, 1, 2, 4, 8, 16, 32, 63, 64))
_BASE = np.uint64(1 << 32)
_FLOAT_ERROR = 5.0e-16  # above the relative error of two float operations and two conversions
_ROOM = 4.0e18  # below 2**62

DOWN, NEAREST, UP = np.arange(3)


@helper
def _mul_wide(x, y):
    """x * y of two uint64 as (high, low)."""
    xl, xh = x & _MASK, x >> _32
    yl, yh = y & _MASK, y >> _32
    low = xl * yl
    mid = xh * yl + (low >> _32)
    mid2 = xl * yh + (mid & _MASK)
    return xh * yh + (mid >> _32) + (mid2 >> _32), (mid2 << _32) + (low & _MASK)


@helper
def _digit(top, next_digit, d1, d0):
    """One base-2**32 quotient digit of Knuth's algorithm D, its estimate corrected at most twice."""
    q = top // d1
    r = top - q * d1
    while q >= _BASE or q * d0 > (r << _32) + next_digit:
        q -= _1
        r += d1
        if r >= _BASE:
            break
    return q


@helper
def _div_wide(high, low, d):
    """(high * 2**64 + low) // d and the remainder; needs high < d < 2**63."""
    shift = _0
    for step in (_32, _16, _8, _4, _2, _1):
        if d >> (_64 - step) == _0:
            d <<= step
            shift += step
    d1, d0 = d >> _32, d & _MASK
    top = high
    if shift > _0:
        top = (high << shift) | (low >> (_64 - shift))
    rest = low << shift
    q1 = _digit(top, rest >> _32, d1, d0)
    mid = (top << _32) + (rest >> _32) - q1 * d
    q0 = _digit(mid, rest & _MASK, d1, d0)
    remainder = (mid << _32) + (rest & _MASK) - q0 * d
    return (q1 << _32) + q0, remainder >> shift


@helper
def _round(q, r, d, mode):
    if mode == UP:
        return q + 1 if r > 0 else q
    if mode == NEAREST:
        rest = d - r
        if r > rest or (r == rest and (q & 1) == 1):
            return q + 1
    return q


@helper
def _mul_div_wide(a, b, d, mode):
    high, low = _mul_wide(np.uint64(a), np.uint64(b))
    du = np.uint64(d)
    if high >= du:
        raise OverflowError("an amount of money is out of range: the position is too large for its tick and lot")
    q, r = _div_wide(high, low, du)
    if q >> _63 != _0:
        raise OverflowError("an amount of money is out of range: the position is too large for its tick and lot")
    return _round(np.int64(q), np.int64(r), d, mode)


@inlined
def _mul_div_unsigned(a, b, d, mode):
    """The quotient is guessed in floats and made exact by the remainder, which 64 wrapping bits hold while the guess is off
    by less than 2**62 / d; beyond that the full 128 bits are used."""
    guess = float(a) * float(b) / float(d)
    if (guess * _FLOAT_ERROR + 2.0) * float(d) < _ROOM and guess < _ROOM:
        q = np.int64(guess)
        r = np.int64(np.uint64(a) * np.uint64(b) - np.uint64(q) * np.uint64(d))
        if r < 0 or r >= d:
            k = r // d
            q += k
            r -= k * d
        return _round(q, r, d, mode)
    return _mul_div_wide(a, b, d, mode)


@helper
def mul_div(a, b, d):
    """a * b / d in int64, rounded half to even; the sign may be in `a` alone; d > 0, b >= 0. OverflowError if it does not fit."""
    if a < 0:
        return -_mul_div_unsigned(-a, b, d, NEAREST)
    return _mul_div_unsigned(a, b, d, NEAREST)


@helper
def mul_div_floor(a, b, d):
    """a * b / d rounded down; all non-negative, d > 0."""
    return _mul_div_unsigned(a, b, d, DOWN)


@helper
def mul_div_ceil(a, b, d):
    """a * b / d rounded up; all non-negative, d > 0."""
    return _mul_div_unsigned(a, b, d, UP)
