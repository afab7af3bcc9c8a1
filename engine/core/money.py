"""Exact integer money: one multiply-divide with a 128-bit middle, in three roundings.

Everything that books cash, fees, quantities or prices goes through here. No floats, no state.
Method of the wide multiplication and division: H. S. Warren, Hacker's Delight, 2nd ed., sections 8-2 and 9-4.
"""

import numpy as np
from numba import njit

_MASK = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_1 = np.uint64(1)
_0 = np.uint64(0)
_63 = np.uint64(63)
_BASE = np.uint64(1 << 32)
_SAFE_PRODUCT = 9.0e18  # below 2**63 with room for the rounding of the float estimate

DOWN, NEAREST, UP = 0, 1, 2


@njit(cache=True, nogil=True, error_model="numpy")
def _mul_wide(x, y):
    """x * y of two uint64 as (high, low)."""
    xl, xh = x & _MASK, x >> _32
    yl, yh = y & _MASK, y >> _32
    low = xl * yl
    mid = xh * yl + (low >> _32)
    mid2 = xl * yh + (mid & _MASK)
    return xh * yh + (mid >> _32) + (mid2 >> _32), (mid2 << _32) + (low & _MASK)


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def _div_wide(high, low, d):
    """(high * 2**64 + low) // d and the remainder; needs high < d < 2**63."""
    shift = _0
    while (d >> _63) == _0:
        d <<= _1
        shift += _1
    d1, d0 = d >> _32, d & _MASK
    top = high
    if shift > _0:
        top = (high << shift) | (low >> (np.uint64(64) - shift))
    rest = low << shift
    q1 = _digit(top, rest >> _32, d1, d0)
    mid = (top << _32) + (rest >> _32) - q1 * d
    q0 = _digit(mid, rest & _MASK, d1, d0)
    remainder = (mid << _32) + (rest & _MASK) - q0 * d
    return (q1 << _32) + q0, remainder >> shift


@njit(cache=True, nogil=True, error_model="numpy")
def _round(q, r, d, mode):
    if mode == 2:
        return q + 1 if r > 0 else q
    if mode == 1:
        rest = d - r
        if r > rest or (r == rest and (q & 1) == 1):
            return q + 1
    return q


@njit(cache=True, nogil=True, error_model="numpy")
def _mul_div_wide(a, b, d, mode):
    high, low = _mul_wide(np.uint64(a), np.uint64(b))
    du = np.uint64(d)
    if high >= du:
        raise OverflowError("an amount of money is out of range: the position is too large for its tick and lot")
    q, r = _div_wide(high, low, du)
    if q >> _63 != _0:
        raise OverflowError("an amount of money is out of range: the position is too large for its tick and lot")
    return _round(np.int64(q), np.int64(r), d, mode)


@njit(cache=True, nogil=True, error_model="numpy")
def _mul_div_unsigned(a, b, d, mode):
    if float(a) * float(b) < _SAFE_PRODUCT:
        p = a * b
        q = p // d
        return _round(q, p - q * d, d, mode)
    return _mul_div_wide(a, b, d, mode)


@njit(cache=True, nogil=True, error_model="numpy")
def mul_div(a, b, d):
    """a * b / d in int64, rounded half to even; the sign may be in `a` alone; d > 0, b >= 0. OverflowError if it does not fit."""
    if a < 0:
        return -_mul_div_unsigned(-a, b, d, 1)
    return _mul_div_unsigned(a, b, d, 1)


@njit(cache=True, nogil=True, error_model="numpy")
def mul_div_floor(a, b, d):
    """a * b / d rounded down; all non-negative, d > 0."""
    return _mul_div_unsigned(a, b, d, 0)


@njit(cache=True, nogil=True, error_model="numpy")
def mul_div_ceil(a, b, d):
    """a * b / d rounded up; all non-negative, d > 0."""
    return _mul_div_unsigned(a, b, d, 2)
