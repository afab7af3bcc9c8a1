"""Reports that a person has put together and kept: which run, what part of it, which sections, and how often they are written."""

from sqlalchemy import Index, UniqueConstraint

from db.base import Table, at_least_zero, key, link, moment, number, one_of, words

EVERY = ("never", "daily", "weekly")


class ReportPlan(Table, table=True):
    """`days` is how far back it looks, 0 = all; `sections` are names with commas, "" = all; `folder` "" = reports in the data
    folder. A daily one covers up to the last UTC midnight, a weekly one up to the last Monday's."""

    __table_args__ = (
        UniqueConstraint("name"),
        one_of("every", EVERY),
        *at_least_zero("days"),
        Index(None, "run_id"),
    )

    id: int | None = key()
    name: str
    run_id: int = link("run.id")
    strategy: str = words()
    days: int = number()
    sections: str = words()
    every: str = words("never")
    folder: str = words()
    created_ts: int = moment()
