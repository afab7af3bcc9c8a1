"""Real orders survive any kill: an engine process with live orders on a sandbox server, killed while they are under way.

What the exchange holds is asked with ccxt's own client, not with the engine's.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.crash.proofs import prove
from tests.crash.session import Engine, Market, market

CONFIG = """\
[run]
name = "crash"
exchange = "coinbase"
mode = "live"
base_url = "{rest}"
ws_url = "{ws}"

[live]
acknowledge = "these orders are real and I may lose this money"
capital = 10000
max_order = 2000
max_position = 2000
max_exposure = 9000
first_trades = 2

[limits]
max_positions = 3
consecutive_losses = 0
slot_loss = 0
symbol_loss = 0
daily_loss_pause = 0
daily_loss_halt = 0
drawdown_reduce = 0
drawdown_halt = 0.9

[engine]
history_bars = 60

[api]
enabled = false

[health]
venue_seconds = 0

[schedule]
backup_at = ""
tidy_at = ""

[storage]
data_dir = "{folder}"

[[slots]]
strategy = "sma_cross"
symbols = ["BTC/USD", "ETH/USD", "SOL/USD"]
params = {{ fast = 2, slow = 3 }}
stop = 0.002
"""
SPEED = 40
UNDER_WAY = ("sending", "acked", "canceling")
TROUBLE: tuple[dict[str, Any], ...] = (
    {"kind": "pieces", "what": "place", "delay": 400, "probability": 0.5},
    {"kind": "lost_answer", "what": "place", "how": "reset", "probability": 0.1},
    {"kind": "fill_in_cancel", "what": "cancel", "probability": 0.2},
)
UNSETTLED = "SELECT count(*) FROM intent WHERE done_ts IS NULL AND NOT (role = 'stop' AND state = 'acked')"

ASKS_A_PERSON = """
    SELECT run_id, client_order_id FROM intent
    WHERE state IN ('unknown', 'quarantined') AND 'settle-' || client_order_id NOT IN (SELECT uuid FROM command)
"""


class LiveEngine(Engine):
    """An engine that trades live at the sandbox, with the sandbox's demo key in its environment."""

    @property
    def config(self) -> Path:
        path = self.folder / "config.toml"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(CONFIG.format(rest=self.place.rest, ws=self.place.ws, folder=self.folder))
        return path

    def environment(self, kill_at: str = "") -> dict[str, str]:
        key = keys(self.place)
        mine = {"EVENKEEL_COINBASE_KEY": key["apiKey"], "EVENKEEL_COINBASE_SECRET": key["secret"]}
        return super().environment(kill_at) | mine

    def count(self, query: str) -> int:
        """The one number that `query` asks of the ledger; 0 where there is none yet."""
        database = self.folder / "evenkeel.db"
        if not database.exists():
            return 0
        reader = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
        try:
            return int(reader.execute(query).fetchone()[0] or 0)
        except sqlite3.OperationalError:
            return 0
        finally:
            reader.close()

    def until(self, process: subprocess.Popen[bytes], reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 90
        while not reached():
            assert process.poll() is None, f"it ended with {process.returncode}: {self.last_words()}"
            assert time.monotonic() < deadline, f"never {what}: {self.last_words()}"
            time.sleep(0.02)

    def die_trading(self, state: str) -> None:
        """A life that is killed as soon as an order it has decided on itself, or found, is in `state`."""
        newest = self.count("SELECT max(id) FROM order_event")
        seen = f"SELECT count(*) FROM order_event WHERE id > {newest} AND state = '{state}'"
        process = self.spawn()
        try:
            self.until(process, lambda: self.count(seen) > 0, f"had an order {state}")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.kills += 1
        self.lives.append(state)

    def settle(self) -> None:
        """A last life: it trades on, then the market stands still, everything becomes known, and it is stopped as asked."""
        process = self.spawn()
        booked = self.count("SELECT count(*) FROM fill")
        try:
            self.until(process, lambda: self.count("SELECT count(*) FROM fill") > booked + 1, "filled an order")
            post(self.place, "clock", {"seconds": 5})
            post(self.place, "faults", None, "DELETE")
            self.until(process, lambda: self.place.now() >= ended(self.place), "came to the market's end")
            self.until(process, self._settled, "settled")
        finally:
            process.terminate()
            code = process.wait(20)
        assert code == 0, self.last_words()

    def _settled(self) -> bool:
        """Whether nothing is open; what was killed before it was sent is never proven at this exchange: a person says so."""
        with closing(sqlite3.connect(self.folder / "evenkeel.db", timeout=5)) as writer, writer:
            asked = "INSERT INTO command (uuid, run_id, kind, args, source, created_ts, state) VALUES (?,?,?,?,?,?,?)"
            for run_id, client in writer.execute(ASKS_A_PERSON).fetchall():
                args = json.dumps({"order": client, "reason": "not in the order list"})
                writer.execute(asked, (f"settle-{client}", run_id, "settle", args, "cli", 1, "new"))
        return not self.count(UNSETTLED)


def status(place: Market) -> dict[str, Any]:
    with urllib.request.urlopen(f"{place.rest}/sandbox/status", timeout=10) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def ended(place: Market) -> int:
    return int(status(place)["until"])


def keys(place: Market) -> dict[str, str]:
    with urllib.request.urlopen(f"{place.rest}/sandbox/keys", timeout=10) as answer:
        first: dict[str, str] = json.load(answer)["coinbase"][0]
        return first


def post(place: Market, what: str, body: Any, method: str = "POST") -> None:
    asked = urllib.request.Request(f"{place.rest}/sandbox/{what}", json.dumps(body).encode(), method=method)
    urllib.request.urlopen(asked, timeout=10).close()


def the_exchange_agrees(engine: LiveEngine, place: Market) -> int:
    """At most one order for a client id and none that was not written down; every trade booked once, whole; the same coins and
    the same money. Returns how many trades there were."""
    account = ccxt.coinbase({**keys(place), "urls": {"api": {"rest": place.rest}}})
    database = sqlite3.connect(engine.folder / "evenkeel.db")
    every = {"paginate": True, "paginationCalls": 20}
    orders = Counter(one["clientOrderId"] for one in account.fetch_orders(None, limit=1000, params=every))
    trades = {one["id"]: one for one in account.fetch_my_trades(None, limit=1000, params=every)}
    assert orders
    assert max(orders.values()) == 1, "two orders for one intent"
    intents = {row[0] for row in database.execute("SELECT client_order_id FROM intent")}
    assert set(orders) <= intents, "an order that nobody wrote down"
    mine = "SELECT f.venue_trade_id, f.qty FROM fill f JOIN run r ON r.id = f.run_id WHERE r.kind = 'live'"
    booked = database.execute(mine).fetchall()
    assert sorted(number for number, _ in booked) == sorted(trades), "a trade was lost, doubled or invented"
    assert all(abs(qty - trades[number]["amount"]) < 1e-9 for number, qty in booked)
    assert database.execute("SELECT count(*) FROM external_trade").fetchone() == (0,)
    held: Counter[str] = Counter()
    rows = "SELECT p.symbol, p.qty FROM position p JOIN run r ON r.id = p.run_id WHERE r.kind = 'live'"
    for symbol, qty in database.execute(rows):
        held[symbol.split("/")[0]] += Decimal(repr(qty))  # type: ignore[assignment]
    there = account.fetch_balance()["total"]
    assert {coin: float(qty) for coin, qty in held.items()} == {c: q for c, q in there.items() if c != "USD" and q}
    database.close()
    return len(trades)


def _kill(folder: Path, states: list[str], seed: int) -> None:
    with market(100_000, seed=seed, speed=SPEED) as place:
        engine = LiveEngine(folder, place)
        for one in TROUBLE:
            place.fault(**one)
        for state in states:
            engine.die_trading(state)
        engine.settle()
        counts = prove(folder)
        trades = the_exchange_agrees(engine, place)
    assert engine.kills == len(states)
    assert counts["fills"] >= trades > 0


@pytest.mark.timeout(300)
def test_kills_while_orders_are_under_way(tmp_path: Path) -> None:
    _kill(tmp_path, ["sending", "canceling"], 11)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_kills_while_orders_are_under_way(tmp_path: Path) -> None:
    dice = random.Random(int(os.environ.get("EVENKEEL_SEED", "1")))
    _kill(tmp_path, [dice.choice(UNDER_WAY) for _ in range(100)], dice.randint(1, 10**6))
