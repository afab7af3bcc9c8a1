"""A simulated market: minute candles of any day as a pure function of (seed, symbol, day).

Log price = log of the product's level + beta x a factor common to all + a walk of its own. Each walk is a mean-reverting
daily walk from 2017 on, and inside the day a bridge of minute steps to the next day's value; steps follow calm, normal
and wild regimes, the hour of the day, and jumps. The prints inside a minute are made in `paths`.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from engine.sandbox import dice
from engine.sandbox.dice import Floats, Ints
from engine.sandbox.products import Product

DAY_MS, MINUTE_MS, MINUTES = 86_400_000, 60_000, 1440
FIRST_DAY = int(datetime(2017, 1, 1, tzinfo=UTC).timestamp()) // 86_400
DAYS = 7305
FIRST_MS, LAST_MS = FIRST_DAY * DAY_MS, (FIRST_DAY + DAYS - 1) * DAY_MS

FACTOR_DEVIATION = 0.022
PULL = 0.004
"""Share of the distance to its level that a walk loses in a day: prices stay within a factor of about three."""
REGIMES = (0.55, 1.0, 2.3)
STAY = 0.86
JUMPS_A_DAY = 2.0


class Candles(NamedTuple):
    """Columns: ts of the open (ms UTC), prices in ticks, volume in lots; sorted; a candle without volume is not there."""

    ts: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints

    def slice(self, start: int, end: int) -> Candles:
        """Those with start <= ts < end."""
        a, b = np.searchsorted(self.ts, (start, end))
        return Candles(*(column[a:b] for column in self))


EMPTY = Candles(*(np.zeros(0, np.int64) for _ in range(6)))


def joined(parts: list[Candles]) -> Candles:
    return Candles(*(np.concatenate(columns) for columns in zip(*parts, strict=True))) if parts else EMPTY


class Regimes:
    """The market's mood: a Markov chain over days, and a multiplier for each hour."""

    def __init__(self, seed: int) -> None:
        self._hours = dice.key(seed, "hours")
        moves = dice.uniform(dice.key(seed, "regime"), np.arange(DAYS))
        draws = dice.words(dice.key(seed, "regime to"), np.arange(DAYS)) % np.uint64(len(REGIMES))
        state, states = 1, []
        for move, draw in zip(moves.tolist(), draws.tolist(), strict=True):
            state = state if move < STAY else int(draw)
            states.append(state)
        self.days = np.array(REGIMES)[states]

    def minutes(self, day: int) -> Floats:
        """The deviation's multiplier in each minute of a day (counted from FIRST_DAY)."""
        hours = np.arange(24)
        # Busier from 12 to 20 h UTC; the wave is a parabola so that no library's sine decides a price.
        wave = 1.0 - ((hours - 16.0) / 12.0) ** 2 * 0.45
        mood = 0.65 + 0.7 * dice.uniform(self._hours, hours + 24 * day)
        return np.repeat(self.days[day] * wave * mood, 60)


class Walk:
    """One log-price walk; `value` at each day's start, `day` gives the 1,441 values of a day's minute boundaries."""

    def __init__(self, seed: int, name: str, deviation: float, regimes: Regimes) -> None:
        self.deviation, self.regimes = deviation, regimes
        self._keys = {what: dice.key(seed, name, what) for what in ("day", "minute", "jump", "size")}
        steps = dice.bell(self._keys["day"], np.arange(DAYS)) * deviation * regimes.days
        value, values = 0.0, [0.0]
        for step in steps.tolist():
            value = value * (1.0 - PULL) + step
            values.append(value)
        self.value = values

    def day(self, day: int) -> Floats:
        at = np.arange(MINUTES) + day * MINUTES
        scale = self.regimes.minutes(day) * (self.deviation / math.sqrt(MINUTES))
        steps = dice.bell(self._keys["minute"], at) * scale
        jumps = dice.uniform(self._keys["jump"], at) < JUMPS_A_DAY / MINUTES
        steps += jumps * dice.bell(self._keys["size"], at) * (0.35 * self.deviation)
        share = np.concatenate(([0.0], np.cumsum(scale * scale)))
        path = np.concatenate(([0.0], np.cumsum(steps)))
        missing = self.value[day + 1] - self.value[day] - path[-1]
        return np.asarray(self.value[day] + path + missing * (share / share[-1]))


class Simulated:
    """Minute candles of `products`; the factor is shared, so that they move together."""

    step_ms = MINUTE_MS
    notes: tuple[str, ...] = ()

    def __init__(self, seed: int, products: tuple[Product, ...]) -> None:
        self.seed = seed
        self.products = {product.id: product for product in products}
        self.regimes = Regimes(seed)
        self._factor = Walk(seed, "factor", FACTOR_DEVIATION, self.regimes)
        self._own = {p.id: Walk(seed, p.id, p.deviation, self.regimes) for p in products}
        self._factor_day = lru_cache(maxsize=64)(self._factor.day)
        self.day = lru_cache(maxsize=2048)(self._day)

    def span(self, product_id: str) -> tuple[int, int]:
        """(first, last) ms between which there is a market."""
        return FIRST_MS, LAST_MS

    def typical(self, product_id: str) -> float:
        """Lots that an average minute trades."""
        product = self.products[product_id]
        return float(product.turnover / MINUTES * 10**product.size_digits)

    def candles(self, product_id: str, start: int, end: int) -> Candles:
        """Minute candles with start <= ts < end."""
        start, end = max(start, FIRST_MS), min(end, LAST_MS)
        if start >= end:
            return EMPTY
        days = range(start // DAY_MS - FIRST_DAY, (end - 1) // DAY_MS - FIRST_DAY + 1)
        return joined([self.day(product_id, day) for day in days]).slice(start, end)

    def daily(self, product_id: str, ts: int, days: int) -> Ints:
        """Prices in ticks at the last `days` UTC midnights up to `ts`."""
        product, last = self.products[product_id], ts // DAY_MS - FIRST_DAY
        at = range(max(0, last - days + 1), last + 1)
        logs = np.array([product.beta * self._factor.value[d] + self._own[product_id].value[d] for d in at])
        return _ticks(product, logs)

    def _day(self, product_id: str, day: int) -> Candles:
        product = self.products[product_id]
        path = product.beta * self._factor_day(day) + self._own[product_id].day(day)
        at = np.arange(MINUTES) + day * MINUTES
        ends = _ticks(product, path)
        calm = self.regimes.minutes(day)
        sigma = calm * ((product.beta * FACTOR_DEVIATION + product.deviation) / math.sqrt(MINUTES))
        close = ends[1:]
        open_ = np.maximum(ends[:-1] + self._offset(product_id, "open", at, sigma * 0.08 * ends[:-1]), 1)
        high = np.maximum(open_, close) + np.abs(self._offset(product_id, "high", at, sigma * 0.45 * close))
        low = np.minimum(open_, close) - np.abs(self._offset(product_id, "low", at, sigma * 0.45 * close))
        moved = np.abs(np.diff(path)) / sigma
        noise = 0.35 + 1.3 * dice.uniform(dice.key(self.seed, product_id, "volume"), at) ** 2
        activity = noise * calm * (0.6 + 0.5 * moved)
        volume = np.rint(activity * self.typical(product_id)).astype(np.int64)
        ts = (np.arange(MINUTES) * MINUTE_MS + (day + FIRST_DAY) * DAY_MS).astype(np.int64)
        return Candles(ts, open_, high, np.maximum(low, 1), close, np.maximum(volume, 8))

    def _offset(self, product_id: str, what: str, at: Ints, scale: Floats) -> Ints:
        return np.rint(dice.bell(dice.key(self.seed, product_id, what), at) * scale).astype(np.int64)


def _ticks(product: Product, logs: Floats) -> Ints:
    prices = dice.exp(logs) * (product.price * 10**product.price_digits)
    return np.asarray(np.maximum(np.rint(prices), 1).astype(np.int64))
