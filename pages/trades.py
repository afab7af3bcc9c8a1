"""Trades: which trades were made, what did they earn, and what was each like?"""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import charts, data, formats, tables, trade_charts, trade_files, trade_filters, trade_view, ui, units
from app.read import trades
from app.tiles import Tile, tiles

PAGE = {"group": "Results", "title": "Trades", "place": 3}

SIZE = 100


def main(page: ui.Page) -> None:
    """Filters, totals, curve, subtotals, table, detail."""
    offered = trades.choices(page.engine, page.run_id)
    chosen = trade_filters.draw(page, offered, units.choose)
    how = units.current()
    sums = data.trade_totals(page.engine, page.run_id, chosen)
    if not sums["trades"]:
        nothing(page, chosen)
        return
    totals(page, sums, how)
    added(page, chosen, sums, how)
    grouped(page, chosen, offered, how)
    seq = listing(page, chosen, int(sums["trades"]), how)
    if seq is not None:
        trade_view.show(page, seq)


def nothing(page: ui.Page, chosen: trades.Filter) -> None:
    if chosen != trades.Filter():
        ui.empty("No trade fits these filters", "Widen them; they are kept in the address of this page.")
    elif page.trading:
        ui.empty(
            "No trade has been closed yet",
            "What is open is on the page Positions; it becomes a trade when closed.",
        )
    else:
        ui.empty(
            "This backtest closed no trade",
            "Its strategy never signalled, or every entry was refused.",
        )
    trade_files.bring_in()


def start_of(page: ui.Page) -> float:
    """The run's capital at its start."""
    return float(page.run["cash_start"])


def totals(page: ui.Page, sums: dict[str, Any], how: units.Units) -> None:
    """What the chosen trades add up to."""
    few = "; below 30 trades this says little" if sums["trades"] < 30 else ""
    earned, mean, fees = (how.amount(sums[name], start_of(page)) for name in ("pnl", "expectancy", "fees"))
    each = f"{formats.number(mean, 3 if how.unit == 'percent' else 2, sign=True)} a trade"
    unit, short = how.worded(page.quote, result=False), how.ending(page.quote, result=False).strip()
    factor = sums["profit_factor"]
    ambiguous = f"{sums['ambiguous']:,} ambiguous" if sums["ambiguous"] else None
    both = "mean time; ambiguous: stop and target lay in the same bar, the stop was taken"
    won = f"{sums['wins']:,} won, {sums['losses']:,} lost"
    tiles(
        [
            Tile("Trades", f"{sums['trades']:,}", won, "closed; zero is a draw"),
            Tile(f"P&L, {short}", _amount(earned, how), each, f"{unit}, net of fees and funding", sums["pnl"]),
            Tile("In R", formats.number(sums["r"] if sums["with_r"] else None, sign=True), _r(sums),
                 "P&L against what the first stop risked; trades without a stop have none"),
            Tile("Won", formats.percent(sums["win_rate"], 1), None, f"share of trades above zero{few}"),
            Tile("Profit factor", formats.number(factor), None if factor else "no loss yet", f"gains over losses, net{few}"),
            Tile(f"Fees, {short}", _amount(fees, how, sign=False), None, f"{unit}, entries and exits"),
            Tile("Held", formats.duration(sums["held"]), ambiguous, both),
        ],
        "totals",
    )  # fmt: skip


def _amount(value: float | None, how: units.Units, *, sign: bool = True) -> str:
    text = formats.number(value, sign=sign)
    return f"{text} %" if how.unit == "percent" and text != formats.DASH else text


def _r(sums: dict[str, Any]) -> str | None:
    return None if sums["r_each"] is None else f"{formats.number(sums['r_each'], sign=True)} a trade"


def added(page: ui.Page, chosen: trades.Filter, sums: dict[str, Any], how: units.Units) -> None:
    """The selection's results added up in order of exit."""
    line = data.trade_curve(page.engine, page.run_id, chosen, how.unit == "r")
    total = line["total"] if how.unit == "r" else how.amount(line["total"], start_of(page))
    shown = {"ts": how.local(line["ts"]), "total": total}
    figure = trade_charts.running(shown, "P&L", how.ending(page.quote).strip(), page.colors)
    whole = sums["r"] if how.unit == "r" else how.amount(sums["pnl"], start_of(page))
    words = f"{formats.many(sums['trades'], 'trade')}, {how.written(whole, page.quote)} in all"
    st.plotly_chart(figure, theme=None, key="running", config=charts.CONFIG, alt=words)
    left_out = sums["trades"] - sums["with_r"] if how.unit == "r" else 0
    more = f" {formats.many(left_out, 'trade')} without a stop left out." if left_out else ""
    st.caption(f"P&L of the chosen trades added up, {how.worded(page.quote)}, net. {words}.{more}")


# ---- subtotals ------------------------------------------------------------------------------------------------------------
def group_columns(page: ui.Page, how: units.Units) -> dict[str, Any]:
    """Of the subtotals."""
    own = how if how.unit != "r" else units.Units(zone=how.zone)  # R has columns of its own
    return {
        "trades": tables.COLUMN.NumberColumn("Trades", format="localized"),
        "win_rate": tables.fraction("Won", "share of trades above zero", digits=1),
        "pnl": own.column("P&L", page.quote, "net of fees and funding"),
        "expectancy": own.column("A trade", page.quote, "mean P&L"),
        "r": tables.amount("R", "sum, where R is known", sign=True),
        "r_each": tables.amount("R a trade", "mean, where R is known", sign=True),
        "profit_factor": tables.amount("Profit factor", "gains over losses, net"),
        "fees": own.column("Fees", page.quote, sign=False),
        "held": tables.text("Held", "mean time"),
    }


def grouped(page: ui.Page, chosen: trades.Filter, offered: dict[str, Any], how: units.Units) -> None:
    """Subtotals by what the person asks for; a row that is chosen narrows the filters to it."""
    names = {"": "no subtotals", **{name: f"by {label}" for name, (label, _) in trades.GROUPS.items()}}
    by = trade_filters.choice("Subtotals", "by", names, width=220, label_visibility="collapsed")
    if not by:
        return
    found = data.trade_groups(page.engine, page.run_id, chosen, by)
    if not found:
        st.caption("None of these trades has a tag or a mistake yet: the journal gives them.")
        return
    frame = pd.DataFrame(found)
    label = trades.GROUPS[by][0]
    tables.heading(f"By {label}", "groups", frame.copy(), "choose a row to see its trades alone")
    frame["name"] = [_group_name(by, key, offered) for key in frame["key"]]
    frame["win_rate"] = frame["win_rate"] * 100
    for name in ("pnl", "expectancy", "fees"):
        frame[name] = how.amount(frame[name], start_of(page))
    frame["held"] = [formats.duration(ms) for ms in frame["held"]]
    columns = {"name": tables.text(label[:1].upper() + label[1:], width="medium"), **group_columns(page, how)}
    shade = tables.colored(frame, ["pnl", "expectancy", "r", "r_each"], page.colors) if len(frame) <= 200 else frame
    row = tables.table(
        shade, columns, key=f"groups_{by}_{hash(chosen)}", select=True, height=tables.tall(len(frame), 9)
    )
    narrowed = _narrowed(by, str(frame["key"].iloc[row])) if row is not None and row < len(frame) else None
    if narrowed:
        st.button("Only these trades", key="narrow", on_click=trade_filters.add, kwargs=narrowed)


def _group_name(by: str, key: str, offered: dict[str, Any]) -> str:
    if by == "strategy":
        return formats.strategy(key)
    if by == "exit":
        return formats.exit_reason(key)
    if by == "hour":
        return f"{int(key):02d}:00 UTC"
    if by == "config":
        return trade_filters.configs(offered["config"]).get(key, "none")
    return key or "none"


def _narrowed(by: str, key: str) -> dict[str, str] | None:
    """The filters that mean one group; None where none do."""
    if by in ("symbol", "strategy", "side", "exit", "config", "tag") and key:
        return {by: key}
    if by == "words":
        return {"tag": key}
    if by == "day":
        return {"from": key, "to": key}
    if by == "week":
        return {"from": key, "to": str(np.datetime64(key) + np.timedelta64(6, "D"))}
    if by == "month":
        last = (np.datetime64(key, "M") + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
        return {"from": f"{key}-01", "to": str(last)}
    return None


# ---- the table ------------------------------------------------------------------------------------------------------------
def columns_of(page: ui.Page, how: units.Units) -> dict[str, Any]:
    """Of the table, results in the chosen unit; in R the money stays, for R has a column of its own."""
    own = how if how.unit != "r" else units.Units(zone=how.zone)
    first = ("exit_ts", "slot", "side", *(("r_multiple", "pnl") if how.unit == "r" else ("pnl", "r_multiple")))
    amounts = {"pnl": own.column("P&L", page.quote, "net of fees and funding"),
               "fees": own.column("Fees", page.quote, sign=False)}  # fmt: skip
    every = {**COLUMNS, **amounts}
    return {name: every[name] for name in dict.fromkeys([*first, *every])}


COLUMNS = {
    "exit_ts": tables.moment("Closed"),
    "slot": tables.text("Strategy"),
    "side": tables.text("Side", width=74),
    "pnl": tables.amount("P&L", "net of fees and funding", sign=True),
    "pnl_pct": tables.fraction("Return", "P&L of what was paid to enter", sign=True),
    "r_multiple": tables.amount("R", "P&L against what the first stop risked", sign=True),
    "exit": tables.text("Exit"),
    "held": tables.text("Held", width=96),
    "tag": tables.text("Tag", "of the signal", 84),
    "stars": tables.text("★", "your rating", 60),
    "note": tables.text("Note", "yours; written below, or on the page Journal"),
    "entry_price": tables.figure("Entry"),
    "exit_price": tables.figure("Exit price"),
    "qty": tables.figure("Quantity"),
    "fees": tables.amount("Fees"),
    "mae": tables.fraction("Worst", "maximum adverse excursion", sign=True),
    "mfe": tables.fraction("Best", "maximum favourable excursion", sign=True),
}


UNSHOWN = ["entry_ts", "label", "strategy", "funding", "bars_held", "ambiguous", "exit_word", "config_version_id", "reviewed",
           "rating"]  # fmt: skip
# read for what is shown, or for the download: styling costs by the cell


def shown(raw: dict[str, Any], how: units.Units, start: float) -> pd.DataFrame:
    """A page of trades as the table shows them; `start` is the run's capital."""
    frame = pd.DataFrame(raw)
    frame["slot"] = [
        formats.slot(s, y, label) for s, y, label in zip(raw["strategy"], raw["symbol"], raw["label"], strict=True)
    ]
    frame["side"] = [formats.side(d) for d in raw["direction"]]
    words = zip(raw["exit_word"], raw["exit_reason"], strict=True)
    frame["exit"] = [word or formats.exit_reason(code) for word, code in words]
    frame["held"] = [formats.duration(ms) for ms in raw["exit_ts"] - raw["entry_ts"]]
    frame["stars"] = ["★" * int(n) if n and not pd.isna(n) else "" for n in raw["rating"]]
    frame["exit_ts"] = tables.utc(frame["exit_ts"])
    tables.written(frame, entry_price=formats.price, exit_price=formats.price, qty=formats.quantity)
    for name in ("pnl", "fees"):
        frame[name] = how.amount(frame[name], start)
    for name in ("pnl_pct", "mae", "mfe"):
        frame[name] = pd.to_numeric(frame[name]) * (-100 if name == "mae" else 100)
    return frame


def listing(page: ui.Page, chosen: trades.Filter, count: int, how: units.Units) -> int | None:
    """One page of the table; returns the chosen trade's number, which lives in the URL."""
    with tables.section("Trades", "trades"), st.container(horizontal=True, gap="small", width="content"):
        order = trade_filters.choice(
            "Order", "order", trade_filters.SORTS, "newest", label_visibility="collapsed", width=180
        )
        trade_files.download(page, chosen)
        trade_files.bring_in()
    pages = (count + SIZE - 1) // SIZE
    number = 1
    if pages > 1:
        wanted = ui.in_url("page", "1", lambda text: text.isdigit() and 1 <= int(text) <= pages)
        number = st.pagination(pages, default=int(wanted), key=f"page_{hash((chosen, order))}")
        ui.to_url(page="" if number == 1 else number)
    raw = trades.page(page.engine, page.run_id, chosen, order, number, SIZE)
    key = f"trades_{page.run_id}_{hash((chosen, order))}_{number}"
    frame = shown(raw, how, start_of(page)).drop(columns=UNSHOWN)
    shade = tables.colored(frame, ["pnl", "pnl_pct", "r_multiple"], page.colors)
    row = tables.table(shade, columns_of(page, how), key=key, height=tables.tall(len(raw["seq"]), 14), select=True)
    seq = int(raw["seq"][row]) if row is not None and row < len(raw["seq"]) else None
    if seq is not None:
        ui.to_url(trade=seq)
        return seq
    wanted = ui.in_url("trade", "", str.isdigit)
    if not wanted:
        st.caption("Select a row to see the trade: its candles, its fills, why it was made, and your note on it.")
    return int(wanted) if wanted else None


main(ui.current())
