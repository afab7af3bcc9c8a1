"""The outbox: at least once, in order, once for a key, across restarts; held back, summed up, escalated, acknowledged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from db.control import Scheduled
from db.models import Command, Job
from engine.alerts.message import Receipt
from engine.alerts.router import attempt, sample
from engine.alerts.routing import channels_for
from engine.config.alerts import PUSHED, AlertsSection
from tests.alerts.conftest import NOW, Clock, Office, Scripted

BAD, GOOD = {"tape": {"ok": False}}, {"tape": {"ok": True}}
LATER = Receipt("retry", "503")
NEVER = Receipt("refused", "404 no such channel", broken=True)


def test_what_is_pushed_goes_to_every_channel_and_the_rest_is_history(office: Office) -> None:
    sent = [office.tell(kind) for kind in PUSHED]
    history = [
        office.tell(kind) for kind in ("fill", "config", "ai_budget", "drift", "backup", "strategy", "something new")
    ]
    office.work()
    for channel in office.channels.values():
        assert channel.ids == sent
    assert {way[0] for way in office.ways()} == set(sent)
    assert office.rows(f"SELECT DISTINCT state FROM alert WHERE id IN ({','.join(map(str, history))})") == [("sent",)]


def test_severities_choose_channels(office: Office) -> None:
    office.settings = AlertsSection(info=("one",), warning=("two",), critical=("one", "two"))
    office.open()
    low, mid, high = (office.tell("trade", severity) for severity in ("info", "warning", "critical"))
    office.work()
    assert office.channels["one"].ids == [low, high]
    assert office.channels["two"].ids == [mid, high]
    assert channels_for(AlertsSection(enabled=False), "critical", "kill", ["one"]) == []


def test_the_demo_tells_nobody(office: Office) -> None:
    with office.engine.execution_options(write=True).begin() as connection:
        connection.exec_driver_sql("UPDATE run SET demo = 1")
    office.tell()
    office.work()
    assert office.ways() == []


def test_attempts_follow_their_schedule_and_later_messages_wait_for_their_turn(office: Office) -> None:
    office.channels["one"].answers = [LATER, LATER, LATER]
    first, second = office.tell(), office.tell()
    office.work()
    assert office.channels["one"].ids == [first]
    assert office.channels["two"].ids == [first, second]
    for seconds, tries in ((4.9, 1), (0.1, 2), (14.9, 2), (0.1, 3), (59.9, 3)):
        office.clock.go(seconds)
        office.work()
        assert office.channels["one"].ids == [first] * tries
    office.clock.go(0.1)
    office.work()
    assert office.channels["one"].ids == [first] * 4 + [second]
    assert office.rows("SELECT state FROM alert") == [("sent",), ("sent",)]


def test_a_provider_that_asks_for_time_gets_it_across_a_restart(office: Office) -> None:
    office.channels["one"].answers = [Receipt("retry", "429 slow down", wait_s=120.0)]
    number = office.tell()
    office.work()
    office.open()
    office.clock.go(119.9)
    office.work()
    assert office.channels["one"].ids == [number]
    office.clock.go(0.1)
    office.work()
    assert office.channels["one"].ids == [number, number]


def test_a_dead_letter_is_said_shown_and_sent_again(office: Office) -> None:
    office.channels["one"].answers = [NEVER]
    number = office.tell("kill", "critical")
    office.channels["two"].answers = [LATER] * 10
    office.work()
    for _ in range(12):
        office.clock.go(900)
        office.work()
    assert office.ways() == [(number, "one", "dead", 1), (number, "two", "dead", 10)]
    assert office.rows("SELECT state FROM alert WHERE kind = 'kill'") == [("dead",)]
    assert office.rows("SELECT title FROM alert WHERE kind = 'channel'") == [
        ("Scripted does not take messages: 404 no such channel",)
    ]
    ask(office, "alert_resend", which="all")
    office.work()
    assert [way[1:3] for way in office.ways()] == [("one", "sent"), ("two", "sent")]
    assert office.rows("SELECT state, result FROM command") == [("done", "2 on the way again")]
    assert office.rows("SELECT state FROM alert WHERE kind = 'kill'") == [("sent",)]


def ask(office: Office, kind: str, **args: object) -> None:
    office.made += 1
    row = {
        "uuid": f"u{office.made}",
        "run_id": 1,
        "kind": kind,
        "args": args,
        "source": "app",
        "created_ts": office.clock.now,
    }
    with office.engine.execution_options(write=True).begin() as connection:
        connection.execute(insert(Command).values(state="new", **row))


def test_a_defect_of_a_channel_costs_a_try_and_nothing_else(office: Office) -> None:
    class Broken(Scripted):
        def send(self, message: object) -> Receipt:
            raise ZeroDivisionError("token=abc")

    office.channels["one"] = Broken("one")
    office.open()
    number = office.tell()
    office.work()
    assert office.ways() == [(number, "one", "failed", 1), (number, "two", "sent", 1)]
    assert office.rows("SELECT answer FROM alert_delivery WHERE channel = 'one'") == [
        ("the channel failed: ZeroDivisionError",)
    ]
    assert attempt(Broken("x"), sample(1, 1, "")).outcome == "retry"


def test_too_many_of_a_kind_become_one(office: Office) -> None:
    office.settings = AlertsSection(throttle_count=3, throttle_minutes=10)
    office.open()
    for _ in range(8):
        office.tell()
    other = office.tell("kill", "critical")
    office.work()
    assert office.channels["one"].ids == [1, 2, 3, other]
    office.open()  # the count is remembered
    office.tell()
    office.work()
    assert len(office.channels["one"].ids) == 4
    office.clock.go(600)
    office.work()
    digest = office.channels["one"].got[-1]
    assert (digest.kind, digest.title) == ("digest", "6 messages held back: 6 trade")
    assert digest.body.splitlines()[0] == "- trade 4"
    assert len(office.channels["one"].ids) == 5
    assert office.rows("SELECT count(*) FROM alert WHERE state = 'new'") == [(0,)]
    assert office.rows("SELECT DISTINCT state FROM alert_delivery WHERE alert_id BETWEEN 4 AND 8") == [("summed",)]


def test_quiet_hours_hold_back_all_but_what_is_critical(office: Office) -> None:
    office.settings = AlertsSection(quiet_from="22:00", quiet_until="07:00", daily_at="")
    office.open()  # it is midnight UTC
    low, high = office.tell(), office.tell("breaker", "critical")
    office.work()
    assert office.channels["one"].ids == [high]
    office.clock.go(7 * 3600 - 1)
    office.work()
    assert office.channels["one"].ids == [high]
    office.clock.go(1)
    office.work()
    assert office.channels["one"].got[-1].title == "1 message held back: 1 trade"
    assert office.rows(f"SELECT state FROM alert WHERE id = {low}") == [("sent",)]


def test_a_digest_gathers_its_kinds_until_the_daily_time(office: Office) -> None:
    office.settings = AlertsSection(digest=("trade",), daily_at="08:00")
    office.open()
    office.tell()
    office.clock.go(3600)
    office.tell()
    kill = office.tell("kill", "critical")
    office.work()
    assert office.channels["one"].ids == [kill]
    office.clock.go(7 * 3600)
    office.work()
    assert [m.title for m in office.channels["one"].got[1:]] == ["2 messages held back: 2 trade"]


def test_what_nobody_acknowledges_goes_on_to_others_once(office: Office) -> None:
    office.settings = AlertsSection(critical=("one",), escalate_to=("two",), escalate_minutes=15)
    office.open()
    seen, missed = office.tell("kill", "critical"), office.tell("breaker", "critical")
    office.tell("breaker", "warning")
    office.work()
    ask(office, "alert_ack", which=seen)
    office.work()
    office.clock.go(15 * 60)
    office.work()
    office.open()
    office.clock.go(3600)
    office.work()
    (message,) = [m for m in office.channels["two"].got if m.kind == "escalation"]
    assert message.title == "nobody acknowledged for 15 min: breaker 2"
    assert office.rows(f"SELECT acked_by, escalated_ts FROM alert WHERE id = {seen}") == [("app", None)]
    assert office.rows(f"SELECT escalated_ts FROM alert WHERE id = {missed}") == [(NOW + 900_000,)]


def test_commands_that_mean_nothing_are_refused(office: Office) -> None:
    ask(office, "alert_ack", which="x")
    ask(office, "alert_ack", which=99)
    ask(office, "alert_resend", which=99)
    ask(office, "alert_test", channel="pigeon")
    office.work()
    assert {state for (state,) in office.rows("SELECT state FROM command")} == {"refused"}


def test_a_channel_that_is_given_up_leaves_no_message_open(office: Office) -> None:
    office.channels["one"].answers = [LATER]
    office.tell()
    office.work()
    del office.channels["one"]
    office.router.use(office.settings, dict(office.channels))
    office.work()
    assert [way[1:3] for way in office.ways()] == [("one", "dead"), ("two", "sent")]


def test_the_day_is_told_once_across_restarts(office: Office) -> None:
    office.begun = NOW - 86_400_000
    for _ in range(3):
        office.open()
        for _ in range(4):
            office.clock.go(3 * 3600)
            office.work()
    told = [m.title for m in office.channels["one"].got if m.kind == "daily"]
    assert (
        told == ["Daily summary: the day"] * 3
    )  # from 00:00 over 36 hours: yesterday's at the start, then two at 08:00
    keys = [key for (key,) in office.rows("SELECT dedupe_key FROM alert WHERE kind = 'daily' ORDER BY id")]
    assert keys == ["daily:1:2026-01-01", "daily:1:2026-01-02", "daily:1:2026-01-03"]


def test_what_fails_beside_the_loop_is_told_once(office: Office) -> None:
    long_ago, lately = NOW - 86_400_000, NOW - 60_000
    jobs = [
        {"uuid": "a", "kind": "report", "title": "report Monday", "state": "failed", "error": "no room", "done_ts": lately},
        {"uuid": "b", "kind": "report", "title": "old", "state": "failed", "error": "x", "done_ts": long_ago},
        {"uuid": "c", "kind": "sweep", "title": "a person sees this", "state": "failed", "error": "x", "done_ts": lately},
        {"uuid": "d", "kind": "versus", "state": "done", "args": {"run_id": 1}, "result": BAD, "done_ts": lately},
        {"uuid": "e", "kind": "versus", "state": "done", "args": {"run_id": 1}, "result": GOOD, "done_ts": lately},
        {"uuid": "f", "kind": "versus", "state": "done", "args": {"run_id": 2}, "result": BAD, "done_ts": lately},
    ]  # fmt: skip
    with office.engine.execution_options(write=True).begin() as connection:
        for job in jobs:
            connection.execute(insert(Job).values(source="app", created_ts=NOW, **job))
        connection.execute(
            insert(Scheduled).values(name="backup", due_ts=NOW, done_ts=lately, state="failed", message="disk full")
        )
    for _ in range(2):
        office.open()
        office.work()
    assert office.rows("SELECT kind, title, body FROM alert ORDER BY id") == [
        ("error", "report Monday failed", "no room"), ("backup", "backup failed", "disk full"),
        ("drift", "the run does not do what its tape gives when it is replayed", "the page Backtest vs paper says where"),
    ]  # fmt: skip


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.sampled_from(["trade", "kill"])),
        st.tuples(st.just("answer"), st.sampled_from(["sent", "retry", "refused", "wait"])),
        st.tuples(st.just("go"), st.integers(1, 2_000)),
        st.tuples(st.just("restart"), st.booleans()),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_law_every_message_arrives_at_least_once_in_order_or_is_a_dead_letter(
    tmp_path_factory: pytest.TempPathFactory, empty_file: object, events: list[tuple[str, object]]
) -> None:
    """Whatever a channel answers and whenever the engine dies between commit and send, or between send and its note."""
    from pathlib import Path

    from db.session import open_engine

    file = tmp_path_factory.mktemp("law") / "evenkeel.db"
    file.write_bytes(Path(str(empty_file)).read_bytes())
    engine = open_engine(f"sqlite:///{file}")
    channel = Scripted("one")
    office = Office(
        engine, Clock(), {"one": channel}, AlertsSection(throttle_count=1000, escalate_minutes=0, daily_at="")
    )
    answers = {
        "sent": Receipt("sent", ""), "retry": LATER, "refused": Receipt("refused", ""),
        "wait": Receipt("retry", "", wait_s=1_000.0),
    }  # fmt: skip
    for what, value in events:
        if what == "tell":
            office.tell(str(value), "info")
        elif what == "answer":
            channel.answers.append(answers[str(value)])
        elif what == "go":
            office.clock.go(int(str(value)))
            office.work()
        else:
            if value:  # routed and sent, but nothing of it was written any more
                office.router.write = lambda work: None
                office.router.tick()
                office.router.senders["one"].step()
            office.open()
    channel.answers.clear()
    office.clock.go(2_000)
    office.work()
    ends = {number: state for number, _, state, _ in office.ways()}
    assert set(ends) == {number for (number,) in office.rows("SELECT id FROM alert WHERE kind <> 'channel'")}
    assert set(ends.values()) <= {"sent", "dead"}
    first = list(dict.fromkeys(channel.ids))
    assert first == sorted(first)
    assert {number for number, state in ends.items() if state == "sent"} <= set(first)
    assert office.rows("SELECT count(*) FROM alert WHERE state = 'new'") == [(0,)]
    engine.dispose()
