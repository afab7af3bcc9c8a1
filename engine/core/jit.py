"""How the kernel's functions are compiled. Two kinds, so that a cold start stays short.

`entry` is called from Python and cached on disk. `helper` is called from compiled code alone: no Python wrapper, no cache of
its own (its code is inside the entries that use it). Integer constants that are passed as arguments must be np.int64:
numba compiles a function anew for every literal it is given.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

ZERO, ONE, MINUS_ONE = np.int64(0), np.int64(1), np.int64(-1)
NO_VALUE = np.float64(0.0)


def entry(function: F) -> F:
    """Compile for callers in Python."""
    return njit(cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def helper(function: F) -> F:
    """Compile for callers in compiled code only."""
    options = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return njit(**options)(function)  # type: ignore[no-any-return]
