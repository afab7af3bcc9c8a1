"""Takes over what a configuration asks for: as events of the tape, so that a replay does the same at the same place.

Used by the loop at a start and at a bar's close after an edit. What an edit means is decided in reload.py and
engine/config/diff.py; the feed is the loop's.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from db.models import Run
from db.session import write_session
from engine.config.text import bare
from engine.core import codes
from engine.core.setup import Setup
from engine.ledger.context import context_of
from engine.runtime.build import for_mode, setup_of, with_orphans
from engine.runtime.causality import looking_ahead
from engine.runtime.challengers import Challenger, enlist, muster
from engine.runtime.desk import Desk
from engine.runtime.gate import gated
from engine.runtime.hold import held_by
from engine.runtime.reload import Candidate
from engine.runtime.session import Session, switched_off
from engine.runtime.twin import enlist_twin, muster_twin
from engine.runtime.versions import put_in_force

log = logging.getLogger("evenkeel.swap")


def take_over_setup(session: Session, desk: Desk) -> None:
    """The trader works with `session.setup` from here on; everything before must be committed, since rows are named anew."""
    trader = session.trader
    session.setup = replace(session.setup, shares=trader.setup.shares, weights=trader.setup.weights)
    if session.setup != trader.setup:
        desk.event(trader.now, ["setup", trader.now, session.setup.to_json()])
    for one in session.challengers:
        if one.mirrors:  # before what the account is told about its slots, which it takes too
            _take_over_challenger(session, desk, one)
    session.recorder.context = context_of(session.engine, session.run_id, trader.setup)
    for i, why in looking_ahead(trader).items():
        trader.fail(i, trader.now + 1, why, desk.step)
    desk.tell_failures()
    for i, slot in enumerate(trader.setup.slots):
        state = codes.SLOT_STATES[int(trader.machine.slots["state"][i])]
        wanted = "exit_only" if slot.key in session.off | trader.put_out else "enabled"
        if state != wanted and (wanted == "exit_only" or slot.key not in trader.errors):
            args = {"slot": slot.key, "state": wanted}
            desk.event(trader.now, ["command", trader.now, "slot_state", args, 0])
    for one in session.challengers:
        if not one.ended and not one.mirrors:
            _take_over_challenger(session, desk, one)


def _take_over_challenger(session: Session, desk: Desk, one: Challenger) -> None:
    """It ends, or works with what is asked for; its instruments are the account's, whose frames it takes."""
    trader, account = one.trader, session.trader
    if one.setup is None:
        desk.event(account.now, one.event(["end", account.now]))
        return
    wanted = one.wanted(account)
    if not one.begun:
        trader.reconfigure(wanted)
        return
    if wanted != trader.setup:
        desk.event(account.now, one.event(["setup", account.now, wanted.to_json()]))
    one.recorder.context = context_of(session.engine, one.run_id, trader.setup)
    if one.mirrors:
        return
    for i, why in looking_ahead(trader).items():
        trader.fail(i, trader.now + 1, why, one.step)
    desk.tell_failures()
    state, off = codes.SLOT_STATES[int(trader.machine.slots["state"][0])], one.off or one.key in trader.put_out
    asked = "exit_only" if off else "enabled"
    if state != asked and (off or one.key not in trader.errors):
        args = {"slot": one.key, "state": asked}
        desk.event(account.now, one.event(["command", account.now, "slot_state", args, 0]))


def put_candidate_in_force(session: Session, candidate: Candidate) -> bool:
    """Store the configuration and have `session.setup` ask for it; False, and nothing changed, where it cannot be
    written now."""
    try:
        setup, orphans = _setup(session, candidate)
        with write_session(session.engine) as rows:
            run = rows.get(Run, session.run_id)
            assert run is not None
            text = bare(candidate.config)
            put_in_force(rows, run, candidate.config, text, candidate.source, (session.trader.setup, setup))
            enlist(rows, session, candidate.config, setup)
            enlist_twin(rows, session, candidate.config, setup)
            version = run.config_version_id
    except DBAPIError as error:
        if held_by(error, session.folder):
            return False
        raise
    session.setup = setup
    muster(session, session.engine, candidate.config)
    muster_twin(session, session.engine)
    session.recorder.alerting = candidate.config.alerts
    session.off = switched_off(candidate.config, setup) | orphans
    _tell(session, candidate, version or 0)
    return True


def _setup(session: Session, candidate: Candidate) -> tuple[Setup, set[str]]:
    trader = session.trader
    busy = (trader.machine.slots["qty"] > 0) | (trader.machine.slots["q_entry"] != 0)
    held = {slot.key for slot, one in zip(trader.setup.slots, busy.tolist(), strict=True) if one}
    asked = for_mode(setup_of(candidate.config, candidate.instruments), candidate.config)
    wanted = gated(asked, candidate.config.ai, session.engine, session.run_id)
    setup, orphans = with_orphans(wanted, trader.setup.to_json(), held)
    # Cash is the account's own history: a configuration only names what a new run starts with. So is who fills its orders.
    kept = {name: getattr(trader.setup.account, name) for name in ("cash", "fills", "venue_stops")}
    return replace(setup, account=replace(setup.account, **kept)), orphans


def _tell(session: Session, candidate: Candidate, version: int) -> None:
    words = "; ".join(str(change) for change in candidate.acting)
    later = "; ".join(str(change) for change in candidate.waiting)
    text = f"configuration {version}: {words or 'nothing changed'}" + (
        f". Waits for a restart: {later}" if later else ""
    )
    now = session.trader.now
    session.recorder.markers.append((now, "config", text))
    session.recorder.alerts.append(
        {
            "ts": now,
            "severity": "warning" if later else "info",
            "kind": "config",
            "title": "the configuration was reloaded",
            "body": text,
            "dedupe_key": f"config:{session.run_id}:{version}:{now}",
        }
    )
    log.info("%s", text)


def tell_refusal(session: Session, words: str) -> None:
    """An edit was wrong: said in the run's events and as an alert."""
    now = session.trader.now
    session.recorder.markers.append((now, "config", f"the edited configuration was refused: {words}"))
    session.recorder.alerts.append(
        {
            "ts": now,
            "severity": "warning",
            "kind": "config",
            "title": "the edited configuration was refused, the old one stays",
            "body": words,
            "dedupe_key": f"config refused:{session.run_id}:{now}",
        }
    )
