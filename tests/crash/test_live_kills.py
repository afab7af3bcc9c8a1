"""Real orders survive any kill: an engine process with live orders on a sandbox server, killed while they are under way.

At Coinbase and at Binance alike: fees in what is bought, orders that can be proven lost, ids unique per market. What the exchange
holds is asked with ccxt's own client, not with the engine's.
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
from dataclasses import dataclass
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
exchange = "{venue}"
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

[account]
quote = "{quote}"

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
symbols = ["BTC/{quote}", "ETH/{quote}", "SOL/{quote}"]
params = {{ fast = 2, slow = 3 }}
stop = 0.002
"""
SPEED = 40
QUOTE = {"coinbase": "USD", "binance": "USDT"}
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


@dataclass
class LiveEngine(Engine):
    """An engine that trades live at the sandbox, with the sandbox's demo key in its environment."""

    venue: str = "coinbase"

    @property
    def config(self) -> Path:
        path = self.folder / "config.toml"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            place = {"rest": self.place.rest, "ws": self.place.ws, "folder": self.folder}
            path.write_text(CONFIG.format(**place, venue=self.venue, quote=QUOTE[self.venue]))
        return path

    def environment(self, kill_at: str = "") -> dict[str, str]:
        key, name = keys(self.place, self.venue), f"EVENKEEL_{self.venue.upper()}"
        mine = {f"{name}_KEY": key["apiKey"], f"{name}_SECRET": key["secret"]}
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
        deadline = time.monotonic() + 240
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
        real = (
            "SELECT count(*) FROM fill f JOIN run r ON r.id = f.run_id WHERE r.kind = 'live'"  # its twin's are on paper
        )
        booked = self.count(real)
        try:
            self.until(process, lambda: self.count(real) > booked + 1, "filled an order")
            post(self.place, "clock", {"seconds": 5})
            post(self.place, "faults", None, "DELETE")
            self.until(process, lambda: self.place.now() >= ended(self.place), "came to the market's end")
            self.until(process, self._settled, "settled")
        finally:
            process.terminate()
            code = process.wait(60)
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


def keys(place: Market, venue: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{place.rest}/sandbox/keys", timeout=10) as answer:
        first: dict[str, str] = json.load(answer)[venue][0]
        return first


def post(place: Market, what: str, body: Any, method: str = "POST") -> None:
    asked = urllib.request.Request(f"{place.rest}/sandbox/{what}", json.dumps(body).encode(), method=method)
    urllib.request.urlopen(asked, timeout=10).close()


def account_of(engine: LiveEngine, place: Market) -> Any:
    """ccxt's client of the account, as anybody would make it."""
    key = keys(place, engine.venue)
    if engine.venue == "coinbase":
        return ccxt.coinbase({**key, "urls": {"api": {"rest": place.rest}}})
    paths = {"public": "/api/v3", "private": "/api/v3", "sapi": "/sapi/v1"}
    spot = {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
    return ccxt.binance(
        {**key, "urls": {"api": {name: place.rest + path for name, path in paths.items()}}, "options": spot}
    )


def the_exchange_agrees(engine: LiveEngine, place: Market) -> int:
    """At most one order for a client id and none that was not written down; every trade booked once, whole; the same coins and
    the same money. Returns how many trades there were."""
    account = account_of(engine, place)
    symbols = [f"{base}/{QUOTE[engine.venue]}" for base in ("BTC", "ETH", "SOL")]
    asked: Any = symbols if engine.venue == "binance" else [None]
    every = {} if engine.venue == "binance" else {"paginate": True, "paginationCalls": 20}
    listed = [one for symbol in asked for one in account.fetch_orders(symbol, limit=1000, params=every)]
    orders = Counter(one["clientOrderId"] for one in listed)
    told = [one for symbol in asked for one in account.fetch_my_trades(symbol, limit=1000, params=every)]
    trades = {(one["symbol"], one["id"]): one for one in told}
    database = sqlite3.connect(engine.folder / "evenkeel.db")
    assert orders
    assert max(orders.values()) == 1, "two orders for one intent"
    intents = {row[0] for row in database.execute("SELECT client_order_id FROM intent")}
    assert set(orders) <= intents, "an order that nobody wrote down"
    mine = "SELECT f.symbol, f.venue_trade_id, f.qty FROM fill f JOIN run r ON r.id = f.run_id WHERE r.kind = 'live'"
    booked = database.execute(mine).fetchall()
    assert sorted(row[:2] for row in booked) == sorted(trades), "a trade was lost, doubled or invented"
    # A fee in the bought coin makes the position smaller, by whole lots; what is left of the last lot stays there.
    dust = {"coinbase": 1e-9, "binance": 1e-5 + 1e-9}[engine.venue]
    assert all(-1e-9 < kept(trades[symbol, number]) - qty < dust for symbol, number, qty in booked)
    assert database.execute("SELECT count(*) FROM external_trade").fetchone() == (0,)
    held: Counter[str] = Counter()
    rows = "SELECT p.symbol, p.qty FROM position p JOIN run r ON r.id = p.run_id WHERE r.kind = 'live'"
    for symbol, qty in database.execute(rows):
        held[symbol.split("/")[0]] += Decimal(repr(qty))  # type: ignore[assignment]
    there = account.fetch_balance()["total"]
    for symbol in symbols:
        base = symbol.split("/")[0]
        buys = sum(one["symbol"] == symbol and one["side"] == "buy" for one in trades.values())
        assert -1e-9 < there.get(base, 0) - float(held[base]) < dust * max(buys, 1), base
    database.close()
    return len(trades)


def kept(trade: dict[str, Any]) -> float:
    """What of a trade is the account's: a buyer may have paid the fee in what was bought."""
    fee = trade["fee"]
    bought = trade["side"] == "buy" and fee["currency"] == trade["symbol"].split("/")[0]
    return float(trade["amount"] - (fee["cost"] if bought else 0))


def _kill(folder: Path, states: list[str], seed: int, venue: str) -> None:
    with market(100_000, seed=seed, speed=SPEED) as place:
        engine = LiveEngine(folder, place, venue=venue)
        for one in TROUBLE:
            place.fault(**one)
        for state in states:
            engine.die_trading(state)
        engine.settle()
        counts = prove(folder)
        trades = the_exchange_agrees(engine, place)
    assert engine.kills == len(states)
    assert counts["fills"] >= trades > 0


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("venue", "state"), [("coinbase", "canceling"), ("binance", "sending")])
def test_kills_while_orders_are_under_way(tmp_path: Path, venue: str, state: str) -> None:
    _kill(tmp_path, [state], 11, venue)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("venue", ["coinbase", "binance"])
def test_many_kills_while_orders_are_under_way(tmp_path: Path, venue: str) -> None:
    dice = random.Random(int(os.environ.get("EVENKEEL_SEED", "1")))
    _kill(tmp_path, [dice.choice(UNDER_WAY) for _ in range(100)], dice.randint(1, 10**6), venue)
