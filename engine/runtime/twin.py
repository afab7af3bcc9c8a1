"""The paper twin of a live account: a run of its own with the same slots on the same events, whose fills the model makes.

It lives as challengers do (docs/adr/0008): one tape, one transaction. Besides the market it takes the account's commands, a
model's answers and money paid in or out; what only a venue tells it does not take. So what it earns and the account does
not is what real orders cost: slippage, fees, missed fills, latency.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as OrmSession
from sqlmodel import col

from db.models import Run
from engine.config.model import Config
from engine.config.text import bare
from engine.core.setup import Setup
from engine.market.lens import KIND, MIRRORED, SHARED, share
from engine.market.tape import Event
from engine.runtime.build import with_orphans
from engine.runtime.challengers import Challenger, create_beside, stands
from engine.runtime.trader import Trader
from engine.runtime.versions import put_in_force

if TYPE_CHECKING:
    from engine.runtime.session import Session


@dataclass
class Twin(Challenger):
    """The whole account once more. `setup` is the account's, filled by the model."""

    mirrors = True

    def __post_init__(self) -> None:
        self.trader.stopwatch = lambda: 0.0  # a slow strategy is stopped by the account, for both

    @property
    def key(self) -> str:
        return ""

    def take(self, event: Event, incumbent: Trader) -> None:
        if event[0] == KIND and event[2] == self.run_id:
            self._own(event[3], incumbent)
        elif event[0] in SHARED | MIRRORED and self.begun:
            self.trader.take(nobodys(event), self.step)
        self.step.asks.clear()  # the account has asked
        self.trader.unsaid.clear()  # and tells what fails
        self.step.failures.clear()

    def share(self, begun: int) -> None:
        share(self.folder, self.of, self.run_id, begun, mirrored=True)

    def wanted(self, account: Trader) -> Setup:
        """The account's slots, and those that it has let go while something is held here."""
        assert self.setup is not None
        trader = self.trader
        held = (trader.machine.slots["qty"] > 0) | (trader.machine.slots["q_entry"] != 0)
        keys = {slot.key for slot, one in zip(trader.setup.slots, held.tolist(), strict=True) if one}
        own = on_paper(self.setup)
        own = replace(
            own, instruments=account.setup.instruments, shares=trader.setup.shares, weights=trader.setup.weights
        )
        own = replace(own, account=replace(own.account, cash=trader.setup.account.cash))
        return with_orphans(own, trader.setup.to_json(), keys)[0]

    def may_begin(self, ts: int, incumbent: Trader) -> int:
        """Where the bars of all its slots begin anew."""
        span = max(slot.timeframe_ms for slot in self.trader.setup.slots)
        edge = ts // span * span
        waits = not self.begun and self.setup is not None and incumbent.now and not incumbent.in_gap
        return edge if waits and edge >= incumbent.now else 0


def nobodys(event: Event) -> Event:
    """A command as nobody's: whoever asked for it is answered by the account."""
    return [*event[:4], 0] if event[0] == "command" else event


def on_paper(setup: Setup) -> Setup:
    """The same account with the model's fills."""
    return replace(setup, account=replace(setup.account, fills="model", venue_stops=False))


def enlist_twin(rows: OrmSession, session: Session, config: Config, setup: Setup) -> None:
    """A row for the twin of a live run, its version and slots; nothing where the account is no live one. The caller's
    transaction."""
    if config.run.mode != "live":
        return
    run = rows.scalars(select(Run).where(col(Run.twin_of) == session.run_id)).first()
    if run is None:
        run = create_beside(rows, session, config, setup, f"{config.run.name}-twin", {"twin_of": session.run_id})
    run.status, run.ended_ts = "running", None
    put_in_force(rows, run, config, bare(config), "start", (setup,))


def muster_twin(session: Session, engine: Engine) -> None:
    """The twin as an object beside the session, as its last snapshot left it."""
    twin = next((one for one in session.challengers if isinstance(one, Twin)), None)
    if twin is None:
        with OrmSession(engine) as rows:
            run = rows.scalars(select(Run).where(col(Run.twin_of) == session.run_id)).first()
            if run is None:
                return
            twin = stands(rows, session, engine, run, on_paper(session.setup), Twin)
        session.challengers.append(twin)
    twin.setup = session.setup
