"""How the page Go live draws: checks as a list one reads from top to bottom, and of all orders the unsure ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from app import formats, go_live_data, tables, ui
from app.clock import now_ms
from app.go_live_data import Found
from app.read import runs
from app.read.overview import as_json
from app.tiles import Tile, tiles
from engine.research.live_account import UNSURE, Live, happened
from engine.research.live_checks import Check

GROUPS = {
    "On paper": ("days", "trades", "score", "dry"),
    "What stops it": ("alerts", "kill"),
    "The account at the exchange": ("keys", "rights", "fees", "balance", "stops", "clock", "sizes"),
    "What you have written": ("limits", "spot"),
}
LACKS = "fills without trades"
MARKS = {"pass": ("good", "\u2713"), "not yet": ("bad", "\u2715"), "cannot say": ("dim", "?")}


# ---- before ------------------------------------------------------------------------------------------------------------------
def checks(found: Found) -> None:
    """The sum in a sentence, then every check with what to do."""
    count = {state: sum(one.state == state for one in found.made) for state in MARKS}
    st.text(_sum(found, count))
    made = {one.name: one for one in found.made}
    for title, names in GROUPS.items():
        st.subheader(title, anchor=False)
        st.html(f'<table class="ek-checks">{"".join(_row(made[name]) for name in names if name in made)}</table>')
    asked = f"asked {formats.duration(now_ms() - found.told.ts)} ago" if found.told else "never asked"
    st.caption(
        f"File: {found.path}. The exchange was {asked}; this asks it, where the keys are, and prints the same list:"
    )
    st.code(".venv/bin/python run_engine.py live check", language="bash")


def _sum(found: Found, count: Mapping[str, int]) -> str:
    mode = {"paper": "on paper", "dry": "dry: orders are prepared and none is sent", "live": "live"}[
        found.config.run.mode
    ]
    if count["not yet"]:
        rest = f"{count['not yet']} of {len(found.made)} checks say not yet"
    else:
        rest = "nothing says not yet" + (f", {count['cannot say']} cannot be said" if count["cannot say"] else "")
    return f"The configuration trades {mode}; {rest}. docs/live.md leads through it."


def _row(check: Check) -> str:
    tone, mark = MARKS[check.state]
    todo = f'<div class="todo">{_code(check.todo)}</div>' if check.todo else ""
    return (
        f'<tr><td class="state {tone}"><b aria-hidden="true">{mark}</b> {escape(check.state)}</td>'
        f"<th>{escape(check.title)}</th><td>{_code(check.found)}{todo}</td></tr>"
    )


def _code(words: str) -> str:
    """Escaped, what stands in backticks as code."""
    parts = escape(words).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


# ---- orders ------------------------------------------------------------------------------------------------------------------
def orders(page: ui.Page) -> None:
    """What stands now: sums, what nobody is sure of, stops kept at the exchange."""
    live = happened(page.engine, page.run_id)
    if not live.states:
        ui.empty(
            "No order has been prepared in this run",
            "Each is written down before it is sent, and shown here from then on.",
        )
        return
    _sums(page, live)
    _compared(page)
    _unsure(page, live.unsure)
    _stops(live.stops)


def _sums(page: ui.Page, live: Live) -> None:
    by = {row["state"]: int(row["n"]) for row in live.states}
    resting = sum(by.get(state, 0) for state in ("acked", "partial", "canceling"))
    unsure = sum(by.get(state, 0) for state in UNSURE)
    first = go_live_data.first_trades(page.engine, page.run_id)
    shown = [
        Tile("Orders", f"{sum(by.values()):,}", f"{by.get('filled', 0):,} filled"),
        Tile("At the exchange", f"{resting:,}", "resting now"),
        Tile(
            "Nobody is sure of", f"{unsure:,}", formats.money(live.reserved, page.quote) + " reserved",
            "their worst case stays reserved until the exchange or a person says what became of them",
        ),
        Tile("Rejected", f"{by.get('rejected', 0):,}", f"{by.get('denied', 0):,} refused by us"),
        Tile("From outside", f"{len(live.external):,}", "trades that are not ours"),
        Tile(
            "Smallest size", "over" if live.opened >= first else f"{live.opened} of {first}", "first trades",
            "the first trades of a run have the exchange's smallest size (live.first_trades)",
        ),
    ]  # fmt: skip
    tiles(shown, "golive")


def _compared(page: ui.Page) -> None:
    """When ledger and exchange were last laid side by side, as the engine tells."""
    status = runs.status(page.engine, page.run_id)
    at = as_json(status["counters"]).get("live_reconciled") if status else None
    if at:
        st.caption(f"Ledger and exchange were last compared at {formats.when(at, seconds=True)} UTC.")


def _unsure(page: ui.Page, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        st.caption("Every order that was sent has an end or rests at the exchange: nothing is unsure.")
        return
    frame = tables.frame_of(
        [
            {
                "sent": row["sent_ts"] or row["created_ts"], "symbol": row["symbol"], "what": f"{row['side']} {row['qty']}",
                "filled": row["filled"], "state": formats.words(row["state"]), "reserved": row["reserved"],
                "asked": f"{row['look_ups']} times, {row['not_found']} not found", "why": row["anomaly"] or row["reason"],
                "id": row["client_order_id"],
            }
            for row in rows
        ],
        ["sent", "symbol", "what", "filled", "state", "reserved", "asked", "why", "id"],
    )  # fmt: skip
    help_ = "Sent, and the exchange has not said what became of them. Entries on the symbol wait until it is known"
    tables.heading("Unsure", "unsure-orders", frame, help_)
    columns = {
        "sent": tables.moment("Sent", seconds=True), "symbol": tables.text("Symbol"), "what": tables.text("Order"),
        "filled": tables.figure("Filled"), "state": tables.text("State"), "reserved": tables.amount(f"Reserved, {page.quote}"),
        "asked": tables.text("Asked"), "why": tables.text("Why", width="medium"), "id": tables.text("Id", width="medium"),
    }  # fmt: skip
    tables.table(frame.assign(sent=tables.utc(frame["sent"])), columns, key="golive_unsure")
    open_ones = [row for row in rows if row["state"] in ("quarantined", "unknown")]
    settled = next((row for row in open_ones if not row["reason"].startswith(LACKS)), None)
    if settled is not None:
        st.caption(
            "Look on the exchange's own page for the order or its fill. If it is not there and never was, say so; it wants a "
            "typed word, and a fill that comes later is still booked:"
        )
        st.code(f".venv/bin/python run_engine.py live settle {settled['client_order_id']}", language="bash")
    lacking = next((row for row in open_ones if row["reason"].startswith(LACKS)), None)
    if lacking is not None:
        st.caption(
            "Where the exchange's own page shows the order filled, and its figures are right, take them into the books:"
        )
        st.code(f".venv/bin/python run_engine.py live settle {lacking['client_order_id']} --filled", language="bash")


def _stops(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    frame = tables.frame_of(
        [
            {
                "slot": formats.slot(row["strategy"], row["symbol"], row["label"]), "qty": formats.quantity(row["qty"]),
                "stop": formats.price(row["stop"]), "wanted": formats.price(row["wanted"]), "since": row["since_ts"],
                "bare": "" if row["bare_ts"] is None else "unprotected since " + formats.when(row["bare_ts"], seconds=True),
            }
            for row in rows
        ],
        ["slot", "qty", "stop", "wanted", "since", "bare"],
    )  # fmt: skip
    tables.heading("Stops at the exchange", "venue-stops", frame, "where the exchange has said that it keeps them")
    columns = {
        "slot": tables.text("Slot", width="medium"), "qty": tables.figure("Quantity"), "stop": tables.figure("At the exchange"),
        "wanted": tables.figure("Wanted"), "since": tables.moment("Since"), "bare": tables.text("", width="medium"),
    }  # fmt: skip
    tables.table(frame.assign(since=tables.utc(frame["since"])), columns, key="golive_stops")


def history(page: ui.Page) -> None:
    """Everything that was sent, strangers' trades, money in and out, how far the exchange has been read."""
    live = happened(page.engine, page.run_id)
    if not live.states:
        return
    _newest(live.newest)
    _external(live.external)
    _flows(live.flows)
    if live.marks:
        said = "; ".join(
            f"{row['stream']} {row['symbol']} {formats.when(row['ts'], seconds=True)}".strip() for row in live.marks
        )
        st.caption(f"Ledger and exchange agree up to, UTC: {said}")


def _newest(rows: Sequence[Mapping[str, Any]]) -> None:
    names = [
        "created_ts",
        "symbol",
        "role",
        "side",
        "kind",
        "qty",
        "at",
        "filled",
        "state",
        "took",
        "reason",
        "venue_order_id",
    ]
    made = [
        {
            **row,
            "state": formats.words(row["state"]),
            "took": _took(row),
            "reason": row["anomaly"] or row["reason"],
            "at": row["stop_price"] or row["limit_price"] or formats.DASH,
        }
        for row in rows
    ]
    frame = tables.frame_of(made, names)
    tables.heading("Orders", "intents", frame, "each is written down before it is sent; the newest 200")
    columns = {
        "created_ts": tables.moment("Decided", seconds=True), "symbol": tables.text("Symbol"), "role": tables.text("For"),
        "side": tables.text("Side"), "kind": tables.text("Kind"), "qty": tables.figure("Quantity"),
        "at": tables.figure("At", "a stop's trigger, else the worst price it may have; none: at the market's"),
        "filled": tables.figure("Filled"), "state": tables.text("State"),
        "took": tables.figure("Took", "from sending to its end"), "reason": tables.text("Why", width="medium"),
        "venue_order_id": tables.text("At the exchange"),
    }  # fmt: skip
    shown = frame.assign(created_ts=tables.utc(frame["created_ts"]))
    tables.table(shown, columns, key="golive_intents", height=tables.tall(len(frame)))


def _took(row: Mapping[str, Any]) -> str:
    return formats.duration(row["done_ts"] - row["sent_ts"]) if row["done_ts"] and row["sent_ts"] else formats.DASH


def _external(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        st.caption("No trade from outside on this account's symbols.")
        return
    made = [{**row, "touched": "a position of ours" if row["touched"] else ""} for row in rows]
    frame = tables.frame_of(made, ["ts", "symbol", "side", "qty", "price", "touched", "reason", "venue_trade_id"])
    tables.heading("Trades from outside", "external", frame, "on this account, but not by this engine")
    columns = {
        "ts": tables.moment("Time"), "symbol": tables.text("Symbol"), "side": tables.text("Side"),
        "qty": tables.figure("Quantity"), "price": tables.figure("Price"), "touched": tables.text("Touched"),
        "reason": tables.text("Why", width="medium"), "venue_trade_id": tables.text("Trade"),
    }  # fmt: skip
    tables.table(
        frame.assign(ts=tables.utc(frame["ts"])), columns, key="golive_external", height=tables.tall(len(frame))
    )


def _flows(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        st.caption("No deposit or withdrawal since this run began.")
        return
    made = [{**row, "taken": "capital moved" if row["taken"] else "not taken"} for row in rows]
    frame = tables.frame_of(made, ["ts", "amount", "currency", "taken", "text"])
    tables.heading("Deposits and withdrawals", "flows", frame, "they move capital and peak, not returns")
    columns = {
        "ts": tables.moment("Time"), "amount": tables.amount("Amount", sign=True), "currency": tables.text("Of"),
        "taken": tables.text(""), "text": tables.text("Words", width="medium"),
    }  # fmt: skip
    tables.table(frame.assign(ts=tables.utc(frame["ts"])), columns, key="golive_flows", height=tables.tall(len(frame)))
