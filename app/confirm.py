"""Asking the engine for something: a button, one confirmation that says what will happen, one command row.

The answer is shown by the frame's strip, from the command's own row, so that it survives a reload. What closes positions
at once wants a typed word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from app import data, formats

if TYPE_CHECKING:
    from app.ui import Page

WAITING = "confirm"


def note(kind: str, **context: Any) -> None:
    """Remember what was clicked; the page's run then opens the confirmation. A button's callback, outside of fragments:
    it is heard even if the button is gone by then."""
    st.session_state[WAITING] = {"kind": kind, **context}


def ask(kind: str, **context: Any) -> None:
    """The same from within a fragment: let the whole page run."""
    note(kind, **context)
    st.rerun(scope="app")


def asking() -> bool:
    """Whether a confirmation is open."""
    return WAITING in st.session_state


def pending(page: Page) -> None:
    """Open the confirmation of what was clicked; it stays until it is answered or dismissed."""
    waiting = st.session_state.get(WAITING)
    if waiting and page.trading:
        context = {name: value for name, value in waiting.items() if name != "kind"}
        _DIALOGS[waiting["kind"]](page, **context)


def _forget() -> None:
    st.session_state.pop(WAITING, None)


def _send(page: Page, kind: str, **args: Any) -> None:
    data.send(kind, page.run_id, **args)
    _forget()
    st.rerun()


def _buttons(label: str, *, danger: bool = False, enabled: bool = True) -> bool:
    """Confirm and cancel; True when confirmed."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="confirm_cancel"):
            _forget()
            st.rerun()
        return st.button(label, key="confirm_danger" if danger else "confirm_do", type="primary", disabled=not enabled)


@st.dialog("Pause trading", on_dismiss=_forget)
def _pause(page: Page) -> None:
    st.write(
        "No new entries. Open positions are managed on: stops and targets still act. Queued entries are cancelled."
    )
    if _buttons("Pause entries"):
        _send(page, "pause")


@st.dialog("Resume trading", on_dismiss=_forget)
def _resume(page: Page) -> None:
    st.write("Slots may open positions again from the next decision on.")
    if _buttons("Resume"):
        _send(page, "resume")


@st.dialog("Kill", on_dismiss=_forget)
def _kill(page: Page) -> None:
    st.write(
        "Stops all trading at once, and stays so across restarts until it is released on the page of limits. "
        "Stops no longer act on open positions unless a venue holds them."
    )
    flatten = st.checkbox("Also close every position at the market", key="kill_flatten")
    typed = st.text_input("Type flatten to confirm", key="kill_word").strip().lower() if flatten else "flatten"
    if _buttons("Kill and close everything" if flatten else "Kill", danger=True, enabled=typed == "flatten"):
        _send(page, "kill", flatten=flatten)


@st.dialog("Release", on_dismiss=_forget)
def _release(page: Page, breaker: str) -> None:
    what = "The kill ends" if breaker == "kill" else "It starts anew from the present equity"
    st.write(f"{what}: entries may be made again. The reason is kept with the release.")
    st.text(breaker.partition(":")[0].replace("_", " "))
    reason = st.text_input("Why it is right to go on", key="release_reason", max_chars=200).strip()
    typed = st.text_input("Type release to confirm", key="release_word").strip().lower()
    if _buttons("Release", enabled=typed == "release" and bool(reason)):
        _send(page, "release", breaker=breaker, reason=reason)


@st.dialog("Close position", on_dismiss=_forget)
def _close(page: Page, position: dict[str, Any]) -> None:
    unrealized = formats.money(position["unrealized"], page.quote, sign=True)
    what = "Sells" if position["direction"] > 0 else "Buys back"
    st.write(
        f"{what} at the market as soon as the engine sees it: {unrealized} at the last mark, before the exit's fee."
    )
    st.text(formats.slot(position["strategy"], position["symbol"], position["label"]))
    if _buttons("Close at the market"):
        _send(page, "close", slot=position["key"])


@st.dialog("Tighten stop", on_dismiss=_forget)
def _tighten(page: Page, position: dict[str, Any]) -> None:
    mark, stop, long = position["mark"], position["stop"], position["direction"] > 0
    st.text(formats.slot(position["strategy"], position["symbol"], position["label"]))
    where = f"stands at {formats.price(stop)}" if stop else "is not set"
    st.caption(f"The mark is {formats.price(mark)}, the stop {where}. It only ever moves closer.")
    low, high = (stop or 0.0, mark) if long else (mark, stop or mark * 2)
    start = (low + high) / 2 if stop else mark * (0.98 if long else 1.02)
    price = st.number_input("New stop", min_value=0.0, value=float(f"{start:.8g}"), format="%.8g", key="tighten_price")
    good = low < price < high
    if not good:
        st.warning(f"Write a price between {formats.price(low)} and {formats.price(high)}.")
    else:
        loss = (price - position["entry_price"]) * position["qty"] * (1 if long else -1)
        makes = formats.money(loss, page.quote, sign=True)
        st.caption(f"{formats.percent(abs(price / mark - 1))} from the mark; a fill there makes {makes} before fees.")
    if _buttons("Move the stop", enabled=good):
        _send(page, "tighten_stop", slot=position["key"], price=price)


@st.dialog("Slot", on_dismiss=_forget)
def _slot(page: Page, position: dict[str, Any]) -> None:
    off = position["slot_state"] == "enabled"
    st.text(formats.slot(position["strategy"], position["symbol"], position["label"]))
    st.write(
        "No new entries from this slot; its open position is managed on."
        if off
        else "The slot may open positions again."
    )
    if _buttons("Switch off" if off else "Switch on"):
        _send(page, "slot_off" if off else "slot_on", slot=position["key"])


_DIALOGS: dict[str, Any] = {
    "pause": _pause,
    "resume": _resume,
    "kill": _kill,
    "release": _release,
    "close": _close,
    "tighten_stop": _tighten,
    "slot": _slot,
}
