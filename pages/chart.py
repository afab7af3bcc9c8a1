"""Chart: what does this slot see, what did it do, and why is it in or flat?"""

from typing import Any

import streamlit as st

from app import data, formats, live_chart, slot_data, slot_figure, tables, ui, why
from app.clock import now_ms
from app.read import runs, slot_chart
from engine.research import slot_view

PAGE = {"group": "Now", "title": "Chart", "place": 2}

HOUR = 3_600_000
WINDOWS = {
    "1 h": 1,
    "3 h": 3,
    "6 h": 6,
    "12 h": 12,
    "1 d": 24,
    "3 d": 72,
    "7 d": 168,
    "30 d": 720,
    "90 d": 2160,
    "1 y": 8760,
}
FEWEST, MOST = 40, 2_500  # bars in a window that is offered; `all` always is
ALL = "all"
Slot = dict[str, Any]


def main(page: ui.Page) -> None:
    """The slot's sentence, its chart, and what was said and done in the stretch that is shown."""
    found = slot_chart.slots(page.engine, page.run_id)
    if not found:
        ui.empty("This run has no slots", "A slot is one strategy on one symbol. Imported trades have none.")
        return
    slot, window, end = choose(page, found)
    ui.live(page, lambda page: standing(page, slot), 2)
    ui.live(page, lambda page: drawn(page, slot, window, end), 3)
    ui.live(page, lambda page: listed(page, slot, window, end), 5)


def choose(page: ui.Page, found: list[Slot]) -> tuple[Slot, str, int]:
    """Slot, window and end (0: now) from the address, and the controls that change them."""
    by_key = {str(slot["key"]): slot for slot in found}
    key = ui.in_url("slot", "", by_key.__contains__) or _first(page, found)
    slot = by_key[key]
    offered = _windows(int(slot["timeframe_ms"]))
    window = ui.in_url("window", _usual(page, offered), offered.__contains__)
    end = int(ui.in_url("end", "0", str.isdigit))
    st.session_state["chart_slot"], st.session_state["chart_window"] = key, window
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="chart_choice"):
        st.selectbox(
            "Slot", list(by_key), key="chart_slot", format_func=lambda k: _name(by_key[k]), label_visibility="collapsed",
            width=310, on_change=lambda: ui.to_url(slot=st.session_state["chart_slot"], window=""),
        )  # fmt: skip
        st.segmented_control(
            "Window", offered, key="chart_window", label_visibility="collapsed", required=True,
            on_change=lambda: ui.to_url(window=st.session_state["chart_window"]),
        )  # fmt: skip
        if window != ALL:
            _walk(page, slot, window, end)
    ui.to_url(slot=key)
    return slot, window, end


def _first(page: ui.Page, found: list[Slot]) -> str:
    """The slot to begin with: the first that holds something."""
    for slot in data.slots(page.engine, page.run_id):
        if slot["direction"]:
            return str(slot["key"])
    return str(found[0]["key"])


def _windows(step: int) -> list[str]:
    fits = [name for name, hours in WINDOWS.items() if FEWEST <= hours * HOUR // step <= MOST]
    return [*fits, ALL]


def _usual(page: ui.Page, offered: list[str]) -> str:
    """Some 200 bars of a running account; all of a backtest."""
    return offered[min(1, len(offered) - 1)] if page.trading else ALL


def _name(slot: Slot) -> str:
    return f"{formats.slot(slot['strategy'], slot['symbol'], slot['label'])}, {formats.timeframe(slot['timeframe_ms'])}"


def _walk(page: ui.Page, slot: Slot, window: str, end: int) -> None:
    """Half a window back or on, and to the newest bar."""
    half = WINDOWS[window] * HOUR // 2
    newest = _newest(page, slot_view.standing(page.engine, page.run_id))
    with st.container(horizontal=True, gap="small", width="content"):
        st.button("◀", key="chart_back", help="earlier", on_click=lambda: ui.to_url(end=(end or newest) - half))
        on = end + half if end and end + half < newest else 0
        st.button("▶", key="chart_on", help="later", disabled=not end, on_click=lambda: ui.to_url(end=on))
        if end:
            st.button("Newest", key="chart_newest", on_click=lambda: ui.to_url(end=0))


def _newest(page: ui.Page, stands: slot_view.Standing) -> int:
    """The newest moment there is, exchange ms."""
    return int(stands.now or page.run["ended_ts"] or data.equity_stamp(page.engine, page.run_id) or now_ms())


def _span(page: ui.Page, slot: Slot, window: str, end: int, stands: slot_view.Standing) -> tuple[int, int]:
    """[first, last) in ms UTC, of whole bars."""
    step = int(slot["timeframe_ms"])
    last = (end or _newest(page, stands)) // step * step + step
    if window != ALL:
        return last - WINDOWS[window] * HOUR, last
    candles = slot_data.seen(page.engine, page.run, _anew(page, slot), stands).candles
    return (int(candles.ts[0]), max(last, int(candles.ts[-1]) + step)) if candles is not None else (last - HOUR, last)


def _anew(page: ui.Page, slot: Slot) -> Slot:
    """The slot's row as it stands now: a strategy may have been stopped or its parameters changed since the page began."""
    return next((one for one in slot_chart.slots(page.engine, page.run_id) if one["key"] == slot["key"]), slot)


def standing(page: ui.Page, slot: Slot) -> None:
    """Why it is in or flat, and its conditions."""
    slot, stands = _anew(page, slot), slot_view.standing(page.engine, page.run_id)
    got = slot_data.seen(page.engine, page.run, slot, stands)
    facts = slot_data.facts(page.engine, data.run(page.engine, page.run_id), slot, stands, got.made)
    with st.container(border=True, key="chart_why", gap="small"):
        st.text(why.sentence(facts))
        if facts.checks:
            st.text(
                "     ".join(f"{'✓' if good else '✗'} {formats.words(name)}" for name, good in facts.checks.items())
            )
    if got.made.problem:
        st.warning("The strategy's file cannot be evaluated here; the chart has no lines of its own.")
        st.text(got.made.problem)
    elif got.made.changed:
        st.caption("The strategy's file is not the code that this run was made with: the lines drawn are the file's.")


def drawn(page: ui.Page, slot: Slot, window: str, end: int) -> None:
    """The chart; a zoom stays while it refreshes."""
    slot, stands = _anew(page, slot), slot_view.standing(page.engine, page.run_id)
    first, last = _span(page, slot, window, end, stands)
    state = runs.health(dict(page.run), runs.status(page.engine, page.run_id), now_ms())
    down = state.down and state.heartbeat_age is not None and not end
    picture = slot_data.picture(page.engine, page.run, slot, stands, first, last, down)
    if picture is None:
        got = slot_data.seen(page.engine, page.run, slot, stands)
        if got.candles is not None:
            ui.empty("No candles in this stretch", "Choose a later or a longer window above.")
            return
        ui.empty("No candles to draw", "What was said and done stands below.", leads="data")
        st.text(got.source)  # may hold words of the data
        return
    figure = slot_figure.draw(picture, page.colors, f"{slot['key']} {window} {end}")
    words = f"{_name(slot)}, {formats.when(first)} to {formats.when(last)} UTC, {len(picture.trades)} closed trades"
    live_chart.chart(figure, "slot_chart", words)
    step = formats.timeframe(int(picture.bars["step"]))
    source = slot_data.seen(page.engine, page.run, slot, stands).source
    st.caption(
        f"Candles of {step}, {source}, UTC. Hollow marks are signals, crosses blocked ones, filled triangles fills; "
        "grey bands are outages."
    )


SIGNAL_COLUMNS = {
    "ts": tables.moment("Time", seconds=True),
    "kind": tables.text("Signal"),
    "side": tables.text("Side"),
    "status": tables.text("Became"),
    "why": tables.text("Why not"),
    "price": tables.figure("Price"),
    "tag": tables.text("Tag"),
}
FILL_COLUMNS = {
    "ts": tables.moment("Time", seconds=True),
    "side": tables.text("Side"),
    "purpose": tables.text("Purpose"),
    "qty": tables.figure("Quantity"),
    "price": tables.figure("Price"),
    "fee": tables.amount("Fee", digits=4),
}


def listed(page: ui.Page, slot: Slot, window: str, end: int) -> None:
    """What was said and done in the stretch on the chart, newest first."""
    from app.signals_words import rule
    from app.tiles import halves

    stands = slot_view.standing(page.engine, page.run_id)
    who = (page.engine, page.run_id, int(slot["id"]), *_span(page, slot, window, end, stands))
    left, right = halves("chart_lists")
    with left:
        frame = tables.frame_of(
            slot_chart.signals(*who), ["ts", "kind", "direction", "status", "reason", "price", "tag"]
        )
        frame["ts"] = tables.utc(frame["ts"])
        frame["side"] = [formats.side(d) if d else "" for d in frame["direction"]]
        frame["why"] = [rule(str(reason)) if reason else "" for reason in frame["reason"]]
        tables.heading("Signals", "chart-signals", frame.copy(), "In the stretch shown, newest first, UTC")
        tables.written(frame, price=formats.price)
        _table(frame, SIGNAL_COLUMNS, "chart_signals", "Nothing was said in this stretch.")
    with right:
        frame = tables.frame_of(slot_chart.fills(*who), ["ts", "side", "purpose", "qty", "price", "fee"])
        frame["ts"] = tables.utc(frame["ts"])
        tables.heading("Fills", "chart-fills", frame.copy(), "In the stretch shown, newest first, UTC")
        frame["purpose"] = ["entry" if code == "entry" else formats.exit_reason(code) for code in frame["purpose"]]
        tables.written(frame, qty=formats.quantity, price=formats.price)
        _table(frame, FILL_COLUMNS, "chart_fills", "Nothing was traded in this stretch.")


def _table(frame: Any, columns: dict[str, Any], key: str, nothing: str) -> None:
    if frame.empty:
        st.caption(nothing)
    else:
        tables.table(frame, columns, key=key, height=tables.tall(len(frame), 9))


main(ui.current())
