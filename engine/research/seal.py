"""The last fifth of a data set is sealed: optimisers never see it, and every look at it is counted.

Sealed data answers one question once, whether what was found before holds after. Each further look makes it a part of the
search. Whoever optimises takes `unsealed` candles; whoever tests on the rest calls `open_seal` first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, insert, select
from sqlmodel import col

from db.models import SealOpening
from db.session import write_session
from engine.core.types import MS_DAY
from engine.market.candles import Candles

SHARE = 0.2
"""Of the span, at its end."""
WHOLE_DAYS = 10
"""From so many days on the seal begins at a UTC midnight: statistics are of days."""


@dataclass(frozen=True)
class Opening:
    """One look at sealed data; times in ms UTC."""

    strategy: str
    from_ts: int
    to_ts: int
    opened_ts: int
    reason: str
    run_id: int | None


def seal_ts(from_ts: int, to_ts: int, share: float = SHARE, step_ms: int = 1) -> int:
    """Where the seal of [from_ts, to_ts) begins, ms UTC: a UTC midnight in a span of ten days or more, else a whole step."""
    if not 0 <= share < 1:
        raise ValueError(f"a share of {share} cannot be sealed: it is a fraction from 0 to below 1, such as 0.2")
    if share == 0:
        return to_ts
    cut = from_ts + int((to_ts - from_ts) * (1 - share))
    grid = MS_DAY if to_ts - from_ts >= WHOLE_DAYS * MS_DAY else step_ms
    return max(from_ts, cut // grid * grid)


def span_of(candles: Mapping[str, Candles]) -> tuple[int, int]:
    """[first open, last end) over all symbols, ms UTC. ValueError for no candles at all."""
    known = [one for one in candles.values() if len(one)]
    if not known:
        raise ValueError("there are no candles in this span: fetch some, or choose another")
    return min(int(one.ts[0]) for one in known), max(int(one.ts[-1]) + one.timeframe_ms for one in known)


def unsealed(candles: Candles, share: float = SHARE) -> Candles:
    """What an optimiser may see: all but the last `share` of the span. ValueError for no candles."""
    return unsealed_all({"": candles}, share)[""]


def unsealed_all(candles: Mapping[str, Candles], share: float = SHARE) -> dict[str, Candles]:
    """The same for several symbols, cut at one instant."""
    from_ts, to_ts = span_of(candles)
    step = max((one.timeframe_ms for one in candles.values()), default=1) or 1
    cut = seal_ts(from_ts, to_ts, share, step)
    return {symbol: one.between(None, cut) for symbol, one in candles.items()}


def open_seal(
    engine: Engine,
    exchange: str,
    symbols: Sequence[str],
    timeframe: str,
    strategy: str,
    from_ts: int,
    to_ts: int,
    reason: str = "",
    run_id: int | None = None,
) -> int:
    """Note a look at [from_ts, to_ts) of this data; how many there have been of this strategy, this one among them."""
    market = "+".join(sorted(symbols))
    row = {
        "exchange": exchange, "symbol": market, "timeframe": timeframe, "strategy": strategy, "from_ts": from_ts,
        "to_ts": to_ts, "opened_ts": time.time_ns() // 1_000_000, "reason": reason, "run_id": run_id,
    }  # fmt: skip
    with write_session(engine) as session:
        session.execute(insert(SealOpening), row)
    return len(openings(engine, symbols, strategy, from_ts, to_ts))


def openings(
    engine: Engine, symbols: Sequence[str], strategy: str, from_ts: int | None = None, to_ts: int | None = None
) -> list[Opening]:
    """Looks of this strategy at these symbols' sealed data, oldest first; those that share a day with the span, if one is given.

    Exchange and timeframe do not matter: the same days of the same market hold the same answer.
    """
    names = ("strategy", "from_ts", "to_ts", "opened_ts", "reason", "run_id")
    query = select(*(col(getattr(SealOpening, name)) for name in names)).where(
        col(SealOpening.symbol) == "+".join(sorted(symbols)), col(SealOpening.strategy) == strategy
    )
    if from_ts is not None:
        query = query.where(col(SealOpening.to_ts) > from_ts)
    if to_ts is not None:
        query = query.where(col(SealOpening.from_ts) < to_ts)
    with engine.connect() as connection:
        return [Opening(*row) for row in connection.execute(query.order_by(col(SealOpening.id)))]


def sentence(count: int) -> str:
    """For a person: how much the sealed part still says."""
    if not count:
        return "The last fifth of the data is sealed; nobody has looked at it."
    if count == 1:
        return "The sealed part was opened once: this is its one honest answer."
    return f"The sealed part was opened {count} times: by now it is a part of the search."
