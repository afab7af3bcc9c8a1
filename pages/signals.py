"""Signals: which signals were worth taking, how long did they last, and what did each rule that blocked one save or cost?"""

from typing import Any

import numpy as np
import streamlit as st

from app import jobs, signals_data, signals_views, signals_words, steering_views, tables, trade_filters, ui, units
from app.signals_data import Chosen
from app.tiles import halves
from engine.research.signal_book import FACETS, MEASURES, OWN, SignalBook

PAGE = {"group": "Results", "title": "Signals", "place": 5}

SIZE = 100
DAY_MS = 86_400_000
PERIODS = {"all": "all time", "7": "7 d", "30": "30 d", "90": "90 d"}
GROUPS = ("strategy", "symbol", "side", "regime", "tag", "fate", "rule", "config")
ORDERS = {"newest": "newest first", "oldest": "oldest first", "best": "best first", "worst": "worst first"}


def main(page: ui.Page) -> None:
    """Filters, numbers, funnel and decay, groups, rules, calibration, table."""
    book = signals_data.book(page.engine, page.run_id)
    if not len(book):
        nothing(page)
        return
    chosen, measure = choices(book)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="choices"):
        units.choose()
    followed(page, book)
    made = signals_data.judged(page.engine, page.run_id, chosen, measure)
    if not len(made.book):
        ui.empty("No signal fits these filters", "Widen them; they are kept in the address of this page.")
        return
    signals_views.head(made, measure)
    left, right = halves("signals")
    with left:
        signals_views.funnel(made, page.colors)
    with right:
        signals_views.decay(made, page.colors)
    signals_views.groups(
        lambda facet: signals_data.by(page.engine, page.run_id, chosen, measure, facet), GROUPS, page.colors
    )
    signals_views.ledger(
        lambda in_r: signals_data.rules(page.engine, page.run_id, chosen, measure, in_r=in_r),
        measure,
        book.quote,
        float(page.run["cash_start"]),
        page.colors,
    )
    signals_views.calibration(made.calibration, page.colors)
    steering_views.weights(page)
    listing(page, made.book, (chosen, measure), measure)


def nothing(page: ui.Page) -> None:
    """A run without a signal."""
    if page.trading:
        ui.empty(
            "No strategy has signalled yet", "A signal is a change of a strategy's mind at the end of one of its bars."
        )
    else:
        ui.empty(
            "This backtest stored no signal",
            "Its strategies never asked for an entry or an exit: try other parameters.",
        )


def choices(book: SignalBook) -> tuple[Chosen, str]:
    """The filter row; all of it lives in the address."""
    wanted = {}
    with st.grid("auto", min_column_width=128, gap="small", key="filters_signals"):
        measure = trade_filters.choice(
            "Judged by", "measure", {name: signals_words.MEASURES[name] for name in MEASURES}, OWN,
            help=f"own exits: {signals_views.ABOUT_OWN}. Bars: {signals_views.ABOUT_BARS}",
        )  # fmt: skip
        period = trade_filters.choice("Period", "days", PERIODS, "all")
        for facet in FACETS:
            names = [name for name in book.facets[facet].names if name or facet != "rule"]
            if len(names) < 2 and facet not in ("strategy", "symbol", "fate"):
                continue
            label = signals_words.FACETS[facet]
            offered = {"": "any", **{name or "-": signals_words.name(facet, name) for name in names}}
            wanted[facet] = trade_filters.choice(label[:1].upper() + label[1:], f"s_{facet}", offered)
    picked = tuple((facet, "" if name == "-" else name) for facet, name in wanted.items() if name)
    last = int(book.raw["decided_ts"][-1])
    since = 0 if period == "all" else last // DAY_MS * DAY_MS - (int(period) - 1) * DAY_MS
    return Chosen(picked, since), measure


def followed(page: ui.Page, book: SignalBook) -> None:
    """How many signals wait for their outcome, and asking for it."""
    uuid = st.query_params.get("job", "")
    if uuid and jobs.job(uuid) is not None:
        jobs.watch(uuid)
    waits = int((book.entry & (book.raw["resolved"] == 0)).sum())
    if not waits:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="signals_follow"):
        st.caption(
            f"{waits:,} of {int(book.entry.sum()):,} entries are not followed up to the end: bars still come, or nobody asked."
        )
        if st.button(
            "Follow up now", key="follow", help="a worker reads the run's bars and fills in what came after each signal"
        ):
            ui.to_url(job=jobs.ask("outcomes", {"run_id": page.run_id}, f"signals of {page.run['name']}"))
            st.rerun()


# ---- the table ------------------------------------------------------------------------------------------------------------
def ordered(some: SignalBook, order: str, measure: str) -> Any:
    """Row numbers in the order asked for; what has no outcome comes last."""
    if order in ("best", "worst"):
        value = some.returns(measure)
        return np.argsort(np.where(np.isfinite(value), -value if order == "best" else value, np.inf), kind="stable")
    rows = np.argsort(some.raw["decided_ts"], kind="stable")
    return rows if order == "oldest" else rows[::-1]


def listing(page: ui.Page, some: SignalBook, asked: Any, measure: str) -> None:
    """Every signal, exits too, a page at a time."""
    help = "Taken or blocked; percent are net of costs. Downloads hold every row of these filters"
    with tables.section("Every signal", "signals", help), st.container(horizontal=True, gap="small", width="content"):
        order = trade_filters.choice("Order", "order", ORDERS, "newest", label_visibility="collapsed", width=150)
        tables.downloads(lambda: signals_views.shown(some), "signals")
    rows = ordered(some, order, measure)
    pages, number = (len(rows) + SIZE - 1) // SIZE, 1
    if pages > 1:
        wanted = ui.in_url("page", "1", lambda text: text.isdigit() and 1 <= int(text) <= pages)
        number = st.pagination(pages, default=int(wanted), key=f"page_{hash((asked, order))}")
        ui.to_url(page="" if number == 1 else number)
    here = rows[(number - 1) * SIZE : number * SIZE]
    frame = signals_views.shown(some.take(here))
    shade = tables.colored(frame, [*signals_views.PERCENT[:6], "pnl"], page.colors)
    key = f"signals_{page.run_id}_{hash((asked, order))}_{number}"
    row = tables.table(shade, signals_views.COLUMNS, key=key, height=tables.tall(len(frame), 14), select=True)
    if row is not None and row < len(here):
        at = int(here[row])
        signals_views.detail(some, at, signals_data.one(page.engine, page.run_id, int(some.raw["seq"][at])))
    else:
        st.caption("Select a row to see the signal's checks and distances.")


main(ui.current())
