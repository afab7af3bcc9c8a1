"""What the kernel writes while it runs, and the same as rows for whoever asked: buffers in, reports out. No rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.core import codes
from engine.core.layout import EQUITY_LOG, EVENT_LOG, FILL_LOG, LOG_KINDS, LOG_TYPES, ORDER_LOG, SIGNAL_LOG, TRADE_LOG
from engine.core.log import new_log
from engine.core.types import Rows


@dataclass(frozen=True)
class Reports:
    """What happened: rows of ORDER_LOG, FILL_LOG, TRADE_LOG, EVENT_LOG, SIGNAL_LOG and EQUITY_LOG, each in order."""

    orders: Rows
    fills: Rows
    trades: Rows
    events: Rows
    signals: Rows
    equity: Rows

    @staticmethod
    def concatenate(parts: Sequence[Reports]) -> Reports:
        if len(parts) < 2:
            return parts[0] if parts else _NOTHING
        return Reports(*(_joined([getattr(part, name) for part in parts]) for name in Reports.__dataclass_fields__))

    @property
    def urgent(self) -> bool:
        """True if something happened that must be committed now: anything but marks and stop moves."""
        if self.orders.size or self.fills.size or self.trades.size or self.signals.size:
            return True
        return bool((self.events["kind"] != codes.E_STOP_MOVE).any())

    def __bool__(self) -> bool:
        return any(rows.size for rows in (self.orders, self.fills, self.trades, self.equity, self.events, self.signals))


def _joined(rows: list[Rows]) -> Rows:
    """Rows of one type, one after the other. As plain words: numpy copies structured rows field by field."""
    dtype = rows[0].dtype
    return np.concatenate([np.ascontiguousarray(part).view(np.int64) for part in rows]).view(dtype)


_NO_POINTS = np.zeros(0, EQUITY_LOG)
_NO_ROWS = {kind: np.zeros(0, kind) for kind in LOG_TYPES}
_NOTHING = Reports(*(np.zeros(0, kind) for kind in (ORDER_LOG, FILL_LOG, TRADE_LOG, EVENT_LOG, SIGNAL_LOG, EQUITY_LOG)))


class Logs:
    """The buffers the kernel writes into."""

    def __init__(self, rows: tuple[int, ...], spare: tuple[int, ...], points: int) -> None:
        """Room for `rows` of each kind, `spare` as in `log.new_log`, and for `points` of equity."""
        self.words = new_log(rows, spare)
        self.curve = np.empty(points, EQUITY_LOG)
        self._starts = self.words[:LOG_KINDS].tolist()

    def hand_over(self, account: Rows) -> Reports:
        """What was written since the last time, as this memory itself: to be called once, at the end."""
        ends = self.words[:LOG_KINDS].tolist()
        points = int(account["n_curve"][0])
        account["n_curve"] = 0
        kinds = zip(LOG_TYPES, self._starts, ends, strict=True)
        rows = [self.words[start:end].view(kind) for kind, start, end in kinds]
        return _reports(rows, self.curve[:points])

    def take(self, account: Rows) -> Reports:
        """What was written since the last time, as a copy; the buffers are empty again."""
        ends = self.words[:LOG_KINDS].tolist()
        points = int(account["n_curve"][0])
        if not points and ends == self._starts:
            return _NOTHING
        rows = [
            self.words[start:end].copy().view(kind) if end > start else _NO_ROWS[kind]
            for kind, start, end in zip(LOG_TYPES, self._starts, ends, strict=True)
        ]
        self.words[:LOG_KINDS] = self._starts
        account["n_curve"] = 0
        return _reports(rows, self.curve[:points].copy() if points else _NO_POINTS)


def _reports(rows: list[Rows], curve: Rows) -> Reports:
    orders, fills, trades, signals, events = rows  # as LOG_TYPES
    return Reports(orders, fills, trades, events, signals, curve)
