"""Go live: every check with what to do, unsure orders first, what real orders cost; and the mode on every page."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.rooms import rooms
from engine.research.live_checks import checks
from engine.research.twins import beside
from engine.research.venue_told import Told, keep
from tests.app.conftest import Open, said, tables
from tests.app.real_orders import LIVE, TWIN, seed_live
from tests.app.seed import NOW
from tests.house.test_going_live import LIVE as TABLE
from tests.house.test_going_live import config

ROOT = Path(__file__).resolve().parents[2]
TOLD = Told(
    NOW - 60_000, "coinbase", True, native_stop="stop_limit", withdraw=False, trade=True, ip_bound=True, maker="0.006",
    taker="0.012", balance="731.5", offset_ms=14, round_trip_ms=60,
    rules={"BTC/USD": {"min_qty": "0.00000001", "min_notional": "1", "trading": True}},
)  # fmt: skip


@pytest.fixture
def written(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that has everything but keys, and what the exchange told."""
    path = data_folder / "config.toml"
    table = "\n".join(f"{key} = {value}" for key, value in TABLE.items())
    path.write_text(f"[live]\n{table}\n[[slots]]\nstrategy = 'sma_cross'\nsymbols = ['BTC/USD']\n")
    monkeypatch.setenv("EVENKEEL_CONFIG", str(path))
    keep(data_folder, TOLD)
    return path


def test_the_page_and_the_command_say_the_same(database: Engine, open_page: Open, written: Path) -> None:
    page = unescape(said(open_page("go_live")))
    command = [
        sys.executable,
        str(ROOT / "run_engine.py"),
        "live",
        "check",
        "--config",
        str(written),
        "--no-ask",
        "--json",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    made = json.loads(done.stdout)
    assert done.returncode == (0 if made["ready"] else 1)
    assert len(made["checks"]) == 15
    for one in made["checks"]:
        if one["name"] not in ("fees", "balance", "stops", "clock"):  # the command's clock is not the tests'
            assert one["title"] in page
            assert one["state"] in page
            assert one["found"].split("`")[0] in page


def test_each_check_follows_what_is_there(database: Engine) -> None:
    def states(told: Told | None, **live: str) -> dict[str, str]:
        made = checks(database, config({**TABLE, **live}), {}, told, NOW)
        return {one.name: one.state for one in made}

    good = states(TOLD)
    assert {
        name: good[name] for name in ("keys", "rights", "fees", "balance", "stops", "clock", "limits", "spot", "sizes")
    } == dict.fromkeys(("keys", "rights", "fees", "balance", "stops", "clock", "limits", "spot", "sizes"), "pass")
    assert good["days"] == "not yet", "the seeded run is a demo"
    assert set(states(None).values()) <= {"not yet", "cannot say", "pass"}
    assert states(None)["clock"] == "cannot say"
    assert states(replace(TOLD, withdraw=True))["rights"] == "not yet"
    assert states(replace(TOLD, withdraw=None))["rights"] == "cannot say"
    assert states(replace(TOLD, offset_ms=-900))["clock"] == "not yet"
    assert states(replace(TOLD, balance="499.99"))["balance"] == "not yet"
    assert states(replace(TOLD, ts=NOW - 9 * 86_400_000))["fees"] == "cannot say"
    dear = {"BTC/USD": {"min_qty": "0", "min_notional": "45", "trading": True}}
    assert states(replace(TOLD, rules=dear))["sizes"] == "not yet", "54 with room, orders of at most 50"
    assert states(TOLD, max_order="30")["limits"] == "pass"


def test_unsure_orders_come_first_with_the_way_to_settle_them(database: Engine, open_page: Open, written: Path) -> None:
    seed_live(database)
    page = open_page("go_live", run="main-live")
    words = said(page)
    assert "Nobody is sure of: 2 (97.30 USD reserved)" in words
    assert f"live settle {'e' * 32}" in words
    assert "last compared at 2026-01-05 07:59:40 UTC" in words
    first = tables(page)[0]
    assert list(first["state"]) == ["unknown", "quarantined"]
    orders = next(one for one in tables(page) if "role" in one)
    assert list(orders[orders["role"] == "stop"]["at"]) == ["59100"], "a stop is told with its trigger"
    assert "Smallest size: over" in words
    assert "10 of 10" not in words


def test_what_real_orders_cost_adds_up(database: Engine, open_page: Open, written: Path) -> None:
    seed_live(database)
    found = beside(database, LIVE)
    assert found is not None
    assert found.twin == TWIN
    assert len(found.pairs) == 14
    with database.connect() as connection:
        sums = dict(
            connection.execute(
                text("SELECT run_id, sum(pnl) FROM trade WHERE run_id IN (50, 51) GROUP BY run_id")
            ).all()
        )
    assert found.cost.total == pytest.approx(sums[TWIN] - sums[LIVE])
    missed = next(pair for pair in found.pairs if pair.live is None)
    assert missed.why == "no signal"
    assert all(pair.latency_ms == 900 for pair in found.pairs if pair.live)
    words = said(open_page("go_live", run="main-live", view="twin"))
    assert "Missed fills: " in words
    assert "(1 decision)" in words


@pytest.mark.parametrize(("dry", "badge"), [(False, "ek-badge live"), (True, "ek-badge dry")])
def test_the_mode_is_on_every_page(database: Engine, open_page: Open, written: Path, dry: bool, badge: str) -> None:
    seed_live(database, dry=dry)
    test = open_page("overview", run="main-live")
    for room in rooms()[:: 9 if dry else 6]:
        if room.name != "overview":
            test.switch_page(f"../pages/{room.name}.py")
            test.run()
        assert badge in said(test), room.name
        assert ("real money" in said(test)) == (not dry)
