"""An account at an exchange for a simulated engine: an adapter on unmodified ccxt, the sandbox's exchange behind it in this
process, the seed's network between them. The exchange outlives every engine; what it has taken and filled is the truth.

The lane of real orders is pumped by the schedule; whatever it sends is judged here, before it leaves.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from engine.core import codes
from engine.sandbox.products import LISTED
from engine.sandbox.trading import opening
from engine.sandbox.trading.door import DELAY
from engine.sandbox.trading.faults import TradeFault, drawn
from engine.sandbox.trading.prices import Standing
from engine.sandbox.trading.wire import NO_ANSWER
from engine.venues import adapters
from engine.venues.adapters._wire import Incoming, NoAnswer, Outgoing
from engine.venues.live.egress import AFTER_A_KILL
from engine.venues.opening import check_rights
from engine.venues.port import Placed, Port, Request
from tests.simulation.clock import Time
from tests.simulation.invariants import inside
from tests.simulation.market import Market

GRIDS = {"binance": ("0.00001", 5), "coinbase": ("0.000001", 1)}
"""Lot and least notional, as the exchange tells them with its markets."""
RTT_MS = (1, 5, 40, 150)
MOST_PUMPS = (1, 1, 2, 4)
ON_THE_WAY = ("lost_request", "lost_answer", "late", "slow_answer", "error", "html", "cut")
QUESTIONS = 0.25
AT_POINT = 0.03
"""How often the lane goes on in the middle of a turn of the loop, at a named point."""
SENT = "SELECT state, role, purpose, sent_ts, qty FROM intent WHERE client_order_id = ?"


class MarketPrices:
    """The simulated market as the exchange's matching sees it: what was printed, and a spread around it."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.products = {one.id: one for one in LISTED if one.id in ("BTC-USD", "ETH-USD", "SOL-USD")}

    def standing(self, product: str, now: int) -> Standing | None:
        cents = self.market.standing(product.replace("-", "/"), now)
        spread = max(cents // 20_000, 1)
        return Standing(cents - spread, cents + spread, cents, now)

    def reached(self, product: str, after: int, until: int, ticks: int, up: bool) -> tuple[int, int] | None:
        for one in self.market.prints(product.replace("-", "/"), after + 1, until + 1):
            if one.cents >= ticks if up else one.cents <= ticks:
                return one.ts, one.cents
        return None


class Exchange:
    """One account. `live` is the service of the engine that lives now; `sends` what left engines, by client id."""

    def __init__(self, simulation: Any) -> None:
        plan, time = simulation.plan, simulation.time
        self.simulation, self.name = simulation, plan.exchange
        self.dice: random.Random = plan.dice("exchange")
        made = {"binance": opening.open_binance, "coinbase": opening.open_coinbase}[self.name]
        worth = self.dice.choice((1, 2, 2, 20))
        balances = {"USD": str(plan.head["cash"] * worth)}
        self.opened = made(MarketPrices(simulation.market), plan.seed, balances, plan.start_ms)
        for fault in drawn(plan.seed, *plan.network) if plan.network[1] else []:
            for one in _aimed(fault):
                self.opened.door.trouble.add(one)
        self.time: Time = time
        self.live: Any = None
        self.sends: dict[str, int] = {}
        self.was_killed = False
        self._within = False

    # ---- what an engine is given -----------------------------------------------------------------------------------
    @contextmanager
    def port(self, _config: Any) -> Iterator[Port]:
        """A client of its own for each life."""
        key = self.opened.keys[0]
        made = adapters.make(
            self.name, key.name, key.secret, transport=self.transport, clock=self.time.wall_ms,
            steady=lambda: self.time.now,
        )  # fmt: skip
        made.sync()
        check_rights(made.permissions(), self.name)
        try:
            yield Watched(made, self)  # type: ignore[misc]
        finally:
            made.close()

    def transport(self, out: Outgoing) -> Incoming:
        """The network: it takes its time, the process may die before and behind, and answers get lost."""
        split = urlsplit(out.url)
        door = self.opened.door
        what = door.tongue.place_path(out.method, split.path)
        head = {**out.headers, "Host": split.netloc}
        self.time.advance(self.dice.choice(RTT_MS))
        self.simulation.venue_point(f"venue.{what}.asked", what)
        status, headers, body = door.handle(out.method, split.path, split.query, head, out.body, self.time.now)
        self.time.advance(self.dice.choice(RTT_MS) + int(headers.get(DELAY, 0)))
        self.simulation.venue_point(f"venue.{what}.answered", what)
        if status == NO_ANSWER:
            raise NoAnswer("read timed out")
        return Incoming(status, headers, body)

    # ---- the lane's thread -----------------------------------------------------------------------------------------
    def pump(self, most: int) -> None:
        """What its thread would do now: steps until nothing is to be done, or so many."""
        live = self.live
        if live is None or live._job is None or live._end.is_set() or self._within:
            return
        self._within = True
        try:
            for _ in range(most):
                if not live.lane.pump(live.gate.clock()):
                    break
        except SQLAlchemyError:  # its thread tells and goes on with the next step
            self.simulation.struck["lane without a database"] += 1
        finally:
            self._within = False

    def step(self) -> None:
        """Once a turn."""
        self.opened.matching.advance(self.time.now)
        self.pump(self.dice.choice(MOST_PUMPS))

    def at_point(self) -> None:
        """Threads: the lane goes on while the loop is in the middle of something."""
        if self.dice.random() < AT_POINT:
            self.pump(1)

    @property
    def busy(self) -> bool:
        """Something is under way that seconds matter to."""
        if self.live is None:
            return False
        found = self.live.lane.mirror.intents.values()
        return not self.live.lane.started or any(one.unsure or one.state == "ready" or one.busy for one in found)

    @property
    def killed(self) -> bool:
        """Of the engine that lives, or of the last that did."""
        if self.live is not None:
            self.was_killed = self.live.gate.killed() or self.live.gate.level() == "killed"
        return self.was_killed

    def end_of_life(self) -> None:
        self.was_killed = self.killed
        if self.live is not None:
            self.live.lane.mirror.engine.dispose()
        self.live = None

    def calm(self) -> None:
        self.opened.door.faults.clear()

    # ---- at the socket ---------------------------------------------------------------------------------------------
    def sending(self, request: Request) -> None:
        """I4, I5, I14: before an order leaves, at that instant."""
        client, now = request.client_id, self.time.now
        assert client not in self.sends, f"I4: {client} is sent twice"
        self.sends[client] = now
        with sqlite3.connect(self.simulation.folder / "evenkeel.db") as raw:
            row = raw.execute(SENT, (client,)).fetchone()
        raw.close()
        assert row is not None, f"I5: {client} is sent and not committed"
        state, role, purpose, sent_ts, qty = row
        assert state == "sending", f"I5: {client} is sent while it is {state}"
        assert request.qty <= Decimal(qty), f"more is sent than decided: {client}"
        assert sent_ts is not None
        loop = self.simulation.loop
        level = loop.trader.machine.level
        killed = loop.kill.pressed or loop.trader.machine.account["operator"][0] >= codes.KILLED
        if killed:
            assert (role, purpose in AFTER_A_KILL) == ("exit", True), (
                f"I14: a {role} ({purpose}) is sent after the kill"
            )
        assert role != "entry" or level == "running", f"I14: an entry is sent while the account is {level}"


def _aimed(fault: TradeFault) -> list[TradeFault]:
    """Requests on the way: those that move money as often as drawn, questions seldomer. An engine that nobody answers sends no
    order, and then nothing can go wrong with one."""
    if fault.what or fault.kind not in ON_THE_WAY:
        return [fault]
    odds = {"place": 1.0, "cancel": 1.0, "read": QUESTIONS}
    return [
        fault.model_copy(update={"what": what, "probability": fault.probability * share})
        for what, share in odds.items()
    ]


class Watched:
    """A port that has every order judged before it leaves."""

    def __init__(self, port: Port, exchange: Exchange) -> None:
        self._port, self._exchange = port, exchange

    def place(self, request: Request) -> Placed:
        with inside():
            self._exchange.sending(request)
        return self._port.place(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)
