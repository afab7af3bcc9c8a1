"""Challengers: accounts of their own on the same feed. Killed, edited, begun and ended while the engine runs, each is replayed
and audited like the account, whose own history they do not touch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from db.session import open_engine
from engine.config.errors import ConfigError
from engine.config.reading import parse
from engine.ledger.audit import audit
from tests.parity.living import Life, parity_of
from tests.parity.test_lived_is_replayed import slot

Begin = Callable[..., Life]
FAST = {"fast": 2, "slow": 4}
ONE = slot("sma_cross", params=FAST) + slot("by_the_clock", '["ETH/USD"]')
OWN = "SELECT symbol, direction, entry_ts, entry_price, qty, exit_ts, exit_price, pnl FROM trade WHERE run_id = ? ORDER BY seq"


def challenger(label: str, fast: int = 3, slow: int = 6) -> str:
    return f'''
[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD"]
label = "{label}"
challenger_of = "sma_cross"
params = {{ fast = {fast}, slow = {slow} }}
'''


def runs(life: Life) -> dict[str, tuple[int, str]]:
    return {
        name: (number, status) for number, name, status in life.rows("SELECT id, name, status FROM run ORDER BY id")
    }


def proven(life: Life, name: str) -> dict[str, int]:
    """Parity and audit of one of the runs; how many rows were compared."""
    report = parity_of(life.folder, name)
    engine = open_engine(f"sqlite:///{life.database}")
    try:
        books = audit(engine, runs(life)[name][0])
    finally:
        engine.dispose()
    assert report.ok, report.differences
    assert not report.unproven
    assert books.ok, books.problems
    return report.counts


def test_challengers_live_die_change_and_end_as_the_account_does(begin: Begin) -> None:
    life = begin(ONE + challenger("first"))
    life.live(9, (8.4, Life.die))  # without a word, in the middle of a minute
    life.away(1.5)
    two, levels = life.text() + challenger("second", 2, 5), set[str]()

    def look(_: object) -> None:
        """What the pages learn of each account while the first challenger alone is paused."""
        levels.add(json.loads(life.rows("SELECT counters FROM engine_status")[0][0])["levels"]["2"])

    life.live(
        24,
        (4.5, life.edit(lambda _: two.replace("fast = 3, slow = 6", "fast = 2, slow = 7"))),
        (7.5, life.ask("pause", run=2)),
        (9.0, look),
        (9.5, life.ask("resume", run=2)),
        (15.5, life.edit(lambda text: text.replace('label = "first"', 'label = "first"\nstop = 0.002'))),
    )
    assert levels == {"paused"}
    life.slots = ONE + challenger("second", 2, 5)  # the first is not asked for any more
    life.live(5)
    assert [answer.partition(": done")[0] for answer in life.answers] == ["pause", "resume"]
    found = runs(life)
    assert list(found) == ["parity", "parity-challenger-1", "parity-challenger-2"]
    assert [status for _, status in found.values()] == ["stopped", "complete", "stopped"]
    counts = [proven(life, name) for name in found]
    assert all(one["signals"] > 3 and one["trades"] > 1 and one["equity"] > 4 for one in counts), counts
    assert life.count("snapshot WHERE run_id = 3") > 0
    assert life.rows("SELECT DISTINCT challenger_of FROM run WHERE id > 1") == [(1,)]
    assert [life.count("outage WHERE run_id = ?", number) for number in (1, 2, 3)] == [2, 1, 1]
    assert life.count("alert WHERE kind = 'outage' AND run_id = 2") == 0, "what happens to the feed is told once"
    params = life.rows("SELECT params FROM slot WHERE run_id = 2")
    assert json.loads(params[0][0]) == {"fast": 2, "slow": 7}


def test_the_account_trades_as_if_there_were_none(begin: Begin, tmp_path: Path) -> None:
    """Law: with and without challengers the account's trades are the same; a challenger's are what its own account makes."""
    with_one = begin(ONE + challenger("first", 2, 5))
    with_one.live(16)
    alone = begin(ONE)
    alone.folder = tmp_path / "alone"
    alone.live(16)
    trades = alone.rows(OWN, 1)
    assert len(trades) > 1
    assert with_one.rows(OWN, 1) == trades
    itself = begin(
        slot("sma_cross", params={"fast": 2, "slow": 5})
        + slot("by_the_clock", '["ETH/USD"]', label="idle", enabled=False)
    )
    itself.folder = tmp_path / "itself"
    itself.live(16)
    assert with_one.rows(OWN, 2) == itself.rows(OWN, 1) != []


@pytest.mark.parametrize(
    ("slots", "why"),
    [
        (
            challenger("x").replace('"sma_cross"\nparams', '"nobody"\nparams'),
            "no slot 'nobody' on BTC/USD to challenge",
        ),
        (challenger("x").replace("BTC/USD", "SOL/USD"), "no slot 'sma_cross' on SOL/USD to challenge"),
        (challenger("x") + 'timeframe = "5m"\n', "nothing is traded on BTC/USD at 5m"),
        (challenger("x").replace('label = "x"\n', ""), "stands there twice; give one a label"),
    ],
)
def test_a_challenger_needs_somebody_to_beat(slots: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse('[[slots]]\nstrategy = "sma_cross"\n' + slots)


def test_challengers_alone_are_no_account() -> None:
    with pytest.raises(ConfigError, match="is empty"):
        parse(challenger("x"))
