"""Which market opens, and at which moment: options into a Market and its first and last exchange time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from engine.market.files import Repair
from engine.market.symbols import canonical
from engine.sandbox.errors import SandboxError
from engine.sandbox.market import Market
from engine.sandbox.products import LISTED
from engine.sandbox.replayed import read_replay
from engine.sandbox.simulated import DAY_MS
from engine.sandbox.wire import rfc3339


def open_market(
    seed: int = 7,
    replay: Sequence[str | os.PathLike[str]] = (),
    symbols: Iterable[str] | None = None,
    rate: float = 1.0,
    repair: Repair | None = None,
) -> Market:
    """The simulated market of `seed`, or the replay of candle files; `symbols` lists only these.

    `rate` multiplies the number of prints (0.01 to 10). SandboxError says what is wrong.
    """
    if not 0.01 <= rate <= 10:
        raise SandboxError(f"rate {rate:g} is not between 0.01 and 10 times the usual number of prints")
    source = read_replay(replay, repair) if replay else None
    products = tuple(source.products.values()) if source else LISTED
    if symbols is not None:
        wanted = [canonical(symbol).replace("/", "-") for symbol in symbols]
        known = {product.id: product for product in products}
        if unknown := [name for name in wanted if name not in known]:
            raise SandboxError(f"{', '.join(unknown)} is not listed; choose from {', '.join(known)}")
        products = tuple(known[name] for name in dict.fromkeys(wanted))
    return Market(seed, products, source, rate)


def opening_time(market: Market, start: int | str | None, replayed: bool) -> tuple[int, int]:
    """(first, last) exchange time in ms UTC, whole seconds.

    Without `start` a simulated market opens at this machine's present minute, a replay after the first quarter of its
    candles (at most 30 days), so that there is history.
    """
    spans = [market.source.span(product_id) for product_id in market.products]
    first, last = min(a for a, _ in spans), max(b for _, b in spans)
    if start is None:
        begin = first + min((last - first) // 4, 30 * DAY_MS) if replayed else int(time.time()) * 1000
        begin = begin // 60_000 * 60_000
    else:
        begin = _ms(start) // 1000 * 1000
    if not first <= begin < last:
        raise SandboxError(
            f"start {rfc3339(begin)} is outside the market, which lasts from {rfc3339(first)} to {rfc3339(last)}"
        )
    return begin, last // 1000 * 1000


def _ms(start: int | str) -> int:
    """ms UTC of a number of ms or of ISO text; without an offset UTC is meant."""
    if isinstance(start, int):
        return start
    if start.isdigit() and len(start) > 8:
        return int(start)
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise SandboxError(f"start {start!r} is no time: write 2026-01-05, 2026-01-05T10:00:00Z or ms UTC") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
