"""The protocol as a state machine: market, faults, silence and deaths in any order; what must always hold after each step, and
everything known once the faults end."""

from __future__ import annotations

import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.venues.live import invariants
from tests.venues.live.exchange import Faults, MemoryPort
from tests.venues.live.life import LiveLife

CHANCE = st.sampled_from([0.0, 0.1, 0.4])


class Protocol(RuleBasedStateMachine):
    """One slot on one symbol, at an exchange that misbehaves."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="evk-law-"))
        self.life: LiveLife | None = None

    @initialize(seed=st.integers(0, 10_000), kind=st.sampled_from(["stop", "stop_limit"]))
    def open(self, seed: int, kind: str) -> None:
        self.life = LiveLife(self.folder / "data", MemoryPort(seed=seed, native_stop=kind))  # type: ignore[arg-type]
        self.life.pump(12, 100)

    @rule(
        lost=CHANCE, answer=CHANCE, late=CHANCE, refused=st.sampled_from([0.0, 0.2]), silent=CHANCE,
        thin=st.sampled_from([0.0, 0.9]), pieces=st.sampled_from([1, 5]), lag_ms=st.sampled_from([0, 2_500]),
    )  # fmt: skip
    def misbehave(
        self, lost: float, answer: float, late: float, refused: float, silent: float, thin: float, pieces: int,
        lag_ms: int,
    ) -> None:  # fmt: skip
        assert self.life is not None
        self.life.port.faults = Faults(lost, answer, late, refused, silent, thin, pieces, lag_ms)

    @rule(pumps=st.integers(0, 8))
    def turn_up(self, pumps: int) -> None:
        """Three closes after which the strategy holds."""
        assert self.life is not None
        for change in (-60, -40, 150):
            self.life.minute(self.life.price + change, pumps=pumps)

    @rule(change=st.integers(-700, 500), pumps=st.integers(0, 10))
    def go_on(self, change: int, pumps: int) -> None:
        assert self.life is not None
        self.life.minute(self.life.price + Decimal(change), pumps=pumps)

    @rule(away=st.sampled_from([10, 4_000, 90_000]), at=st.sampled_from(["rest", "answer", "tape", "synced"]))
    def die(self, away: int, at: str) -> None:
        """At rest; with an answer read and nothing written; with it on the tape, in memory or on the disk, and not committed."""
        assert self.life is not None
        life = self.life
        if at != "rest":
            life.now += 50
            life.port.advance(life.now)
            life.lane.pump(life.now)
        if at in ("tape", "synced"):
            for kind, *words in life.doors.take():
                life.desk.event(life.trader.now, [kind, life.trader.now, *words])
        if at == "synced":
            life.tape.sync()
        life.die()
        life.now += away
        life.port.advance(life.now)
        life.begin()

    @rule(down=st.booleans())
    def lose_the_network(self, down: bool) -> None:
        assert self.life is not None
        self.life.port.down = down

    @invariant()
    def holds(self) -> None:
        if self.life is not None:
            invariants.always(self.life)

    def teardown(self) -> None:
        try:
            if self.life is not None:
                self.life.port.down = False
                self.life.settle(3, rise=1)
                invariants.converged(self.life)
        finally:
            if self.life is not None:
                self.life.die()
                self.life.engine.dispose()
            shutil.rmtree(self.folder, ignore_errors=True)


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(
    max_examples=6, stateful_step_count=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
