"""The journal: written through the page, never overwritten unseen, found again; and the queue that says what to look at."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from app import jobs, journal
from app.read import journal as read
from app.read.journal import Entry, Subject
from db.session import migrate, open_engine
from engine.analytics.attention import marks, scores
from tests.app.conftest import Open, said, tables
from tests.db.samples import insert_samples

SEVEN = Subject(1, trade_seq=7)


@pytest.fixture
def written(database: Engine) -> Iterator[Engine]:
    yield database
    jobs._writer.clear()


def value(engine: Engine, sql: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(sql)).scalar()


def test_what_is_typed_is_stored_and_there_after_a_reload(open_page: Open, written: Engine) -> None:
    test = open_page("journal", trade="7")
    test.text_area(key="entry_note_1_7").set_value("chased it <marquee>").run()
    test.multiselect(key="entry_mistakes_1_7").set_value(["chased", "Too  Late"]).run()
    test.checkbox(key="entry_reviewed_1_7").check().run()
    assert [error.value for error in test.exception] == []
    again = open_page("journal", trade="7")
    assert again.text_area(key="entry_note_1_7").value == "chased it <marquee>"
    assert again.multiselect(key="entry_mistakes_1_7").value == ["chased", "too late"]
    assert 7 not in set(tables(again)[0]["seq"])
    assert "<marquee>" not in "".join(str(e.proto.body) for e in again.get("html"))
    found = open_page("journal", view="search", find="chas")
    assert list(tables(found)[0]["trade_seq"]) == [7]
    assert "What mistakes cost" in said(found)
    assert open_page("trades", tag="!too late").metric[0].value == "1"


def test_two_tabs_and_one_note(open_page: Open, written: Engine) -> None:
    one, two = open_page("journal", trade="7"), open_page("journal", trade="7")
    one.text_area(key="entry_note_1_7").set_value("from the first").run()
    two.text_area(key="entry_note_1_7").set_value("from the second").run()
    words = said(two)
    assert "Two people changed the note" in words
    assert "from the first" in words
    assert "from the second" in words
    assert value(written, "SELECT note FROM journal_entry") == "from the first"
    (conflict,) = [button for button in open_page("journal", trade="7").button if button.label == "Keep both"]
    reopened = open_page("journal", trade="7")
    next(button for button in reopened.button if button.key == conflict.key).click().run()
    assert value(written, "SELECT note FROM journal_entry") == "from the first\n\nfrom the second"
    assert value(written, "SELECT count(*) FROM journal_conflict") == 0
    assert "Two people" not in said(open_page("journal", trade="7"))


def test_two_tabs_and_two_fields_agree(open_page: Open, written: Engine) -> None:
    one, two = open_page("trades", trade="7"), open_page("trades", trade="7")
    one.text_area(key="entry_note_1_7").set_value("a note").run()
    two.text_area(key="entry_lesson_1_7").set_value("a lesson").run()
    assert two.text_area(key="entry_note_1_7").value == "a note"
    assert value(written, "SELECT note || '/' || lesson || '/' || version FROM journal_entry") == "a note/a lesson/2"
    assert value(written, "SELECT count(*) FROM journal_conflict") == 0


def test_a_run_deleted_under_the_page_is_said_and_the_text_stays(open_page: Open, written: Engine) -> None:
    test = open_page("journal", trade="7")
    with written.begin() as connection:
        connection.execute(text("DELETE FROM run WHERE id = 1"))
    with pytest.raises(journal.Gone, match="deleted meanwhile; copy what you wrote"):
        journal.save(SEVEN, Entry(), {"note": "mine"})
    test.text_area(key="entry_note_1_7").set_value("mine, and long thought about").run()
    assert [error.value for error in test.exception] == []
    words = said(test)
    assert "There is no run test-data any more" in words
    assert "This is test-backtest" in words
    assert "mine, and long thought about" in words, "what was typed can still be copied"
    assert "trade" not in test.query_params


def test_days_of_the_calendar_add_up(open_page: Open, written: Engine) -> None:
    test = open_page("journal", view="calendar", day="2026-01-03")
    day = tables(test)[0]
    total = value(
        written,
        f"SELECT sum(pnl) FROM trade WHERE run_id = 1 AND exit_ts / 86400000 = {1_767_398_400_000 // 86_400_000}",
    )
    assert day["pnl"].sum() == pytest.approx(total)
    test.text_area(key="entry_note_1_d20456").set_value("a quiet day").run()
    assert "✎" in "".join(button.label for button in open_page("journal", view="calendar").button)


def test_without_a_trade_it_says_what_will_be_here(open_page: Open, database: Engine) -> None:
    assert "No trade has been closed yet" in said(open_page("journal", run="test-backtest"))
    assert "Nothing is written yet" in said(open_page("journal", view="search"))
    assert "no trade 99999" in said(open_page("journal", trade="99999"))


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A database whose trades may be written about for a long time."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('kept') / 'evenkeel.db'}")
    migrate(engine)
    with engine.begin() as connection:
        insert_samples(connection, {"run", "config_version", "slot"})
    yield engine
    engine.dispose()


NEXT = itertools.count(1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["note", "lesson"]), st.text(max_size=8), st.booleans()), max_size=6))
def test_nothing_written_is_ever_lost(one_run: Engine, steps: list[tuple[str, str, bool]]) -> None:
    """Two writers by turns, one of whom never looks at what stands: each text stands or waits, and what the other one wrote is
    not replaced by one who had not seen it."""
    subject = Subject(1, trade_seq=next(NEXT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "writer", lambda: one_run)
        for name, words, looks in steps:
            before = read.entry(one_run, subject)
            journal.save(subject, before if looks else Entry(), {name: words})
            now = read.entry(one_run, subject)
            waiting = [c["fields"].get(name) for c in read.conflicts(one_run, now.id)] if now.id else []
            assert journal.clean(name, words) in (getattr(now, name), *waiting)
            if not looks and getattr(before, name):
                assert getattr(now, name) == getattr(before, name)


# ---- what the queue is made of --------------------------------------------------------------------------------------------
def frame(n: int = 40) -> dict[str, np.ndarray]:
    ones = np.ones(n)
    pnl = np.where(np.arange(n) % 2, 1.0, -1.0) + np.arange(n) / 100
    return {
        "pnl": pnl, "r_multiple": pnl / 10, "risk": ones * 10, "entry_notional": ones * 100, "mfe": ones * 0.01,
        "entry_ts": np.arange(n) * 1e6, "exit_ts": np.arange(n) * 1e6 + 1e5, "slot_id": ones, "stop_initial": ones,
        "exit_reason": np.full(n, "exit", object),
    }  # fmt: skip


def test_ordinary_trades_have_no_marks() -> None:
    made = frame()
    assert scores(marks(made), 40).tolist() == [0.0] * 40
    assert scores(marks({name: values[:0] for name, values in made.items()}), 0).size == 0


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("beyond_stop", {"r_multiple": -1.8}),
        ("by_hand", {"exit_reason": "manual"}),
        ("no_stop", {"stop_initial": np.nan}),
        ("oversized", {"risk": 25.0}),
        ("gave_back", {"pnl": -1.0, "mfe": 0.2}),
        ("large_loss", {"pnl": -60.0}),
        ("large_win", {"pnl": 60.0}),
        ("long_held", {"exit_ts": 4e6 + 6e5}),
    ],
)
def test_each_mark_has_its_trade(name: str, changes: dict[str, object]) -> None:
    made = frame()
    for column, one in changes.items():
        made[column][4] = one
    found = {mark.name: np.flatnonzero(mark.mask).tolist() for mark in marks(made)}
    assert found.pop(name) == [4]
    assert not any(found.values())


def test_a_broken_rule_comes_before_the_largest_oddity() -> None:
    made = frame()
    made["pnl"][3], made["exit_reason"][9] = 1e6, "manual"
    assert np.argsort(-scores(marks(made), 40))[:2].tolist() == [9, 3]
