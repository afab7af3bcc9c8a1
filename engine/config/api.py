"""The tables [api], [health] and [schedule]: the engine's HTTP door, what it watches about itself, and what it does by the clock.

Tokens, and the address that is pinged, are secrets: they stand in my/tokens.json and my/.env, never here.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from engine.access.addresses import is_loopback
from engine.config.local_time import known_zone
from engine.config.sections import Section

CLOCK = r"^(([01]\d|2[0-3]):[0-5]\d)?$"
_HOST = r"^[A-Za-z0-9.:_-]{1,253}$"


class ApiSection(Section):
    """The engine's HTTP door: health, figures, exports, commands (docs/api.md). Trading goes on where its port is taken."""

    enabled: bool = Field(True, description="false: no door")
    host: str = Field(
        "127.0.0.1", pattern=_HOST, description="address it listens on; another than this machine needs a token"
    )
    port: int = Field(8600, ge=1, le=65535, description="its port")
    allowed_hosts: tuple[str, ...] = Field(
        (), strict=False, description='names it may be called by besides localhost and host: "evenkeel.lan"'
    )
    requests_minute: int = Field(
        60,
        ge=0,
        le=1_000_000,
        description="requests a token may make in a minute; a kill is never counted; 0: no limit",
    )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.host in ("0.0.0.0", "::") and not self.allowed_hosts:
            raise ValueError(
                f"host {self.host} is every address of this machine: say in allowed_hosts by which names it may be called, "
                'as in ["evenkeel.lan"]'
            )
        return self


class HealthSection(Section):
    """When the engine holds itself to be well; it asks the exchange for its time to know."""

    venue_seconds: int = Field(
        15, ge=0, le=600, description="seconds between questions to the exchange; 0: it is not asked"
    )
    clock_ms: int = Field(
        1000, ge=50, le=60_000, description="this machine's clock may differ from the exchange's by so much"
    )
    disk_mb: int = Field(200, ge=0, le=1_000_000, description="free space below which the engine is not ready")
    ping_seconds: int = Field(
        60,
        ge=5,
        le=3600,
        description="while ready, EVENKEEL_PING_URL (in .env; off without it) is called every so many seconds",
    )


class ScheduleSection(Section):
    """What the engine does by the clock. What was due while it did not run is done once after its next start."""

    timezone: str = Field("UTC", description="of the times below: Europe/Berlin, America/New_York")
    backup_at: str = Field("03:30", pattern=CLOCK, description='local time of the daily backup; "" for none')
    backup_dir: str = Field("", description="folder of backups; empty: backups in data_dir")
    backup_keep: int = Field(7, ge=1, le=1000, description="newest backups that are kept")
    backup_runs: bool = Field(True, description="false: the database alone, without tapes and bars")
    tidy_at: str = Field("04:10", pattern=CLOCK, description='local time at which old rows are dropped; "" for never')
    keep_days: int = Field(
        365, ge=7, le=36_500, description="days that finished jobs, answered commands and delivered alerts are kept"
    )

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return known_zone(name)
