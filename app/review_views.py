"""The parts of the review: why a stretch of time earned what it did. Values in, charts and tables out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import charts, formats, result_charts, result_shapes, review_data, review_try, tables, ui
from app.read import review as read
from app.result_data import Result
from app.review_data import Cost, Span, Week
from app.rooms import FOLDER
from app.tiles import Tile, tiles
from app.units import Units
from engine.analytics import attribution
from engine.analytics.review import Place, Version
from engine.analytics.values import Floats
from engine.research.study import Study

JUDGED = {
    "broken": "This is not bad luck alone: {worse} of draws did as badly",
    "rare": "Rare, but it happens: {worse} of draws did as badly",
    "luck": "Within what {whose} expects: {worse} of draws did as badly",
    "good": "Better than the middle of what {whose} expects: {worse} of draws did no better",
}


@dataclass(frozen=True, eq=False)
class View:
    """What every part needs."""

    page: ui.Page
    found: Result
    span: Span
    now: Week
    before: Week | None
    study: Study | None
    cost: Cost
    units: Units = field(default_factory=Units)

    @property
    def start(self) -> float:
        """The run's capital at its start: what percent are of."""
        return self.found.account.curve.start

    @property
    def each(self) -> Floats:
        """float64[trades of the run]: money of each in the chosen unit; NaN where R is unknown."""
        return self.units.each(self.found.account.trades, self.start)

    @property
    def in_r(self) -> bool:
        return self.units.unit == "r"

    def total(self, week: Week | None, column: Floats) -> float | None:
        """The sum of a column of the run's trades (money) over those closed in that time, in the chosen unit; in R without the
        trades that had no stop. None where there was no such time."""
        return None if week is None else float(np.nansum((column * self.each)[week.inside]))

    def pnl(self, week: Week | None) -> float | None:
        """What was earned: by equity at market, or in R by closed trades, for nothing else has an R."""
        if self.in_r:
            return self.total(week, self.found.account.trades.pnl)
        return self.units.amount(week.pnl, self.start) if week is not None else None

    def made(self, value: float | None, *, sign: bool = True) -> str:
        """An amount that is in the chosen unit already."""
        return self.units.written(value, self.page.quote, sign=sign)

    def attempt(self, key: str, strategy: str = "", symbols: tuple[str, ...] = ()) -> None:
        review_try.button(self.page, self.study, key, self.span.since, self.span.until, strategy, symbols)


def head(view: View) -> None:
    """This time in one sentence, and beside the one before and the market."""
    now, before, held = view.now, view.before, review_data.market(view.now.account)
    pnl = view.pnl(now) or 0.0
    verb = "Lost" if pnl < 0 else "Earned"
    lasted = formats.duration(view.span.until - view.span.since)
    how = " by closed trades" if view.in_r else ""
    st.text(f"{verb} {view.made(abs(pnl), sign=False)}{how} in the {lasted} to {view.units.stamp(view.span.until)}.")
    if view.in_r and view.cost.without:
        st.caption(f"{formats.many(view.cost.without, 'trade')} without a stop: no R, so left out of every sum in R.")
    trades = view.found.account.trades
    n, early = int(now.inside.sum()), int(before.inside.sum()) if before is not None else None
    won = int((trades.pnl[now.inside] > 0).sum())
    prior = formats.percent(before.grown if before else None, sign=True)
    fees, paid = view.total(now, trades.fees), view.total(before, trades.fees)
    tiles(
        [
            Tile("This time", formats.percent(now.grown, sign=True), view.made(view.pnl(now)),
                 "equity at market, net, cash flows apart" + ("; R: closed trades" if view.in_r else ""), sign=now.pnl or 0.0),
            Tile("The time before", prior, view.made(view.pnl(before)), "as long a stretch, right before"),
            Tile("Market held", formats.percent(held, sign=True), _against(now.grown, held), "the run's symbols, no costs"),
            Tile("Trades closed", f"{n:,}", f"{early:,} before" if early is not None else None),
            Tile("Won", formats.percent(won / n if n else None, 0), f"{won:,} of {n:,}"),
            Tile("Fees", view.made(fees, sign=False), f"{view.made(paid, sign=False)} before" if before is not None else None),
        ],
        "review",
    )  # fmt: skip


def _against(own: float | None, held: float | None) -> str:
    if held is None:
        return "no candles of these days"
    gap = (own or 0.0) - held
    return f"{formats.percent(abs(gap))} {'better' if gap > 0 else 'worse'} than that"


def luck(view: View, placed: Place | str, against: str) -> None:
    """Where this time falls among what the backtest would do."""
    help_ = (
        "As many trades in a row, drawn 2,000 times from the backtest in blocks; results over what was paid to enter"
    )
    with tables.section("Bad luck, or broken?", "luck", help_):
        view.attempt("luck")
    if isinstance(placed, str):
        st.caption(f"Cannot be said: {placed}. Run the same strategies as a backtest and save it.")
        return
    said = JUDGED[placed.judged].format(
        worse=_share(placed.share), whose="its past" if against.startswith("its own") else "its backtest"
    )
    st.text(f"{said}.")
    colors = view.page.colors
    marks = [
        (placed.value * 100, "this time", colors.accent),
        (placed.low * 100, "5 %", colors.muted),
        (placed.high * 100, "95 %", colors.muted),
    ]
    figure = result_charts.distribution(placed.drawn * 100, marks, colors)
    figure.update_traces(marker={"color": colors.outage})
    st.plotly_chart(figure, theme=None, key="luck", config=charts.CONFIG, alt=said)
    few = " Few trades: the range is wide." if placed.trades < 30 else ""
    value, low, high = (formats.percent(one, sign=True) for one in (placed.value, placed.low, placed.high))
    st.caption(
        f"{placed.trades:,} trades made {value} of what was paid to enter, added up; 90 % of draws lie from {low} to {high}. "
        f"Measured against {against} ({placed.tested:,} trades).{few}"
    )


def _share(share: float) -> str:
    return "less than 1 %" if share < 0.01 else "more than 99 %" if share > 0.99 else f"{share * 100:.0f} %"


def waterfall(view: View, slippage: Any, asked: float) -> None:
    """From gross to net; `asked` is what questions to models cost in this time, which has no R."""
    trades, each = view.found.account.trades, view.each
    inside = view.now.inside & np.isfinite(each)
    made = attribution.waterfall(
        *(part[inside] * each[inside] for part in (trades.pnl, trades.fees, slippage, trades.funding)),
        0.0 if view.units.unit == "r" else view.units.amount(asked, view.start),
    )
    about = "Closed trades; gross is at the prices before slippage" + (
        "; AI: what asking cost, in USD" if asked else ""
    )
    with tables.section(f"From gross to net, {view.units.ending(view.page.quote).strip()}", "review_costs", about):
        view.attempt("costs")
    steps = attribution.steps(made)
    figure = result_shapes.waterfall(
        list(steps), list(steps.values()), view.page.colors, ending=view.units.ending(view.page.quote)
    )
    st.plotly_chart(
        figure,
        theme=None,
        key="review_costs",
        config=charts.CONFIG,
        alt=f"gross {made.gross:,.2f}, net {made.net:,.2f}",
    )
    paid = -(made.fees + made.slippage + made.funding + made.ai)
    if made.gross > 0 > made.net:
        cost = view.units.written(paid, view.page.quote, sign=False)
        st.caption(f"The trades were right and the costs ate it: {cost} paid on a gross gain.")


def causes(view: View) -> None:
    """The three parts of the result that cost most; all parts add up to net."""
    found = view.cost.causes
    raw = tables.frame_of([vars(one) for one in found], ["name", "ended", "total", "trades"])
    tables.heading(
        "Three causes that cost most",
        "causes",
        raw,
        "Slot and kind of exit before costs, and each cost once: all parts add up to net",
    )
    shown = raw[raw["total"] < 0].head(3).copy()
    if shown.empty:
        st.caption("Nothing cost: every part of this time's result was a gain.")
        return
    shown["ended"] = [formats.exit_reason(code) if code else "" for code in shown["ended"]]
    if not view.in_r:
        shown["total"] = view.units.amount(shown["total"], view.start)
    columns = {
        "name": tables.text("What"),
        "ended": tables.text("Ended by", width=110),
        "total": view.units.column("Made", view.page.quote),
        "trades": tables.COLUMN.NumberColumn("Trades", format="localized", width=70),
    }
    tables.table(shown, columns, key="causes")
    by = {formats.slot(s["strategy"], s["symbol"], s["label"]): s for s in view.found.slots}
    for k, name in enumerate(dict.fromkeys(shown["name"])):
        slot = by.get(str(name))
        if slot is not None and view.study is not None:
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"cause_{k}"):
                st.text(str(name))
                view.attempt(f"cause_{k}", str(slot["strategy"]), (str(slot["symbol"]),))


def worst(view: View) -> None:
    """The five trades that cost most; a chosen one opens on its page."""
    which, own, names = view.cost.worst, view.found.trades, review_data.slot_names(view.found)
    raw = pd.DataFrame(
        {
            "seq": own["seq"][which], "exit_ts": own["exit_ts"][which], "slot": names[which],
            "side": [formats.side(d) for d in own["direction"][which]], "pnl": own["pnl"][which],
            "r": np.asarray(own["r_multiple"], np.float64)[which], "mfe": np.asarray(own["mfe"], np.float64)[which] * 100,
            "ended": [formats.exit_reason(str(code)) for code in own["exit_reason"][which]],
        }
    )  # fmt: skip
    with tables.section("Five trades that cost most", "worst", "Select one to open it on the page Trades"):
        if which.size:
            slot = next(one for one in view.found.slots if one["id"] == int(own["slot_id"][which[0]]))
            view.attempt("worst", str(slot["strategy"]), (str(slot["symbol"]),))
        tables.downloads(raw, "worst")
    if raw.empty:
        st.caption("No trade lost in this time.")
        return
    shown = raw.assign(exit_ts=tables.utc(raw["exit_ts"]), pnl=raw["pnl"] * view.each[which])
    columns = {
        "exit_ts": tables.short_moment("Closed"),
        "slot": tables.text("Slot"),
        "side": tables.text("Side", width=70),
        "pnl": view.units.column("P&L", view.page.quote),
        **({} if view.in_r else {"r": tables.amount("R", "result over what the first stop risked", sign=True)}),
        "ended": tables.text("Ended by", width=100),
        "mfe": tables.fraction("Best", "how far it had been ahead at best, of the entry price"),
    }
    row = tables.table(shown, columns, key="worst", select=True)
    if row is not None and row < len(raw):
        st.switch_page(
            str(FOLDER / "trades.py"),
            query_params={"run": str(view.page.run["name"]), "trade": str(int(raw["seq"].iloc[row]))},
        )


def signals(view: View, found: list[dict[str, Any]]) -> None:
    """Entry signals that led to nothing, and what those that were followed up would have made."""
    raw = tables.frame_of(found, ["status", "reason", "signals", "followed", "mean"])
    with tables.section(
        "Signals missed and blocked", "blocked", "Refused by a rule, or passed while the engine could not act"
    ):
        if found:
            view.attempt("blocked")
        tables.downloads(raw, "blocked")
    if raw.empty:
        st.caption("None: every entry signal of this time became an order.")
        return
    shown = raw.copy()
    shown["reason"] = [formats.words(str(text)) or "no reason given" for text in raw["reason"]]
    shown["mean"] = pd.to_numeric(raw["mean"]) * 100
    columns = {
        "status": tables.text("What", width=80),
        "reason": tables.text("Why"),
        "signals": tables.COLUMN.NumberColumn("Signals", format="localized", width=75),
        "followed": tables.COLUMN.NumberColumn("Followed", help="whose outcome is known", format="localized", width=80),
        "mean": tables.fraction("Would have made", "mean of those followed, net, with the slot's own exits", sign=True),
    }
    tables.table(shown, columns, key="blocked", height=tables.tall(len(shown), 8))


def breakers(view: View, found: list[dict[str, Any]]) -> None:
    """What held the account back, with the numbers that caused it."""
    raw = tables.frame_of(found, ["ts", "breaker", "action", "level", "value", "threshold", "reason"])
    with tables.section("Breakers", "review_breakers", "Trips, releases and ends in this time"):
        if found:
            view.attempt("breakers")
        tables.downloads(raw, "breakers")
    if raw.empty:
        st.caption("None tripped.")
        return
    shown = raw.assign(ts=tables.utc(raw["ts"]))
    shown["breaker"] = [formats.breaker(str(name)) for name in raw["breaker"]]
    shown["level"] = [formats.words(str(code)) for code in raw["level"]]
    columns = {
        "ts": tables.short_moment("When"),
        "breaker": tables.text("Breaker"),
        "action": tables.text("", width=70),
        "level": tables.text("Account", width=90),
        "value": tables.COLUMN.NumberColumn("At", format="%.4g", width=70),
        "threshold": tables.COLUMN.NumberColumn("Limit", format="%.4g", width=70),
    }
    tables.table(shown, columns, key="review_breakers", height=tables.tall(len(shown), 8))


def changed(view: View, changes: list[read.Change], markers: list[dict[str, Any]]) -> None:
    """What was changed in configuration and code in this time."""
    with tables.section(
        "What was changed", "changed", "Versions of the configuration that came into force, and other code"
    ):
        view.attempt("changed")
    mine = [one for one in changes if view.span.since <= one.ts <= view.span.until]
    if not mine and not markers:
        st.caption("Nothing: the same configuration and code all along.")
    for one in reversed(mine[-5:]):
        st.text(
            f"{view.units.stamp(one.ts)}, configuration {one.hash[:8]}{', from ' + one.source if one.source else ''}"
        )
        if one.diff:
            st.code(one.diff, language="diff")
    for mark in markers[:8]:
        st.text(f"{view.units.stamp(mark['ts'])}, {mark['kind']}: {mark['text'] or 'no words stored'}")


def results(view: View, found: list[Version]) -> None:
    """Since the start: results by version of configuration and code, each beside the one before."""
    rows = [_version(one) for one in found]
    raw = tables.frame_of(rows, ["name", "trades", "total", "won", "mean", "low", "high", "judged"])
    tables.heading(
        "Results by configuration and code",
        "versions",
        raw,
        "All closed trades of the run, by the version they were opened under; the newest at the end",
    )
    if raw.empty:
        st.caption("No trade has been closed yet.")
        return
    shown = raw.tail(12).copy()
    write = (lambda value: formats.number(value, 2)) if view.in_r else formats.percent
    shown["between"] = [
        "" if pd.isna(low) else f"{write(low)} to {write(high)}"
        for low, high in zip(shown["low"], shown["high"], strict=True)
    ]
    shown["won"] *= 100
    if not view.in_r:
        shown["mean"] *= 100
        shown["total"] = view.units.amount(shown["total"], view.start)
    columns = {
        "name": tables.text("Version", width="medium"),
        "trades": tables.COLUMN.NumberColumn("Trades", format="localized", width=70),
        "total": view.units.column("P&L", view.page.quote),
        "won": tables.fraction("Won", digits=0),
        "mean": tables.amount("A trade", "mean R of a trade", sign=True)
        if view.in_r
        else tables.fraction("A trade", "mean result over what was paid to enter", sign=True, digits=3),
        "between": tables.figure("90 % interval", "of that mean"),
        "judged": tables.text(
            "Against the one before", "by the 90 % interval of the difference of the two means; at least 30 trades each"
        ),
    }
    tables.table(shown, columns, key="versions")


def _version(one: Version) -> dict[str, Any]:
    low, high = one.between or (None, None)
    return {"name": one.name, "trades": one.trades, "total": one.total, "won": one.wins / one.trades, "mean": one.mean,
            "low": low, "high": high, "judged": one.judged}  # fmt: skip
