"""Work by the clock: each day once, whatever the zone does and however often the engine is started; and what it does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select, text
from sqlmodel import col

from db.models import Alert, Command, Job, Scheduled
from db.session import migrate, open_engine
from engine.config.local_time import last_due, next_due
from engine.config.model import Config
from engine.config.sections import SlotSection, StorageSection
from engine.core.types import MS_DAY
from engine.ledger.backup import verify
from engine.runtime.beside import Doors, write_all
from engine.runtime.scheduled import Schedule, Work
from engine.runtime.works import back_up, rotate, tidy, works

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia")
T0 = 1_767_225_600_000  # 2026-01-01
MINUTE, HOUR = 60_000, 3_600_000
clocks = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda at: f"{at[0]:02d}:{at[1]:02d}")
moments = st.integers(T0, T0 + 3 * 366 * MS_DAY)


@given(now=moments, clock=clocks, zone=st.sampled_from(ZONES).map(ZoneInfo))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_between_the_last_and_the_next_time_lies_now_and_about_a_day(now: int, clock: str, zone: ZoneInfo) -> None:
    before, after = last_due(now, clock, zone)[1], next_due(now, clock, zone)
    assert before <= now < after
    assert abs(after - before - MS_DAY) <= HOUR
    assert next_due(before, clock, zone) == after
    assert last_due(after, clock, zone)[1] == after
    for at in (before, after):
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
        wanted = timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))
        skipped = timedelta(hours=local.hour, minutes=local.minute) - wanted
        assert timedelta(0) <= skipped <= timedelta(hours=1)
        assert (
            skipped == timedelta(0)
            or local.utcoffset() != (local - timedelta(hours=3)).astimezone(UTC).astimezone(zone).utcoffset()
        )


@pytest.mark.parametrize(
    ("day", "due"),
    [
        ("2026-03-29", "2026-03-29T01:00"),  # 02:30 does not exist: 03:00 summer time
        ("2026-10-25", "2026-10-25T00:30"),  # 02:30 is there twice: the first
        ("2026-07-01", "2026-07-01T00:30"),
    ],
)
def test_the_days_on_which_berlins_clocks_change(day: str, due: str) -> None:
    noon = round(datetime.fromisoformat(f"{day}T12:00+00:00").timestamp() * 1000)
    found = last_due(noon, "02:30", ZoneInfo("Europe/Berlin"))[1]
    assert datetime.fromtimestamp(found / 1000, UTC).isoformat()[:16] == due


# ---- once ------------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows, made once."""
    file = tmp_path_factory.mktemp("empty") / "evenkeel.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copyfile(empty, tmp_path / "evenkeel.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    yield engine
    engine.dispose()


def config_of(folder: Path, **schedule: Any) -> Config:
    config = Config(slots=(SlotSection(),), storage=StorageSection(data_dir=str(folder)))
    section = type(config.schedule).model_validate({**dict(config.schedule), **schedule})
    return config.model_copy(update={"schedule": section})


class Life:
    """An engine's schedule over several starts; its clock is the test's."""

    def __init__(self, database: Engine, config: Config, run: Any) -> None:
        self.database, self.config, self.run, self.now = database, config, run, T0
        self.doors, self.ran = Doors(), list[int]()
        self.start()

    def start(self) -> None:
        reader = lambda: open_engine(str(self.database.url), read_only=True)  # noqa: E731
        work = Work("backup", lambda config: config.schedule.backup_at, self._run, tell=True)
        self.schedule = Schedule(self.config, reader, self.doors, (work,), lambda: self.now)

    def _run(self, config: Config) -> str:
        self.ran.append(self.now)
        return str(self.run())

    def look(self, commit: bool = True) -> None:
        self.schedule.look()
        if commit:
            self.commit()

    def commit(self) -> None:
        writes = self.doors.waiting()
        with self.database.execution_options(write=True).begin() as connection:
            write_all(connection, writes)
        self.doors.written(len(writes))

    def row(self) -> Any:
        with self.database.connect() as connection:
            return connection.execute(select(Scheduled)).one()


steps = st.lists(st.tuples(st.integers(1, 3 * MS_DAY), st.booleans()), min_size=1, max_size=12)


@given(steps=steps, zone=st.sampled_from(ZONES))
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
def test_each_time_is_done_at_most_once_and_the_newest_always(steps: Any, zone: str, empty: Path) -> None:
    engine = open_engine(f"sqlite:///{empty}")
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(text("DELETE FROM scheduled"))
    life = Life(engine, config_of(empty.parent, timezone=zone), lambda: "fine")
    life.look()
    due = {last_due(life.now, "03:30", ZoneInfo(zone))[1]}
    for wait, again in steps:
        life.now += wait
        if again:
            life.start()
        newest, done = last_due(life.now, "03:30", ZoneInfo(zone))[1], len(life.ran)
        life.look()
        life.look()
        assert len(life.ran) - done == (newest not in due)
        due.add(newest)
        row = life.row()
        assert (row.due_ts, row.next_ts, row.done_ts is not None) == (
            newest,
            next_due(life.now, "03:30", ZoneInfo(zone)),
            True,
        )
    engine.dispose()


def test_what_was_broken_off_is_done_again_after_the_next_start(database: Engine, tmp_path: Path) -> None:
    def killed() -> str:
        life.commit()  # that it began is in the database, how it ended never will be
        raise SystemExit

    life = Life(database, config_of(tmp_path), killed)
    life.look()
    life.now += MS_DAY
    with pytest.raises(SystemExit):
        life.look()
    assert (life.row().state, life.row().done_ts) == ("running", None)
    life.run = lambda: "fine"
    life.start()
    life.look()
    assert (life.row().state, len(life.ran)) == ("done", 2)
    life.look()
    assert len(life.ran) == 2


def test_a_failure_is_told_once_and_the_next_day_is_another(database: Engine, tmp_path: Path) -> None:
    def fails() -> str:
        raise OSError("no space left on device")

    life = Life(database, config_of(tmp_path), fails)
    for _ in range(3):
        life.look()
        life.look()
        life.now += MS_DAY
    with database.connect() as connection:
        alerts = connection.execute(select(col(Alert.kind), col(Alert.body), col(Alert.severity))).all()
    assert [tuple(row) for row in alerts] == [("backup", "no space left on device", "warning")] * 2
    assert (life.row().state, life.row().message) == ("failed", "no space left on device")


def test_switched_off_nothing_is_done(database: Engine, tmp_path: Path) -> None:
    life = Life(database, config_of(tmp_path, backup_at=""), lambda: "fine")
    life.now += 5 * MS_DAY
    life.look()
    assert life.ran == []


# ---- the works -------------------------------------------------------------------------------------------------------------
def test_a_backup_is_sound_and_so_many_are_kept(database: Engine, tmp_path: Path) -> None:
    config = config_of(tmp_path, backup_keep=2)
    folder = tmp_path / "backups"
    (folder / "mine").mkdir(parents=True)
    for day in range(4):
        words = back_up(config, lambda day=day: T0 + day * MS_DAY)  # type: ignore[misc]
    assert "opened and sound; 1 older dropped" in words
    assert sorted(path.name for path in folder.iterdir()) == [
        "evenkeel-20260103-000000",
        "evenkeel-20260104-000000",
        "mine",
    ]
    assert verify(folder / "evenkeel-20260104-000000").ok
    assert rotate(folder, 5) == []
    assert [work.name for work in works(Doors())] == ["backup", "tidy"]


def test_old_rows_go_by_the_loops_door_and_the_ledger_stays(database: Engine, tmp_path: Path) -> None:
    now, old, new = T0 + 1000 * MS_DAY, T0, T0 + 900 * MS_DAY
    with database.execution_options(write=True).begin() as connection:
        for n, ts in enumerate([old] * 450 + [new] * 3):
            row = {"uuid": f"u{n}", "source": "app", "created_ts": ts}
            connection.execute(insert(Command).values(kind="pause", state="done", acked_ts=ts, args={}, **row))
            connection.execute(
                insert(Job).values(kind="fetch", state="done" if n % 2 else "new", done_ts=ts, args={}, **row)
            )
    doors = Doors()

    def commit(_: float) -> None:
        writes = doors.waiting()
        with database.execution_options(write=True).begin() as connection:
            write_all(connection, writes)
        doors.written(len(writes))

    words = tidy(config_of(tmp_path), doors, now, commit)
    with database.connect() as connection:
        left = [connection.execute(text(f"SELECT count(*) FROM {table}")).scalar() for table in ("command", "job")]
    assert left == [3, 453 - 225]
    assert "450 of command" in words
    assert "225 of job" in words
