"""The one door by which the journal is written. Nothing is overwritten that its writer had not seen: what two people changed at
once stands as a conflict, both texts kept, until a person has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from app import jobs
from app.clock import now_ms
from app.read.journal import Entry, Subject, read_entry
from app.read.overview import as_json
from db.errors import StorageError
from db.models import JournalConflict, JournalEntry, JournalWord
from db.session import write_session

LONGEST = 20_000
WORD = 40
TEXTS, LISTS = ("note", "lesson"), {"tags": "tag", "mistakes": "mistake"}


class Gone(StorageError):
    """The run, and its trades and notes with it, was deleted meanwhile."""


@dataclass(frozen=True)
class Saved:
    """What stands now, and the names of fields that another had changed first: these wait for a choice."""

    entry: Entry
    conflicts: tuple[str, ...] = ()


def clean(name: str, value: Any) -> Any:
    """A field as it is stored: texts at most 20,000 characters, words without their marks, each once, in order."""
    if name in TEXTS:
        return str(value or "").replace("\x00", "")[:LONGEST]
    if name in LISTS:
        words = (" ".join(str(word).split()).lstrip("#!")[:WORD].lower() for word in value or ())
        return tuple(sorted({word for word in words if word}))
    return None if name == "rating" and not value else value


def save(subject: Subject, seen: Entry, changes: Mapping[str, Any]) -> Saved:
    """Write the changed fields of an entry that its writer saw as `seen`. Gone where its run is not there any more."""
    wanted = {name: clean(name, value) for name, value in changes.items()}
    try:
        return _save(subject, seen, wanted)
    except IntegrityError:
        pass
    try:  # another made the entry in the same instant, or the run is gone
        return _save(subject, seen, wanted)
    except IntegrityError as error:
        raise Gone("this run was deleted meanwhile; copy what you wrote if you want to keep it") from error


def _save(subject: Subject, seen: Entry, wanted: Mapping[str, Any]) -> Saved:
    with write_session(jobs.writer()) as session:
        now = read_entry(_asker(session), subject)
        touched = {name for name in wanted if getattr(now, name) not in (getattr(seen, name), wanted[name])}
        free = {name: value for name, value in wanted.items() if name not in touched and getattr(now, name) != value}
        if free:
            now = _write(session, subject, now, free)
        if touched:
            kept = {name: wanted[name] for name in sorted(touched)}
            row = {"entry_id": now.id, "ts": now_ms(), "version": seen.version, "fields": _plain(kept)}
            session.execute(insert(JournalConflict), row)
        return Saved(now, tuple(sorted(touched)))


def _asker(session: Session) -> Any:
    return lambda sql, params: [dict(row) for row in session.execute(text(sql), dict(params)).mappings()]


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _write(session: Session, subject: Subject, now: Entry, fields: Mapping[str, Any]) -> Entry:
    """Insert or change the entry; what stands then."""
    moment = now_ms()
    row = {name: value for name, value in fields.items() if name not in LISTS}
    row |= {"version": now.version + 1, "updated_ts": moment}
    if now.id:
        session.execute(update(JournalEntry).where(col(JournalEntry.id) == now.id).values(**row))
    else:
        place = {"run_id": subject.run_id, "trade_seq": subject.trade_seq, "day_ts": subject.day_ts}
        session.execute(insert(JournalEntry), {**place, **row, "created_ts": moment})
        now = now.but({"id": read_entry(_asker(session), subject).id})
    for name, kind in LISTS.items():
        if name in fields:
            mine = (col(JournalWord.entry_id) == now.id, col(JournalWord.kind) == kind)
            session.execute(delete(JournalWord).where(*mine))
            words = [{"entry_id": now.id, "kind": kind, "word": word} for word in fields[name]]
            if words:
                session.execute(insert(JournalWord), words)
    return now.but({**fields, "version": now.version + 1, "updated_ts": moment})


def resolve(subject: Subject, conflict_id: int, choice: str) -> None:
    """End a conflict: `mine` (what came second) replaces what stands, `theirs` leaves it, `both` keeps the two."""
    with write_session(jobs.writer()) as session:
        ask = _asker(session)
        found = ask("SELECT fields FROM journal_conflict WHERE id = :id", {"id": conflict_id})
        if not found:
            return  # chosen in another tab
        now, second = read_entry(ask, subject), as_json(found[0]["fields"])
        if choice != "theirs" and now.id:
            fields = {name: _chosen(name, getattr(now, name), value, choice) for name, value in second.items()}
            _write(session, subject, now, {name: clean(name, value) for name, value in fields.items()})
        session.execute(delete(JournalConflict).where(col(JournalConflict.id) == conflict_id))


def _chosen(name: str, stands: Any, second: Any, choice: str) -> Any:
    if choice == "mine" or name not in (*TEXTS, *LISTS):
        return second
    return (*stands, *second) if name in LISTS else f"{stands}\n\n{second}"
