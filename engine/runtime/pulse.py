"""What the loop is like at one instant, copied on its own thread, and what that means: the checks behind /readyz. Pure.

Other threads look at the copy and never at the loop's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TURN_S, WRITE_S = 5.0, 5.0
"""A loop that has not turned, a database that has not taken anything for so long is not well."""
QUIET_S, LEAST_QUIET_S = 30.0, 2.0
"""A feed whose clock stands still for a bar, but at most so long, is stalled; the second is how finely that can be seen."""
NO_PRINT_BARS = 1.5
"""So many bars of the finest timeframe without a print of any symbol, and data is not fresh."""
BLOCKED = ("halted", "killed")


@dataclass(frozen=True)
class Pulse:
    """`at`, `written` and `advanced` are seconds of the machine's monotonic clock: when this copy was made, when a transaction
    landed last, when exchange time moved on last. `now` and `last_bar` are exchange time, ms UTC, 0 before there is any;
    `symbols` is the newest print's ms UTC by symbol; `finest_ms` the shortest bar; money in quote currency."""

    at: float
    written: float
    advanced: float
    state: str = "starting"
    level: str = "running"
    now: int = 0
    last_bar: int = 0
    finest_ms: int = 60_000
    speed: float = 1.0
    feed: str = ""
    held: str = ""
    """Why nothing can be written, in words."""
    lag_ms: float | None = None
    equity: float | None = None
    peak: float | None = None
    cash: float | None = None
    exposure: float | None = None
    positions: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    symbols: Mapping[str, int] = field(default_factory=dict)
    timings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    counters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def drawdown(self) -> float | None:
        """The fall from the peak as a fraction of it."""
        if not self.peak or self.equity is None:
            return None
        return max(0.0, 1.0 - self.equity / self.peak)


@dataclass(frozen=True)
class Probe:
    """What was found outside: the exchange's answer and the disk. `asked` is monotonic seconds, 0 before the first question;
    `failures` in a row; `skew_ms` is this clock less the exchange's, None where that means nothing."""

    asked: float = 0.0
    failures: int = 0
    error: str = ""
    answer_ms: float = 0.0
    skew_ms: float | None = None
    free_mb: float | None = None


@dataclass(frozen=True)
class Limits:
    """Where a check fails."""

    clock_ms: int = 1000
    disk_mb: int = 200
    warn_mb: int = 0
    hold_mb: int = 0
    venue: bool = True
    """Whether the exchange is asked at all."""


@dataclass(frozen=True)
class Check:
    """One thing looked at, in words a person can act on."""

    name: str
    ok: bool
    words: str


def checks(pulse: Pulse | None, probe: Probe, limits: Limits, now: float) -> list[Check]:
    """Every check at `now` (monotonic seconds); the engine is ready where all are ok."""
    if pulse is None or pulse.state != "running":
        return [Check("engine", False, "it is starting: the last run is being taken up")]
    return [
        _loop(pulse, now),
        _data(pulse, now),
        _database(pulse, now),
        _disk(pulse, probe, limits),
        _venue(probe, limits),
        _clock(probe, limits),
        _latches(pulse),
    ]


def quiet_limit(finest_ms: int, speed: float) -> float:
    """Seconds of the machine's clock after which a feed whose time stands still is stalled: less than two bars."""
    return min(max(finest_ms / 1000 / max(speed, 1e-6), LEAST_QUIET_S), QUIET_S)


def _loop(pulse: Pulse, now: float) -> Check:
    age = now - pulse.at
    if age > TURN_S:
        return Check(
            "engine", False, f"the loop has not turned for {age:.0f} s: look at the log, and at the machine's load"
        )
    return Check("engine", True, "the loop turns")


def _data(pulse: Pulse, now: float) -> Check:
    still, behind = now - pulse.advanced, pulse.now - pulse.last_bar
    feed = f"; the feed is {pulse.feed}" if pulse.feed else ""
    if not pulse.now:
        return Check("data", False, f"no price has come yet{feed}")
    if still > quiet_limit(pulse.finest_ms, pulse.speed):
        return Check(
            "data", False, f"nothing has come from the exchange for {still:.0f} s{feed}: entries wait until it is back"
        )
    if behind > NO_PRINT_BARS * pulse.finest_ms:
        return Check("data", False, f"no trade was printed for {behind / 1000:.0f} s of the exchange's time{feed}")
    return Check("data", True, f"the newest second is {max(behind, 0) / 1000:.0f} s old")


def _database(pulse: Pulse, now: float) -> Check:
    age = now - pulse.written
    if age > WRITE_S:
        words = (
            f"nothing could be written for {age:.0f} s: "
            f"{pulse.held or 'another program locks the database, or its disk does not answer'}"
        )
        return Check("database", False, words)
    return Check("database", True, f"written {max(age, 0):.1f} s ago")


def _disk(pulse: Pulse, probe: Probe, limits: Limits) -> Check:
    free = pulse.counters.get("disk_free_mb", probe.free_mb)
    if free is None:
        return Check(
            "disk", not probe.asked, "its free space is not known yet" if not probe.asked else "it cannot be looked at"
        )
    if free < limits.disk_mb:
        return Check("disk", False, f"{free:,.0f} MB are free, {limits.disk_mb:,} are wanted: make room")
    if free < limits.hold_mb:
        return Check(
            "disk", True, f"{free:,.0f} MB are free: no entries until there are {2 * limits.hold_mb:,}; make room"
        )
    if free < limits.warn_mb:
        return Check("disk", True, f"{free:,.0f} MB are free: entries stop below {limits.hold_mb:,}; make room")
    return Check("disk", True, f"{free / 1000:,.1f} GB free")


def _venue(probe: Probe, limits: Limits) -> Check:
    if not limits.venue:
        return Check("venue", True, "not asked: venue_seconds in [health] is 0")
    if not probe.asked:
        return Check("venue", False, "the exchange has not been asked yet")
    if probe.failures:
        words = (
            f"the exchange did not answer, {probe.failures} time{'s' * (probe.failures > 1)} in a row: {probe.error}"
        )
        return Check("venue", probe.failures < 2, words)
    return Check("venue", True, f"it answered in {probe.answer_ms:.0f} ms")


def _clock(probe: Probe, limits: Limits) -> Check:
    if probe.skew_ms is None:
        return Check("clock", True, "not compared: the exchange tells no time, or a stand-in's")
    words = f"{abs(probe.skew_ms):,.0f} ms {'ahead of' if probe.skew_ms > 0 else 'behind'} the exchange's"
    if abs(probe.skew_ms) > limits.clock_ms:
        return Check("clock", False, f"{words}, {limits.clock_ms:,} are allowed: set this machine's clock (NTP)")
    return Check("clock", True, words)


def _latches(pulse: Pulse) -> Check:
    if pulse.level in BLOCKED:
        return Check(
            "latches", False, f"the account is {pulse.level}: `run_engine.py status` says by what, a person releases it"
        )
    said = {
        "paused": "paused: no entries, positions are managed",
        "reduce_only": "reduce only: positions may only shrink",
    }
    return Check("latches", True, said.get(pulse.level, "none holds"))
