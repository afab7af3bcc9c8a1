"""Kept reports are written once a period, the newest missed one once; a day is told in lines that agree with the account."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from engine.research import report_plans, work_kinds, worker
from engine.research.report_data import Ask, ReportError, told
from tests.app.seed import DAY, HOUR, NOW
from tests.research.test_report import database, filled

__all__ = ["database", "filled"]

PLAN = {
    "name": "Every day",
    "run_id": 1,
    "strategy": "",
    "days": 1,
    "sections": "figures,months",
    "every": "daily",
    "folder": "",
}
MADE = NOW - 20 * DAY


def test_periods_end_at_midnights_and_mondays() -> None:
    midnight = NOW // DAY * DAY
    assert report_plans.period_end("daily", NOW) == midnight
    assert report_plans.period_end("daily", midnight + 60_000) == midnight - DAY  # not yet: the day's last bars come in
    for k in range(14):
        end = report_plans.period_end("weekly", NOW + k * DAY)
        assert (end // DAY + 3) % 7 == 0  # a Monday: 1970-01-01 was a Thursday
        assert 0 <= NOW + k * DAY - end < 7 * DAY


def test_each_period_is_asked_for_once_and_a_missed_one_caught_up_once(database: Engine) -> None:
    report_plans.keep(database, {**PLAN, "created_ts": MADE})
    assert len(report_plans.due(database, NOW)) == 1
    assert len(report_plans.ask_due(database, NOW)) == 1
    assert report_plans.ask_due(database, NOW + HOUR) == []
    assert len(report_plans.ask_due(database, NOW + 5 * DAY)) == 1  # four days were missed: the newest is written
    assert report_plans.ask_due(database, NOW + 5 * DAY) == []


def test_a_plan_writes_nothing_of_the_time_before_it(database: Engine) -> None:
    report_plans.keep(database, {**PLAN, "created_ts": NOW})
    assert report_plans.due(database, NOW + HOUR) == []
    report_plans.keep(database, {**PLAN, "name": "only by hand", "every": "never", "created_ts": MADE})
    assert report_plans.due(database, NOW + HOUR) == []
    assert [one["name"] for one in report_plans.due(database, NOW + DAY)] == ["Every day"]


def test_the_worker_writes_what_is_due(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report_plans.keep(database, {**PLAN, "created_ts": MADE})
    monkeypatch.setattr(worker, "wall_ms", lambda: NOW)
    assert worker.work(database, once=True)
    with database.connect() as connection:
        state, error = connection.execute(text("SELECT state, error FROM job WHERE kind = 'report'")).one()
    assert (state, error) == ("done", None)
    folder = tmp_path / "reports"
    assert sorted(path.name for path in folder.iterdir()) == ["every-day-2026-01-04.html", "every-day-2026-01-04.txt"]
    assert "2026-01-04" in (folder / "every-day-2026-01-04.html").read_text(encoding="utf-8")
    assert "test-data (paper), 2026-01-0" in (folder / "every-day-2026-01-04.txt").read_text(encoding="utf-8")
    assert work_kinds.KINDS["report"].resumable
    with database.connect() as connection:
        told_of = connection.execute(
            text("SELECT kind, severity, state, title, body FROM alert WHERE kind = 'report'")
        ).all()
    summary = (folder / "every-day-2026-01-04.txt").read_text(encoding="utf-8").rstrip()
    body = f"{summary}\nevery-day-2026-01-04.html is in reports"
    assert [tuple(row) for row in told_of] == [("report", "info", "new", "report Every day", body)]


def test_a_report_written_again_is_told_once(database: Engine) -> None:
    report_plans.keep(database, {**PLAN, "created_ts": MADE})
    args = {"plan": report_plans.plans(database)[0], "end": NOW}
    assert report_plans.run(args, database) == report_plans.run(args, database)
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alert WHERE kind = 'report'")).scalar() == 1


def test_the_summary_agrees_with_the_account(database: Engine) -> None:
    made = told(database, Ask(1, "", NOW - 3 * DAY, NOW))
    lines = report_plans.summary_of(database, made).splitlines()
    pnl = made.account.trades.pnl
    assert f"{pnl.size} trades closed, {(pnl > 0).sum()} won" in "\n".join(lines)
    assert f"{abs(pnl.min()):,.2f}" in next(line for line in lines if line.startswith("Best"))
    assert "Breakers tripped: consecutive_losses." in lines
    assert lines[1].startswith("Earned" if made.account.curve.final >= made.account.curve.start else "Lost")


def test_one_name_one_plan(database: Engine) -> None:
    report_plans.keep(database, {**PLAN, "created_ts": MADE})
    report_plans.keep(database, {**PLAN, "days": 7, "created_ts": NOW})
    (only,) = report_plans.plans(database)
    assert only["days"] == 7
    report_plans.forget(database, only["id"])
    assert report_plans.plans(database) == []


@pytest.mark.parametrize(
    ("wrong", "why"), [({"name": "  "}, "a name"), ({"sections": "nosuch"}, "a report has figures")]
)
def test_what_could_not_be_written_is_not_kept(database: Engine, wrong: dict[str, str], why: str) -> None:
    with pytest.raises(ReportError, match=why):
        report_plans.keep(database, {**PLAN, **wrong, "created_ts": MADE})
    assert report_plans.plans(database) == []
