"""Ticks a second through a WebSocket into a real engine, raised until it lags: tick to decision, to commit, nothing lost.

A tick is a print in a message of its own (a quote follows every fifth). Exchange time runs SPEED times as fast as life, so that a
minute's bar closes every three seconds; so the engine closes and commits more often than it would at life's speed. A decision is
timed from the sending of the message that closes the second (or the bar) to the end of the machine's step on it: the grace, in
which a second waits for what comes late, is over by then; it is a setting and comes on top.
"""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load import figures, rig
from engine.market.tape import Tape
from engine.sandbox.products import LISTED

STEADY = 5000.0
CLAIM_MS = 50.0
GRACE_MS, SECOND = 1000, 1000
STAGES = (
    (1000.0, 4.0),
    (2500.0, 4.0),
    (STEADY, 30.0),
    (7500.0, 5.0),
    (10_000.0, 5.0),
    (15_000.0, 5.0),
    (20_000.0, 5.0),
    (30_000.0, 5.0),
)
QUICK = ((1000.0, 3.0), (STEADY, 8.0), (10_000.0, 3.0), (20_000.0, 3.0))
LAG_S = 0.5
"""A stage in which a second waits longer than this is more than the engine bears; no higher one is tried."""


def measure(folder: Path, quick: bool = False, per_message: int = 1) -> dict[str, Any]:
    """Figures by stage, what was lost, and the highest rate that was borne."""
    with rig.market(folder, per_message) as exchange, rig.engine(folder, exchange) as engine:
        engine.live()
        stages = []
        for k, (rate, seconds) in enumerate(QUICK if quick else STAGES):
            sent = exchange.stretch(f"{k}", rate, seconds)
            engine.reached(sent["last"] // SECOND * SECOND)
            stages.append(sent)
            if sent["late"] > LAG_S:
                break
        counters = engine.ask(f"SELECT counters FROM engine_status WHERE {rig.MINE}")
        notes = engine.stop()
        bars = _told_bars(folder)
    rows = [_stage(sent, notes) for sent in stages]
    return {
        "stages": rows,
        "lost": _lost(stages, bars, engine.folder, counters),
        "borne": max((row["rate"] for row in rows if row["borne"]), default=0.0),
        "steady": next((row for row in rows if row["rate"] == STEADY), rows[-1]),
        "per_message": per_message,
        "speed": rig.SPEED,
    }


def decided(sent: dict[str, Any], notes: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Of every event: seconds from the tick that made it due to the end of the machine's step; whether it is of this stretch;
    whether it was a frame; whether it closed a bar."""
    events = notes["events"]
    # A clock just before a frame of the same second comes with it; one that stands alone comes with the watermark.
    with_frame = np.append((events[1:, 2] == events[:-1, 2]) & (events[1:, 3] == 1) & (events[:-1, 3] == 0), False)
    frame = events[:, 3] == 1
    due = events[:, 2] + GRACE_MS + np.where(frame | with_frame, SECOND, 0)
    mine = (events[:, 2] >= sent["first"] * SECOND) & (due <= sent["last"])
    closed = np.diff(events[:, 4], prepend=0.0) > 0
    return events[:, 0] - figures.sent_at(sent["bursts"], due), mine, frame, closed


def decisions(sent: dict[str, Any], notes: dict[str, Any]) -> list[float]:
    """Seconds from tick to decision of a stretch."""
    latency, mine, frame, closed = decided(sent, notes)
    return list(latency[mine & (frame | closed)].tolist())


def _stage(sent: dict[str, Any], notes: dict[str, Any]) -> dict[str, Any]:
    """One stretch's figures, by what the probe wrote down behind each event."""
    events, commits = notes["events"], notes["commits"]
    latency, mine, frame, closed = decided(sent, notes)
    at = events[:, 0]
    landed = commits[commits[:, 3] == 1]
    written = figures.first_behind(at, landed[:, 1]) - (at - latency)
    busy = events[mine]
    wall, used = (busy[-1, :2] - busy[0, :2]).tolist() if len(busy) > 1 else (math.nan, math.nan)
    share = (busy[-1, 2] - busy[0, 2]) / (sent["last"] - sent["first"] * SECOND) if len(busy) > 1 else math.nan
    span = landed[(landed[:, 0] >= busy[0, 0]) & (landed[:, 0] <= busy[-1, 0])] if len(busy) else landed[:0]
    told = figures.told(latency[mine & (frame | closed)])
    return {
        "rate": sent["rate"], "seconds": sent["seconds"], "ticks": sent["ticks"], "messages": sent["messages"],
        "megabytes": sent["bytes"] / 1e6, "sender_late_ms": sent["late"] * 1000, "sender_cpu": sent["cpu"] / sent["took"],
        "frames": int((mine & frame).sum()), "bars_closed": int((mine & closed).sum()),
        "decision_ms": told, "bar_ms": figures.told(latency[mine & closed]), "commit_ms": figures.told(written[mine & closed]),
        "step_ms": figures.told(events[mine][:, 5]), "transaction_ms": figures.told(span[:, 1] - span[:, 0]),
        "engine_cpu": used / wall, "ticks_per_cpu_s": sent["ticks"] * share / used,
        "borne": bool(told["p99"] < CLAIM_MS and sent["late"] < LAG_S),
        "course": np.column_stack([at - at[mine].min(), latency * 1000])[mine & frame].round(3).tolist() if mine.any() else [],
    }  # fmt: skip


def _told_bars(folder: Path) -> dict[int, np.ndarray[Any, Any]]:
    """Volume by exchange second and symbol, as the tape has it."""
    found: dict[int, np.ndarray[Any, Any]] = {}
    (run,) = (folder / "runs").iterdir()
    for event, _ in Tape(run / "tape").read():
        if event[0] == "frame":
            row = found.setdefault(event[1] // SECOND, np.zeros(len(rig.SYMBOLS)))
            for bar in event[2]:
                row[bar[0]] += bar[6]
    return found


def _lost(stages: list[dict[str, Any]], bars: dict[int, Any], folder: Path, counters: Any) -> dict[str, Any]:
    """Whole seconds of every stage against the tape, print by print's size; and what the ledger holds against the tape."""
    sent = taken = wrong = seconds = 0
    units = np.array([10.0**product.size_digits for product in LISTED])
    for stage in stages:
        for second, lots in stage["lots"].items():
            if (int(second) + 1) * SECOND > stage["last"]:
                continue
            told = np.rint(bars.get(int(second), np.zeros(len(units))) * units).astype(np.int64)
            sent, taken, seconds = sent + sum(lots), taken + int(told.sum()), seconds + 1
            wrong += int(not np.array_equal(told, lots))
    with closing(sqlite3.connect(f"file:{folder / 'evenkeel.db'}?mode=ro", uri=True)) as raw:
        seq, fills, last = raw.execute(
            "SELECT (SELECT max(tape_seq) FROM snapshot), (SELECT count(*) FROM fill), (SELECT counters FROM engine_status)"
        ).fetchone()
    (run,) = (folder / "runs").iterdir()
    written = sum(1 for _ in Tape(run / "tape").read())
    return {
        "ticks_sent": sum(stage["ticks"] for stage in stages), "seconds": seconds, "seconds_wrong": wrong, "lots_sent": sent,
        "lots_taken": taken, "events_on_tape": written, "events_in_ledger": seq, "fills": fills, "counters": last,
    }  # fmt: skip
