"""What has happened in a run since a person last said that they have seen all: counted in SQL from indexes, said in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from app import formats
from app.read import events, overview
from db.queries import rows, scalar

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Mark:
    """Where a person had looked up to: this machine's clock, the exchange's (ms UTC both), and equity then (None unknown)."""

    wall: int
    market: int
    equity: float | None = None

    def text(self) -> str:
        return f"{self.wall} {self.market} {'' if self.equity is None else repr(self.equity)}".strip()

    @staticmethod
    def read(text: str) -> Mark | None:
        """None for words that are no mark."""
        parts = text.split(" ")
        try:
            return Mark(int(parts[0]), int(parts[1]), float(parts[2]) if len(parts) > 2 else None)
        except (ValueError, IndexError):
            return None


def mark_now(engine: Engine, account: overview.Account, run_id: int, wall: int) -> Mark:
    """All that there is so far has been seen."""
    market = scalar(engine, "SELECT exchange_ts FROM engine_status WHERE run_id = :run", {"run": run_id})
    return Mark(wall, max(int(market or 0), int(account.ts or 0)), account.equity)


def a_day_ago(engine: Engine, account: overview.Account, run: Mapping[str, Any], wall: int) -> Mark:
    """For who never said what they have seen: 24 hours of the exchange's clock, and of this machine's."""
    market = mark_now(engine, account, int(run["id"]), wall).market - DAY_MS
    sql = "SELECT equity FROM equity WHERE run_id = :run AND slot_id = 0 AND ts <= :ts ORDER BY ts DESC LIMIT 1"
    before = scalar(engine, sql, {"run": run["id"], "ts": market})
    return Mark(wall - DAY_MS, market, float(run["cash_start"] if before is None else before))


COUNTS = """
SELECT (SELECT count(*) FROM position WHERE run_id = :run AND entry_ts > :market) AS opened,
       (SELECT count(*) FROM signal WHERE run_id = :run AND decided_ts > :market AND kind <> 'exit' AND status = 'refused')
         AS refused,
       (SELECT count(*) FROM signal WHERE run_id = :run AND decided_ts > :market AND kind <> 'exit' AND status = 'missed')
         AS missed,
       (SELECT count(*) FROM breaker_event WHERE run_id = :run AND ts > :market AND action = 'trip') AS trips,
       (SELECT count(*) FROM outage WHERE run_id = :run AND coalesce(to_ts, from_ts) > :market) AS outages,
       (SELECT count(*) FROM config_version WHERE run_id = :run AND created_ts > :wall
          AND id > (SELECT min(id) FROM config_version WHERE run_id = :run)) AS configs,
       (SELECT count(*) FROM run_marker WHERE run_id = :run AND ts > :market AND kind = 'start') AS starts,
       (SELECT count(*) FROM alert WHERE run_id = :run AND created_ts > :wall AND severity IN ('warning', 'critical')) AS alerts
"""
TRADES = """
SELECT count(*) AS trades, coalesce(sum(pnl), 0.0) AS pnl, coalesce(sum(CASE WHEN pnl > 0 THEN 1 ELSE 0 END), 0) AS won
FROM trade WHERE run_id = :run AND exit_ts > :market
"""


def counts(engine: Engine, run_id: int, mark: Mark) -> dict[str, Any]:
    """How many of each since the mark: trades, won, pnl, opened, refused, missed, trips, outages, configs, starts, alerts."""
    who = {"run": run_id, "market": mark.market, "wall": mark.wall}
    return {**rows(engine, COUNTS, who)[0], **rows(engine, TRADES, who)[0]}


def sentence(found: Mapping[str, Any], change: float | None, quote: str) -> str:
    """The counts as one line; what did not happen is not in it."""
    parts = [] if change is None or not round(change, 2) else [f"equity {formats.money(change, quote, sign=True)}"]
    if found["trades"]:
        won = f"{found['won']} won, {formats.money(found['pnl'], quote, sign=True)}"
        parts.append(f"{formats.many(found['trades'], 'trade')} closed ({won})")
    if found["opened"]:
        parts.append(f"{formats.many(found['opened'], 'position')} opened and still held")
    for name, what in _NAMES.items():
        if found[name]:
            parts.append(formats.many(found[name], what).replace("entrys", "entries"))
    return "; ".join(parts)


_NAMES = {
    "alerts": "warning",
    "trips": "breaker trip",
    "outages": "outage",
    "configs": "change of configuration",
    "starts": "start of the engine",
    "refused": "refused entry",
    "missed": "missed entry",
}


def grave(engine: Engine, run_id: int, mark: Mark, most: int = 5) -> list[dict[str, Any]]:
    """What went wrong since the mark, newest first: ts, what, detail."""
    found = events.events(engine, run_id, 60)
    return [one for one in found if one["weight"] == "warning" and one["ts"] > mark.market][:most]
