"""The kernel's Python face: build the records of an account, give them events, read what happened, snapshot and restore.

No I/O: whoever calls brings frames and decisions in order and writes the reports wherever they belong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core import codes, commands, kernel
from engine.core.layout import (
    ACCOUNT,
    BREAKER,
    SLOT,
    SYMBOL,
)
from engine.core.log import rows_of_an_instant
from engine.core.records import account_record, breaker_records, configure_slot, slot_records, symbol_records
from engine.core.reports import Logs, Reports
from engine.core.types import (
    DECISION,
    EXEC_BAR,
    FLAG_GAP,
    FUNDING,
    AccountSpec,
    BreakerSpec,
    Instrument,
    Rows,
    SlotSpec,
)

_Int = int | np.signedinteger[Any]
Code = int | np.integer[Any]
_NO_DECISIONS = np.zeros(0, DECISION)
_NO_FUNDING = np.zeros(0, FUNDING)
_STEP_ROWS = (256, 128, 128, 256, 128)
_MOST_EVENTS = 1 << 18  # in one pass of a batch: a trailing stop may move on every bar
_STEP_POINTS = 64
_EXEC_WORDS = EXEC_BAR.itemsize // 8
_OHLC, _QUOTES = slice(1, 5), slice(6, 10)  # words of an EXEC_BAR row
_NO_QUOTES = np.zeros((0, 4), np.int64)
_LIVE, _BACK_FILLED = np.array([0], np.uint8), np.array([FLAG_GAP], np.uint8)


@dataclass(frozen=True)
class Frames:
    """A batch of frames: ts i8[F]; bars of frame f are rows first[f]:first[f+1]; gap u1[F]; symbol i4[N]; bars i8[N, 4]
    (open, high, low, close in ticks); quotes i8[N, 4] (bid and ask at open, bid and ask at close) or i8[0, 4]."""

    ts: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    gap: npt.NDArray[np.uint8]
    symbol: npt.NDArray[np.int32]
    bars: npt.NDArray[np.int64]
    quotes: npt.NDArray[np.int64]

    @staticmethod
    def none() -> Frames:
        return _NO_FRAMES

    @staticmethod
    def of_candles(ts: npt.NDArray[np.int64], bars: npt.NDArray[np.int64]) -> Frames:
        """One symbol, one bar a frame: ts i8[n], bars i8[n, 4]."""
        n = ts.size
        return Frames(
            np.ascontiguousarray(ts, np.int64),
            np.arange(n + 1, dtype=np.int64),
            np.zeros(n, np.uint8),
            np.zeros(n, np.int32),
            np.ascontiguousarray(bars, np.int64),
            np.zeros((0, 4), np.int64),
        )

    @staticmethod
    def of_rows(ts: npt.NDArray[np.int64], rows: Rows) -> Frames:
        """EXEC_BAR rows with their frame's ts i8[N], sorted by ts; rows of equal ts form one frame."""
        stamps, first = np.unique(ts, return_index=True)
        gap = (rows["flags"][first] & FLAG_GAP).astype(np.uint8)
        bars = np.stack([rows[name] for name in ("open", "high", "low", "close")], axis=1)
        quotes = np.stack([rows[name] for name in ("bid_open", "ask_open", "bid_close", "ask_close")], axis=1)
        return Frames(
            np.ascontiguousarray(stamps),
            np.append(first, ts.size).astype(np.int64),
            gap,
            np.ascontiguousarray(rows["symbol"]),
            np.ascontiguousarray(bars),
            np.ascontiguousarray(quotes),
        )

    def as_tuple(self) -> tuple[npt.NDArray[np.generic], ...]:
        return self.ts, self.first, self.gap, self.symbol, self.bars, self.quotes

    def slice(self, start: int, stop: int) -> Frames:
        """Frames start to stop, as a batch of their own."""
        a, b = int(self.first[start]), int(self.first[stop])
        quotes = self.quotes[a:b] if self.quotes.shape[0] else self.quotes
        return Frames(
            self.ts[start:stop],
            self.first[start : stop + 1] - a,
            self.gap[start:stop],
            self.symbol[a:b],
            self.bars[a:b],
            quotes,
        )


_NO_FRAMES = Frames.of_candles(np.zeros(0, np.int64), np.zeros((0, 4), np.int64))


class Machine:
    """One account's state and the events that change it. Not thread-safe: one loop owns it."""

    def __init__(
        self,
        account: AccountSpec,
        instruments: Sequence[Instrument],
        slots: Sequence[SlotSpec],
        breakers: Sequence[BreakerSpec] = (),
    ) -> None:
        """ValueError names the symbol, slot or amount that does not fit."""
        self.spec = account
        self.instruments = tuple(instruments)
        self.slot_specs = tuple(slots)
        self.breaker_specs = tuple(breakers)
        self.symbol_index = {instrument.symbol: i for i, instrument in enumerate(self.instruments)}
        self.account = account_record(account, self.slot_specs)
        self.symbols = symbol_records(account, self.instruments)
        self.slots = slot_records(account, self.slot_specs, self.symbol_index)
        self.breakers, self.breaker_names = breaker_records(
            self.breaker_specs, self.slot_specs, [instrument.symbol for instrument in self.instruments]
        )
        self._spare = rows_of_an_instant(len(self.slots), len(self.breakers))
        self._logs = Logs(_STEP_ROWS, self._spare, _STEP_POINTS)

    # ---- events ------------------------------------------------------------------------------------------------------
    def frame(self, ts: int, bars: Rows, gap: bool = False) -> Reports:
        """One frame: EXEC_BAR[k], at most one row a symbol, with open `ts`."""
        k = bars.size
        words = np.ascontiguousarray(bars).view(np.int64).reshape(k, _EXEC_WORDS)
        quotes = words[:, _QUOTES]
        frames = (
            np.array((ts,), np.int64),
            np.array((0, k), np.int64),
            _LIVE if not gap else _BACK_FILLED,
            bars["symbol"].copy(),
            words[:, _OHLC].copy(),
            quotes.copy() if quotes.any() else _NO_QUOTES,
        )
        return self._step(frames, _NO_DECISIONS, -1)

    def decide(self, decisions: Rows) -> Reports:
        """Decisions of one instant, DECISION[k] in slot order; all share decided_at."""
        return self._step(_NO_FRAMES.as_tuple(), decisions, int(decisions["decided_at"][-1]))

    def clock(self, ts: int) -> Reports:
        """Time has passed up to `ts` without a frame: what was due is done."""
        return self._step(_NO_FRAMES.as_tuple(), _NO_DECISIONS, ts)

    def run(
        self, frames: Frames, decisions: Rows = _NO_DECISIONS, funding: Rows = _NO_FUNDING, until: int = -1
    ) -> Reports:
        """A batch: frames, decisions sorted by (decided_at, slot), funding sorted by ts; then what is due up to `until`."""
        rows = _rows_of_a_batch(frames.symbol.size, decisions.size, funding.size * len(self.slots))
        cursor = np.zeros(3, np.int64)
        parts: list[Reports] = []
        complete = False
        while not complete:
            logs = Logs(rows, self._spare, frames.ts.size + _STEP_POINTS)
            complete = self._advance(frames.as_tuple(), decisions, funding, until, cursor, logs)
            parts.append(logs.hand_over(self.account))
        return Reports.concatenate(parts)

    def command(self, kind: str, ts: int, **args: object) -> Reports:
        """A person's or the runtime's order to the machine: see engine.core.commands. ValueError says why it is refused."""
        commands.apply(self, kind, ts, args)
        return self._logs.take(self.account)

    def venue_fill(
        self, slot: int, entry: bool, qty: int, price: int, fee: int, ts: int, maker: bool = False
    ) -> Reports:
        """A venue filled `qty` lots of the slot's entry or exit order at `price` ticks for `fee` quanta (< 0: a rebate)."""
        kernel.venue_fill(*self._state, self._logs.words, slot, int(entry), qty, price, fee, int(maker), ts)
        return self._logs.take(self.account)

    def venue_done(self, slot: int, entry: bool, state: str, ts: int) -> Reports:
        """A venue ended the slot's order without filling it whole: state `cancelled` or `rejected`."""
        code = codes.ORDER_STATES.index(state)
        kernel.venue_done(self.account, self.slots, self._logs.words, slot, int(entry), code, codes.R_VENUE, ts)
        return self._logs.take(self.account)

    def told(self) -> Reports:
        """What steps of `operate` have reported; only engine.core.reported calls this."""
        return self._logs.take(self.account)

    def watched(self) -> npt.NDArray[np.float64]:
        """What each breaker watches at this moment, f8[breakers], as the kernel measures it; nothing changes."""
        account, breakers = self.account.copy(), self.breakers.copy()
        now, words = int(account["now"][0]), self._logs.words
        kernel.operate(account, self.slots, self.symbols, breakers, words, kernel.OP_MEASURE, -1, 0, 0, now)
        values: npt.NDArray[np.float64] = breakers["value"].copy()
        return values

    def operate(self, op: _Int, ts: int, *, i: int = -1, code: _Int = 0, amount: _Int = 0) -> None:
        """One step of a command; only engine.core.commands calls this."""
        kernel.operate(*self._state, self._logs.words, op, i, code, amount, ts)

    @property
    def _state(self) -> tuple[Rows, Rows, Rows, Rows]:
        return self.account, self.slots, self.symbols, self.breakers

    def _step(self, frames: tuple[npt.NDArray[np.generic], ...], decisions: Rows, until: int) -> Reports:
        cursor = np.zeros(3, np.int64)
        complete = self._advance(frames, decisions, _NO_FUNDING, until, cursor, self._logs)
        reports = self._logs.take(self.account)
        while not complete:
            complete = self._advance(frames, decisions, _NO_FUNDING, until, cursor, self._logs)
            reports = Reports.concatenate([reports, self._logs.take(self.account)])
        return reports

    def _advance(
        self,
        frames: tuple[npt.NDArray[np.generic], ...],
        decisions: Rows,
        funding: Rows,
        until: int,
        cursor: npt.NDArray[np.int64],
        logs: Logs,
    ) -> bool:
        complete: bool = kernel.run(*self._state, frames, decisions, funding, until, cursor, logs.words, logs.curve)
        return complete

    # ---- state -------------------------------------------------------------------------------------------------------
    @property
    def level(self) -> str:
        return codes.LEVELS[int(self.account["level"][0])]

    def snapshot(self) -> bytes:
        """The whole state as bytes; `layout()` describes them."""
        return b"".join(a.tobytes() for a in (self.account, self.slots, self.symbols, self.breakers))

    def layout(self) -> dict[str, object]:
        """What a stored snapshot needs to be read by later code: field names and types, and what each row is."""
        return {
            "account": _describe(ACCOUNT),
            "slot": _describe(SLOT),
            "symbol": _describe(SYMBOL),
            "breaker": _describe(BREAKER),
            "slots": [spec.key for spec in self.slot_specs],
            "symbols": [instrument.symbol for instrument in self.instruments],
            "breakers": list(self.breaker_names),
        }

    def restore(self, state: bytes, layout: dict[str, object] | None = None) -> None:
        """Take a snapshot back. With `layout` of older code or another set of slots, fields and rows are copied by name."""
        layout = layout or self.layout()
        offset = 0
        for array, dtype_name, keys_name, keys in (
            (self.account, "account", None, ["account"]),
            (self.slots, "slot", "slots", [spec.key for spec in self.slot_specs]),
            (self.symbols, "symbol", "symbols", [instrument.symbol for instrument in self.instruments]),
            (self.breakers, "breaker", "breakers", list(self.breaker_names)),
        ):
            dtype = _undescribe(layout[dtype_name])
            stored_keys = _strings(layout[keys_name]) if keys_name else ["account"]
            stored = np.frombuffer(state, dtype, len(stored_keys), offset)
            offset += stored.nbytes
            _copy_rows(array, keys, stored, stored_keys)
        if "day_base" not in (_undescribe(layout["slot"]).names or ()):  # from before it was kept: the day begins here
            self.operate(kernel.OP_DAY, int(self.account["now"][0]))
        if offset != len(state):
            raise ValueError("the snapshot's length does not fit its layout: it is damaged or from another program")


def _rows(log: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], dtype: np.dtype[np.void]) -> Rows:
    """The chosen log rows as records of `dtype`."""
    width = len(dtype.names or ())
    return np.ascontiguousarray(log[chosen, 1 : 1 + width]).view(dtype).reshape(-1)


def _rows_of_a_batch(bars: int, decisions: int, funding: int) -> tuple[int, ...]:
    """Rows of each kind that a batch most likely writes in one pass; what is not written costs no memory."""
    return 6 * decisions + 16, 2 * decisions + 4, decisions + 2, decisions + 1, min(bars, _MOST_EVENTS) + funding


# What a person configures; a restored machine keeps its own values of these, so that a changed configuration acts.
_CONFIGURED = {
    "account": (
        "quantum_scale max_gross symbol_cap sector_cap collar max_symbol_minute max_minute max_day max_positions delay_ms "
        "order_most symbol_most gross_most first_trades auto_ack_ms bucket_ms research venue venue_stops"
    ).split(),
    "slot": (
        "symbol timeframe_ms sizing size size_volatility stop_rate target_rate trail_rate breakeven_rate time_stop "
        "allow_short cooldown_ms"
    ).split(),
    "symbol": "num den unit min_qty min_notional maker taker slippage perp sector".split(),
    "breaker": (
        "kind slot symbol wide threshold level flatten end cooldown_ms probation_rate probation_trades trips_a_day"
    ).split(),
}
_TABLE_OF = {ACCOUNT: "account", SLOT: "slot", SYMBOL: "symbol", BREAKER: "breaker"}


def _copy_rows(target: Rows, keys: list[str], stored: Rows, stored_keys: list[str]) -> None:
    where = {key: i for i, key in enumerate(stored_keys)}
    configured = set(_CONFIGURED[_TABLE_OF[target.dtype]])
    names = [n for n in target.dtype.names or () if n in (stored.dtype.names or ()) and n not in configured]
    for row, key in enumerate(keys):
        if key in where:
            for name in names:
                target[name][row] = stored[name][where[key]]


def _describe(dtype: np.dtype[np.void]) -> list[list[str]]:
    return [[name, dtype[name].str] for name in dtype.names or ()]


def _undescribe(fields: object) -> np.dtype[np.void]:
    assert isinstance(fields, list)
    return np.dtype([(str(name), str(kind)) for name, kind in fields], align=True)


def _strings(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]


__all__ = ["EXEC_BAR", "Frames", "Machine", "Reports", "configure_slot"]
