"""Backtest vs paper: does the backtester repeat what this run did, and how far is an ordinary candle backtest from it?"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import charts, formats, jobs, lab_charts, tables, ui
from app.palette import Palette
from app.tiles import Tile, numbers
from db.errors import StorageError

PAGE = {"group": "Research", "title": "Backtest vs paper", "place": 5}

CAUSES = {
    "spread": "half the spread that was met",
    "slippage": "fills beyond the assumed slippage",
    "fee": "another fee rate",
    "path within the bar": "what came first inside a candle",
    "data": "stored candles that differ from what the engine saw",
    "outage": "the engine was away",
    "breaker": "a breaker stood in the way",
    "manual": "a person acted",
    "shared capital": "cash or limits that another slot used",
}
COLUMNS = {
    "when": tables.moment("Entry"),
    "symbol": tables.text("Symbol"),
    "money": tables.amount("Apart", "paper less candles, quote currency", sign=True),
    "cause": tables.text("Cause"),
    "paper_pnl": tables.amount("Paper", sign=True),
    "candles_pnl": tables.amount("Candles", sign=True),
    "why": tables.text("Why", width="large"),
}


def main(page: ui.Page) -> None:
    """The newest comparison of this run, and the button that makes another."""
    ui.title(
        "Backtest vs paper", "The run against its own tape, to the bit; and against a backtest on candles, in money."
    )
    if not page.trading:
        ui.empty("A backtest has nothing to be compared with here", "Choose a paper or live run above.")
        return
    mine = [job for job in jobs.recent("versus", limit=100) if job.args.get("run_id") == page.run_id]
    if any(job.open for job in mine):
        jobs.watch(next(job.uuid for job in mine if job.open))
    elif st.button("Compare now" if not mine else "Compare again", key="versus_ask", type="primary"):
        _ask(page)
    if mine and mine[0].state == "failed":
        jobs.ended(mine[0])
    done = next((job for job in mine if job.state == "done"), None)
    if done is None:
        if not any(job.open for job in mine):
            ui.empty(
                "This run was not compared yet", "It takes seconds a week of trading; the page may be closed meanwhile."
            )
        return
    st.caption(f"as of {formats.when(done.done_ts or done.created_ts)} UTC")
    tape(done.result["tape"])
    candles(done.result, page.colors)


def _ask(page: ui.Page) -> None:
    try:
        jobs.ask("versus", {"run_id": page.run_id}, f"{page.run['name']} against its tape and candles")
    except StorageError as error:
        st.warning(str(error))
        return
    st.rerun()


def tape(found: dict[str, Any]) -> None:
    """(a) Equal, or the first event that is not."""
    st.subheader("Against its own tape", anchor=False)
    compared = ", ".join(f"{count:,} {name}" for name, count in found["counts"].items())
    if found["ok"]:
        st.markdown(f"**Equal to the last bit.** {found['events']:,} events replayed; compared: {compared}.")
        _unproven(found)
        return
    st.markdown("**Not equal.** What differs first:")
    for sentence in found["differences"][:5]:
        st.text(sentence)
    _unproven(found)


def _unproven(found: dict[str, Any]) -> None:
    if words := found.get("unproven"):
        st.text(words)


def candles(found: dict[str, Any], colors: Palette) -> None:
    """(b) The score, the money by cause, the trades."""
    st.subheader("Against a candle backtest", anchor=False)
    made = found["candles"]
    if made is None:
        ui.empty("It could not be made", str(found["why_not"]))
        return
    st.text(made["sentence"])
    met = made["costs_met"]
    quote = formats.number
    numbers(
        [
            Tile(
                "Reproduced",
                formats.percent(made["reproduced"], 0),
                help="trades that candles made too, and left alike",
            ),
            Tile(
                "Explained",
                formats.percent(made["explained"], 0),
                help="of the money apart, what has a cause on record",
            ),
            Tile("Paper", quote(made["paper_pnl"], sign=True), f"{made['paper_trades']:,} trades"),
            Tile("Candles", quote(made["candle_pnl"], sign=True), f"{made['candle_trades']:,} trades"),
            Tile("Slippage met", f"{quote(met['slippage_bps'])} bp", f"{met['fills']:,} market fills"),
            Tile("Bars that differ", f"{made['bars_differing']:,}", f"of {made['bars']:,}"),
        ],
        "versus",
    )
    if made["by_cause"]:
        st.plotly_chart(
            _bars(made["by_cause"], colors), theme=None, key="versus_causes", config=charts.CONFIG,
            alt="Money apart by cause: " + ", ".join(f"{name} {money:+,.2f}" for name, money in made["by_cause"].items()),
        )  # fmt: skip
    if met["slippage_bps"] is not None:
        preset(made)
    differing(made["differences"], colors)
    for note in made["notes"]:
        st.caption(note)


def preset(made: dict[str, Any]) -> None:
    """The costs that were met, for the launcher."""
    slippage = max(float(made["costs_met"]["slippage_bps"]), 0.0)
    if st.button(
        "Backtest with the slippage met", key="versus_preset", help=f"opens the launcher with {slippage:.2f} bp"
    ):
        st.switch_page("pages/backtest.py", query_params={"slippage": f"{slippage:.2f}"})


def _bars(causes: dict[str, float], colors: Palette) -> go.Figure:
    figure = lab_charts.base(colors, 60 + 34 * len(causes))
    names = list(causes)[::-1]
    money = [causes[name] for name in names]
    figure.add_bar(
        x=money, y=names, orientation="h", marker={"color": [colors.gain if m > 0 else colors.loss for m in money]},
        text=[f"{m:+,.2f}" for m in money], textposition="auto", customdata=[CAUSES.get(name, "") for name in names],
        hovertemplate="%{y}: %{x:+,.2f}<br>%{customdata}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        yaxis={"side": "left", "showgrid": False}, xaxis={"title": None, "type": "linear"}, bargap=0.35
    )
    return figure


def differing(rows: list[dict[str, Any]], colors: Palette) -> None:
    """The trades that are apart, the dearest first."""
    raw = pd.DataFrame([row for row in rows if row["money"] or not row["reproduced"]])
    if raw.empty:
        st.caption("Every trade is the same on both sides.")
        return
    raw["when"] = raw["paper_entry_ts"].fillna(raw["candles_entry_ts"])
    shown = raw[list(COLUMNS)].copy()
    shown["when"] = tables.utc(raw["when"])
    tables.heading(f"{len(raw):,} trades apart", "versus", raw, "the dearest first")
    tables.table(tables.colored(shown, ["money", "paper_pnl", "candles_pnl"], colors), COLUMNS, key="versus_trades",
                 height=tables.tall(len(raw)))  # fmt: skip


main(ui.current())
