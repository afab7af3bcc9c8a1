"""Arrow columns to numpy and back through their buffers: pyarrow's own conversions load pandas, half a second and 60
MB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]


def to_numpy(column: pa.ChunkedArray | pa.Array) -> Array:
    """A numeric column of shape [n] as numpy, without a copy where it is one chunk without nulls; null becomes NaN."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count:
        return np.asarray(array.to_numpy(zero_copy_only=False))
    name = str(array.type)
    dtype = np.dtype({"double": "float64", "float": "float32"}.get(name, name))
    if not len(array):
        return np.zeros(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def from_numpy(values: Array) -> pa.Array:
    """An int64 or float64 array of shape [n] as an Arrow array over the same memory."""
    kind = {"int64": pa.int64(), "float64": pa.float64()}[values.dtype.name]
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
