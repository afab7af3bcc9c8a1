"""Positions: what is held, how far is each from its stop, why was it opened, and what can I do about it?"""

from typing import Any

import streamlit as st

from app import charts, data, formats, forms, live_chart, slot_data, tables, ui
from app.clock import now_ms
from app.confirm import asking, note
from app.read import overview, positions, slot_chart
from app.tiles import Tile, halves, numbers
from app.why import sentence
from engine.research import slot_view

PAGE = {"group": "Now", "title": "Positions", "place": 3}


def main(page: ui.Page) -> None:
    """Totals, then one card for each position."""
    held = positions.open_positions(page.engine, page.run_id)
    known = _shape(held)
    ui.live(page, lambda page: watch(page, known), 3)
    summary(page, held)
    if not held:
        nothing(page)
        resting(page, held)
        return
    for position in held:
        card(page, position)
    resting(page, held)


def _shape(held: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the page's parts depend on: which positions there are, and what may be asked of each."""
    return [(p["key"], p["entry_ts"], p["status"], p["slot_state"], p["stop"] is None, p["stale"]) for p in held]


def watch(page: ui.Page, known: list[tuple[Any, ...]]) -> None:
    """Draw the whole page again when a position came, went or changed its state; not while something is being asked."""
    if _shape(positions.open_positions(page.engine, page.run_id)) != known and not asking():
        st.rerun(scope="app")


def now(page: ui.Page, key: str) -> None:
    """A position's numbers, why it was opened, and its stop's path."""
    for position in positions.open_positions(page.engine, page.run_id):
        if position["key"] == key:
            left, right = halves(key)
            with left:
                facts(page, position)
                still(page, position)
                why(position)
            with right:
                path(page, position)


def still(page: ui.Page, position: dict[str, Any]) -> None:
    """Why it is still open: what its strategy says now, and how far its stop and target are."""
    stands = slot_view.standing(page.engine, page.run_id)
    slot = next(one for one in slot_chart.slots(page.engine, page.run_id) if one["id"] == position["slot_id"])
    made = slot_data.seen(page.engine, page.run, slot, stands).made
    st.text(sentence(slot_data.facts(page.engine, data.run(page.engine, page.run_id), slot, stands, made)))


def nothing(page: ui.Page) -> None:
    if not page.trading:
        ui.empty(
            "A backtest holds nothing now",
            "Its trades are on the page Trades. Choose a paper or live run above to see positions.",
        )
        return
    why = "Positions appear here the moment an entry fills. Refused signals are among the overview's events, with the reason."
    ui.empty("Flat: nothing is held", why)


def resting(page: ui.Page, held: list[dict[str, Any]]) -> None:
    """Slots that were switched off and hold nothing: they have no card, and no other way back."""
    keys = {p["key"] for p in held}
    off = [
        s for s in data.slots(page.engine, page.run_id) if s["state"] in ("off", "exit_only") and s["key"] not in keys
    ]
    if not off or not page.trading:
        return
    st.subheader("Switched off", anchor=False)
    for slot in off:
        with st.container(horizontal=True, vertical_alignment="center", key=f"off_{slot['key']}"):
            st.text(formats.slot(slot["strategy"], slot["symbol"], slot["label"]), width=300)
            context = {"position": {**slot, "slot_state": slot["state"]}}
            st.button("Switch slot on", key=f"on_{slot['key']}", on_click=note, args=("slot",), kwargs=context)


def summary(page: ui.Page, held: list[dict[str, Any]]) -> None:
    """A line of totals, and the table for download."""
    names = "slot key symbol direction qty entry_ts entry_price mark stop target "
    names += "unrealized r to_stop risk mae mfe bars_held status"
    rows = [{**p, "slot": formats.slot(p["strategy"], p["symbol"], p["label"])} for p in held]
    frame = tables.frame_of(rows, names.split())
    tables.heading("Open positions", "positions", frame)
    if held:
        open_pnl = sum(p["unrealized"] or 0.0 for p in held)
        risk = sum(p["risk"] or 0.0 for p in held)
        bare = sum(1 for p in held if p["stop"] is None)
        parts = [f"{len(held)} held", f"{formats.money(open_pnl, page.quote, sign=True)} unrealised"]
        parts.append(f"{formats.money(risk, page.quote)} at risk to the stops")
        st.caption(" · ".join([*parts, *([f"{bare} without a stop"] if bare else [])]))


def card(page: ui.Page, position: dict[str, Any]) -> None:
    """One position: header and actions, numbers, stop path, reasons."""
    key = position["key"]
    with st.container(border=True, key=f"position_{key}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(
                forms.safe(formats.slot(position["strategy"], position["symbol"], position["label"])), anchor=False
            )
            if page.trading:
                actions(position)
        flags(position)
        ui.live(page, lambda page: now(page, key), 4)
        orders(page, position)


def actions(position: dict[str, Any]) -> None:
    """Each asks once more, then writes a command that the engine answers."""
    key, busy = position["key"], position["status"] != "open"
    off = position["slot_state"] == "enabled"
    slot = "Switch slot off" if off else "Switch slot on"
    buttons = (
        ("Tighten stop", f"tighten_{key}", "tighten_stop", busy or position["mark"] is None),
        (slot, f"slot_{key}", "slot", position["slot_state"] == "failed"),
        ("Close", f"close_{key}", "close", busy),
    )
    with st.container(horizontal=True, width="content", gap="small"):
        for words, name, kind, disabled in buttons:
            st.button(words, key=name, disabled=disabled, on_click=note, args=(kind,), kwargs={"position": position})


def flags(position: dict[str, Any]) -> None:
    """What one must know before reading the numbers."""
    if position["stale"]:
        st.warning("The mark is stale: no bar has come for this symbol.")
    if position["stop"] is None:
        st.warning("No stop protects this position.")
    if position["status"] != "open":
        st.info(f"The position is {position['status']}: an order is on its way.")


def facts(page: ui.Page, p: dict[str, Any]) -> None:
    """The position in nine numbers."""
    profit = formats.number(p["unrealized"], sign=True)
    share = formats.percent(p["pnl_fraction"], sign=True)
    base = p["symbol"].split("/")[0]
    net = f"unrealised, {page.quote}, before fees"
    numbers(
        [
            Tile(f"P&L, {page.quote}", profit, share, net, p["unrealized"]),
            Tile("R", formats.number(p["r"], sign=True), None, "unrealised against what was risked at entry"),
            Tile(
                f"At risk, {page.quote}",
                formats.number(p["risk"]),
                _in_r(p),
                f"what the stop would lose from here, {page.quote}",
            ),
            Tile(
                "Entry",
                formats.price(p["entry_price"]),
                f"{formats.quantity(p['qty'])} {base}",
                "average fill, quantity",
            ),
            Tile("Mark", formats.price(p["mark"]), f"{formats.when(p['mark_ts'])[11:]} UTC", "last price, and when"),
            Tile("To stop", formats.percent(p["to_stop"]), _stop(p), "how far the mark may move before the stop fills"),
            Tile("Worst", formats.percent(-p["mae"]), None, "maximum adverse excursion, of the entry price"),
            Tile(
                "Best", formats.percent(p["mfe"], sign=True), None, "maximum favourable excursion, of the entry price"
            ),
            Tile("Held", *age(page, p), "since the entry; usual is the median of this slot's closed trades"),
        ],
        p["key"],
    )


def _in_r(position: dict[str, Any]) -> str | None:
    return None if position["risk_r"] is None else f"{formats.number(position['risk_r'])} R"


def _stop(position: dict[str, Any]) -> str | None:
    return None if position["stop"] is None else f"stop {formats.price(position['stop'])}"


def age(page: ui.Page, position: dict[str, Any]) -> tuple[str, str]:
    """(time held, what is usual)."""
    held = (position["mark_ts"] or now_ms()) - position["entry_ts"]
    usual, count = positions.usual_age(page.engine, page.run_id, position["slot_id"])
    return formats.duration(held), f"usual {formats.duration(usual)}" if count else "first trade"


def path(page: ui.Page, position: dict[str, Any]) -> None:
    """The price and where the stop stood since the entry."""
    stops = positions.stop_path(page.engine, page.run_id, position)
    until = max(position["mark_ts"] or position["updated_ts"], position["entry_ts"] + 60_000)
    price = data.price_line(page.engine, dict(page.run), position, until)
    figure = charts.stop_path(position, stops, until, page.colors, price)
    entry, mark, stop = (formats.price(position[name]) for name in ("entry_price", "mark", "stop"))
    words = f"Entry {entry}, now {mark}, stop {stop}"
    live_chart.chart(figure, f"path_{position['key']}", words)


def why(position: dict[str, Any]) -> None:
    """The signal that opened it, in one sentence and its named conditions."""
    if position["decided_ts"] is None:
        st.caption("Opened without a stored signal.")
        return
    parts = [
        f"Opened {formats.side(position['direction'])} on the signal of {formats.when(position['decided_ts'])} UTC"
    ]
    if position["tag"]:
        parts.append(f"tag {position['tag']}")
    if position["strength"] is not None:
        parts.append(f"strength {formats.number(position['strength'])}")
    if position["signal_price"]:
        slip = (position["entry_price"] / position["signal_price"] - 1) * (1 if position["direction"] > 0 else -1)
        parts.append(f"filled {formats.percent(slip, sign=True)} from the price it was said at")
    st.text(", ".join(parts) + ".")
    checks = overview.as_json(position["checks"])
    if checks:
        st.text("   ".join(f"{'✓' if good else '✗'} {formats.words(name)}" for name, good in checks.items()))


def orders(page: ui.Page, position: dict[str, Any]) -> None:
    """Orders since the entry."""
    rows = positions.orders_of(page.engine, page.run_id, position["slot_id"], position["entry_ts"] - 60_000)
    if not rows:
        return
    with st.expander(f"Orders ({len(rows)})"):
        names = ["created_ts", "side", "purpose", "type", "qty", "average", "fee", "state", "reason"]
        frame = tables.frame_of(rows, names)
        frame["created_ts"] = tables.utc(frame["created_ts"])
        tables.written(frame, qty=formats.quantity, average=formats.price)
        columns = {
            "created_ts": tables.moment("Time", seconds=True),
            "side": tables.text("Side"),
            "purpose": tables.text("Purpose"),
            "type": tables.text("Type"),
            "qty": tables.figure("Quantity"),
            "average": tables.figure("Filled at"),
            "fee": tables.amount("Fee"),
            "state": tables.text("State"),
            "reason": tables.text("Reason"),
        }
        tables.table(frame, columns, key=f"orders_{position['key']}")
        tables.downloads(frame, f"orders-{position['key']}")


main(ui.current())
