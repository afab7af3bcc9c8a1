"""The strategy bars a run has seen, per symbol and timeframe: in memory for the strategies, appended to files for recovery.

The files are the run's own (fixed-size TF_BAR records behind one another), so neither recovery nor a replay ever depends on
the shared candle store. What stands behind the count a snapshot names is rebuilt from the tape. Strategies see a file's bars
from a first one on, which moves when a long run leaves its oldest bars behind; the file keeps them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from engine.access.files import own
from engine.core.types import TF_BAR, Rows

Key = tuple[int, int]
"""(symbol index, timeframe in ms)"""


class BarBook:
    """Growing TF_BAR arrays, one a file, in order of time. `names` gives each symbol index its symbol.

    A symbol that leaves the run keeps its bars here, so that it goes on behind them when it comes back.
    """

    def __init__(self, folder: Path | None, names: tuple[str, ...]) -> None:
        self.folder = folder
        self.names = names
        self._rows: dict[str, Rows] = {}
        self._size: dict[str, int] = {}
        self._saved: dict[str, int] = {}
        self._first: dict[str, int] = {}

    def bars(self, key: Key) -> Rows:
        """The bars of a key that strategies see, a view: TF_BAR[n]."""
        name = self.file_name(key)
        return self._rows.get(name, _EMPTY)[self._first.get(name, 0) : self._size.get(name, 0)]

    def named(self, name: str) -> Rows:
        """All bars of a file by its name, a view: TF_BAR[n]."""
        return self._rows.get(name, _EMPTY)[: self._size.get(name, 0)]

    def cut(self, firsts: Mapping[str, int]) -> None:
        """From here on strategies see each file's bars from number `firsts[file]` on."""
        self._first.update({name: int(first) for name, first in firsts.items()})

    def firsts(self) -> dict[str, int]:
        """The number of the first bar that strategies see, by file; files seen whole are left out."""
        return {name: first for name, first in self._first.items() if first}

    def add(self, key: Key, rows: Rows) -> None:
        """Append bars (TF_BAR[k] or one record); what is not later than the last is refused."""
        self._append(self.file_name(key), np.atleast_1d(rows))

    def _append(self, name: str, rows: Rows) -> None:
        size = self._size.get(name, 0)
        stored = self._rows.get(name, _EMPTY)
        if size and rows.size and rows["ts"][0] <= stored["ts"][size - 1]:
            raise ValueError(f"bars must come in order of time: {rows['ts'][0]} after {stored['ts'][size - 1]}")
        if size + rows.size > stored.size:
            grown = np.zeros(max(1024, 2 * (size + rows.size)), TF_BAR)
            grown[:size] = stored[:size]
            self._rows[name] = stored = grown
        stored[size : size + rows.size] = rows
        self._size[name] = size + rows.size

    def counts(self) -> dict[str, int]:
        """How many bars stand in each file, for the snapshot."""
        return dict(self._size)

    def save(self) -> None:
        """Append what is new to the files and sync them."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as files:
            written = {}
            for name, size in self._size.items():
                saved = self._saved.get(name, 0)
                if size > saved:
                    file = files.enter_context(open(self.folder / name, "ab", opener=own))
                    file.truncate(saved * TF_BAR.itemsize)
                    file.write(self._rows[name][saved:size].tobytes())
                    file.flush()
                    written[name] = file.fileno()
            sync_all(list(written.values()))
        self._saved.update({name: self._size[name] for name in written})

    def load(self, counts: Mapping[str, int]) -> None:
        """Read back as many bars of each file as a snapshot counted. ValueError when a file is shorter than that."""
        assert self.folder is not None
        for name, count in counts.items():
            path = self.folder / name
            rows = _read(path, count)
            if rows.size < count:
                raise ValueError(
                    f"{path} holds {rows.size} of the {count} bars the last snapshot counted: restore the data folder "
                    "from a backup, or start another run with `run --new NAME`"
                )
            self._append(name, rows)
            self._saved[name] = count

    def file_name(self, key: Key) -> str:
        """What a key's bars are called, in the folder, on the tape and in snapshots."""
        return self.name_of(self.names[key[0]], key[1])

    @staticmethod
    def name_of(symbol: str, timeframe_ms: int) -> str:
        return f"{symbol.replace('/', '-')}-{timeframe_ms // 1000}s.bars"


def sync_all(files: Sequence[int]) -> None:
    """Every open file (by descriptor) is on the disk when this returns; OSError where one is not. A journalling disk that
    is asked for all at once writes them together: fifty files take a few times what one does."""
    if len(files) < 2:
        for file in files:
            os.fsync(file)
        return
    with ThreadPoolExecutor(min(len(files), SYNCS)) as threads:
        list(threads.map(os.fsync, files))


SYNCS = 16
_EMPTY = np.zeros(0, TF_BAR)


def _read(path: Path, count: int) -> Rows:
    try:
        with open(path, "rb", opener=own) as file:
            return np.fromfile(file, TF_BAR, count)
    except FileNotFoundError:
        return _EMPTY
