"""Trades: which trades were made, what did they earn, and what was each like?"""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import charts, data, formats, tables, trade_charts, trade_files, trade_filters, trade_view, ui
from app.read import trades
from app.tiles import Tile, tiles

PAGE = {"group": "Results", "title": "Trades", "place": 3}

SIZE = 100


def main(page: ui.Page) -> None:
    """Filters, totals, curve, subtotals, table, detail."""
    offered = trades.choices(page.engine, page.run_id)
    chosen = trade_filters.draw(page, offered)
    sums = data.trade_totals(page.engine, page.run_id, chosen)
    if not sums["trades"]:
        nothing(page, chosen)
        return
    totals(page, sums)
    added(page, chosen, sums)
    grouped(page, chosen, offered)
    seq = listing(page, chosen, int(sums["trades"]))
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


def totals(page: ui.Page, sums: dict[str, Any]) -> None:
    """What the chosen trades add up to."""
    few = "; below 30 trades this says little" if sums["trades"] < 30 else ""
    each = f"{formats.number(sums['expectancy'], sign=True)} a trade"
    factor = sums["profit_factor"]
    ambiguous = f"{sums['ambiguous']:,} ambiguous" if sums["ambiguous"] else None
    both = "mean time; ambiguous: stop and target lay in the same bar, the stop was taken"
    won = f"{sums['wins']:,} won, {sums['losses']:,} lost"
    tiles(
        [
            Tile("Trades", f"{sums['trades']:,}", won, "closed; zero is a draw"),
            Tile("P&L", formats.number(sums["pnl"], sign=True), each, f"{page.quote}, net of fees and funding", sums["pnl"]),
            Tile("In R", formats.number(sums["r"] if sums["with_r"] else None, sign=True), _r(sums),
                 "P&L against what the first stop risked; trades without a stop have none"),
            Tile("Won", formats.percent(sums["win_rate"], 1), None, f"share of trades above zero{few}"),
            Tile("Profit factor", formats.number(factor), None if factor else "no loss yet", f"gains over losses, net{few}"),
            Tile("Fees", formats.number(sums["fees"]), None, f"{page.quote}, entries and exits"),
            Tile("Held", formats.duration(sums["held"]), ambiguous, both),
        ],
        "totals",
    )  # fmt: skip


def _r(sums: dict[str, Any]) -> str | None:
    return None if sums["r_each"] is None else f"{formats.number(sums['r_each'], sign=True)} a trade"


def added(page: ui.Page, chosen: trades.Filter, sums: dict[str, Any]) -> None:
    """The selection's results added up in order of exit."""
    line = data.trade_curve(page.engine, page.run_id, chosen)
    figure = trade_charts.running(line, "P&L", page.quote, page.colors)
    count = f"{sums['trades']:,} trade{'' if sums['trades'] == 1 else 's'}"
    words = f"{count}, {formats.money(sums['pnl'], page.quote, sign=True)} in all"
    st.plotly_chart(figure, theme=None, key="running", config=charts.CONFIG, alt=words)
    st.caption(f"P&L of the chosen trades added up, {page.quote}, net. {words}.")


# ---- subtotals ------------------------------------------------------------------------------------------------------------
GROUP_COLUMNS = {
    "trades": tables.COLUMN.NumberColumn("Trades", format="localized"),
    "win_rate": tables.fraction("Won", "share of trades above zero", digits=1),
    "pnl": tables.amount("P&L", "net of fees and funding", sign=True),
    "expectancy": tables.amount("A trade", "mean P&L", sign=True),
    "r": tables.amount("R", "sum, where R is known", sign=True),
    "profit_factor": tables.amount("Profit factor", "gains over losses, net"),
    "fees": tables.amount("Fees"),
    "held": tables.text("Held", "mean time"),
}


def grouped(page: ui.Page, chosen: trades.Filter, offered: dict[str, Any]) -> None:
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
    frame["held"] = [formats.duration(ms) for ms in frame["held"]]
    columns = {"name": tables.text(label[:1].upper() + label[1:], width="medium"), **GROUP_COLUMNS}
    shade = tables.colored(frame, ["pnl", "expectancy", "r"], page.colors) if len(frame) <= 200 else frame
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
COLUMNS = {
    "exit_ts": tables.moment("Closed"),
    "slot": tables.text("Strategy"),
    "side": tables.text("Side", width=74),
    "pnl": tables.amount("P&L", "net of fees and funding", sign=True),
    "pnl_pct": tables.fraction("P&L %", "of the entry's notional", sign=True),
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


def shown(raw: dict[str, Any]) -> pd.DataFrame:
    """A page of trades as the table shows them."""
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
    for name in ("pnl_pct", "mae", "mfe"):
        frame[name] = pd.to_numeric(frame[name]) * (-100 if name == "mae" else 100)
    return frame


def listing(page: ui.Page, chosen: trades.Filter, count: int) -> int | None:
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
    frame = shown(raw).drop(columns=UNSHOWN)
    shade = tables.colored(frame, ["pnl", "pnl_pct", "r_multiple"], page.colors)
    row = tables.table(shade, COLUMNS, key=key, height=tables.tall(len(raw["seq"]), 14), select=True)
    seq = int(raw["seq"][row]) if row is not None and row < len(raw["seq"]) else None
    if seq is not None:
        ui.to_url(trade=seq)
        return seq
    wanted = ui.in_url("trade", "", str.isdigit)
    if not wanted:
        st.caption("Select a row to see the trade: its candles, its fills, why it was made, and your note on it.")
    return int(wanted) if wanted else None


main(ui.current())
