"""The one door by which notes on runs are written: one row each, never changed; a later verdict stands above an earlier one."""

from __future__ import annotations

from sqlalchemy import insert

from app import jobs
from app.clock import now_ms
from db.models import Note
from db.session import write_session

LONGEST = 4_000


def write(run_id: int, text: str, verdict: str) -> bool:
    """Store a note; False where there was nothing in it."""
    text, verdict = text.strip()[:LONGEST], verdict.strip()[:40]
    if not text and not verdict:
        return False
    row = {"run_id": run_id, "created_ts": now_ms(), "text": text, "verdict": verdict}
    with write_session(jobs.writer()) as session:
        session.execute(insert(Note), row)
    return True
