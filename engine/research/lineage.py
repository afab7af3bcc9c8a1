"""Every variant of a strategy that was ever tried on a data set, counted by itself: what luck has to be measured against.

A trial is a variant: parameters, sizes, protections, costs, limits and the strategy's source. The same one twice counts once.
A data set is named by its markets and its days, and two that share markets and days are one to whoever searches in them: a
sweep over January and a backtest over January to March are counted together, a backtest of April alone is not.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from sqlalchemy import Engine, func, insert, select
from sqlmodel import col

from db.models import Trial
from db.session import write_session
from engine.analytics import ratios
from engine.analytics.doubt import trial_variance
from engine.analytics.values import Floats, Undefined
from engine.core.setup import Setup
from engine.core.types import MS_DAY
from engine.research.seal import SHARE, open_seal, openings

Keys = npt.NDArray[np.uint64]

AT_ONCE = 50_000
"""Trials in one row and transaction: 800 KB, so that a running engine's commits do not wait."""
SEARCHES = ("sweep", "optimise", "walk_forward")
"""Origins that choose among variants and never see the sealed part."""
_NAME = re.compile(r"^(?P<markets>.+) (?P<first>\d{1,6})-(?P<last>\d{1,6})$")


@dataclass(frozen=True, eq=False)
class Lineage:
    """`trials` distinct variants on this data set, `sharpes` float64[trials] their daily Sharpe ratios (NaN where undefined),
    `origins` how many of them each origin brought (a variant met twice counts where it came from first), `elsewhere` trials of
    the strategy on other data, repetitions among them."""

    strategy: str
    data_set: str
    trials: int
    sharpes: Floats
    origins: Mapping[str, int]
    elsewhere: int

    @property
    def variance(self) -> float:
        """Of the known daily Sharpe ratios, ddof 1; 0 for fewer than two."""
        return trial_variance(self.sharpes)

    @property
    def searched(self) -> bool:
        """Whether anything but single backtests has been at this data."""
        return any(origin != "backtest" for origin in self.origins)


# ---- names and keys ------------------------------------------------------------------------------------------------------
def data_set(markets: Iterable[str], from_ts: int, to_ts: int) -> str:
    """The name of the data of these symbols over [from_ts, to_ts) ms UTC: "BTC/USD+ETH/USD 19723-19812", in UTC days."""
    return f"{'+'.join(sorted(set(markets)))} {from_ts // MS_DAY}-{max(to_ts - 1, from_ts) // MS_DAY}"


def data_set_of(setup: Setup, from_ts: int, to_ts: int) -> str:
    """The data set that a setup's slots trade on."""
    return data_set((slot.symbol for slot in setup.slots), from_ts, to_ts)


def strategies_of(setup: Setup) -> str:
    """What is tried: the strategy's name, or the names of all, as one word for the table of trials."""
    return "+".join(sorted({slot.strategy for slot in setup.slots}))


def source_of(setup: Setup) -> str:
    """One hash for the source text of everything that is tried."""
    from engine.strategies import catalog  # brings numba, which whoever only reads what was stored does not wait for

    digests = [catalog.source(name)[1] for name in sorted({slot.strategy for slot in setup.slots})]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def keys_of(setups: Iterable[Setup]) -> Keys:
    """uint64[n], one a variant: equal for equal variants whatever they are called, and however much cash they begin with.

    Parameters that a setup leaves out count at their defaults. About 15 microseconds each.
    """
    defaults: dict[str, dict[str, Any]] = {}
    digests = b"".join(
        hashlib.blake2b(orjson.dumps(_told(setup, defaults), default=str), digest_size=8).digest() for setup in setups
    )
    return np.frombuffer(digests, np.dtype("<u8")).astype(np.uint64)


def _told(setup: Setup, defaults: dict[str, dict[str, Any]]) -> list[Any]:
    account = setup.account
    return [
        [_slot(slot, params, defaults) for slot, params in zip(setup.slots, setup.params, strict=True)],
        [[one.symbol, one.maker, one.taker] for one in setup.instruments],
        [account.max_gross, account.max_positions, account.symbol_cap, account.slippage_bps, account.delay_ms],
        [account.research, setup.grace_ms, setup.latency_ms],
        [[b.kind, b.scope, b.threshold, b.action, b.flatten, b.end, b.minutes] for b in setup.breakers],
    ]


def _slot(slot: Any, params: Mapping[str, Any], defaults: dict[str, dict[str, Any]]) -> list[Any]:
    if slot.strategy not in defaults:
        from engine.strategies import catalog  # as above

        defaults[slot.strategy] = _plain(catalog.load(slot.strategy).Params.model_construct().model_dump(mode="json"))
    guard = slot.protection
    return [
        slot.strategy, slot.symbol, slot.timeframe_ms, slot.sizing.kind, slot.sizing.value, guard.stop, guard.target,
        guard.trail, guard.breakeven, guard.time_stop, slot.allow_short, slot.cooldown_ms,
        sorted({**defaults[slot.strategy], **_plain(params)}.items()),
    ]  # fmt: skip


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as JSON has them: 2.0 and 2, and numpy's, are one."""
    out = {}
    for name, value in params.items():
        value = value.item() if isinstance(value, np.generic) else value
        out[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return out


def daily_sharpe(returns: Floats) -> float:
    """What is stored of a trial: the Sharpe ratio of its daily returns, not of a year; NaN where there is none."""
    try:
        return ratios.sharpe(returns, 1)
    except Undefined:
        return float("nan")


# ---- the table -----------------------------------------------------------------------------------------------------------
def count_trial(
    engine: Engine,
    strategy: str,
    data_hash: str,
    source_hash: str,
    keys: Sequence[int] | Keys,
    sharpes: Sequence[float] | Floats,
    origin: str,
    job_id: int | None = None,
    run_id: int | None = None,
) -> None:
    """Note that these variants were tried. `data_hash` names the data set (`data_set`), `keys` are of `keys_of`, `sharpes` of
    `daily_sharpe`; `origin` is backtest, one of SEARCHES, or another word for what saw all the data. ValueError where keys and
    sharpes differ in number.
    """
    names = np.ascontiguousarray(keys, dtype="<u8")
    known = np.ascontiguousarray(sharpes, dtype="<f8")
    if names.size != known.size:
        raise ValueError(
            f"{names.size} trials with {known.size} Sharpe ratios: every trial has one, NaN where undefined"
        )
    now = time.time_ns() // 1_000_000
    for start in range(0, names.size, AT_ONCE):
        part, values = names[start : start + AT_ONCE], known[start : start + AT_ONCE]
        row = {
            "strategy": strategy, "data_hash": data_hash, "source_hash": source_hash, "origin": origin,
            "created_ts": now, "count": int(part.size), "keys": part.tobytes(), "sharpes": values.tobytes(),
            "job_id": job_id, "run_id": run_id,
        }  # fmt: skip
        with write_session(engine) as session:
            session.execute(insert(Trial), row)


def count_setup(
    engine: Engine, setup: Setup, from_ts: int, to_ts: int, returns: Floats, *, origin: str = "backtest",
    job_id: int | None = None, run_id: int | None = None,
) -> None:  # fmt: skip
    """Note one backtest of `setup` over [from_ts, to_ts) that made these daily returns. Where it reaches into days that a
    search was kept from, that is an opening of the seal, counted once a variant."""
    strategy, data, keys = strategies_of(setup), data_set_of(setup, from_ts, to_ts), keys_of([setup])
    count_trial(engine, strategy, data, source_of(setup), keys, [daily_sharpe(returns)], origin, job_id, run_id)
    if origin not in SEARCHES and (looked := sealed_days(engine, strategy, data)) is not None:
        symbols = sorted({slot.symbol for slot in setup.slots})
        reason = f"backtest of variant {int(keys[0]):016x}"
        before = openings(engine, symbols, strategy, *looked)
        if all(one.reason != reason for one in before):
            open_seal(engine, "", symbols, "", strategy, *looked, reason=reason, run_id=run_id)


def sealed_days(engine: Engine, strategy: str, data_hash: str) -> tuple[int, int] | None:
    """The part of a data set, [from, to) ms UTC, that searches of this strategy on these markets were kept from: the fifth after
    the days that they saw. None where nothing was searched, or the data set does not reach so far."""
    asked = _NAME.match(data_hash)
    if asked is None:
        return None
    query = (
        select(col(Trial.data_hash)).where(col(Trial.strategy) == strategy, col(Trial.origin).in_(SEARCHES)).distinct()
    )
    with engine.connect() as connection:
        seen = [_NAME.match(str(name)) for name in connection.execute(query).scalars()]
    spans = [(int(one["first"]), int(one["last"])) for one in seen if one and one["markets"] == asked["markets"]]
    first, last = int(asked["first"]), int(asked["last"])
    kept = [(b + 1, b + max(1, round((b - a + 1) * SHARE / (1 - SHARE)))) for a, b in spans]
    found = [(max(a, first), min(b, last)) for a, b in kept if a <= last and b >= first]
    if not found:
        return None
    return min(a for a, _ in found) * MS_DAY, (max(b for _, b in found) + 1) * MS_DAY


def trials_of(engine: Engine, strategy: str, data_hash: str) -> tuple[int, float]:
    """(distinct variants tried, variance of their daily Sharpe ratios) of a strategy on a data set; (0, 0.0) before the first."""
    found = lineage_of(engine, strategy, data_hash)
    return found.trials, found.variance


def lineage_of(engine: Engine, strategy: str, data_hash: str) -> Lineage:
    """All that was ever tried of a strategy on this data set and those that share its markets and a day with it."""
    query = select(col(Trial.data_hash), func.sum(col(Trial.count))).where(col(Trial.strategy) == strategy)
    with engine.connect() as connection:
        named = [(str(name), int(n)) for name, n in connection.execute(query.group_by(col(Trial.data_hash)))]
    here = {name for name, _ in named if _shared(name, data_hash)}
    keys, sharpes, origins = _distinct(list(_rows(engine, strategy, here)))
    return Lineage(
        strategy, data_hash, int(keys.size), sharpes, origins, sum(n for name, n in named if name not in here)
    )


def _shared(one: str, other: str) -> bool:
    """Whether two data sets are one to whoever searches in them."""
    a, b = _NAME.match(one), _NAME.match(other)
    if a is None or b is None or a["markets"] != b["markets"]:
        return one == other
    return int(a["first"]) <= int(b["last"]) and int(b["first"]) <= int(a["last"])


Row = tuple[str, Keys, Floats]


def _rows(engine: Engine, strategy: str, names: set[str]) -> Iterator[Row]:
    """(origin, keys with the source's hash in them, sharpes), oldest first."""
    columns = (Trial.source_hash, Trial.origin, Trial.keys, Trial.sharpes)
    query: Any = select(*(col(column) for column in columns)).where(
        col(Trial.strategy) == strategy, col(Trial.data_hash).in_(sorted(names))
    )
    with engine.connect() as connection:
        for source, origin, keys, sharpes in connection.execute(query.order_by(col(Trial.id))):
            own = np.frombuffer(keys, "<u8").astype(np.uint64)
            yield str(origin), own ^ _of_source(source), np.frombuffer(sharpes, "<f8").astype(np.float64)


def _of_source(digest: str) -> np.uint64:
    """What an edited strategy's variants differ by."""
    try:
        return np.uint64(int(digest[:16] or "0", 16))
    except ValueError:
        return np.uint64(int(hashlib.sha256(digest.encode()).hexdigest()[:16], 16))


def _distinct(rows: list[Row]) -> tuple[Keys, Floats, dict[str, int]]:
    """(keys sorted, the sharpe of each, how many each origin brought first). A known ratio wins over an unknown one."""
    if not rows:
        return np.zeros(0, np.uint64), np.zeros(0), {}
    keys = np.concatenate([row[1] for row in rows])
    sharpes = np.concatenate([row[2] for row in rows])
    names = list(dict.fromkeys(row[0] for row in rows))
    origin = np.concatenate([np.full(row[1].size, names.index(row[0])) for row in rows])
    unknown_last = np.lexsort((np.arange(keys.size), np.isnan(sharpes), keys))
    distinct, first = np.unique(keys, return_index=True)
    _, known = np.unique(keys[unknown_last], return_index=True)
    brought: list[int] = np.bincount(origin[first], minlength=len(names)).tolist()
    return distinct, sharpes[unknown_last][known], {names[i]: n for i, n in enumerate(brought) if n}
