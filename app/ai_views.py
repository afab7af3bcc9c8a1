"""The parts of the page AI cost. A model's words are a stranger's: they are shown as plain text and as nothing else."""

from __future__ import annotations

import calendar
import json
import time
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import charts, clock, formats, signals_data, signals_words, tables, ui
from app.lab_charts import base
from app.palette import Palette
from app.read import ai
from app.result_charts import LEGEND
from app.signals_views import between
from app.tiles import Tile, tiles
from engine.analytics.ai_cost import days_ahead, estimate, month_end
from engine.analytics.signals_paired import Paired
from engine.config.ai import AiSection


def summary(page: ui.Page, found: list[dict[str, Any]]) -> None:
    """What was spent, where the month will end, and what it brought."""
    now = time.gmtime(clock.now_ms() / 1000)
    today, month = time.strftime("%Y-%m-%d", now), time.strftime("%Y-%m", now)
    whole = sum(row["cost"] for row in found)
    this_month = sum(row["cost"] for row in found if row["day"].startswith(month))
    this_day = sum(row["cost"] for row in found if row["day"] == today)
    share = (now.tm_hour * 60 + now.tm_min) / 1440
    signals, trades, pnl = ai.brought(page.engine, page.run_id)
    calls = sum(row["calls"] for row in found)
    ended = month_end(this_month, now.tm_mday, share, now.tm_year, now.tm_mon)
    items = [
        Tile("Today", f"{this_day:.4f} USD", help="UTC day, by the wall clock; this run's calls"),
        Tile("This month", f"{this_month:.4f} USD", help="UTC month"),
        Tile("Month's end", f"{ended:.2f} USD", help="if it goes on as it has this month"),
        Tile("A call", _each(whole, calls), help=f"{calls:,} calls in all"),
        Tile("A signal", _each(whole, signals), help=f"{signals:,} signals of models"),
        Tile("A trade", _each(whole, trades), help=f"{trades:,} trades of strategies that ask"),
        Tile(
            "A dollar earned",
            _each(whole, pnl) if pnl > 0 else "–",
            help="only where those strategies earned something",
        ),
        Tile(
            "Net of AI", f"{pnl - whole:+,.2f} {page.quote}", help="P&L of strategies that ask, less what asking cost"
        ),
    ]
    tiles(items, "ai_summary")


def _each(cost: float, count: float) -> str:
    return f"{cost / count:.5f} USD" if count else "–"


def budgets(page: ui.Page) -> None:
    """What may be spent and what is, over all runs: budgets are one person's; the month by day, to its end."""
    now = time.gmtime(clock.now_ms() / 1000)
    today, length = time.strftime("%Y-%m-%d", now), calendar.monthrange(now.tm_year, now.tm_mon)[1]
    spent = ai.by_day(page.engine, f"{today[:8]}01", f"{today[:8]}{length}")
    asked = ai.settings(page.engine, page.run_id)
    if not spent and asked is None:
        return
    tables.section(
        "Budgets",
        "ai_budgets",
        "UTC, all runs and `ai backfill` together; as this run's configuration has them",
    )
    if asked is not None:
        tiles(_budget_tiles(asked, spent, today), "ai_budgets")
    if not spent:
        st.caption("Nothing has been spent this month.")
        return
    each = [sum(row["cost"] for row in spent if int(row["day"][8:]) == day + 1) for day in range(length)]
    share = (now.tm_hour * 60 + now.tm_min) / 1440
    ahead = [0.0] * (now.tm_mday - 1) + days_ahead(sum(each), now.tm_mday, share, now.tm_year, now.tm_mon)
    whole = sum(each) + sum(ahead)
    labels = [f"{today[:8]}{day + 1:02d}" for day in range(length)]
    line = asked.budget_day if asked is not None else None
    words = f"{sum(each):.4f} USD so far this month, {whole:.4f} USD at its end if it goes on so"
    figure = spend_by_day(labels, each, ahead, line, page.colors)
    st.plotly_chart(figure, theme=None, key="ai_spend", config=charts.CONFIG, alt=words)
    over = (
        f"; that is more than the month's budget of {asked.budget_month:.2f}"
        if asked and whole > asked.budget_month
        else ""
    )
    st.caption(f"{words}{over}.")


def _budget_tiles(asked: AiSection, spent: list[dict[str, Any]], today: str) -> list[Tile]:
    now = [row for row in spent if row["day"] == today]
    day, month, calls = (
        sum(row["cost"] for row in now),
        sum(row["cost"] for row in spent),
        sum(row["calls"] for row in now),
    )
    rows = [
        Tile("Day's budget", f"{asked.budget_day:.2f} USD", _used(day, asked.budget_day), "[ai] budget_day"),
        Tile("Month's budget", f"{asked.budget_month:.2f} USD", _used(month, asked.budget_month), "[ai] budget_month"),
        Tile("Calls a day", f"{asked.calls_day:,}", f"{calls:,} made today", "[ai] calls_day"),
    ]
    for name, most in sorted(asked.budget_strategies.items()):
        used = _used(sum(row["cost"] for row in now if row["strategy"] == name), most)
        rows.append(Tile(formats.strategy(name), f"{most:.2f} USD", used, "a day; [ai] budget_strategies"))
    return rows


def _used(had: float, most: float) -> str:
    return f"{had:.4f} used, {100 * had / most:.1f} %" if most else "nothing may be spent"


def spend_by_day(
    days: list[str], spent: list[float], ahead: list[float], budget: float | None, colors: Palette
) -> go.Figure:
    """USD of each day, what is still to come in a lighter bar on top, and the day's budget where it is near."""
    figure = base(colors, 220)
    for name, values, opacity in (("spent", spent, 1.0), ("if it goes on so", ahead, 0.35)):
        figure.add_bar(
            x=days, y=values, name=name, marker={"color": colors.accent, "line": {"width": 0}, "opacity": opacity},
            hovertemplate=f"%{{y:.4f}} USD {name}<extra></extra>",
        )  # fmt: skip
    if budget and max(map(sum, zip(spent, ahead, strict=True))) > budget / 4:
        figure.add_hline(
            y=budget, line={"color": colors.loss, "dash": "dash", "width": 1}, annotation_text="day's budget"
        )
    figure.update_layout(
        barmode="stack", bargap=0.25, showlegend=True, legend=LEGEND, margin={"t": 28},
        xaxis={"tickformat": "%d %b", "type": "date"}, yaxis={"tickformat": ".3~f", "ticksuffix": " USD", "rangemode": "tozero"},
    )  # fmt: skip
    return figure


def by_group(found: list[dict[str, Any]]) -> None:
    """Spend by model and strategy, and by day."""
    frame = pd.DataFrame(found)
    frame["failed"] = frame["calls"].where(~frame["outcome"].isin(["answered", "abstained"]), 0)
    grouped = frame.groupby(["model", "strategy"], as_index=False)[
        ["calls", "failed", "asked", "answered", "cost"]
    ].sum()
    tables.heading(
        "By model and strategy", "ai_groups", grouped, "Tokens asked and answered; failed calls may cost, too"
    )
    tables.table(
        grouped,
        {
            "model": tables.text("Model"), "strategy": tables.text("Strategy"), "calls": tables.figure("Calls"),
            "failed": tables.figure("Failed"), "asked": tables.figure("Tokens asked"),
            "answered": tables.figure("Tokens answered"), "cost": tables.amount("USD", digits=5),
        },
        key="ai_groups_table",
    )  # fmt: skip
    days = frame.groupby("day", as_index=False)[["calls", "cost"]].sum()
    tables.heading("By day", "ai_days", days, "UTC days by the wall clock")
    tables.table(
        days.iloc[::-1].reset_index(drop=True),
        {"day": tables.text("Day"), "calls": tables.figure("Calls"), "cost": tables.amount("USD", digits=5)},
        key="ai_days_table",
    )


def newest(page: ui.Page) -> None:
    """The newest calls, and one of them as it was sent."""
    found = ai.calls(page.engine, page.run_id)
    frame = pd.DataFrame(found)
    frame["about_ts"] = pd.to_datetime(frame["about_ts"], unit="ms", utc=True)
    frame["view"] = frame["direction"].map({1: "long", -1: "short", 0: "flat"}).fillna("–")
    frame["said"] = frame["reasons"].where(frame["reasons"] != "", frame["error"])
    columns = ["id", "about_ts", "strategy", "symbol", "outcome", "view", "confidence", "cost", "latency_ms", "said"]
    tables.heading("Calls", "ai_calls", frame, "The 200 newest; what a model says is plain text")
    tables.table(
        frame[columns],
        {
            "id": tables.figure("Call"), "about_ts": tables.moment("Bar's end"), "strategy": tables.text("Strategy"),
            "symbol": tables.text("Symbol"), "outcome": tables.text("Outcome"), "view": tables.text("View"),
            "confidence": tables.figure("Confidence"), "cost": tables.amount("USD", digits=6),
            "latency_ms": tables.figure("ms"), "said": tables.text("Reasons, or what went wrong"),
        },
        key="ai_calls_table",
    )  # fmt: skip
    picked = st.selectbox("Question as it was sent", frame["id"].tolist(), key="ai_call", width=240)
    st.code(
        question(ai.sent(page.engine, page.run_id, int(picked))) or "It was never sent.", language=None, wrap_lines=True
    )


def question(stored: str) -> str:
    """A stored question as plain text."""
    try:
        return "\n\n".join(f"[{one['role']}]\n{one['content']}" for one in json.loads(stored)) if stored else ""
    except (ValueError, KeyError, TypeError):
        return stored


def against(page: ui.Page) -> None:
    """The model against its rule, where both spoke on the same bar; nothing where no model has spoken."""
    if not ai.spoken(page.engine, page.run_id):
        return
    frame = pd.DataFrame([_against(name, one) for name, one in signals_data.paired(page.engine, page.run_id)])
    tables.heading(
        "Model against rule", "ai_pairs", frame,
        "Bars on which both spoke: mean return of a signal net of costs; a model that would stay out brings nothing. Difference: "
        "model less rule, with its 90 % interval over blocks of pairs. In backtests and in life alike; asking is not in it",
    )  # fmt: skip
    tables.table(frame, PAIRED, key="ai_pairs_table")


PAIRED = {
    "judged": tables.text("Judged by"), "pairs": tables.figure("Pairs"), "agreed": tables.figure("Agreed"),
    "model": tables.fraction("Model", digits=3, sign=True), "rule": tables.fraction("Rule", digits=3, sign=True),
    "difference": tables.fraction("Difference", "model less rule", digits=3, sign=True),
    "between": tables.figure("90 %"), "words": tables.text("What can be said", width="medium"),
}  # fmt: skip


def _against(measure: str, one: Paired) -> dict[str, Any]:
    apart = one.difference
    values = {"model": one.model, "rule": one.rule, "difference": apart.value}
    return {
        "judged": signals_words.MEASURES[measure], "pairs": one.pairs, "agreed": one.agreed,
        **{name: None if value is None else 100 * value for name, value in values.items()},
        "between": between(apart, digits=3, sign=True) or "", "words": one.words,
    }  # fmt: skip


def before() -> None:
    """What asking would cost: calls a day x tokens x price."""
    tables.section("What would it cost?", "ai_estimate", "Calls a day x tokens x price; prices are the provider's")
    columns = st.columns(4)
    calls = columns[0].number_input("Calls a day", 0.0, 100_000.0, 48.0, 1.0, format="%.0f", key="ai_calls_day")
    asked = columns[1].number_input("Tokens asked", 0.0, 1e6, 1500.0, 100.0, format="%.0f", key="ai_asked")
    prompt = columns[2].number_input("USD a million asked", 0.0, 1000.0, 0.15, 0.05, key="ai_price_asked")
    answer = columns[3].number_input("USD a million answered", 0.0, 1000.0, 0.60, 0.05, key="ai_price_answered")
    month = columns[0].number_input("Month's budget, USD", 0.0, 100_000.0, 10.0, 1.0, key="ai_month")
    day = columns[1].number_input("Day's budget, USD", 0.0, 10_000.0, 0.30, 0.05, key="ai_day")
    made = estimate(calls, asked, 90.0, (prompt, answer), (day, month))
    held = f" About {made.held_back:.0f} calls a day would not be made." if made.held_back else ""
    lasts = "the whole month" if made.days >= 31 else f"{made.days:.1f} days"
    st.write(f"{made.day:.4f} USD a day, {made.call:.6f} a call; the month's budget lasts {lasts}.{held}")
    st.caption("`run_engine.py ai estimate` reckons it for your own slots, with the provider's prices.")
