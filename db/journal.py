"""What a person makes of their trades: the journal, its words, saved filters; and trades that came from elsewhere.

A trade has its entry by being there: its context is the ledger's. A row in `journal_entry` is what a person added to it, or
wrote about a UTC day.
"""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlmodel import Column, Field, Integer

from db.base import Table, above_zero, flag, key, link, mapping, moment, number, one_of, words

WORD_KINDS = ("tag", "mistake")


class JournalEntry(Table, table=True):
    """A person's words on one trade (`trade_seq`) or one day (`day_ts`, UTC midnight). `version` grows with every change: who
    saves says which one they saw. `rating` is how well it was traded, 1 to 5, whatever it earned."""

    __table_args__ = (
        UniqueConstraint("run_id", "trade_seq"),
        UniqueConstraint("run_id", "day_ts"),
        CheckConstraint("(trade_seq IS NULL) <> (day_ts IS NULL)", name="subject"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        *above_zero("version"),
    )

    id: int | None = key()
    run_id: int = link("run.id")
    trade_seq: int | None = None
    day_ts: int | None = moment(nullable=True)
    version: int = number(1)
    note: str = words()
    lesson: str = words()
    rating: int | None = None
    reviewed: bool = flag()
    created_ts: int = moment()
    updated_ts: int = moment()


class JournalWord(Table, table=True):
    """A tag or a mistake of an entry; all of a kind are the vocabulary that is offered."""

    __table_args__ = (
        PrimaryKeyConstraint("entry_id", "kind", "word"),
        one_of("kind", WORD_KINDS),
        Index(None, "kind", "word"),
    )

    entry_id: int = Field(sa_column=Column(Integer, ForeignKey("journal_entry.id", ondelete="CASCADE"), nullable=False))
    kind: str = Field(sa_type=Text)
    word: str = Field(sa_type=Text)


class JournalConflict(Table, table=True):
    """What was written on a version that had been changed meanwhile: kept until a person has chosen."""

    __table_args__ = (Index(None, "entry_id"),)

    id: int | None = key()
    entry_id: int = link("journal_entry.id")
    ts: int = moment()
    version: int
    fields: dict[str, Any] = mapping()


class SavedFilter(Table, table=True):
    """A page's filters under a name, as they stand in its address."""

    __table_args__ = (UniqueConstraint("page", "name"),)

    id: int | None = key()
    page: str
    name: str
    query: str = words()
    created_ts: int = moment()


class ImportedTrade(Table, table=True):
    """Where an imported trade came from. `key` is its natural one: a second import of it is none. `origin` holds what the
    ledger has no column for, so that an export gives back what was imported."""

    __table_args__ = (
        PrimaryKeyConstraint("run_id", "trade_seq"),
        UniqueConstraint("run_id", "key"),
        Index(None, "run_id", "tag"),
    )

    run_id: int = link("run.id")
    trade_seq: int
    key: str
    tag: str = words()
    exit_reason: str = words()
    origin: dict[str, Any] = mapping()
