"""Figures for Prometheus, made when they are asked for: from the loop's copied pulse, and short reads of the database.

What is counted over a big table is counted on from where the last question ended. Names begin with evenkeel_; times are in
seconds, money in the account's quote currency.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from sqlalchemy import Engine

import engine as evenkeel
from db.models import metadata
from db.queries import rows, scalar
from db.session import sqlite_file
from engine.runtime.pulse import Check, Probe, Pulse

RINGS = {
    "decision": "from a frame's arrival to the decisions on the bar it closed",
    "to_commit": "from decisions until they are in the database",
    "commit": "one transaction of the ledger",
    "turn": "how long the loop was busy in one turn",
}
QUANTILES = {"p50": "0.5", "p99": "0.99"}
NO_EVENTS = ("queue", "reconnects", "api_port")
ORDERS = 200
"""So many of the newest filled orders make the latency of orders."""


_CHANNELS = (
    "SELECT channel, count(*) AS n FROM alert_delivery WHERE state IN ('new', 'failed', 'held') GROUP BY channel"
)
_SPENT = "SELECT strategy, sum(cost) AS cost FROM ai_call WHERE id > :last AND id <= :until GROUP BY strategy"
_ENDS = """SELECT coalesce(max(id), 0) AS newest, (SELECT min(id) FROM ai_call WHERE state = 'asked') AS asked,
    (SELECT min(id) FROM ai_call WHERE state = 'reserved') AS reserved FROM ai_call"""
LATE = 200
"""The newest calls are added up afresh each time: with several writers a smaller number may land after a larger one."""


class Source(Protocol):
    """Where pulse, probe and checks come from: engine.runtime.health."""

    pulse: Pulse | None
    probe: Probe

    def checks(self) -> list[Check]: ...
    def still(self) -> float: ...


class Tally:
    """Refusals by reason of one run, counted on from the signal counted last, and what calls of models have cost, added up from
    the last one before which all have ended; for any thread."""

    def __init__(self, run_id: int) -> None:
        self._run, self._last, self._counts = run_id, 0, dict[str, int]()
        self._ended, self._cost = 0, dict[str, float]()
        self._lock = threading.Lock()

    def spent(self, database: Engine) -> dict[str, float]:
        """USD by strategy, over all runs: the money is one person's."""
        with self._lock:
            ends = rows(database, _ENDS)[0]
            open_ = [int(ends[state]) for state in ("asked", "reserved") if ends[state] is not None]
            newest = int(ends["newest"])
            settled = max(min([newest - LATE, *(number - 1 for number in open_)]), self._ended)
            _add(self._cost, rows(database, _SPENT, {"last": self._ended, "until": settled}))
            self._ended = settled
            return _add(dict(self._cost), rows(database, _SPENT, {"last": settled, "until": newest}))

    def count(self, database: Engine) -> dict[str, int]:
        """Refusals so far, by reason."""
        with self._lock:
            newest = scalar(database, "SELECT max(seq) FROM signal WHERE run_id = :run", {"run": self._run}) or 0
            span = {"run": self._run, "last": self._last, "newest": newest}
            for row in rows(database, _REFUSED, span) if newest > self._last else ():
                self._counts[row["reason"]] = self._counts.get(row["reason"], 0) + int(row["n"])
            self._last = int(newest)
            return dict(self._counts)


_REFUSED = """SELECT CASE WHEN reason = '' THEN 'other' ELSE reason END AS reason, count(*) AS n FROM signal
    WHERE run_id = :run AND seq > :last AND seq <= :newest AND status = 'refused' GROUP BY 1"""


def _add(found: dict[str, float], more: list[dict[str, Any]]) -> dict[str, float]:
    for row in more:
        found[row["strategy"]] = found.get(row["strategy"], 0.0) + float(row["cost"])
    return found


def exposition(source: Source, database: Engine, run_id: int, tally: Tally) -> bytes:
    """The whole page as Prometheus reads it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected([*_of_pulse(source), *_of_database(database, run_id, tally)]))
    return generate_latest(registry)


class _Collected:
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def gauge(name: str, words: str, value: float | None) -> Iterator[Metric]:
    """One number; nothing where it is unknown."""
    if value is not None:
        yield GaugeMetricFamily(f"evenkeel_{name}", words, value=float(value))


def labelled(kind: Any, name: str, words: str, label: str, values: dict[str, float]) -> Iterator[Metric]:
    """A number for each value of a label."""
    family = kind(f"evenkeel_{name}", words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    if values:
        yield family


def _of_pulse(source: Source) -> Iterator[Metric]:
    yield from labelled(GaugeMetricFamily, "info", "the version that runs", "version", {evenkeel.__version__: 1})
    found = source.checks()
    yield from gauge("ready", "1 where every check of /readyz is ok", all(check.ok for check in found))
    names = {check.name: float(check.ok) for check in found}
    yield from labelled(GaugeMetricFamily, "check_ok", "1 where the check of that name is ok", "check", names)
    yield from gauge("loop_still_seconds", "since the loop turned last", source.still())
    pulse, probe = source.pulse, source.probe
    if pulse is None:
        return
    yield from gauge("loop_lag_seconds", "market time the loop is behind its feed", (pulse.lag_ms or 0.0) / 1000)
    ages = {symbol: max(pulse.now - ts, 0) / 1000 for symbol, ts in pulse.symbols.items() if ts}
    yield from labelled(GaugeMetricFamily, "bar_age_seconds", "age of the newest print, exchange time", "symbol", ages)
    yield from gauge("equity", "cash and positions at their marks, net of fees", pulse.equity)
    yield from gauge("cash", "free and reserved cash", pulse.cash)
    yield from gauge("exposure", "sum of the positions' values", pulse.exposure)
    yield from gauge("drawdown_ratio", "fall from the peak as a fraction of it", pulse.drawdown)
    yield from gauge("open_positions", "slots that hold something", pulse.positions)
    levels = {level: float(level == pulse.level) for level in ("running", "paused", "reduce_only", "halted", "killed")}
    yield from labelled(GaugeMetricFamily, "level", "1 at what the account may do", "level", levels)
    for name, count in pulse.counts.items():
        yield CounterMetricFamily(f"evenkeel_{name}", f"{name} of this run", value=count)
    yield from _of_counters(pulse)
    yield from _of_rings(pulse)
    if probe.asked and not probe.failures:
        yield from gauge("venue_answer_seconds", "how long the exchange took to tell its time", probe.answer_ms / 1000)
    yield from gauge("clock_skew_seconds", "this clock less the exchange's", _seconds(probe.skew_ms))
    yield from gauge(
        "disk_free_bytes", "room in the data folder", None if probe.free_mb is None else probe.free_mb * 1e6
    )


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _of_counters(pulse: Pulse) -> Iterator[Metric]:
    reconnects = pulse.counters.get("reconnects")
    if reconnects is not None:
        yield CounterMetricFamily("evenkeel_reconnects", "times the feed was connected again", value=reconnects)
    plain = {name: float(n) for name, n in pulse.counters.items() if isinstance(n, int) and name not in NO_EVENTS}
    yield from labelled(CounterMetricFamily, "feed_events", "what the feed and its assembler counted", "kind", plain)
    yield from gauge("queue_length", "events that wait for the loop", pulse.counters.get("queue"))


def _of_rings(pulse: Pulse) -> Iterator[Metric]:
    for name, words in RINGS.items():
        told = pulse.timings.get(name)
        if not told:
            continue
        yield SummaryMetricFamily(
            f"evenkeel_{name}_seconds", words, count_value=int(told["count"]), sum_value=told["total_s"]
        )
        recent = {quantile: told[key] / 1000 for key, quantile in QUANTILES.items()}
        yield from labelled(GaugeMetricFamily, f"{name}_recent_seconds", f"{words}: the newest 512", "quantile", recent)


def _of_database(database: Engine, run_id: int, tally: Tally) -> Iterator[Metric]:
    refused = {reason: float(count) for reason, count in tally.count(database).items()}
    yield from labelled(CounterMetricFamily, "refusals", "entry signals that our own checks refused", "reason", refused)
    waiting = scalar(database, "SELECT count(*) FROM alert WHERE state = 'new'")
    yield from gauge("alerts_waiting", "alerts that are not delivered yet", waiting)
    channels = {row["channel"]: float(row["n"]) for row in rows(database, _CHANNELS)}
    yield from labelled(GaugeMetricFamily, "alert_backlog", "deliveries that wait, by channel", "channel", channels)
    if "ai_call" in metadata.tables:
        spent = tally.spent(database)
        yield from labelled(CounterMetricFamily, "ai_spend_usd", "what calls of models have cost", "strategy", spent)
    jobs = rows(database, "SELECT state, count(*) AS n FROM job WHERE state IN ('new', 'running') GROUP BY state")
    counts = {"new": 0.0, "running": 0.0} | {row["state"]: float(row["n"]) for row in jobs}
    yield from labelled(GaugeMetricFamily, "jobs", "work for the worker that is not done", "state", counts)
    yield from _orders(database, run_id)
    yield from labelled(GaugeMetricFamily, "database_bytes", "size on the disk", "file", database_bytes(database))


def _orders(database: Engine, run_id: int) -> Iterator[Metric]:
    sql = """SELECT done_ts - created_ts AS ms FROM orders WHERE run_id = :run AND state = 'filled' AND type = 'market'
        AND purpose = 'entry' AND done_ts IS NOT NULL ORDER BY created_ts DESC LIMIT :most"""
    took = sorted(max(int(row["ms"]), 0) for row in rows(database, sql, {"run": run_id, "most": ORDERS}))
    if took:
        ranks = {
            quantile: took[min(int(float(quantile) * len(took)), len(took) - 1)] / 1000
            for quantile in QUANTILES.values()
        }
        words = f"exchange time from an entry's decision to its fill: the newest {ORDERS}"
        yield from labelled(GaugeMetricFamily, "order_latency_seconds", words, "quantile", ranks)


def database_bytes(database: Engine) -> dict[str, float]:
    """Bytes by file: the database and, with SQLite, its write-ahead log; {} where neither can be seen."""
    if database.dialect.name != "sqlite":
        return {"database": float(scalar(database, "SELECT pg_database_size(current_database())") or 0)}
    file = sqlite_file(database.url.render_as_string(hide_password=True))
    found = {"database": file, "wal": file.with_name(file.name + "-wal")} if file else {}
    return {name: float(_size(path)) for name, path in found.items()}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
