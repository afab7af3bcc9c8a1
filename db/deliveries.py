"""What became of alerts, channel by channel. Reads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from db.queries import rows

_WAYS = """SELECT id, alert_id, channel, state, tries, next_ts, sent_ts, answer FROM alert_delivery
    WHERE alert_id BETWEEN :low AND :high ORDER BY id"""


def with_ways(engine: Engine, alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows, newest first as they came, each with `ways` (its deliveries) and `went`, the same in words."""
    if not alerts:
        return alerts
    ways: dict[int, list[dict[str, Any]]] = {}
    for way in rows(engine, _WAYS, {"low": alerts[-1]["id"], "high": alerts[0]["id"]}):
        ways.setdefault(int(way["alert_id"]), []).append(way)
    for row in alerts:
        row["ways"] = ways.get(int(row["id"]), [])
        row["went"] = ", ".join(f"{way['channel']} {way['state']}" for way in row["ways"])
    return alerts
