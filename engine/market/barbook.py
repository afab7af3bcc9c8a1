"""The strategy bars a run has seen, per symbol and timeframe: in memory for the strategies, appended to files for recovery.

The files are the run's own (fixed-size TF_BAR records behind one another), so neither recovery nor a replay ever depends on
the shared candle store. What stands behind the count a snapshot names is rebuilt from the tape. Strategies see a file's bars
from a first one on, which moves when a long run leaves its oldest bars behind; the file keeps them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engine.core.types import TF_BAR, Rows

Key = tuple[int, int]
"""(symbol index, timeframe in ms)"""


class BarBook:
    """Growing TF_BAR arrays by key, in order of time. `names` gives each symbol index its file's name."""

    def __init__(self, folder: Path | None, names: tuple[str, ...]) -> None:
        self.folder = folder
        self.names = names
        self._rows: dict[Key, Rows] = {}
        self._size: dict[Key, int] = {}
        self._saved: dict[Key, int] = {}
        self._first: dict[Key, int] = {}

    def bars(self, key: Key) -> Rows:
        """The bars of a key that strategies see, a view: TF_BAR[n]."""
        return self._rows.get(key, _EMPTY)[self._first.get(key, 0) : self._size.get(key, 0)]

    def cut(self, firsts: Mapping[str, int]) -> None:
        """From here on strategies see each file's bars from number `firsts[file]` on."""
        for key in self._size:
            self._first[key] = int(firsts.get(self.file_name(key), self._first.get(key, 0)))

    def firsts(self) -> dict[str, int]:
        """The number of the first bar that strategies see, by file; files seen whole are left out."""
        return {self.file_name(key): first for key, first in self._first.items() if first}

    def add(self, key: Key, rows: Rows) -> None:
        """Append bars (TF_BAR[k] or one record); what is not later than the last is refused."""
        rows = np.atleast_1d(rows)
        size = self._size.get(key, 0)
        stored = self._rows.get(key, _EMPTY)
        if size and rows.size and rows["ts"][0] <= stored["ts"][size - 1]:
            raise ValueError(f"bars must come in order of time: {rows['ts'][0]} after {stored['ts'][size - 1]}")
        if size + rows.size > stored.size:
            grown = np.zeros(max(1024, 2 * (size + rows.size)), TF_BAR)
            grown[:size] = stored[:size]
            self._rows[key] = stored = grown
        stored[size : size + rows.size] = rows
        self._size[key] = size + rows.size

    def renamed(self, former: tuple[str, ...], names: tuple[str, ...]) -> BarBook:
        """The same bars under the symbol numbers of another setup."""
        book = BarBook(self.folder, names)
        for (symbol, timeframe), rows in self._rows.items():
            if former[symbol] in names:
                key = names.index(former[symbol]), timeframe
                old = symbol, timeframe
                book._rows[key], book._size[key] = rows, self._size[old]
                book._saved[key] = self._saved.get(old, 0)
                book._first[key] = self._first.get(old, 0)
        return book

    def counts(self) -> dict[str, int]:
        """How many bars stand in each file, for the snapshot."""
        return {self.file_name(key): size for key, size in self._size.items()}

    def save(self) -> None:
        """Append what is new to the files and sync them."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for key, size in self._size.items():
            saved = self._saved.get(key, 0)
            if size > saved:
                with (self.folder / self.file_name(key)).open("ab") as file:
                    file.truncate(saved * TF_BAR.itemsize)
                    file.write(self._rows[key][saved:size].tobytes())
                    file.flush()
                    os.fsync(file.fileno())
                self._saved[key] = size

    def load(self, keys: list[Key], counts: Mapping[str, int]) -> None:
        """Read back as many bars of each key as a snapshot counted. ValueError when a file is shorter than that."""
        assert self.folder is not None
        for key in keys:
            count = int(counts.get(self.file_name(key), 0))
            if not count:
                continue
            path = self.folder / self.file_name(key)
            rows = np.fromfile(path, TF_BAR, count) if path.exists() else _EMPTY
            if rows.size < count:
                raise ValueError(
                    f"{path} holds {rows.size} of the {count} bars the last snapshot counted: restore the data folder "
                    "from a backup, or start another run with `run --new NAME`"
                )
            self.add(key, rows)
            self._saved[key] = count

    def file_name(self, key: Key) -> str:
        """What a key's bars are called, in the folder, on the tape and in snapshots."""
        return self.name_of(self.names[key[0]], key[1])

    @staticmethod
    def name_of(symbol: str, timeframe_ms: int) -> str:
        return f"{symbol.replace('/', '-')}-{timeframe_ms // 1000}s.bars"


_EMPTY = np.zeros(0, TF_BAR)
