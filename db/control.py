"""How processes speak to each other: commands to the engine, its heartbeat, its snapshots, what it did by the clock."""

from typing import Any

from sqlalchemy import Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field

from db.base import Table, at_least_zero, flag, key, link, mapping, moment, one_of, part_of_key, real, words

COMMANDS = (
    "pause", "resume", "kill", "close", "tighten_stop", "slot_on", "slot_off", "cash", "release",
    "alert_test", "alert_ack", "alert_resend", "shares", "weights", "settle",
)  # fmt: skip
ALERT_COMMANDS = ("alert_test", "alert_ack", "alert_resend")
"""These ask the alerts, not the machine: they are no events of the tape."""
LIVE_COMMANDS = ("settle",)
"""These are the lane's of real orders; what they bring about comes over the tape by itself."""
SOURCES = ("app", "cli", "api", "chat", "engine")
"""Where a command or a job was asked for."""
SCHEDULED_STATES = ("waiting", "running", "done", "failed")
MODES = ("paper", "dry", "live")
ENGINE_STATES = ("starting", "recovering", "running", "paused", "reduce_only", "halted", "killed", "stopped")
ALIVE_MS = 5_000
"""A heartbeat comes every second; one that is older than this is of an engine that does not run."""


class Command(Table, table=True):
    """What a person asked; the engine acts on it and writes `state`, `acked_ts` and `result` (in words)."""

    __table_args__ = (
        UniqueConstraint("uuid"),
        one_of("kind", COMMANDS),
        one_of("source", SOURCES),
        one_of("state", ("new", "done", "refused")),
        Index(None, "state", "id"),
        Index(None, "run_id", "id"),
    )

    id: int | None = key()
    uuid: str
    run_id: int | None = link("run.id", nullable=True)
    kind: str
    args: dict[str, Any] = mapping()
    source: str
    created_ts: int = moment()
    state: str = words("new")
    acked_ts: int | None = moment(nullable=True)
    result: str | None = words(nullable=True)


class EngineStatus(Table, table=True):
    """The engine's sign of life, one row a run. `heartbeat_ts` is the machine's clock, `exchange_ts` the exchange's."""

    __table_args__ = (
        UniqueConstraint("run_id"),
        one_of("mode", MODES),
        one_of("state", ENGINE_STATES),
        *at_least_zero("speed"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    pid: int
    host: str = words()
    version: str = words()
    mode: str
    demo: bool = flag()
    state: str
    started_ts: int = moment()
    heartbeat_ts: int = moment()
    exchange_ts: int | None = moment(nullable=True)
    last_bar_ts: int | None = moment(nullable=True)
    speed: float = real(default="1")
    feed: str = words()
    lag_ms: float | None = real(nullable=True)
    rss_mb: float | None = real(nullable=True)
    counters: dict[str, Any] = mapping()
    message: str = words()


class Scheduled(Table, table=True):
    """What is done by the clock, one row a kind of work: the newest time it was due (`due_ts`), how that went, and when it is
    due again. A start catches up what was due and has no `done_ts`."""

    __table_args__ = (one_of("state", SCHEDULED_STATES),)

    name: str = part_of_key(Text)
    due_ts: int = moment()
    started_ts: int | None = moment(nullable=True)
    done_ts: int | None = moment(nullable=True)
    next_ts: int | None = moment(nullable=True)
    state: str = words("done")
    message: str = words()


class Snapshot(Table, table=True):
    """The machine's bytes and the tape position they belong to."""

    __table_args__ = (Index(None, "run_id", "id"), *at_least_zero("tape_offset", "tape_seq"))

    id: int | None = key()
    run_id: int = link("run.id")
    created_ts: int = moment()
    exchange_ts: int = moment()
    tape_day: str
    tape_offset: int = moment()
    tape_seq: int = moment()
    layout: dict[str, Any] = mapping()
    kernel_hash: str
    state: bytes = Field(sa_type=LargeBinary)
    extra: dict[str, Any] = mapping()
