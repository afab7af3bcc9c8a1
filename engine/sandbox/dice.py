"""Random numbers by position instead of by order: number n of a key is a hash of both, so any part of the market can be
made without what lies before it. Only integer and IEEE additions and products are used, no library's exp, log or
generator: the same seed gives the same market on every machine, Python and numpy.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_LOW16 = np.uint64(0xFFFF)
_SPREAD = 65536.0 * math.sqrt(1.0 / 3.0)
_LN2 = 0.6931471805599453
_LN2_HIGH = float.fromhex("0x1.62e42fp-1")
_LN2_LOW = float.fromhex("0x1.df473de6af279p-26")
"""ln 2 in two parts: a whole number times the first is exact."""
_TERMS = tuple(1.0 / float(np.prod(np.arange(1, n + 1, dtype=np.float64))) for n in range(14, -1, -1))


def key(*parts: object) -> int:
    """A 64-bit key of what it names; equal parts, equal key, in every process."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def words(name: int, at: npt.ArrayLike) -> Words:
    """64 random bits at each position `at` (integers) of key `name`: splitmix64's finaliser over a counter."""
    with np.errstate(over="ignore"):
        z = np.asarray(at).astype(np.uint64) * _STEP + np.uint64(name)
        z = (z ^ (z >> np.uint64(30))) * _MIX1
        z = (z ^ (z >> np.uint64(27))) * _MIX2
        return np.asarray(z ^ (z >> np.uint64(31)))


def uniform(name: int, at: npt.ArrayLike) -> Floats:
    """Numbers in [0, 1) with 53 bits."""
    return np.asarray((words(name, at) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def bell(name: int, at: npt.ArrayLike) -> Floats:
    """Numbers of mean 0 and deviation 1, shaped like a bell that ends at 3.46: the sum of four uniforms."""
    z = words(name, at)
    total = sum((z >> np.uint64(shift)) & _LOW16 for shift in (0, 16, 32, 48))
    return np.asarray((np.asarray(total).astype(np.float64) - 131070.0) / _SPREAD)


def exp(x: Floats) -> Floats:
    """e**x for |x| < 600 by range reduction and a Taylor polynomial, relative error below 2e-15."""
    k = np.rint(x / _LN2)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    total = np.full_like(r, _TERMS[0])
    for term in _TERMS[1:]:
        total = total * r + term
    return np.asarray(np.ldexp(total, k.astype(np.int32)))
