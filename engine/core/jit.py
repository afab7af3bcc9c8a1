"""How the kernel's functions are compiled. Two kinds, so that a cold start stays short.

`entry` is called from Python and cached on disk. `helper` is called from compiled code alone: no Python wrapper, no cache of
its own (its code is inside the entries that use it). Integer constants that are passed as arguments must be np.int64:
numba compiles a function anew for every literal it is given.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from engine.core.linking import EntryCompiler, HelperCompiler, MakerCompiler

F = TypeVar("F", bound=Callable[..., Any])

ZERO, ONE, MINUS_ONE = np.int64(0), np.int64(1), np.int64(-1)
NO_VALUE = np.float64(0.0)
BY_RATE = np.int64(-(2**62))
"""In place of a fee: nobody has reported one, it is notional x rate."""


def entry(function: F) -> F:
    """Compile for callers in Python."""
    return _compiled(function, cache=True, pipeline_class=EntryCompiler)


def maker(function: F) -> F:
    """Compile for callers in Python, a function that makes arrays of its own (indicators)."""
    compile_: Any = njit
    compiled: F = compile_(cache=True, nogil=True, error_model="numpy", pipeline_class=MakerCompiler)(function)
    return compiled


def helper(function: F, **options: Any) -> F:
    """Compile for callers in compiled code only."""
    return _compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=HelperCompiler, **options)


def inlined(function: F) -> F:
    """A helper small and frequent enough to stand in every caller's own code."""
    return helper(function, forceinline=True)


def _compiled(function: F, **options: Any) -> F:
    """`_nrt=False`: no counting of references, atomic and at every call, to arrays that the caller in Python holds anyway;
    compiled code makes no arrays of its own."""
    compile_: Any = njit
    compiled: F = compile_(nogil=True, error_model="numpy", _nrt=False, **options)(function)
    return compiled
