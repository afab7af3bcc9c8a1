"""The parts of the performance page: an account in, charts and tables out. Numbers come from engine.analytics alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from app import charts, formats, numbers, result_charts, result_data, result_grids, tables, ui
from app.result_charts import Line
from app.tiles import Tile
from app.tiles import numbers as row_of_numbers
from app.units import Units
from engine.analytics import calendar, drawdowns, ratios, rolling, streaks
from engine.analytics.definitions import Account
from engine.analytics.falls import falls
from engine.analytics.table import DEFINITIONS, figures
from engine.analytics.values import MIN_DAYS, Figure, Undefined

SHOWN = (
    "total_return", "net_profit", "sharpe", "sortino", "volatility", "max_drawdown", "calmar", "win_rate", "profit_factor",
    "expectancy", "avg_r", "exposure", "var_95", "cvar_95",
)  # fmt: skip
WINDOWS = (20, 30, 60, 90, 180)
WEEK_DAYS, WEEKS_DAYS = 7, 14
"""From how many days on the week's hours and the calendars say something; before, they are empty cells."""

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """What every part needs: the page, the account of the chosen time, how numbers are wanted; `key` names run and time."""

    page: ui.Page
    account: Account
    units: Units
    key: tuple[Any, ...] = ()

    def kept(self, name: str, make: Callable[[], T], *more: Any) -> T:
        """What `make` makes of the account, made once for each run, time, unit, zone and theme, and `more`."""
        return result_data.kept(
            (*self.key, self.units.unit, self.units.zone, self.page.colors.ground, name, *more), make
        )

    @property
    def ending(self) -> str:
        """Behind a number in the chosen unit."""
        return self.units.ending(self.page.quote)

    @property
    def results(self) -> Any:
        """float64[trades] in the chosen unit; R is NaN for a trade without a stop."""
        return self.account.trades.pnl * self.units.each(self.account.trades, self.account.curve.start)


def head(view: View, ranges: numbers.Intervals) -> None:
    """The numbers looked at first; what says little says so."""
    made = view.kept("head", lambda: figures(view.account, SHOWN))
    items = [in_unit(view, name, tile(made[name], ranges.get(name))) for name in SHOWN]
    row_of_numbers(items, "performance")
    few = next((figure.few for figure in made.values() if figure.few), None)
    if few:
        st.caption(f"{few[0].upper()}{few[1:]}: such numbers are noise as much as skill.")


def in_unit(view: View, name: str, made: Tile) -> Tile:
    """The two amounts of money in the chosen unit; the net profit has no R, the mean trade has."""
    if view.units.unit == "money" or name not in ("net_profit", "expectancy"):
        return made
    if name == "net_profit":
        curve = view.account.curve
        value, few = view.units.amount(curve.final - curve.start - curve.net_flow, curve.start), False
    else:
        known = view.results[np.isfinite(view.results)]
        value, few = (float(known.mean()) if known.size else None), not known.size
    words = view.units.written(value, view.page.quote, result=name == "expectancy")
    return replace(made, value=words, note="no value" if few else None)


def tile(figure: Figure, between: tuple[float, float] | None = None) -> Tile:
    """One statistic with its convention on hover, its interval below."""
    definition = DEFINITIONS[figure.name]
    said = [definition.sentence, *(part for part in (figure.reason, figure.few) if part)]
    note = None
    if between is not None:
        short = definition.unit == "fraction"
        low, high = (formats.percent(end, 1) if short else numbers.written(definition.unit, end) for end in between)
        note = f"{low.removesuffix(' %')} to {high}"
        said.append("Below: 90 % interval by block bootstrap of the days")
    elif figure.value is None:
        note = "no value"
    label = numbers.SHORT.get(
        figure.name, {"var_95": "VaR, a day", "cvar_95": "CVaR, a day"}.get(figure.name, definition.label)
    )
    shown = numbers.written(definition.unit, figure.value, sign=figure.name in numbers.SIGNED)
    return Tile(label, shown, note, ". ".join(part.rstrip(".") for part in said))


def curves(view: View, market: Any, wanted: Sequence[str], log: bool) -> tuple[list[Line], Line]:
    """The lines of the main chart in the chosen unit, and the fall from the peak."""
    account, colors, units = view.account, view.page.colors, view.units
    curve, start = account.curve, account.curve.start
    lines = []
    if units.unit != "r" and "marked" in wanted:
        y = curve.levels if units.unit == "money" else (curve.levels / start - 1) * 100
        lines.append(Line("at market", units.local(curve.level_ts), _log_safe(y, view, log), colors.accent))
    if len(account.trades) and ("realised" in wanted or units.unit == "r"):
        ts, y = _realised(view)
        lines.append(Line("realised", units.local(ts), _log_safe(y, view, log), colors.demo, step=True, width=1.3))
    if market is not None and "market" in wanted and units.unit != "r":
        grown = market.levels / market.start
        y = grown * start if units.unit == "money" else (grown - 1) * 100
        lines.append(
            Line("market held", units.local(market.level_ts), _log_safe(y, view, log), colors.muted, "dot", width=1.3)
        )
    water = Line("drawdown", units.local(curve.level_ts), falls(curve.levels) * 100, colors.loss, width=1)
    return lines, water


def _log_safe(y: Any, view: View, log: bool) -> Any:
    """Growth is logged as a multiple of the start: percent above and R have no logarithm of their own."""
    return y / 100 + 1 if log and view.units.unit == "percent" else y


def _realised(view: View) -> tuple[Any, Any]:
    account, results = view.account, np.nan_to_num(view.results)
    ts = np.concatenate([[account.curve.begun], account.trades.exit_ts])
    base = account.curve.start if view.units.unit == "money" else 0.0
    return ts, base + np.concatenate([[0.0], np.cumsum(results)])


def fell(view: View) -> None:
    """The deepest drawdowns one by one."""
    curve = view.account.curve
    made = view.kept("fell", lambda: drawdowns.worst(curve.level_ts, curve.levels, 5))
    open_ = made.recovered_ts < 0
    end = np.where(open_, curve.level_ts[-1], made.recovered_ts)
    frame = tables.frame_of(
        {
            "depth": made.depth * 100,
            "money": view.units.amount(made.valley - made.peak, curve.start),
            "peak_ts": tables.utc(made.peak_ts),
            "valley_ts": tables.utc(made.valley_ts),
            "recovered": [
                "not yet" if one else view.units.when(ts) for one, ts in zip(open_, made.recovered_ts, strict=True)
            ],
            "fell": [formats.duration(float(ms)) for ms in made.valley_ts - made.peak_ts],
            "lasted": [formats.duration(float(ms)) for ms in end - made.peak_ts],
        },
        ["depth", "money", "peak_ts", "valley_ts", "recovered", "fell", "lasted"],
    )
    tables.heading("Deepest drawdowns", "drawdowns", frame, "On every stored point; free of deposits and withdrawals")
    if frame.empty:
        st.caption("Equity has never been below an earlier peak in this time.")
        return
    columns = {
        "depth": tables.fraction("Depth"),
        "money": view.units.column("Lost", view.page.quote, result=False),
        "peak_ts": tables.moment("Peak"),
        "valley_ts": tables.moment("Lowest"),
        "recovered": tables.text("Recovered"),
        "fell": tables.figure("Fell for"),
        "lasted": tables.figure("Lasted", "from the peak until it was reached again, or until now"),
    }
    tables.table(frame, columns, key="drawdowns")


def moving(view: View) -> None:
    """Sharpe and volatility of a window of days that moves."""
    returns = view.account.returns
    asked = ui.in_url("window", "30", lambda text: text in map(str, WINDOWS))
    with tables.section(
        "Rolling Sharpe and volatility", "rolling", "Of the days up to each day; UTC days, as every ratio here"
    ):
        picked = st.selectbox(
            "Window",
            WINDOWS,
            WINDOWS.index(int(asked)),
            format_func=lambda n: f"{n} days",
            key="window_pick",
            label_visibility="collapsed",
            width=110,
        )
    ui.to_url(window="" if picked == 30 else picked)
    if returns.size <= picked:
        st.caption(
            f"A window of {picked} days needs more than {picked} of them; {formats.many(returns.size, 'day')} so far."
        )
        return
    sharpe, figure = view.kept("rolling", lambda: _rolling(view, picked), picked)
    known = sharpe[np.isfinite(sharpe)]
    words = (
        f"Rolling Sharpe between {known.min():.2f} and {known.max():.2f}"
        if known.size
        else "no window has a Sharpe ratio"
    )
    st.plotly_chart(figure, theme=None, key="rolling", config=charts.CONFIG, alt=words)


def _rolling(view: View, window: int) -> tuple[Any, Any]:
    sharpe, spread = rolling.rolling(view.account.returns, window, view.account.convention)
    ts, colors = (view.account.curve.days[window - 1 :] + 1) * 86_400_000, view.page.colors
    lines = (
        Line("Sharpe", ts, sharpe[window - 1 :], colors.accent),
        Line("volatility a year", ts, spread[window - 1 :] * 100, colors.demo, "dot"),
    )
    return sharpe, result_charts.two_scales(*lines, colors, left_ending="", right_ending=" %")


def calendars(view: View) -> None:
    """Months as a table of cells, days as a calendar."""
    returns, days = view.account.returns, view.account.curve.days
    if not np.isfinite(returns).all() or not days.size:
        st.caption("The account was used up: its days have no returns.")
        return
    if days.size < WEEKS_DAYS:
        tables.section("Months and days", "months", "Returns of UTC months and days, linked and free of deposits")
        st.caption(f"Calendars are drawn from {WEEKS_DAYS} days on; {formats.many(days.size, 'day')} so far.")
        return
    made = calendar.months(days, returns)
    frame = tables.frame_of(
        {
            "year": made.years,
            **{name: made.returns[:, k] for k, name in enumerate(formats.MONTHS)},
            "total": made.total,
        },
        ["year", *formats.MONTHS, "total"],
    )
    tables.heading("Months", "months", frame, "Returns of UTC months, linked from days and free of deposits")
    st.plotly_chart(
        view.kept("months", lambda: result_grids.months(made, view.page.colors)),
        theme=None,
        key="months",
        config=charts.CONFIG,
        alt="Monthly returns",
    )
    last = max(0, days.size - 371)
    shown = tables.frame_of({"day": days.astype("datetime64[D]"), "return": returns}, ["day", "return"])
    tables.heading("Days", "days", shown, "Each UTC day's return; the last 53 weeks of the chosen time")
    figure = view.kept(
        "days", lambda: result_grids.year_of_days(days[last:], returns[last:] * 100, view.page.colors, ending=" %")
    )
    st.plotly_chart(figure, theme=None, key="days", config=charts.CONFIG, alt="Daily returns by weekday and week")


def spread_of_days(view: View) -> None:
    """How often which daily return came, with value at risk and expected shortfall."""
    returns = view.account.returns
    tables.section(
        "Daily returns", "distribution", "Value at risk: one day in twenty was worse. CVaR: the mean of those days"
    )
    try:
        risk, beyond = ratios.value_at_risk(returns), ratios.shortfall(returns)
    except Undefined as why:
        st.caption(f"No distribution: {why}.")
        return
    colors = view.page.colors
    marks = [
        (beyond * 100, f"CVaR {formats.percent(beyond)}", colors.loss),
        (risk * 100, f"VaR {formats.percent(risk)}", colors.loss),
        (float(returns.mean()) * 100, f"mean {formats.percent(float(returns.mean()), 3, sign=True)}", colors.muted),
    ]
    figure = view.kept("distribution", lambda: result_charts.distribution(returns * 100, marks, colors))
    st.plotly_chart(
        figure,
        theme=None,
        key="distribution",
        config=charts.CONFIG,
        alt=f"{returns.size} days, VaR {formats.percent(risk)}",
    )
    if returns.size < MIN_DAYS:
        st.caption(f"{formats.many(returns.size, 'day')}: the tail of so few is one or two of them.")


def held(view: View) -> None:
    """How long winners and losers were held."""
    trades = view.account.trades
    tables.section(
        "Time held", "holds", "From the entry's fill to the exit's, winners and losers each as shares of their own"
    )
    if not len(trades):
        st.caption("No trade was closed in this time.")
        return
    lasted, won, lost = trades.exit_ts - trades.entry_ts, trades.pnl > 0, trades.pnl < 0
    figure = view.kept("holds", lambda: result_charts.holds(lasted[won], lasted[lost], view.page.colors))
    middles = [
        f"{name} {formats.duration(float(np.median(lasted[which])))}"
        for name, which in (("winners", won), ("losers", lost))
        if which.any()
    ]
    st.plotly_chart(figure, theme=None, key="holds", config=charts.CONFIG, alt="Time held")
    st.caption(f"Half were held longer than: {', '.join(middles) or 'no winner or loser yet'}.")


def rows_of_luck(view: View) -> None:
    """The longest runs of wins and losses beside what chance brings at this rate."""
    pnl = view.account.trades.pnl
    rows = []
    for name, hit in (("Wins in a row", pnl > 0), ("Losses in a row", pnl < 0)):
        try:
            one = streaks.streak(hit)
        except Undefined:
            continue
        rows.append(
            {
                "what": name,
                "seen": one.seen,
                "expected": one.expected,
                "range": f"{one.low} to {one.high}",
                "judged": _judged(one),
            }
        )
    frame = tables.frame_of(rows, ["what", "seen", "expected", "range", "judged"])
    tables.heading(
        "Streaks",
        "streaks",
        frame,
        "Against independent trades at the same rate of wins (Feller's distribution of runs)",
    )
    if frame.empty:
        st.caption("No trade was closed in this time.")
        return
    columns = {
        "what": tables.text("Longest"),
        "seen": tables.amount("Seen", digits=0),
        "expected": tables.amount("By chance", "mean", digits=1),
        "range": tables.figure("90 % range"),
        "judged": tables.text("Says"),
    }
    tables.table(frame, columns, key="streaks")


def _judged(one: streaks.Streak) -> str:
    if one.seen > one.high:
        return "longer than chance: results hang together"
    return "shorter than chance" if one.seen < one.low else "as chance would have it"
