"""Challengers on the strategies page: each beside the account that it lives next to, on the days that both have lived."""

from __future__ import annotations

from typing import Any

import streamlit as st
from sqlalchemy import Engine

from app import data, formats, tables, ui
from app.read import challengers
from engine.analytics.bootstrap import Interval
from engine.research import challenged

LEAST_DAYS = 20
"""Below so many days a ratio's interval is as wide as the page."""


def draw(page: ui.Page) -> None:
    """A row for each challenger of this run; nothing where it has none."""
    found = challengers.of_run(page.engine, page.run_id)
    if not found:
        return
    rows = [_row(page, one, _against(_stamp(page, one), page.engine, page.run_id)) for one in found]
    names = ["challenger", "gap", "verdict", "days", "own", "incumbent", "sharpe", "against", "state"]
    frame = tables.frame_of(rows, names)
    help_ = (
        "Each trades on paper in an account of its own on the same feed. P&L of both slots as a part of their accounts' starting "
        "capital, on the UTC days both lived; 90 % intervals from days drawn in pairs"
    )
    tables.heading("Challengers", "challengers", frame, help_)
    columns: dict[str, Any] = {
        "challenger": tables.text("Challenger", width="medium"),
        "gap": tables.figure("Difference", "of what was earned on those days, with its interval"),
        "verdict": tables.text("What can be said", width="medium"),
        "days": tables.figure("Days both"),
        "own": tables.figure("Earned"),
        "incumbent": tables.figure("Incumbent"),
        "sharpe": tables.figure(
            "Sharpe", f"difference of the Sharpe ratios, with its interval; from {LEAST_DAYS} days on"
        ),
        "against": tables.text("Against", width="medium"),
        "state": tables.text("State"),
    }
    tables.table(frame, columns, key="challengers")
    st.caption("Choose a challenger's run at the top to see it on every page.")


def _stamp(page: ui.Page, one: dict[str, Any]) -> tuple[Any, ...]:
    return (int(one["id"]), data.equity_stamp(page.engine, page.run_id), data.equity_stamp(page.engine, int(one["id"])))


@st.cache_resource(show_spinner=False, max_entries=64)
def _against(stamp: tuple[Any, ...], _engine: Engine, _run: int) -> challenged.Against:
    return challenged.against(_engine, int(stamp[0]))


def _row(page: ui.Page, one: dict[str, Any], made: challenged.Against) -> dict[str, Any]:
    begun = data.equity_stamp(page.engine, int(one["id"]))
    state = "ended" if one["status"] == "complete" else "lives" if begun else "waits to begin"
    return {
        "challenger": f"{formats.slot(one['strategy'], one['symbol'], one['label'])}",
        "against": ", ".join(formats.slot(s["strategy"], s["symbol"], s["label"]) for s in made.incumbents) or "gone",
        "state": state,
        "days": str(made.days),
        "own": formats.percent(made.own, sign=True),
        "incumbent": formats.percent(made.incumbent, sign=True),
        "gap": _said(made.gaps.get("total_return"), percent=True),
        "sharpe": _said(made.gaps.get("sharpe")) if made.days >= LEAST_DAYS else "-",
        "verdict": made.sentence,
    }


def _said(gap: Interval | str | None, *, percent: bool = False) -> str:
    if gap is None or isinstance(gap, str):
        return "-"
    if percent:
        low, high = formats.percent(gap.low).removesuffix(" %"), formats.percent(gap.high).removesuffix(" %")
        return f"{formats.percent(gap.value, sign=True)}  ({low} to {high})"
    return f"{gap.value:+.2f}  ({gap.low:.2f} to {gap.high:.2f})"
