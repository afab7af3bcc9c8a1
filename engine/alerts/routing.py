"""Which channels an alert goes to, and whether at once. Pure: settings and counts in, a plan out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.alerts.times import quiet_until
from engine.config.alerts import EVERY, AlertsSection
from engine.config.local_time import next_due

ALWAYS = ("digest", "escalation")
"""Kinds that we make ourselves: they were routed when they were made."""


@dataclass(frozen=True)
class Plan:
    """One alert through one channel: at once (`until` 0), or held until then and summed up."""

    channel: str
    until: int = 0


def channels_for(settings: AlertsSection, severity: str, kind: str, ready: Collection[str]) -> list[str]:
    """The channels that such an alert goes to, in order; none where it is history."""
    if not settings.enabled or kind not in settings.push:
        return []
    wanted: tuple[str, ...] = getattr(settings, severity, ())
    return [name for name in sorted(ready) if EVERY in wanted or name in wanted]


def plans(
    settings: AlertsSection,
    severity: str,
    kind: str,
    ready: Collection[str],
    now: int,
    count: Callable[[str], int],
) -> list[Plan]:
    """The ways of an alert that is routed at `now` (ms UTC). `count(channel)`: messages of its kind within throttle_minutes."""
    return [
        Plan(channel, held_until(settings, severity, kind, now, count(channel)))
        for channel in channels_for(settings, severity, kind, ready)
    ]


def held_until(settings: AlertsSection, severity: str, kind: str, now: int, count: int) -> int:
    """Until when a message is held back; 0: not at all. Critical ones are only ever throttled."""
    zone = ZoneInfo(settings.timezone)
    if severity != "critical":
        if kind in settings.digest and settings.daily_at:
            return next_due(now, settings.daily_at, zone)
        quiet = quiet_until(now, settings.quiet_from, settings.quiet_until, zone)
        if quiet is not None:
            return quiet
    if count >= settings.throttle_count:
        return now + settings.throttle_minutes * 60_000
    return 0


def summed(rows: Iterable[tuple[str, str]], most: int = 12) -> tuple[str, str]:
    """(title, body) of one message for many: how many of each kind, and the newest. Rows are (kind, title), oldest first."""
    found = list(rows)
    kinds: dict[str, int] = {}
    for kind, _ in found:
        kinds[kind] = kinds.get(kind, 0) + 1
    title = f"{len(found)} message{'s' if len(found) != 1 else ''} held back: " + ", ".join(
        f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(kinds.items())
    )
    lines = [f"- {text}" for _, text in found[-most:]]
    if len(found) > most:
        lines.insert(0, f"the newest {most} of {len(found)}:")
    return title, "\n".join(lines)
