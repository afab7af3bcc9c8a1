"""What a feed says besides prints, quotes and beats, and what the assembler hands on. Names only, no behaviour."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from engine.core.bars import Beat, Frame, Quote, Tick


class Connected(NamedTuple):
    """A connection stands and has subscribed; `ts` is exchange time in ms, 0 while unknown."""

    ts: int


class Disconnected(NamedTuple):
    """The connection is gone; `ts` is the last exchange time in ms it brought, 0 for none."""

    ts: int
    reason: str


class SequenceGap(NamedTuple):
    """Messages before exchange time `ts` (ms) were lost although the connection stands."""

    ts: int
    reason: str = "sequence"


class Sequence(NamedTuple):
    """The number the venue gave a message, and its time in ms.

    Where only the prints of one symbol are numbered (`symbol` >= 0, the run's index), a message covers `first` to `number`.
    """

    number: int
    ts: int
    first: int = -1
    symbol: int = -1


class Malformed(NamedTuple):
    """A message, or one entry of it, that does not have its venue's shape. Counted, never raised."""

    reason: str
    text: str


class Notice(NamedTuple):
    """Words from the venue for a person, such as a refused subscription."""

    text: str


Event: TypeAlias = Tick | Quote | Beat | Connected | Disconnected | SequenceGap | Sequence | Malformed | Notice


class Watermark(NamedTuple):
    """Everything before exchange time `ts` (ms, whole seconds) is closed."""

    ts: int


class Gap(NamedTuple):
    """The time [from_ts, to_ts) was missed and filled from `source`: `trades`, `candles` or `none`.

    `frames` carry FLAG_GAP and no quotes; `cause` is `start`, `restart`, the reason of a disconnection, or `sequence`.
    """

    from_ts: int
    to_ts: int
    cause: str
    source: str
    frames: list[Frame]


Item: TypeAlias = Frame | Watermark | Gap
