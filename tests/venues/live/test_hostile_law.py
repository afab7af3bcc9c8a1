"""What must hold whatever an exchange says: one send an order, books that never owe, sold only what was bought, money reserved
until somebody knows, endless answers that end, and a kill that acts."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.venues.live.booker import MOST_KEPT, MOST_OUTSIDE, MOST_SAID
from engine.venues.live.egress import AFTER_A_KILL
from engine.venues.live.reconcile import MOST_TOLD
from engine.venues.port import Request
from tests.venues.live import invariants
from tests.venues.live.exchange import Faults
from tests.venues.live.hostile import HostilePort
from tests.venues.live.life import LiveLife


class Hostile(RuleBasedStateMachine):
    """One slot on one symbol, at an exchange that lies."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="evk-hostile-"))
        self.life: LiveLife | None = None

    @initialize(
        seed=st.integers(0, 100_000), kind=st.sampled_from(["stop", "stop_limit"]), expiry=st.sampled_from([0, 5_000])
    )
    def open(self, seed: int, kind: str, expiry: int) -> None:
        self.port = HostilePort(seed=seed, native_stop=kind, expiry_ms=expiry, watch=self.sent)  # type: ignore[arg-type]
        self.life = LiveLife(self.folder / "data", self.port)
        self.port.tag = self.life.live.gate.tag
        self.killed_after = -1
        self.life.pump(12, 100)

    def sent(self, request: Request) -> None:
        """What is looked at right where the order leaves."""
        assert self.life is not None
        row = next(one for one in self.life.intents() if one.client_order_id == request.client_id)
        assert row.state == "sending", "sent before its commit"
        assert request.qty <= Decimal(row.qty)
        if request.side == "sell":
            assert request.qty <= self.life.held(), "more is sold than the ledger bought"
        if self.life.killed:
            assert row.role == "exit", "sent after a kill"
            assert row.purpose in AFTER_A_KILL

    @rule(lies=st.sampled_from([0.0, 0.1, 0.3, 1.0]))
    def lie(self, lies: float) -> None:
        self.port.lies = lies

    @rule(lost=st.sampled_from([0.0, 0.3]), answer=st.sampled_from([0.0, 0.3]), pieces=st.sampled_from([1, 4]))
    def fail(self, lost: float, answer: float, pieces: int) -> None:
        self.port.faults = Faults(lost=lost, answer=answer, pieces=pieces)

    @rule(pumps=st.integers(1, 10))
    def turn_up(self, pumps: int) -> None:
        assert self.life is not None
        for change in (-60, -40, 150):
            self.life.minute(self.life.price + change, pumps=pumps)

    @rule(change=st.integers(-900, 500), pumps=st.integers(1, 12))
    def go_on(self, change: int, pumps: int) -> None:
        assert self.life is not None
        self.life.minute(self.life.price + Decimal(change), pumps=pumps)

    @rule()
    def ask(self) -> None:
        """A step of the lane is one request at most."""
        assert self.life is not None
        for _ in range(12):
            before = self.port.calls
            self.life.pump(1, 400)
            assert self.port.calls - before <= 1

    @rule()
    def die(self) -> None:
        assert self.life is not None
        self.life.die()
        self.life.begin()

    @rule(flatten=st.booleans())
    def kill(self, flatten: bool) -> None:
        assert self.life is not None
        if not self.life.killed:
            self.life.killed = True
            args = {"flatten": flatten, "source": "test", "reason": ""}
            self.life.desk.event(self.life.trader.now, ["command", self.life.trader.now, "kill", args, 0])
            self.life.turn()
            self.life.pump(3, 100)

    @invariant()
    def holds(self) -> None:
        if self.life is not None:
            self._books()
            self._bounds()
            invariants.by_the_table(self.life)

    def _books(self) -> None:
        assert self.life is not None
        life, account = self.life, self.life.trader.machine.account[0]
        sends = Counter(request.client_id for _, request in self.port.came)
        assert all(count == 1 for count in sends.values()), "an intent was sent twice"
        assert account["cash"] >= 0, "the books owe money"
        assert account["reserved"] >= 0
        assert life.slot["qty"] >= 0
        assert life.slot["direction"] >= 0, "a position that nobody asked for"
        booked: Counter[str] = Counter()
        for fill in life.rows("SELECT client_order_id AS client, qty FROM fill"):
            booked[fill.client] += Decimal(repr(fill.qty))  # type: ignore[assignment]
        for one in life.intents():
            assert booked[one.client_order_id] <= Decimal(one.qty), "filled more than asked for"
            waits = one.role == "entry" and one.state in ("sending", "unknown", "quarantined", "acked")
            if waits and life.slot["q_order"] == one.order_seq:
                assert account["reserved"] > 0, "given back without evidence"

    def _bounds(self) -> None:
        assert self.life is not None
        booker, rounds = self.life.lane.booker, self.life.lane.rounds
        assert len(booker.strangers) <= MOST_KEPT
        assert len(booker.doubted) <= MOST_KEPT
        assert len(booker.outside) <= MOST_OUTSIDE
        assert len(booker.said) <= MOST_SAID
        assert len(rounds.told) <= MOST_TOLD
        assert len(self.life.lane.mirror.minds) <= len(self.life.intents())
        assert len(self.life.doors._writes) < 2 * MOST_OUTSIDE

    def teardown(self) -> None:
        try:
            if self.life is not None:
                self._ends_well()
        finally:
            if self.life is not None:
                self.life.die()
                self.life.engine.dispose()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ends_well(self) -> None:
        """It tells the truth from here on: rounds go through again, and the books were right all the time."""
        assert self.life is not None
        self.port.lies, self.port.faults = 0.0, Faults()
        before = self.life.lane.rounds.done
        self.life.lane.quiet_until = 0
        self.life.pump(60, 2_000)
        assert self.life.lane.rounds.done > before
        self.holds()
        self.life.audited()


class TestHostile(Hostile.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(
        max_examples=6, stateful_step_count=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )


@pytest.mark.long
def test_hostile_exchanges_for_long() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Hostile,
        settings=settings(
            max_examples=150, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
