"""The parts of the page Limits and protections: use, trips, a trial, releases. What is drawn comes from app.limits_data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import streamlit as st

from app import confirm, formats, tables, ui
from app.limits_data import Standing, Trip
from engine.config.breakers import measured_in
from engine.core.limit_trial import Trial, what_if
from engine.core.limit_use import LimitUse
from engine.core.machine import Machine
from engine.core.types import NEVER

STYLE = Path(__file__).with_name("limits.css")
NAMES = {
    "max_positions": "open positions", "max_gross": "exposure", "per_symbol": "exposure of a symbol",
    "per_sector": "exposure of a sector", "orders_minute": "entries this minute", "orders_day": "entries this day",
    "orders_symbol_minute": "entries of a symbol this minute",
}  # fmt: skip
"""Limits that only refuse an entry; those that trip are formats.breaker's."""
SAVED = "saved or cost: what the entries it blocked would have made, with their slot's own exits, net of costs"
QUIET = 0.5
"""Limits of single slots and symbols are listed from this share of their limit on; the rest is in the download."""


def name_of(code: str) -> str:
    return NAMES.get(code) or formats.breaker(code)


def whose(machine: Machine, scope: str) -> str:
    """The slot by its names, the symbol, the sector or the account."""
    for spec in machine.slot_specs:
        if spec.key == scope:
            return formats.slot(spec.strategy, spec.symbol, spec.label)
    return scope


def amount(value: float, unit: str) -> str:
    if unit == "fraction":
        return formats.percent(value)
    return f"{value:,.0f} s" if unit == "seconds" else f"{value:,.0f}"


# ---- use -----------------------------------------------------------------------------------------------------------------
def use(standing: Standing) -> None:
    """Every limit as a bar towards its limit; a tick stands at 80 %."""
    machine, uses = standing.machine, standing.uses
    shown = [one for one in uses if one.scope == "account" or one.fraction >= QUIET or one.state != "armed"]
    frame = tables.frame_of(
        [{"limit": one.name, "whose": whose(machine, one.scope), "used": one.used, "allowed": one.limit, "unit": one.unit,
          "share": one.fraction, "state": one.state, "level": one.level} for one in uses],
        ["limit", "whose", "used", "allowed", "unit", "share", "state", "level"],
    )  # fmt: skip
    tables.heading(
        "In use now", "limits", frame, "as of the engine's newest commit; a limit at 80 % of its use is marked"
    )
    st.html(STYLE)
    head = '<div class="head"><span>Limit</span><span class="whose">Of</span><span>Use, tick at 80 %</span>'
    head += '<span class="num">Used of allowed</span><span class="state">State</span></div>'
    st.html(f'<div class="ek-limits">{head}{"".join(_row(machine, one) for one in shown)}</div>')
    more = len(uses) - len(shown)
    if more:
        st.caption(f"{formats.many(more, 'limit')} of single slots and symbols below {QUIET:.0%}: in the download.")


def _row(machine: Machine, one: LimitUse) -> str:
    kind = "tripped" if one.state == "tripped" else "marked" if one.marked else ""
    state = "on probation" if one.state == "probation" else "near its limit" if one.marked else ""
    if one.state == "tripped":
        became = "the rules decide alone" if one.level == "running" else formats.words(one.level)
        state = f"tripped: {became}{_until(machine, one)}"
    words = f"{amount(one.used, one.unit)} of {amount(one.limit, one.unit)}"
    width = min(max(one.fraction, 0.0), 1.0) * 100
    return (
        f'<div class="{kind}"><span>{escape(name_of(one.name))}</span>'
        f'<span class="whose dim{" all" if one.scope == "account" else ""}">{escape(whose(machine, one.scope))}</span>'
        f'<span class="track" role="meter" aria-valuenow="{width:.0f}" aria-label="{escape(name_of(one.name))}">'
        f'<i style="width:{width:.1f}%"></i><s></s></span>'
        f'<span class="num">{escape(words)}</span><span class="state">{escape(state)}</span></div>'
    )


def _until(machine: Machine, one: LimitUse) -> str:
    full = one.name if one.scope == "account" else f"{one.name}:{one.scope}"
    until = int(machine.breakers["until"][machine.breaker_names.index(full)])
    return f" until {formats.when(until)} UTC" if until < NEVER else ""


# ---- releases --------------------------------------------------------------------------------------------------------------
def releases(page: ui.Page, standing: Standing) -> None:
    """A button for each latch that stands."""
    machine = standing.machine
    held = [name for name, row in zip(machine.breaker_names, machine.breakers, strict=True) if row["tripped"]]
    if machine.account["operator"][0] >= 3:
        held.insert(0, "kill")
    if not held or not page.trading:
        return
    st.subheader("Held back", anchor=False)
    for name in held:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"held_{held.index(name)}"):
            owner = whose(machine, name.partition(":")[2])
            st.button(
                "Release", key=f"release_{name}", on_click=confirm.note, args=("release",), kwargs={"breaker": name}
            )
            st.html(f'<span class="ek-held">{escape(name_of(name))}<i>{escape(owner)}</i></span>')


# ---- history -----------------------------------------------------------------------------------------------------------------
def history(page: ui.Page, found: Sequence[Trip]) -> None:
    """Every trip with the numbers that caused it and what it saved or cost."""
    names = "ts breaker whose value threshold equity level ended how why blocked followed net"
    raw = tables.frame_of([_told(trip) for trip in found], names.split())
    tables.heading("Trips", "trips", raw, SAVED)
    if raw.empty:
        st.caption("None tripped in this run.")
        return
    shown = _in_words(raw, page.quote)
    tables.table(shown, _columns(page.quote), key="trips", height=tables.tall(len(shown)))


def _in_words(raw: pd.DataFrame, quote: str) -> pd.DataFrame:
    shown = raw.assign(ts=tables.utc(raw["ts"]), ended=tables.utc(raw["ended"]))
    shown["breaker"] = [name_of(str(name)) for name in raw["breaker"]]
    shown["level"] = [formats.words(str(code)) for code in raw["level"]]
    shown["how"] = [_ended(str(how), why) for how, why in zip(raw["how"], raw["why"], strict=True)]
    shown["net"] = [
        formats.DASH if formats.missing(value) else formats.money(value, quote, sign=True) for value in raw["net"]
    ]
    shown["at"] = [_measured(str(n), v) for n, v in zip(raw["breaker"], raw["value"], strict=True)]
    shown["limit"] = [_measured(str(n), v) for n, v in zip(raw["breaker"], raw["threshold"], strict=True)]
    return shown


def _columns(quote: str) -> Mapping[str, Any]:
    return {
        "ts": tables.short_moment("Tripped"),
        "breaker": tables.text("Limit"),
        "whose": tables.text("Of"),
        "at": tables.figure("At"),
        "limit": tables.figure("Limit"),
        "equity": tables.amount("Equity", f"of the account, in {quote}, at that moment"),
        "level": tables.text("Became", width=90),
        "ended": tables.short_moment("Ended"),
        "how": tables.text("By", "with the words of who released it", width=120),
        "blocked": tables.COLUMN.NumberColumn("Blocked", help="entry signals it refused", format="localized", width=75),
        "net": tables.figure("Saved (+) or cost (−)", SAVED),
    }


def _ended(how: str, why: str | None) -> str:
    if how == "release":
        return f"a person: {why}" if why else "a person"
    return "itself" if how == "end" else "holds"


def _measured(name: str, value: float | None) -> str:
    if formats.missing(value):
        return formats.DASH
    unit = measured_in(name)
    return formats.number(value) if unit is None else amount(float(value or 0.0), unit)


def _told(trip: Trip) -> dict[str, Any]:
    row = trip.row
    owner = row["breaker"].partition(":")[2] if row["scope"] == "symbol" else "account"
    if row["strategy"]:
        owner = formats.slot(row["strategy"], row["symbol"], row["label"])
    numbers = orjson.loads(row["numbers"]) if isinstance(row["numbers"], str) else row["numbers"] or {}
    return {
        **{name: row[name] for name in ("ts", "breaker", "value", "threshold", "level")},
        "whose": owner, "equity": numbers.get("equity"), "ended": trip.ended, "how": trip.how, "why": trip.why,
        "blocked": trip.blocked, "followed": trip.followed, "net": trip.net,
    }  # fmt: skip


# ---- a trial -----------------------------------------------------------------------------------------------------------------
def trial(page: ui.Page, standing: Standing) -> None:
    """What would trip: asked of the kernel, on a copy."""
    st.subheader(
        "What would trip",
        anchor=False,
        help="computed by the engine's own kernel on a copy of the account; nothing is changed",
    )
    machine = standing.machine
    everyone = "all slots"
    slots = {everyone: None} | {f"{i + 1}. {whose(machine, s.key)}": i for i, s in enumerate(machine.slot_specs)}
    with st.container(horizontal=True, vertical_alignment="bottom", key="trial"):
        fall = st.number_input("Equity falls by, in percent", 0.0, 100.0, 5.0, 0.5, key="trial_fall", width=190)
        losses = st.number_input("Losing trades in a row", 0, 1000, 0, key="trial_losses", width=170)
        chosen = st.selectbox("Of", list(slots), key="trial_slot", width=280)
    done = what_if(machine, fall=fall / 100, losses=int(losses), slot=slots[chosen])
    _outcome(page, machine, done)


def _outcome(page: ui.Page, machine: Machine, done: Trial) -> None:
    if not done.trips:
        st.caption(f"Nothing trips: the account stays {formats.words(done.after)}.")
        return
    rows = [
        {
            "breaker": name_of(trip.breaker),
            "whose": whose(machine, trip.breaker.partition(":")[2]) or "account",
            "at": _measured(trip.breaker, trip.value),
            "limit": _measured(trip.breaker, trip.threshold),
            "level": formats.words(trip.level),
            "until": f"{formats.when(trip.until)} UTC" if trip.until else "a person releases it, or it recovers",
        }
        for trip in done.trips
    ]
    columns = {
        "breaker": tables.text("Limit"), "whose": tables.text("Of"), "at": tables.figure("At"), "limit": tables.figure("Limit"),
        "level": tables.text("Becomes"), "until": tables.text("Until"),
    }  # fmt: skip
    tables.table(tables.frame_of(rows, list(columns)), columns, key="trial_trips")
    names = [whose(machine, machine.slot_specs[i].key) for i in done.closed]
    said = [f"The account goes from {formats.words(done.before)} to {formats.words(done.after)}."]
    if done.cancelled:
        said.append(f"{formats.many(len(done.cancelled), 'waiting entry')} would be cancelled.")
    said.append(
        f"Closed at the market: {', '.join(names)}." if names else "Open positions keep their stops and targets."
    )
    st.text(" ".join(said))
