"""Reports kept under a name and written by themselves: each once a UTC day or week, the newest missed one caught up once.

The worker asks for what is due (`ask_due`) and writes it (`run`): the report, and beside it the summary as text. The job's uuid
names plan and period, so that no two processes ever ask for the same.
"""

from __future__ import annotations

import re
import uuid as uuids
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, insert, select
from sqlmodel import col

from db.models import Alert, ReportPlan
from db.queries import rows
from db.session import data_folder, write_session
from engine.access import files
from engine.access.paths import Outside, inside
from engine.core.types import MS_DAY
from engine.research import report
from engine.research.jobs import ask_once, wall_ms
from engine.research.report_data import Ask, ReportError, Told, told
from engine.research.report_summary import summary
from engine.research.report_words import day

AFTER_MS = 25 * 60_000
"""A report begins so long after midnight: the day's last bars are in, and the nightly comparison was asked for."""
MONDAY = 4
"""1970-01-05 was one: the UTC days that are Mondays leave this over when divided by seven."""

_PLANS = "SELECT id, name, run_id, strategy, days, sections, every, folder, created_ts FROM report_plan ORDER BY name LIMIT 500"
_TRIPS = """SELECT DISTINCT breaker FROM breaker_event
    WHERE run_id = :run AND ts BETWEEN :since AND :until AND action = 'trip' ORDER BY breaker LIMIT 20"""
_BLOCKED = """SELECT reason, count(*) AS n FROM signal WHERE run_id = :run AND decided_ts BETWEEN :since AND :until
    AND kind <> 'exit' AND status = 'refused' GROUP BY reason ORDER BY n DESC, reason LIMIT 10"""


def plans(engine: Engine) -> list[dict[str, Any]]:
    """Every kept report, by name."""
    return rows(engine, _PLANS)


def keep(engine: Engine, plan: Mapping[str, Any]) -> None:
    """Keep a report under its name, in place of one of that name. ReportError where it could not be written."""
    name, sections = " ".join(str(plan["name"]).split())[:80], str(plan.get("sections", ""))
    if not name:
        raise ReportError("give the report a name")
    try:
        folder_of(plan)
    except Outside as error:
        raise ReportError(str(error)) from None
    unknown = [one for one in sections.split(",") if one and one not in report.SECTIONS]
    if unknown:
        raise ReportError(f"no section {unknown[0]!r}; a report has {', '.join(report.SECTIONS)}")
    with write_session(engine) as session:
        session.execute(delete(ReportPlan).where(col(ReportPlan.name) == name))
        session.execute(insert(ReportPlan), {**plan, "name": name, "sections": sections})


def forget(engine: Engine, number: int) -> None:
    """It is not kept any more; files that it wrote stay."""
    with write_session(engine) as session:
        session.execute(delete(ReportPlan).where(col(ReportPlan.id) == number))


def period_end(every: str, now: int) -> int:
    """The UTC midnight (ms) that the newest report ends at, at the wall clock `now`: the last one, or the last Monday's."""
    days = (now - AFTER_MS) // MS_DAY
    return (days - (days - MONDAY) % 7 if every == "weekly" else days) * MS_DAY


def due(engine: Engine, now: int) -> list[dict[str, Any]]:
    """Plans whose newest period (`end`) was not asked for yet and ended after the plan was made; read only."""
    found = []
    for plan in plans(engine):
        if plan["every"] == "never":
            continue
        end = period_end(str(plan["every"]), now)
        uuid = _uuid(plan, end)
        if end > int(plan["created_ts"]) and not rows(engine, "SELECT 1 FROM job WHERE uuid = :uuid", {"uuid": uuid}):
            found.append({**plan, "end": end, "uuid": uuid})
    return found


def ask_due(engine: Engine, now: int) -> list[str]:
    """Ask for what is due, one job a plan; the uuids of those asked for here."""
    asked = []
    for plan in due(engine, now):
        args = {
            "plan": {k: plan[k] for k in ("name", "run_id", "strategy", "days", "sections", "folder")},
            "end": plan["end"],
        }
        title = f"report {plan['name']} to {day(plan['end'])}"
        if ask_once(engine, str(plan["uuid"]), "report", args, title, now):
            asked.append(str(plan["uuid"]))
    return asked


def _uuid(plan: Mapping[str, Any], end: int) -> str:
    return str(
        uuids.uuid5(uuids.NAMESPACE_OID, f"evenkeel report {plan['name']} {plan['created_ts']} {plan['every']} {end}")
    )


def newest(engine: Engine, run_id: int) -> int:
    """The end (ms UTC) of the newest point that a run has stored; 0 without one."""
    found = rows(engine, "SELECT max(ts) AS ts FROM equity WHERE run_id = :run AND slot_id = 0", {"run": run_id})
    return int(found[0]["ts"] or 0)


def ask_of(plan: Mapping[str, Any], end: int) -> Ask:
    """What a plan asks for up to `end` (ms UTC; 0 = as far as there is)."""
    days = int(plan["days"])
    sections = tuple(one for one in str(plan["sections"]).split(",") if one)
    return Ask(int(plan["run_id"]), str(plan["strategy"]), end - days * MS_DAY if days and end else 0, end, sections)


def write(engine: Engine, plan: Mapping[str, Any], end: int) -> Path:
    """The report of one period in its folder, and its summary beside it; where the report is."""
    made = told(engine, ask_of(plan, end))
    name = re.sub(r"[^A-Za-z0-9]+", "-", str(plan["name"])).strip("-").lower() or "report"
    out = folder_of(plan) / f"{name}-{day(max(end - 1, 0))}.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    _whole(out, report.written(made))
    _whole(out.with_suffix(".txt"), summary_of(engine, made))
    return out


def folder_of(plan: Mapping[str, Any]) -> Path:
    """Where a plan writes: a folder in the data folder, whoever asks. Outside (ValueError) where it is none."""
    return inside(data_folder(), str(plan.get("folder") or "") or "reports")


def _whole(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    with files.fresh(part) as file:
        file.write(text.encode("utf-8"))
    part.replace(path)


def summary_of(engine: Engine, made: Told) -> str:
    """The few lines of what was told."""
    since, until = made.span
    who = {"run": made.ask.run_id, "since": since, "until": until}
    trips = [str(row["breaker"]) for row in rows(engine, _TRIPS, who)]
    blocked = {str(row["reason"]): int(row["n"]) for row in rows(engine, _BLOCKED, who)}
    symbols = [str(symbol) for symbol in made.trades["symbol"]]
    return summary(str(made.run["name"]), str(made.run["kind"]), made.quote, made.account, symbols, trips, blocked)


def run(args: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    """A worker's job: args as ask_due has them. Written again it is the same file, and told once."""
    plan, end = args["plan"], int(args["end"])
    out = write(engine, plan, end)
    _tell(engine, plan, end, out)
    return {"file": str(out)}


def _tell(engine: Engine, plan: Mapping[str, Any], end: int, out: Path) -> None:
    """The summary as an alert of kind "report": history, unless `push` in [alerts] asks for it."""
    said = out.with_suffix(".txt").read_text(encoding="utf-8")
    row: dict[str, Any] = {
        "run_id": int(plan["run_id"]), "ts": end, "severity": "info", "kind": "report", "created_ts": wall_ms(),
        "title": f"report {plan['name']}", "body": f"{said.rstrip()}\n{out.name} is in {out.parent.name}",
        "dedupe_key": f"report:{plan['run_id']}:{plan['name']}:{end}",
    }  # fmt: skip
    with write_session(engine) as session:
        if session.scalars(select(Alert).where(col(Alert.dedupe_key) == row["dedupe_key"])).first() is None:
            session.add(Alert(**row))
