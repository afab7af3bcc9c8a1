"""What the past proposes: records as of a moment, weights shrunk to 1, shares beside equal ones; the service that asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from db.models import Allocation, Equity, Run, Signal, SignalOutcome, Slot, Trade
from db.session import migrate, open_engine
from engine.analytics.learning import Outcomes, Rules, weigh
from engine.config.reading import parse
from engine.ledger.steering import Steered
from engine.ledger.steering_rows import weights, words_of_version, write_steered
from engine.research import learning, sharing
from engine.runtime.beside import Doors
from engine.runtime.steering import Steering

DAY, T0 = 86_400_000, 1_767_225_600_000  # 2026-01-01
ON = """
[storage]
data_dir = "{}"
[allocator]
enabled = {}
[learning]
enabled = {}
sizes = true
[[slots]]
strategy = "sma_cross"
"""


def outcomes(rows: list[tuple[int, int, float, int]]) -> Outcomes:
    """(source, known, result, window) of each, regimes by turns."""
    return Outcomes(
        np.array([f"s{row[0]}" for row in rows], object),
        np.array([("above low", "", "below high")[row[3] % 3] for row in rows], object),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows], np.int64),
    )


ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 50), st.floats(-0.05, 0.05), st.integers(0, 30)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(0, 50), st.randoms(use_true_random=False))
def test_a_record_knows_nothing_of_what_comes_later(rows: list[tuple[int, int, float, int]], moment: int, dice) -> None:  # type: ignore[no-untyped-def]
    """Law: what ends after the moment changes nothing, nor does the order in which outcomes were stored."""
    early = [row for row in rows if row[1] <= moment]
    shuffled = list(rows)
    dice.shuffle(shuffled)
    whole = weigh(outcomes(rows), moment)
    assert whole == (weigh(outcomes(early), moment) if early else [])
    for one, other in zip(whole, weigh(outcomes(shuffled), moment), strict=True):
        assert {**one, "mean": 0, "weight": 0} == {**other, "mean": 0, "weight": 0}
        assert other["mean"] == pytest.approx(one["mean"], abs=1e-12)
        assert other["weight"] == pytest.approx(one["weight"], abs=2e-4)
    assert all(0.5 <= row["weight"] <= 1.5 for row in whole)


def test_weights_shrink_to_one_and_regimes_to_their_source() -> None:
    """By hand: 40 windows of mean +1 % against prior 20 are an edge of 2/3 %; a regime without windows of its own follows it."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.02, 40)
    result = noise - noise.mean() + 0.01
    made = weigh(
        Outcomes(np.full(40, "a", object), np.full(40, "", object), np.arange(40), result, np.arange(40)),
        99,
        Rules(most=9),
    )
    assert made[0]["weight"] == pytest.approx(np.exp(4 * (40 * 0.01 / 60) / result.std(ddof=1)), abs=1e-4)
    few = weigh(
        Outcomes(np.full(40, "a", object), np.full(40, "", object), np.arange(40), result, np.zeros(40, int)), 99
    )
    assert few[0]["resolved"] == 1  # all in one window: one observation
    assert 1 < few[0]["weight"] < 1.15
    assert weigh(Outcomes(*(np.zeros(0, kind) for kind in (object, object, int, float, int))), 99) == []


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A run of 60 days with two slots: the first gains most days, the second loses; every trade a signal with its outcome."""
    made = open_engine(f"sqlite:///{tmp_path / 'evenkeel.db'}")
    migrate(made)
    rng = np.random.default_rng(7)
    with made.execution_options(write=True).begin() as put:
        put.execute(
            insert(Run).values(id=1, name="main", kind="paper", status="running", cash_start=1000.0, created_ts=T0)
        )
        for i, name in enumerate(("good", "bad"), 1):
            put.execute(
                insert(Slot).values(id=i, run_id=1, key=f"key{i}", position=i, strategy=name, symbol="BTC/USD",
                                    timeframe_ms=60_000, state="enabled")
            )  # fmt: skip
        seq = 0
        for day in range(60):
            put.execute(
                insert(Equity).values(run_id=1, slot_id=0, ts=T0 + day * DAY, equity=1000, cash=1000, exposure=0)
            )
            for slot, drift in ((1, 3.0), (2, -3.0)):
                seq, ts, pnl = seq + 1, T0 + day * DAY + slot * 3_600_000, float(rng.normal(drift, 2.0))
                put.execute(insert(Signal).values(run_id=1, seq=seq, slot_id=slot, decided_ts=ts, known_ts=ts, kind="entry",
                                                  direction=1, status="taken"))  # fmt: skip
                put.execute(insert(SignalOutcome).values(run_id=1, signal_seq=seq, result=pnl / 200, exit_ts=ts + 60_000,
                                                         resolved=True, updated_ts=ts))  # fmt: skip
                put.execute(insert(Trade).values(run_id=1, seq=seq, slot_id=slot, symbol="BTC/USD", direction=1, qty=1.0,
                                                 entry_ts=ts, entry_price=200.0, entry_notional=200.0, exit_ts=ts + 60_000,
                                                 exit_price=200 + pnl, exit_notional=200 + pnl, pnl=pnl, pnl_pct=pnl / 200,
                                                 fees=0.0, exit_reason="exit"))  # fmt: skip
    return made


def take(engine: Engine, kind: str, version: int, ts: int, words: dict) -> None:  # type: ignore[type-arg]
    with engine.execution_options(write=True).begin() as put:
        write_steered(put, 1, [Steered(kind, version, ts, words)])


def test_shares_follow_evidence_within_their_bounds_and_wait(engine: Engine) -> None:
    now = T0 + 60 * DAY
    assert sharing.proposal(engine, 1, T0 + 20 * DAY) is None  # too few days
    made = sharing.proposal(engine, 1, now)
    assert made is not None
    assert made["shares"]["key1"] > 1 > made["shares"]["key2"]
    assert sum(made["shares"].values()) == pytest.approx(2)
    assert made["told"]["key1"]["equal"] == 0.5
    assert "promises" in made["why"]
    take(engine, "shares", 1, now, made)
    assert sharing.in_force(engine, 1) == made["shares"]
    assert sharing.proposal(engine, 1, now + 5 * DAY) is None  # the dwell
    back = words_of_version(engine, "shares", 1, {"version": 1})
    assert back["shares"] == made["shares"]
    assert "shares" not in words_of_version(engine, "shares", 1, {"version": 9})


def test_weights_are_made_once_and_can_be_taken_back(engine: Engine, tmp_path: Path) -> None:
    now = T0 + 60 * DAY
    made = learning.proposal(engine, 1, now, tmp_path)
    assert made is not None
    by = {row["source"]: row for row in made["rows"]}
    assert by["good"]["weight"] == 1.5 > 1 > by["bad"]["weight"] == 0.5
    assert by["good"]["resolved"] == 60
    take(engine, "weights", 1, now, made)
    assert learning.proposal(engine, 1, now, tmp_path) is None  # nothing new is known
    again = learning.proposal(engine, 1, now, tmp_path, sizes=True)
    assert again is not None
    assert again["acts"]
    take(engine, "weights", 2, now, words_of_version(engine, "weights", 1, {"version": 0}))
    assert learning.in_force(engine, 1) == ([], "", False)
    back = words_of_version(engine, "weights", 1, {"version": 1})
    take(engine, "weights", 3, now, back)
    assert [row["weight"] for row in weights(engine, 1) if row["version"] == 3] == [0.5, 1.5]


def test_weights_wait_out_their_dwell_while_records_go_on(engine: Engine, tmp_path: Path) -> None:
    first, days = T0 + 40 * DAY, 7
    made = learning.proposal(engine, 1, first, tmp_path, dwell_days=days)
    assert made is not None
    assert learning.last_change(engine, 1) is None
    take(engine, "weights", 1, first, made)
    held = {(row["source"], row["regime"]): row["weight"] for row in made["rows"]}
    soft = learning.Rules(prior=400.0)  # other rules want other weights at once
    for version, now in ((2, first + 3 * DAY), (3, first + 6 * DAY)):
        later = learning.proposal(engine, 1, now, tmp_path, soft, dwell_days=days)
        assert later is not None
        assert {(row["source"], row["regime"]): row["weight"] for row in later["rows"]} == held
        assert sum(row["resolved"] for row in later["rows"]) > sum(row["resolved"] for row in made["rows"])
        assert "weights wait" in later["why"]
        take(engine, "weights", version, now, later)
        assert learning.last_change(engine, 1) == first
    free = learning.proposal(engine, 1, first + days * DAY, tmp_path, soft, dwell_days=days)
    assert free is not None
    assert {(row["source"], row["regime"]): row["weight"] for row in free["rows"]} != held
    take(engine, "weights", 4, first + days * DAY, words_of_version(engine, "weights", 1, {"version": 0}))
    assert learning.last_change(engine, 1) == first + days * DAY  # a person's change counts too


def test_the_service_proposes_what_is_switched_on_and_takes_back_what_is_not(engine: Engine, tmp_path: Path) -> None:
    doors = Doors()
    service = Steering(parse(ON.format(tmp_path, "false", "false")), 1, doors)
    service.look(engine)
    assert list(doors.take()) == []  # off by default: nothing is ever proposed
    service.reconfigured(parse(ON.format(tmp_path, "true", "true")))
    service.look(engine)
    events = {event[1]: event[2] for event in doors.take()}
    assert set(events) == {"shares", "weights"}
    service.look(engine)
    assert list(doors.take()) == []  # not again before its time
    for version, (kind, words) in enumerate(events.items(), 1):
        take(engine, kind, version, T0 + 59 * DAY, words)
    service.reconfigured(parse(ON.format(tmp_path, "false", "false")))
    service.look(engine)
    events = {event[1]: event[2] for event in doors.take()}
    assert events["shares"]["shares"] == {}
    assert events["weights"]["rows"] == []
    with engine.connect() as read:
        assert len(read.execute(Allocation.__table__.select()).all()) == 1  # type: ignore[attr-defined]
