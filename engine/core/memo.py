"""Indicators once for every distinct parameter: what was reckoned from shared arrays is handed out again.

A `Memo` knows the arrays it was opened on; an indicator decorated with `remembered` asks whether all its series are such
arrays. Without an open memo nothing is kept and nothing is slower. What is kept is read-only and bounded in bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

_memo_of: dict[int, tuple[Any, Memo]] = {}
"""By id of a shared array: the array itself, which keeps the id its own, and the memo."""


class Memo:
    """Results by what was asked; the ones longest unused go first when `most_bytes` are kept. Safe to share among threads."""

    def __init__(self, arrays: Iterable[Any], most_bytes: int = 64 << 20) -> None:
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes, self._most = 0, most_bytes
        self._ids: list[int] = []
        self.share(arrays)

    def share(self, arrays: Iterable[Any]) -> None:
        """Remember what is reckoned from these, too."""
        for array in arrays:
            self._ids.append(id(array))
            _memo_of[id(array)] = (array, self)

    def close(self) -> None:
        for number in self._ids:
            _memo_of.pop(number, None)
        self._kept.clear()
        self._bytes = 0

    def __enter__(self) -> Memo:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def bytes(self) -> int:
        return self._bytes

    def take(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under `key`, else what `make` gives, kept from now on if it is arrays and small enough."""
        found = self._kept.get(key)
        if found is not None:
            with suppress(KeyError):  # another thread may just have let go of it
                self._kept.move_to_end(key)
            return cast(T, found[0])
        made = make()
        size = _locked(made)
        if 0 < size <= self._most:
            self._keep(key, made, size)
        return made

    def _keep(self, key: Hashable, made: Any, size: int) -> None:
        self._bytes += size
        before = self._kept.pop(key, None)
        self._kept[key] = (made, size)
        self._bytes -= before[1] if before else 0
        while self._bytes > self._most:
            try:
                _, (_, gone) = self._kept.popitem(last=False)
            except KeyError:
                break
            self._bytes -= gone


def _locked(made: Any) -> int:
    """Bytes of an array or a tuple of arrays, made read-only; 0 for anything else."""
    arrays = made if isinstance(made, tuple) else (made,)
    if not all(isinstance(array, np.ndarray) for array in arrays):
        return 0
    for array in arrays:
        array.flags.writeable = False
    return sum(array.nbytes for array in arrays)


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """The function, its result kept where all its series belong to one open memo."""

    @wraps(function)
    def call(*args: P.args, **words: P.kwargs) -> T:
        if not _memo_of:
            return function(*args, **words)
        memo, key = _asked(args, words)
        if memo is None:
            return function(*args, **words)
        return memo.take((function.__name__, *key), lambda: function(*args, **words))

    return call


def memo_of(array: Any) -> Memo | None:
    found = _memo_of.get(id(array))
    return found[1] if found is not None and found[0] is array else None


def _asked(args: tuple[Any, ...], words: dict[str, Any]) -> tuple[Memo | None, list[Hashable]]:
    memo: Memo | None = None
    key: list[Hashable] = []
    for name, value in (*((None, one) for one in args), *sorted(words.items())):
        if isinstance(value, np.ndarray):
            own = memo_of(value)
            if own is None or (memo is not None and own is not memo):
                return None, []
            memo = own
            key.append((name, id(value)))
        elif isinstance(value, (int, float, str, np.generic)) or value is None:
            key.append((name, type(value), value))
        else:
            return None, []
    return memo, key
