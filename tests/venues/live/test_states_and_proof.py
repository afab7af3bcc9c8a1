"""Ids, the one table of states, and the rule by which an order is proven never to have been placed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from db.live import INTENT_STATES
from db.models import Intent, OrderEvent
from db.session import migrate, open_engine, write_session
from engine.venues.live import ids, proof
from engine.venues.live.proof import Evidence
from engine.venues.live.states import TABLE, TERMINAL, IllegalMove, move
from tests.db.samples import ROWS, insert_samples

T = 1_700_000_000_000
QUICK = settings(max_examples=100, deadline=None, derandomize=True)


# ---- ids ---------------------------------------------------------------------------------------------------------------
@QUICK
@given(st.text(), st.text())
def test_an_id_is_a_function_of_installation_and_decision(instance: str, decision: str) -> None:
    tag = ids.tag_of(instance)
    found = ids.client_id(tag, decision)
    assert found == ids.client_id(ids.tag_of(instance), decision)
    assert len(found) == 32
    assert set(found) <= set("0123456789abcdef")
    assert ids.is_ours(tag, found)
    assert ids.client_id(tag, decision + "x") != found
    assert not ids.is_ours(ids.tag_of(instance + "x"), found)


def test_an_installation_keeps_its_name_outside_the_database(tmp_path: Path) -> None:
    name = ids.instance_of(tmp_path / "data")
    assert ids.instance_of(tmp_path / "data") == name
    assert (tmp_path / "data" / ids.FILE).stat().st_mode & 0o777 == 0o600
    assert ids.instance_of(tmp_path / "other") != name


# ---- states ------------------------------------------------------------------------------------------------------------
def test_the_table_names_every_state_and_leaves_no_terminal_one() -> None:
    assert set(TABLE) == set(INTENT_STATES)
    assert {state for state, targets in TABLE.items() if not targets} == TERMINAL
    assert all(set(targets) <= set(INTENT_STATES) for targets in TABLE.values())
    waits = {"ready", "planned"}
    assert all("rejected" not in TABLE[state] and "not_placed" not in TABLE[state] for state in waits)
    assert [state for state, targets in TABLE.items() if "sending" in targets] == ["ready"]  # nothing is sent again
    assert [state for state, targets in TABLE.items() if "not_placed" in targets] == ["unknown", "quarantined"]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    opened = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(opened)
    with write_session(opened) as session:
        insert_samples(session.connection(), {"run", "config_version", "slot"})
    return opened


def test_every_move_goes_by_the_table_and_leaves_a_trace(engine: Engine) -> None:
    base = {name: value for name, value in ROWS["intent"].items() if name != "id"}
    number = 0
    for state in INTENT_STATES:
        for to in INTENT_STATES:
            number += 1
            keys = {"client_order_id": f"{number:032x}", "decision_key": str(number), "state": state}
            allowed = to in TABLE[state] or (to == state and to not in TERMINAL)
            with write_session(engine) as session:
                connection = session.connection()
                row = connection.execute(insert(Intent).values(**{**base, **keys})).inserted_primary_key
                assert row is not None
                if not allowed:
                    with pytest.raises(IllegalMove):
                        move(connection, row[0], to, ts=T, source="ack")
                    if state in TERMINAL and to != state:  # and the schema refuses it by itself
                        with pytest.raises(IntegrityError, match="terminal"), connection.begin_nested():
                            connection.execute(update(Intent).where(col(Intent.id) == row[0]).values(state=to))
                    continue
                move(connection, row[0], to, ts=T, source="ack", said="x" * 9_000, filled="0.01")
                events = connection.execute(select(OrderEvent.__table__).where(OrderEvent.intent_id == row[0])).all()  # type: ignore[attr-defined]
                assert [(one.seq, one.state, one.filled, len(one.said)) for one in events] == [(1, to, "0.01", 8_192)]
    with pytest.raises(IntegrityError, match="only ever added"), write_session(engine) as session:
        session.execute(text("UPDATE order_event SET said = ''"))


# ---- proof -------------------------------------------------------------------------------------------------------------
EVIDENCE = st.builds(
    Evidence,
    sent_ts=st.just(T),
    expires_ts=st.sampled_from([0, T + 3_000, T + 8_000]),
    not_found=st.integers(0, 4),
    late_not_found=st.integers(0, 2),
    late_lists=st.integers(0, 2),
    look_ups=st.integers(0, 40),
)


@QUICK
@given(EVIDENCE, st.integers(-1_000, 10**6), st.integers(-2_000, 2_000))
def test_nothing_is_proven_by_time_or_silence_alone(found: Evidence, after: int, error: int) -> None:
    proven = proof.not_placed(found, T + after, error)
    enough = found.not_found >= 2 and found.late_not_found >= 1 and found.late_lists >= 1
    late = found.expires_ts > 0 and T + after > found.expires_ts + abs(error) + 3_000
    assert proven == (enough and late)
    if proven:
        assert proof.not_placed(found, T + after + 10**6, error)  # what is proven stays proven


def test_an_unresolved_intent_is_asked_for_at_most_thirty_times_in_a_quarter_of_an_hour() -> None:
    found, now, asked = Evidence(T, 0), T, 0
    while not proof.give_up(found, now):
        now = proof.next_look(found, now)
        asked += 1
        found = Evidence(T, 0, look_ups=asked)
    assert asked <= proof.MOST_LOOK_UPS
    assert now - T >= proof.GIVE_UP_MS
    assert proof.next_look(Evidence(T, 0), T) - T <= 1_000
