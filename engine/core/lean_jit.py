"""Helpers that are put into their callers whatever their size: small ones, whose results the next step waits for."""

from __future__ import annotations

from typing import Any

from numba import njit

from engine.core.jit import F
from engine.core.linking import HelperCompiler


def inlined(function: F) -> F:
    """As `engine.core.jit.helper`, always inlined. Only where it was measured to pay: it makes compiling longer."""
    compile_: Any = njit
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": HelperCompiler}
    made: F = compile_(nogil=True, error_model="numpy", _nrt=False, forceinline=True, **options)(function)
    return made
