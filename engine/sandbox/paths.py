"""A candle becomes prints: a plausible path that gives back its open, high, low, close and volume exactly. Pure.

Whatever is random belongs to (key, candle, print); whatever is added up is an integer; so a print does not depend on
which candles are made together with its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.sandbox import dice
from engine.sandbox.dice import Floats, Ints
from engine.sandbox.simulated import Candles

IDS_A_SECOND = 50
FIRST_ID_MS = 1_262_304_000_000
"""Trade ids count 50 a second from 2010 on, so that they grow with time and need no history."""
_BURSTS_EVERY_S = 6


class Prints(NamedTuple):
    """Columns, sorted by time and id: ts (ms UTC), price in ticks, size in lots, side of the taker (1 bought, -1 sold),
    trade id.
    """

    ts: Ints
    price: Ints
    size: Ints
    side: Ints
    id: Ints

    def slice(self, start: int, end: int) -> Prints:
        """Those with start <= ts < end."""
        a, b = np.searchsorted(self.ts, (start, end))
        return Prints(*(column[a:b] for column in self))


NO_PRINTS = Prints(*(np.zeros(0, np.int64) for _ in range(5)))


def joined(parts: list[Prints]) -> Prints:
    return Prints(*(np.concatenate(columns) for columns in zip(*parts, strict=True))) if parts else NO_PRINTS


def needed(candles: Candles) -> Ints:
    """How many prints each candle needs at least: its distinct turning points."""
    flat = (candles.open == candles.close) & (candles.high == candles.low)
    highs = candles.high > np.maximum(candles.open, candles.close)
    lows = candles.low < np.minimum(candles.open, candles.close)
    return np.asarray(np.where(flat, 1, 2 + highs.astype(np.int64) + lows))


def prints(candles: Candles, name: int, step_ms: int, rate: float, typical: float) -> Prints:
    """The prints of whole candles of `step_ms` milliseconds.

    `rate`: prints a second when a candle trades its `typical` volume in lots. ValueError when a candle has fewer lots
    than it needs prints.
    """
    if not len(candles.ts):
        return NO_PRINTS
    count = _counts(candles, name, step_ms, rate, typical)
    owner = np.repeat(np.arange(len(count)), count)
    first = np.cumsum(count) - count
    position = np.arange(len(owner)) - first[owner]
    # One number for each print that depends on its candle and position alone.
    at = candles.ts[owner] // 1000 * IDS_A_SECOND + position
    price = _prices(candles, name, count, owner, first, position, at)
    return Prints(
        ts=_times(candles, name, step_ms, owner, at),
        price=price,
        size=_sizes(candles, name, count, owner, first, at),
        side=_sides(price, name, owner, at),
        id=at + (1 - FIRST_ID_MS // 1000 * IDS_A_SECOND),
    )


def _counts(candles: Candles, name: int, step_ms: int, rate: float, typical: float) -> Ints:
    least = needed(candles)
    if np.any(candles.volume < least):
        bad = int(np.argmax(candles.volume < least))
        raise ValueError(f"the candle at {candles.ts[bad]} ms has too little volume for the prices it touches")
    activity = np.clip(np.sqrt(candles.volume / max(typical, 1.0)), 0.05, 4.0)
    luck = dice.uniform(dice.key(name, "count"), candles.ts // 1000)
    seconds = step_ms / 1000
    wanted = np.floor(rate * seconds * activity * (0.7 + 0.6 * luck) + luck).astype(np.int64)
    most = np.minimum(candles.volume, int(IDS_A_SECOND * seconds) - 1)
    return np.asarray(np.clip(wanted, least, np.maximum(most, least)))


def _times(candles: Candles, name: int, step_ms: int, owner: Ints, at: Ints) -> Ints:
    """Half of the prints anywhere in the candle, half in bursts; in order."""
    anywhere = (dice.uniform(dice.key(name, "time"), at) * step_ms).astype(np.int64)
    bursts = max(1, step_ms // (1000 * _BURSTS_EVERY_S))
    which = (dice.uniform(dice.key(name, "burst"), at) * bursts).astype(np.int64)
    begin = candles.ts[owner] // 1000 * IDS_A_SECOND + which
    start = (dice.uniform(dice.key(name, "burst at"), begin) * step_ms).astype(np.int64)
    within = start + (dice.uniform(dice.key(name, "in burst"), at) ** 2 * 1500).astype(np.int64)
    burst = dice.words(dice.key(name, "is burst"), at) % np.uint64(2) == 0
    offset = np.minimum(np.where(burst, within, anywhere), step_ms - 1)
    # Candles do not overlap, so one sort of all keeps each print in its candle.
    return np.asarray(np.sort(candles.ts[owner] + offset))


def _prices(candles: Candles, name: int, count: Ints, owner: Ints, first: Ints, position: Ints, at: Ints) -> Ints:
    """Bridges between open, the two extremes in either order, and close, kept between low and high."""
    places, levels = _anchors(candles, name, count)
    part = sum((position >= places[i][owner]).astype(np.int64) for i in (1, 2))
    part = np.asarray(part)
    begin = np.choose(part, [p[owner] for p in places[:3]])
    end = np.choose(part, [p[owner] for p in places[1:]])
    from_, to = np.choose(part, [v[owner] for v in levels[:3]]), np.choose(part, [v[owner] for v in levels[1:]])
    done = (position - begin) / np.maximum(end - begin, 1)
    # Integer sums: exact, hence the same whatever lies before this candle in the array.
    walk = np.cumsum((dice.words(dice.key(name, "step"), at) % np.uint64(2001)).astype(np.int64) - 1000)
    here, there = walk[first[owner] + begin], walk[first[owner] + end]
    bridge = (walk - here) - (there - here) * done
    reach = (candles.high - candles.low)[owner] / (577.0 * np.sqrt(count)[owner]) * 0.8
    price = np.rint(from_ + (to - from_) * done + bridge * reach).astype(np.int64)
    price = np.asarray(np.clip(price, candles.low[owner], candles.high[owner]))
    for place, level in zip(places, levels, strict=True):
        price[first + place] = level
    return np.asarray(price)


def _anchors(candles: Candles, name: int, count: Ints) -> tuple[list[Ints], list[Ints]]:
    """Positions of open, earlier extreme, later extreme and close, and their prices.

    An extreme that is the open or the close needs no place of its own and sits there.
    """
    last = count - 1
    draw = [dice.uniform(dice.key(name, f"turn {i}"), candles.ts // 1000) for i in range(3)]
    high_first = draw[2] < 0.5
    extremes = [np.where(high_first, candles.high, candles.low), np.where(high_first, candles.low, candles.high)]
    at_open = [e == candles.open for e in extremes]
    at_close = [(e == candles.close) & ~o for e, o in zip(extremes, at_open, strict=True)]
    inner = [~(o | c) for o, c in zip(at_open, at_close, strict=True)]
    # Where both are inside there are at least four prints: 1 <= a < b <= last - 1.
    room = np.maximum(last - 1 - inner[1], 1)
    a = 1 + np.minimum((draw[0] * room).astype(np.int64), room - 1)
    low_b = np.where(inner[0], a + 1, 1)
    room_b = np.maximum(last - low_b, 1)
    b = low_b + np.minimum((draw[1] * room_b).astype(np.int64), room_b - 1)
    zero = np.zeros_like(last)
    places = [np.where(i, p, np.where(o, zero, last)) for i, o, p in zip(inner, at_open, (a, b), strict=True)]
    early, late = np.minimum(*places), np.maximum(*places)
    swap = places[0] > places[1]
    levels = [np.where(swap, extremes[1], extremes[0]), np.where(swap, extremes[0], extremes[1])]
    # An anchor that sits on the open or the close must carry that price, whichever extreme it stands for.
    levels = [
        np.where(p == 0, candles.open, np.where(p == last, candles.close, v))
        for p, v in zip((early, late), levels, strict=True)
    ]
    return [zero, early, late, last], [candles.open, *levels, candles.close]


def _sizes(candles: Candles, name: int, count: Ints, owner: Ints, first: Ints, at: Ints) -> Ints:
    """The volume cut at weights with a long tail; at least one lot each, the sum exact."""
    u = dice.uniform(dice.key(name, "size"), at)
    weight = (1.0 + 8.0 / (u + 0.02)).astype(np.int64)
    total = np.cumsum(weight)
    before = (total - weight)[first]
    whole = total[first + count - 1] - before
    spare = (candles.volume - count)[owner]
    share: Floats = (total - before[owner]) / whole[owner]
    cut = np.minimum(np.floor(spare * share).astype(np.int64), spare)
    cut[first + count - 1] = candles.volume - count
    return np.asarray(np.diff(cut, prepend=0) + 1 + _fresh(cut, first, owner))


def _fresh(cut: Ints, first: Ints, owner: Ints) -> Ints:
    """What makes `diff` start anew in each candle: the former candle's last cut, given back."""
    back = np.zeros_like(cut)
    back[first[1:]] = cut[first[1:] - 1]
    return back


def _sides(price: Ints, name: int, owner: Ints, at: Ints) -> Ints:
    """A rise was bought, a fall was sold; where nothing moved, or a candle begins, a coin decides."""
    moved = np.sign(np.diff(price, prepend=price[:1]))
    moved[np.diff(owner, prepend=-1) != 0] = 0
    coin = (dice.words(dice.key(name, "side"), at) & np.uint64(1)).astype(np.int64) * 2 - 1
    return np.asarray(np.where(moved == 0, coin, moved))
