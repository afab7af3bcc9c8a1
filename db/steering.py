"""How capital was shared among slots and what each source of signals has earned: every version with its reasons, the newest in
force. Versions count from 1 in each run; going back to one is another version."""

from typing import Any

from sqlalchemy import Text, UniqueConstraint

from db.base import (
    Table,
    above_zero,
    at_least_zero,
    finite,
    flag,
    key,
    link,
    mapping,
    moment,
    number,
    one_of,
    part_of_key,
    real,
    words,
)

AUTHORS = ("engine", "person")


class Allocation(Table, table=True):
    """The shares of a run's slots from `ts` on (exchange time): `shares` multiply the configured sizes, by slot key, 1 where a
    slot is not named. `told` is the evidence of each slot, `why` the reason in words."""

    __table_args__ = (UniqueConstraint("run_id", "version"), one_of("author", AUTHORS), *above_zero("version"))

    id: int | None = key()
    run_id: int = link("run.id")
    version: int = number()
    ts: int = moment()
    author: str
    shares: dict[str, Any] = mapping()
    told: dict[str, Any] = mapping()
    why: str = words()
    created_ts: int = moment()


class SourceWeight(Table, table=True):
    """One source (a strategy) in one regime of a version, '' for all of them: the record of its signals as it was known at `ts`
    (exchange time), and its weight. `in_force` where it is the regime of that day; `acts` where weights multiply sizes."""

    __table_args__ = (
        one_of("author", AUTHORS),
        *at_least_zero("weight", "signals", "resolved", "won"),
        *finite("mean"),
        {"sqlite_with_rowid": False},
    )

    run_id: int = link("run.id", primary_key=True)
    version: int = part_of_key()
    source: str = part_of_key(Text)
    regime: str = part_of_key(Text)
    ts: int = moment()
    author: str
    weight: float = real(default="1")
    signals: int = number()
    resolved: int = number()
    won: float | None = real(nullable=True)
    mean: float | None = real(nullable=True)
    in_force: bool = flag()
    acts: bool = flag()
    why: str = words()
    created_ts: int = moment()
