"""What seeds have found, each as a small run of its own that does not depend on a seed's luck."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from tests.simulation.many import template
from tests.simulation.plan import SLOT, Chances, plan_of
from tests.simulation.run import Simulation

LATER = SLOT.format(strategy="sma_cross", symbols='["{}"]', params="{{ fast = 2, slow = 3 }}", rest='label = "later"\n')


class DiesWithAnEdit(Simulation):
    """A slot is taken out of the file; the process dies once that is on the tape, and before its commit."""

    def turn(self) -> bool:
        if self.turns == 60 and not self.lives:
            self.text = self.plan.text(str(self.folder))
            self.file.write_text(self.text)
            self.loop.reloader.offer(self.text)
        return super().turn()

    def _point(self, name: str) -> None:
        if not self.dead and not self.lives and name == "commit.begun" and self.open is not None:
            setups = [event for event, _ in self.open.tape.read() if event[0] == "setup"]
            if setups:
                self.die(name)
        super()._point(name)


def test_a_death_between_an_edit_and_its_commit(tmp_path: Path) -> None:
    """The next start names its rows by the slots that the tape says, not by those of the snapshot; it ended there before."""
    plan = replace(plan_of(1), chances=Chances(), safety_ms=240_000)
    shutil.copy(template(), tmp_path / "evenkeel.db")
    life = DiesWithAnEdit(plan, tmp_path)
    life.text += LATER.format(plan.symbols[0])
    outcome = life.live()
    assert outcome.struck == {"kill at commit.begun": 1, "power": 0}
    assert outcome.counts["lives"] == 2
