"""A sweep's results: a row a parameter set, in an Arrow file that grows batch by batch and goes on after a crash.

While a sweep runs the file is `<name>.part`, an Arrow stream; what a killed process left of it is taken over. When all is
done it becomes the Arrow file itself, in the order of the sets. Nothing is run here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.access import files
from engine.research.sweep_figures import COUNTS, FIGURES

KEY, FACTS, NUMBER, EXCLUDED = b"evenkeel.sweep", b"evenkeel.facts", b"chunk", b"excluded"


def schema_of(names: Sequence[str], kinds: Sequence[str], days: int, key: str, facts: Mapping[str, Any]) -> pa.Schema:
    """`point` (its number), the parameters, FIGURES, `error` (why a set could not be run), and `daily` returns if `days`."""
    types = {"int": pa.int64(), "float": pa.float64(), "choice": pa.string()}
    columns = [("point", pa.int64()), *((name, types[kind]) for name, kind in zip(names, kinds, strict=True))]
    columns += [(name, pa.int64() if name in COUNTS else pa.float64()) for name in FIGURES]
    columns += [("error", pa.string())]
    if days:
        columns.append(("daily", pa.list_(pa.float64(), days)))
    return pa.schema(columns, {KEY: key.encode(), FACTS: json.dumps(dict(facts), default=str).encode()})


def facts_of(schema: pa.Schema) -> dict[str, Any]:
    """What the schema was made with: `total`, `names` and what else its maker noted."""
    found: dict[str, Any] = json.loads((schema.metadata or {}).get(FACTS, b"{}"))
    return found


@dataclass(frozen=True, eq=False)
class Table:
    """Results. `total` sets were asked for; `excluded` broke a constraint; `complete` is False for a sweep that was stopped."""

    data: pa.Table
    names: tuple[str, ...]
    total: int
    excluded: int
    complete: bool
    path: Path | None = None
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, data: pa.Table, path: Path | None = None, *, complete: bool = True) -> Table:
        """A table whose schema tells what it is of, as all that are written here."""
        facts = facts_of(data.schema)
        total = int(facts["total"])
        excluded = int(facts.get("excluded", total - data.num_rows))
        return cls(data, tuple(facts["names"]), total, excluded, complete, path)

    def __len__(self) -> int:
        return int(self.data.num_rows)

    def column(self, name: str) -> npt.NDArray[Any]:
        """One value a row; NaN where a statistic is undefined."""
        found = self.data.column(name)
        if pa.types.is_string(found.type):
            return np.array(found.to_pylist(), dtype=object)
        if not (pa.types.is_int64(found.type) or pa.types.is_float64(found.type)):
            return np.asarray(found.to_numpy(zero_copy_only=False))
        return np.concatenate([_values(part) for part in found.chunks] or [np.zeros(0)])

    @property
    def facts(self) -> dict[str, Any]:
        """What its maker noted of it."""
        return facts_of(self.data.schema)

    @property
    def failed(self) -> int:
        """Sets that could not be run."""
        return len(self) - int(self.data.column("error").null_count)

    @cached_property
    def daily(self) -> npt.NDArray[np.float64]:
        """float64[rows, days] of UTC-daily returns, NaN for a set that failed; [rows, 0] where they were not kept."""
        if "daily" not in self.data.column_names:
            return np.zeros((len(self), 0))
        width = self.data.schema.field("daily").type.list_size
        parts = [_values(part.values) for part in self.data.column("daily").chunks]
        values = np.concatenate(parts) if parts else np.zeros(0)
        return values.reshape(-1, width)

    def row(self, i: int) -> dict[str, Any]:
        """All of row i but its daily returns; undefined statistics are None."""
        return {name: self.data.column(name)[i].as_py() for name in self.data.column_names if name != "daily"}

    def point(self, i: int) -> dict[str, Any]:
        """The parameters of row i."""
        return {name: self.data.column(name)[i].as_py() for name in self.names}

    def order(self, metric: str, *, least: bool = False) -> npt.NDArray[np.int64]:
        """Row numbers by a statistic, best first, undefined last."""
        values = self.column(metric).astype(np.float64)
        return np.argsort(values if least else -values, kind="stable")


def batch(schema: pa.Schema, columns: Mapping[str, Any], daily: npt.NDArray[np.float64]) -> pa.RecordBatch:
    """NaN becomes null, but in `daily`."""
    arrays = []
    for one in schema:
        if one.name == "daily":
            arrays.append(pa.FixedSizeListArray.from_arrays(_numbers(daily.reshape(-1), pa.float64()), type=one.type))
        elif pa.types.is_floating(one.type):
            values = np.asarray(columns[one.name], np.float64)
            arrays.append(_numbers(values, one.type, np.isfinite(values)))
        elif pa.types.is_string(one.type):
            words = [None if v is None else str(v) for v in columns[one.name]]
            arrays.append(
                pa.array(words, one.type) if any(word is not None for word in words) else pa.nulls(len(words), one.type)
            )
        elif any(value is None for value in columns[one.name]):
            arrays.append(pa.array(columns[one.name], one.type))
        else:
            arrays.append(_numbers(np.asarray(columns[one.name], np.int64), one.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _numbers(values: npt.NDArray[Any], kind: pa.DataType, known: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """An Arrow array over these values. `pa.array` would load all of pandas, 40 MiB, to ask whether they are its own."""
    values = np.ascontiguousarray(values)
    bits = None if known is None else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(kind, values.size, [bits, pa.py_buffer(values)])


def _values(part: pa.Array) -> npt.NDArray[Any]:
    """The numbers of an int64 or float64 array, NaN for null. Its own `to_numpy` would load pandas, too."""
    bits, data = part.buffers()
    kind, end = np.int64 if pa.types.is_int64(part.type) else np.float64, part.offset + len(part)
    values = np.frombuffer(data, kind, end)[part.offset :] if end else np.zeros(0, kind)
    if not part.null_count:
        return values
    known = np.unpackbits(np.frombuffer(bits, np.uint8), count=end, bitorder="little")[part.offset :]
    return np.where(known == 1, values, np.nan)


class Writer:
    """The file while it grows; without a path the batches stay in memory. `done` numbers the chunks that are in."""

    def __init__(self, schema: pa.Schema, path: Path | None) -> None:
        """OSError where the file cannot be written."""
        self.schema, self.path = schema, path
        self.done: dict[int, int] = {}
        self._kept: dict[int, pa.RecordBatch] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_name(path.name + ".part")
        fresh = path.with_name(path.name + ".new")
        self._file = files.fresh(fresh)
        self._stream = pa.ipc.new_stream(self._file, schema)
        for number, excluded, rows in _left(self._part, schema):
            self.add(number, rows, excluded)
        self._file.flush()
        os.replace(fresh, self._part)

    def add(self, number: int, rows: pa.RecordBatch, excluded: int) -> None:
        """The rows of chunk `number`; on their way to the disk when this returns."""
        if number in self.done:
            return
        self.done[number] = excluded
        if self.path is None:
            self._kept[number] = rows
            return
        told = {NUMBER: str(number).encode(), EXCLUDED: str(excluded).encode()}
        self._stream.write_batch(rows, custom_metadata=told)
        self._file.flush()

    def left(self) -> dict[int, pa.RecordBatch]:
        """By their numbers, the rows that an earlier try left and that are in already."""
        if self.path is None:
            return {}
        return {number: rows for number, _, rows in _left(self._part, self.schema)}

    def close(self) -> None:
        if self.path is not None and not self._file.closed:
            self._stream.close()
            self._file.close()

    def table(self, complete: bool, facts: Mapping[str, Any] | None = None) -> pa.Table:
        """Everything in the order of the sets; when complete, written as the final file. `facts` are noted in it."""
        self.close()
        if self.path is None:
            rows = self._kept
        else:
            rows = {number: rows for number, _, rows in _left(self._part, self.schema)}
        told = {**(self.schema.metadata or {}), FACTS: json.dumps({**facts_of(self.schema), **(facts or {})}).encode()}
        schema = self.schema.with_metadata(told)
        ordered = [rows[number].replace_schema_metadata(told) for number in sorted(rows)]
        if self.path is None or not complete:
            return pa.Table.from_batches(ordered, schema)
        fresh = self.path.with_name(self.path.name + ".new")
        with files.fresh(fresh) as file, pa.ipc.new_file(file, schema) as out:
            for one in ordered:
                out.write_batch(one)
            out.close()
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.path)
        self._part.unlink(missing_ok=True)
        return read_data(self.path)


def read_data(path: Path) -> pa.Table:
    """A finished file, mapped, not loaded."""
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def partial(out: Path) -> Table | None:
    """What a sweep that did not end has left for its next try; None where nothing is."""
    path = out.with_name(out.name + ".part")
    try:
        schema = pa.ipc.open_stream(pa.memory_map(str(path))).schema
    except (pa.ArrowInvalid, OSError):
        return None
    rows = [rows for _, _, rows in _left(path, schema)]
    return Table.of(pa.Table.from_batches(rows, schema), None, complete=False) if rows else None


def _left(path: Path, schema: pa.Schema) -> Iterator[tuple[int, int, pa.RecordBatch]]:
    """(chunk, excluded, rows) of every whole batch in a stream of the same sweep; nothing if there is none."""
    if not path.exists() or not path.stat().st_size:
        return
    try:
        reader = pa.ipc.open_stream(pa.memory_map(str(path)))
    except (pa.ArrowInvalid, OSError):
        return
    if not reader.schema.equals(schema) or reader.schema.metadata.get(KEY) != schema.metadata[KEY]:
        return
    while True:
        try:
            rows, told = reader.read_next_batch_with_custom_metadata()
        except (StopIteration, pa.ArrowInvalid, OSError):
            return  # the end, or where a killed process stopped writing
        yield int(told[NUMBER]), int(told[EXCLUDED]), rows
