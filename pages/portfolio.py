"""Portfolio: what is held, is it one bet or many, and what would a bad day do to it?"""

from typing import Any

import streamlit as st

from app import portfolio_data, ui, units
from app import portfolio_views as views
from app.tiles import halves
from engine.config import sectors

PAGE = {"group": "Results", "title": "Portfolio", "place": 6}

WINDOWS = (30, 60, 90, 180, 365)


def main(page: ui.Page) -> None:
    """The page, top to bottom."""
    curve = portfolio_data.daily(page.engine, page.run)
    if curve is None:
        ui.empty(
            "No equity stored yet",
            "A portfolio is measured against equity, whose first point comes with the first close of the finest timeframe.",
        )
        return
    known, wrong = sectors.sectors(portfolio_data.named(page.engine, page.run_id))
    if wrong:
        st.warning(wrong)
    window = choices()
    view, more = portfolio_data.view(page, curve, known, window, units.current())
    views.head(view)
    if not view.now:
        held = (
            f"the mean of the last {window} days is shown"
            if view.holdings
            else f"nor was anything in the last {window} days"
        )
        st.caption(f"Nothing is held {'now' if page.trading else 'at the end of this backtest'}; {held}.")
    missing = [one.symbol for one in view.holdings if one.symbol not in view.symbols]
    if missing:
        st.caption(
            f"No or too few candles of {', '.join(missing)} in this window: risk leaves them out. The page Data fetches them."
        )
    views.maps(view)
    left, right = halves("risk")
    with left:
        views.contributions(view, more.betas)
        views.stressed(view, more.betas)
    with right:
        views.crowded(view, more.ts, more.index, more.gross)
        help_ = "Of daily closes, shrunk so that noise of few days is no structure; what moves together stands together"
        views.together("Symbols move together", "symbols", view.symbols, view.returns, view, help_)
    help_ = "Of closed P&L by UTC day; shrunk likewise: strategies that lose on the same days are one strategy"
    views.together("Strategies earn together", "strategies", more.strategies, more.results, view, help_)
    st.caption(f"Sectors come from a map; `{sectors.own_file().name}` in your own folder changes it.")


def choices() -> int:
    """The window, the unit and the zone."""
    asked = ui.in_url("window", "90", lambda text: text in map(str, WINDOWS))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="choices"):
        options: dict[str, Any] = {"format_func": lambda days: f"{days} days", "key": "window_slide", "width": 300}
        window = st.select_slider(
            "Window", WINDOWS, int(asked), **options, help="days that correlations, betas and risk are measured on"
        )
        units.choose()
    ui.to_url(window="" if window == 90 else window)
    return int(window)


main(ui.current())
