"""A life that moves while its orders stand at the exchange: the other machine takes them up, the old copy starts no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.session import FILE_NAME
from engine.runtime.move.arriving import arrive
from engine.runtime.move.leaving import Place, leave
from tests.crash.proofs import prove
from tests.crash.session import market
from tests.crash.test_live_kills import SPEED, LiveEngine, the_exchange_agrees


@pytest.mark.long
@pytest.mark.timeout(900)
def test_orders_that_stand_at_the_exchange_are_taken_up_elsewhere(tmp_path: Path) -> None:
    with market(100_000, seed=11, speed=SPEED) as place:
        old, new = (LiveEngine(tmp_path / name / "data", place) for name in ("old", "new"))
        old.die_trading("acked")
        lives = [
            Place(one.folder, one.folder.parent / "my", Path("none"), one.folder / FILE_NAME) for one in (old, new)
        ]
        manifest, found = leave(lives[0], tmp_path / "life.tar", {}, 1)
        assert found.ok
        assert any("may stand at the exchange" in note for note in manifest.notes)
        arrive(lives[1], tmp_path / "life.tar", 2)
        new.settle()
        assert prove(new.folder)["fills"] >= the_exchange_agrees(new, place) > 0
        assert new.count("SELECT count(DISTINCT substr(client_order_id, 1, 8)) FROM intent") == 1
        assert old.spawn().wait(120) == 78
    assert "was moved away" in old.last_words()
