"""The parts of the page Settings around the form: what runs, what would change, the versions and what each earned."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import streamlit as st
from sqlalchemy import Engine

from app import config_changes, config_draft, data, formats, forms, result_data, tables, ui
from app.config_draft import Checked, Draft
from app.read import config as read
from app.read import runs
from db.queries import columns as columns_of
from engine.analytics import review
from engine.analytics.chance import wilson
from engine.analytics.values import Undefined
from engine.config import rewrite
from engine.config.errors import ConfigError
from engine.config.keys import tables as settings
from engine.config.model import Config
from engine.config.reading import from_environment, parse

FEW = 30
"""Below this many trades a version is not judged."""
REFUSED, WAITING = "the edited configuration is refused", "waits for a restart:"
SOURCES = {"start": "a start", "edit": "an edit of the file", "app": "this app"}


# ---- what runs -------------------------------------------------------------------------------------------------------------
def running(engine: Engine | None, config: Config | None) -> Config | None:
    """The configuration that the engine runs under, for the run that the draft names; None where none ever did."""
    if engine is None or config is None:
        return None
    found = read.in_force(engine, config.run.name)
    made = config_changes.config_of(found["text"]) if found else None
    if made is None:
        return None
    storage = made.storage.model_copy(update={"database_url": config.storage.database_url})  # it is stored masked
    return made.model_copy(update={"storage": storage})


@st.fragment(run_every=2)
def standing(engine: Engine | None, name: str) -> None:
    """Which version is in force, and what stands between the file and the engine."""
    found = read.in_force(engine, name) if engine is not None else None
    if engine is None or found is None:
        st.caption(f"No engine has run {forms.safe(name)} yet: the file acts at its first start.")
        return
    since = f"{formats.when(found['created_ts'], seconds=True)} UTC"
    st.caption(
        f"{forms.safe(name)} trades under version {found['id']}, known since {since} from {forms.safe(_source(found['source']))}."
    )
    run = next((row for row in runs.runs(engine) if row["name"] == name), None)
    status = runs.status(engine, run["id"]) if run else None
    message = str(status["message"] or "") if status else ""
    if REFUSED in message:
        st.warning(forms.safe(message[message.index(REFUSED) :]), icon=":material/block:")
    elif WAITING in message:
        st.info(forms.safe(message[message.index(WAITING) :].capitalize()), icon=":material/schedule:")


def _source(word: str) -> str:
    return SOURCES.get(word, word or "an unknown hand")


# ---- what would change -----------------------------------------------------------------------------------------------------
def meanwhile(draft: Draft) -> None:
    """The file is another one than the draft began from: nothing is overwritten unseen."""
    if not (draft.changed and draft.meanwhile):
        return
    with st.container(border=True, key="config_meanwhile"):
        if draft.problem:
            st.warning(forms.safe(draft.problem))
            st.caption("Your draft is kept here. Bring the file back, or start anew from what stands there then.")
            return
        st.warning("The file was edited elsewhere since this draft began. Your draft is kept; nothing was written.")
        assert draft.now is not None
        st.code(config_changes.lines(draft.base.text, draft.now.text, ("then", "now")), language="diff")
        with st.container(horizontal=True):
            st.button("Drop my draft", key="config_theirs", on_click=config_draft.drop)
            st.button(
                "Keep mine, over the file as it is now", key="config_mine", on_click=config_draft.keep_mine,
                help="shows below what of theirs would be undone; nothing is written before you apply it",
            )  # fmt: skip


def change(draft: Draft, found: Checked, now: Config | None) -> None:
    """What is wrong with the draft, what it would change and when, and the two buttons."""
    with tables.section("What would change", "config_change", "the draft beside the file on the disk"):
        with st.container(horizontal=True, gap="small", width="content"):
            st.button("Drop", key="config_drop", disabled=not draft.changed, on_click=config_draft.drop)
            st.button(
                "Apply", key="config_apply", type="primary", on_click=config_draft.apply,
                disabled=not draft.changed or bool(found.problems) or draft.meanwhile,
                help="writes the file whole, with its comments; a running engine takes over what it can",
            )  # fmt: skip
    _said()
    for one in found.problems:
        st.markdown(f":red[{forms.safe(one.words)}]")
    if not draft.changed:
        if not found.problems:
            st.caption("Nothing: the draft is the file as it stands.")
        return
    if found.config is not None:
        _rows(config_draft.checked(draft.base.text).config, found.config, now)
    st.code(config_changes.lines(draft.base.text, draft.text) or "only spaces at line ends", language="diff")


def _said() -> None:
    kind, words = st.session_state.get(config_draft.SAID, ("", ""))
    if words:
        {"success": st.success, "warning": st.warning}[kind](forms.safe(words))


def _rows(file: Config | None, wanted: Config, now: Config | None) -> None:
    listed = config_changes.rows(file, wanted, now)
    if not listed:
        st.caption("No setting changes: comments or order only.")
        return
    st.caption(config_changes.sentence(listed))
    columns = {
        "key": tables.text("Setting"),
        "before": tables.text("Now"),
        "after": tables.text("Then"),
        "acts": tables.text("Acts", width="medium"),
    }
    tables.table(tables.frame_of(listed, list(columns)), columns, key="config_rows")


# ---- versions --------------------------------------------------------------------------------------------------------------
def versions(page: ui.Page, draft: Draft | None) -> None:
    """Every configuration of the run with what it changed and earned; two of them compared; back to one of them."""
    found = read.versions(page.engine, page.run_id)
    if not found:
        ui.empty("No version is stored for this run", "A paper run has one from its first start on.")
        return
    earned = _earned(page)
    rows = [
        _row(one, older, earned, page.run.get("config_version_id"))
        for one, older in zip(found, [*found[1:], None], strict=True)
    ]
    columns = {
        "id": tables.COLUMN.NumberColumn("Version", width=70),
        "ts": tables.moment("First in force"),
        "from": tables.text("From"),
        "trades": tables.COLUMN.NumberColumn("Trades", help="closed trades that were opened under it", width=65),
        "pnl": tables.amount("P&L", page.quote, sign=True),
        "won": tables.figure("Won", "share of trades above zero, with its 90 % Wilson interval"),
        "mean": tables.figure("A trade", "expectancy: mean result over what was paid to enter, with its 90 % interval"),
        "said": tables.text("Evidence", help="at least 30 trades, and an interval on one side of zero"),
        "what": tables.text("What it changed", width="large"),
    }
    frame = tables.frame_of(rows, list(columns))
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("Versions", "config-versions", frame, "Each configuration that was in force, newest first")
    picked = tables.table(frame, columns, key="versions", height=tables.tall(len(frame), 10), select=True)
    _compare(page, found, found[picked]["id"] if picked is not None else found[0]["id"], draft)
    _became(page)


def _row(one: dict[str, Any], older: dict[str, Any] | None, earned: dict[int, Any], now: Any) -> dict[str, Any]:
    got = earned.get(one["id"])
    row = {"id": one["id"], "ts": one["created_ts"], "from": _source(one["source"]), "what": _what(one, older)}
    if one["id"] == now:
        row["from"] += ", in force"
    if got is None:
        return {**row, "trades": 0, "said": "no trade yet"}
    low, high = wilson(got.wins, got.trades)
    between = (
        ""
        if got.between is None
        else f" ({formats.percent(got.between[0], 2)} to {formats.percent(got.between[1], 2)})"
    )
    return {
        **row,
        "trades": got.trades,
        "pnl": got.total,
        "won": f"{formats.percent(got.wins / got.trades, 0)} ({formats.percent(low, 0)} to {formats.percent(high, 0)})",
        "mean": f"{formats.percent(got.mean, 3)}{between}",
        "said": _judged(got),
    }


def _judged(got: review.Version) -> str:
    if got.trades < FEW or got.between is None:
        return "too few trades to say"
    return "earns" if got.between[0] > 0 else "loses" if got.between[1] < 0 else "cannot be told from zero"


def _what(one: dict[str, Any], older: dict[str, Any] | None) -> str:
    if older is None:
        return "the first"
    new, old = config_changes.config_of(one["text"]), config_changes.config_of(older["text"])
    if new is None or old is None:
        return "stored by another version of the program"
    listed = config_changes.rows(old, new, None)
    return "; ".join(f"{row['key']} {row['before']} → {row['after']}" for row in listed) or "nothing"


def _earned(page: ui.Page) -> dict[int, review.Version]:
    if not data.trades_stamp(page.engine, page.run_id):
        return {}
    found = result_data.result(page.engine, page.run_id)
    return _by_version((*found.stamp, page.run_id), page.engine, found)


@st.cache_resource(show_spinner=False, max_entries=8)
def _by_version(stamp: tuple[Any, ...], _engine: Engine, _found: result_data.Result) -> dict[int, review.Version]:
    under = columns_of(_engine, read.UNDER, {"run": int(stamp[-1])})
    number = np.nan_to_num(np.asarray(under["version"], np.float64)).astype(np.int64)
    trades = _found.account.trades
    mine = number[np.searchsorted(under["seq"], _found.trades["seq"])]
    try:
        fractions = trades.returns
    except Undefined:
        fractions = np.zeros(len(trades))
    ids, which = np.unique(mine, return_inverse=True)
    made = review.by_version([str(one) for one in ids], which, trades.pnl, fractions)
    return {int(one.name): one for one in made}


def _compare(page: ui.Page, found: list[dict[str, Any]], chosen: int, draft: Draft | None) -> None:
    """One version beside another, and the way back."""
    by_id = {one["id"]: one for one in found}
    ids = list(by_id)
    before = next((number for number in ids if number < chosen), chosen)
    with tables.section(f"Version {chosen}", "config_version", "click a row above for another"):
        with st.container(horizontal=True, gap="small", width="content", vertical_alignment="center"):
            other = st.selectbox(
                "Beside", ids, ids.index(before), key=f"version_beside_{chosen}", label_visibility="collapsed", width=190,
                format_func=lambda number: f"beside version {number}",
            )  # fmt: skip
            st.button(
                "Go back to this one", key="version_back", disabled=draft is None, on_click=back,
                args=(by_id[chosen],),
                help="puts its values into the draft, comments stay; you see the difference before you apply it",
            )  # fmt: skip
    made = config_changes.lines(by_id[other]["text"], by_id[chosen]["text"], (f"version {other}", f"version {chosen}"))
    if made:
        st.code(made, language="diff")
    else:
        st.caption("They say the same.")


def back(version: dict[str, Any]) -> None:
    """The draft says what that version said; the file's folders, database and what the environment says stay as they are."""
    leave = {
        f"{section}.{key}"
        for section, model in settings().items()
        for key in model.model_fields
        if section == "storage" or from_environment(section, key, os.environ)
    }
    try:
        wanted = parse(version["text"])
    except ConfigError as error:
        st.session_state[config_draft.SAID] = ("warning", f"Version {version['id']} does not fit this program: {error}")
        return
    config_draft.edit(lambda text: rewrite.with_config(text, wanted, leave), by_form=False)
    draft: Draft = st.session_state[config_draft.DRAFT]
    draft.why = f"app, back to {version['id']}" if draft.changed else ""
    st.query_params["view"] = "form"
    st.session_state["config_view"] = "form"


def _became(page: ui.Page) -> None:
    rows = read.said(page.engine, page.run_id)
    columns = {"ts": tables.moment("Time", seconds=True), "text": tables.text("What became of it", width="large")}
    frame = tables.frame_of(rows, list(columns))
    frame["ts"] = tables.utc(frame["ts"])
    tables.heading("Edits", "config-edits", frame, "Every edit that the engine saw: taken over, or refused and why")
    if frame.empty:
        st.caption("The file has not been edited while this run traded.")
        return
    tables.table(frame, columns, key="config_edits", height=tables.tall(len(frame), 8))
