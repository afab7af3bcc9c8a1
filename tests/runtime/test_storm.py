"""A configuration saved many times a second, every other time wrong, in every way editors save: nothing is disturbed.

A short form for every day, and a long one: a thousand edits in a minute.
"""

from __future__ import annotations

import sqlite3
import threading
from itertools import cycle
from pathlib import Path

import pytest

from engine.config.reading import parse
from tests.crash.proofs import prove
from tests.crash.session import market
from tests.runtime.processes import living, stopped
from tests.runtime.test_watch import by_backup, by_rename, deleted_and_created, in_place

SAVES = cycle([in_place, by_rename, by_backup, deleted_and_created])
WRONG = cycle(
    [
        lambda good: good.replace("max_positions", "max_position"),
        lambda good: good.replace("max_positions = 5", "max_positions = -5"),
        lambda good: good[: len(good) // 2],
        lambda good: "",
        lambda good: good.replace("[[slots]]", "[[slots"),
        lambda good: good.replace('"holder"', '"hodler"'),
        lambda good: good.replace("BTC/USD", "BTX/USD"),
    ]
)
GREEDY = (
    ("max_positions = 5", "max_positions = 50"),
    ("per_symbol = 0.5", "per_symbol = 5"),
    ("drawdown_halt = 0.5", "drawdown_halt = 0"),
    ("cash = 10000", "cash = 10000\nallow_short = true"),
    ('symbols = ["BTC/USD"]', 'symbols = ["BTC/USD"]\nallow_short = true'),
)


def storm(path: Path, good: str, edits: int, pace_s: float) -> None:
    """Every other text wrong; of the right ones each asks for other costs, and for more than is allowed."""
    pace = threading.Event()
    for number in range(edits):
        text = next(WRONG)(good) if number % 2 else good.replace(*GREEDY[number % len(GREEDY)])
        next(SAVES)(path, text.replace("[costs]", f"[costs]\nslippage_bps = {1 + number % 7}"))
        pace.wait(pace_s)


def engine_alerts(folder: Path) -> list[tuple[str]]:
    with sqlite3.connect(folder / "evenkeel.db") as raw:
        return raw.execute("SELECT title FROM alert WHERE kind = 'config' ORDER BY id").fetchall()


@pytest.mark.parametrize(
    ("edits", "pace_s"), [(160, 0.02), pytest.param(1000, 0.06, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_a_storm_of_edits_disturbs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: int, pace_s: float
) -> None:
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "data" / "my"))
    with market(86_400, speed=120) as place:
        engine = living(tmp_path / "data", place)
        good = engine.config.read_text()
        with engine.running() as process:
            engine.until("SELECT count(*) FROM snapshot", process, 240)
            typo = good.replace("[costs]", "[costs]\nslipage_bps = 4")
            by_backup(engine.config, typo)
            engine.until("SELECT message LIKE '%slipage_bps%did you mean slippage_bps%' FROM engine_status", process)
            storm(engine.config, good, edits, pace_s)
            by_rename(engine.config, good.replace("[costs]", "[costs]\nslippage_bps = 9"))
            engine.until("SELECT count(*) FROM config_version WHERE text LIKE '%slippage_bps = 9%'", process)
            engine.until("SELECT message = '' FROM engine_status", process)
            engine.until("SELECT count(*) FROM trade", process)
            code = stopped(process)
    assert code == 0, engine.last_words()
    with sqlite3.connect(engine.folder / "evenkeel.db") as raw:
        assert raw.execute("SELECT count(*) FROM engine_status").fetchone() == (1,)
        texts = [row[0] for row in raw.execute("SELECT text FROM config_version")]
        causes = {row[0] for row in raw.execute("SELECT DISTINCT cause FROM outage")}
        unnamed = raw.execute("SELECT count(*) FROM orders WHERE config_version_id IS NULL").fetchone()
    titles = [row[0] for row in engine_alerts(engine.folder)]
    assert "the edited configuration was refused, the old one stays" in titles
    assert titles[-1] == "the configuration was reloaded"
    assert causes <= {"start"}, "the feed never noticed"
    assert unnamed == (0,)
    for config in map(parse, texts):
        assert config.limits.max_positions <= 5
        assert config.limits.per_symbol <= 0.5
        assert config.limits.drawdown_halt == 0.5
        assert not config.account.allow_short
        assert not any(slot.allow_short for slot in config.slots)
    prove(engine.folder)
